"""Where sentences end in running text of any length, piece by piece, so that a text is never held as a whole.

By rule, sentences end at ``.``, ``!`` or ``?`` before a word that can begin a sentence, unless the point belongs to an
abbreviation, and at the full stops of Chinese and Japanese; or they end where a model learned that they do (``segmenter.py``). An
empty line always ends a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from metagrad.tagger.text.streams import pieces
from metagrad.tagger.text.words import UNBROKEN

LONGEST = 10_000  # characters after which a "sentence" without any end, such as a table, is cut between words
LONGEST_WORD = 1 << 22  # characters after which a word without end is cut, too
LONG = 1000  # characters after which a sentence is searched for its end only when it has grown by a tenth
LOOK_BACK = 40  # characters before a point that are looked at; no abbreviation is longer

Ends = Callable[[str, bool], list[int]]
"""From text that begins a sentence, and whether more may follow, to the places behind sentences sure to end there."""

# No sentence ends with these.
TITLES = frozenset(
    "mr mrs ms messrs mx dr prof rev hon gen col capt cmdr lt sgt adm sen rep gov e.g i.e cf vs viz".split()
)
# Nor with these, if a number follows: No. 5, Jan. 12, pp. 3-9.
NUMBERED = frozenset("no nos p pp vol vols ch fig figs art eq jan feb mar apr jun jul aug sep sept oct nov dec".split())
# With these it ends only before a word that often begins one; the same goes for initials, and for U.S., a.m. and their like.
OFTEN_INSIDE = frozenset(
    "al inc corp co cos ltd bros jr sr st ave blvd rd dept est ft mt univ assn approx ed eds ala ariz calif colo conn fla "
    "ga kan ky md mich minn mont neb nev okla pa tenn tex va vt wis".split()
)
BEGINNERS = frozenset(
    "A After All Although An And As At Because Before But By Each Even Every For From He Her Here His How However I If In "
    "Is It Its Many Meanwhile Moreover Most My Nor Not Now On Once One Or Other Our She Since So Some Such That The Their "
    "Then There These They This Those Though Thus To Under Until We What When Where Whether Which While Who Why With Yet "
    "You Your".split()
)

OPENING = "\"'`([{\u00ab\u2018\u201c"
CLOSING = "\"')]}\u00bb\u2019\u201d"
PARAGRAPH = re.compile(r"(?>\r\n|\n|\r)\s*(?:\n|\r)")  # two ends of lines, and blanks between them
POSSIBLE_END = re.compile(
    rf"""(?P<paragraph>{PARAGRAPH.pattern})
    | (?P<full>[\u3002\uff01\uff1f\uff0e]++[\u300d\u300f\u201d\uff09]*+)
    | (?<![.!?\u2026]) (?P<mark>[.!?\u2026]++) [{re.escape(CLOSING)}]*+ (?=\s+(?P<next>\S++)(?P<whole>\s)?)""",
    re.VERBOSE,
)
RUN = re.compile(f"{UNBROKEN}++")
DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # U.S, a.m: the last point is not part of it


class Span(NamedTuple):
    """A stretch of the text as it stands there, and its place in the whole."""

    start: int
    text: str


def sentences(chunks: str | Iterable[str], ends: Ends) -> Iterator[str]:
    """The sentences of running text, each on one line.

    >>> list(sentences(["It rains.  We\\nst", "ay. And you?"], rule_ends))
    ['It rains.', 'We stay.', 'And you?']
    """
    for span in spans(chunks, ends):
        yield " ".join(span.text.split())


def spans(chunks: str | Iterable[str], ends: Ends, whole: bool = True, longest: int = LONGEST) -> Iterator[Span]:
    """The sentences of running text as they stand there, with their places; one of more than ``longest`` characters is cut.

    whole: not within words, which a text that is written without blanks does not show.

    >>> list(spans(["It rains.  We\\nst", "ay."], rule_ends))
    [Span(start=0, text='It rains.'), Span(start=11, text='We\\nstay.')]
    """
    rest, base = "", 0  # what is not yet given, and its place in the whole
    due = 0.0
    for piece in pieces(chunks):
        rest += piece
        # Without a blank there is nothing new to decide.
        if len(rest) >= due and (len(rest) > longest or re.search(r"\s", piece)):
            places = list(ends(rest, True))
            yield from cut(rest, base, places, whole, longest)
            rest, base = remaining(rest, base, places)
            while len(rest) > longest and (place := longest_end(rest, 0, whole, longest)) < len(rest):
                yield from cut(rest, base, [place], whole, longest)
                rest, base = remaining(rest, base, [place])
            due = len(rest) * 1.1 if len(rest) > LONG else 0.0
            due = due if len(rest) > longest else min(due, longest + 1)
    yield from cut(rest, base, [*ends(rest, False), len(rest)], whole, longest)


def cut(text: str, base: int, places: Iterable[int], whole: bool, longest: int) -> Iterator[Span]:
    """The text between these places, none of it too long, without the blanks around."""
    start = after_blanks(text, 0)
    for place in places:
        while start < place:
            end = place if place - start <= longest else min(place, longest_end(text, start, whole, longest))
            yield Span(base + start, text[start:end].rstrip())
            start = after_blanks(text, end)


def remaining(text: str, base: int, places: Iterable[int]) -> tuple[str, int]:
    """What is after the last of these places, without the blanks before it, and its place in the whole."""
    start = after_blanks(text, max(places, default=0))
    return text[start:], base + start


def after_blanks(text: str, place: int) -> int:
    """The first place from this one on where there is no blank."""
    while text[place : place + 1].isspace():
        place += 1
    return place


def longest_end(text: str, start: int, whole: bool, longest: int) -> int:
    """Where to cut a sentence that is too long: at a blank, if it has any; else anywhere, or, where words are to stay ``whole``,
    where one may end, or after the only one.

    The end of the text means that the word may go on.
    """
    end = start + longest
    blank = last_blank(text, start + 1, end)
    if blank > 0 or not whole:
        return blank if blank > 0 else end
    place = next((found.start() for found in RUN.finditer(text, start, end) if found.end() == end), end)
    if place > start:
        return place
    after = RUN.match(text, end)
    return min(after.end() if after else end, start + LONGEST_WORD)


def rule_ends(text: str, more: bool) -> list[int]:
    """Where sentences end, by points, abbreviations and the word that follows; needs no data.

    >>> rule_ends("It rains. We stay at Smith Inc. in the U.S. till noon. Why? Be", True)
    [9, 54]
    """
    places: list[int] = []
    start = 0
    for found in POSSIBLE_END.finditer(text):
        if found["mark"]:
            if more and not found["whole"]:
                break  # the next word may go on in the next chunk
            before = text[max(start, found.start() - LOOK_BACK) : found.start()].lstrip()
            if not is_end(before, found["mark"], found["next"]):
                continue
        start = found.end()
        places.append(start)
    return places


def is_end(before: str, mark: str, following: str) -> bool:
    """Whether a sentence ends with this mark, given what is before it in the sentence and the next word."""
    following_bare = following.lstrip(OPENING)
    if following_bare[:1].islower() or following[0] in ",;:)]}%":
        return False
    if mark != ".":
        return True
    word = re.split(r"\s|--|\u2014", before)[-1].lstrip(OPENING)
    small = word.lower()
    if small in TITLES or (small in NUMBERED and following_bare[:1].isdigit()):
        return False
    if before == word and (len(word) == 1 or word.isdigit()):
        return False  # the number or letter of an item in a list
    if small in OFTEN_INSIDE or len(word) == 1 and word.isalpha() or DOTTED.fullmatch(word):
        return begins(following, following_bare)
    return True


def begins(word: str, bare: str) -> bool:
    """Whether a word often begins a sentence: it stands after a quotation mark or is a word such as ``The``."""
    first = re.split(r"\W", bare, maxsplit=1)[0]
    is_initial = len(first) == 1 and bare[1:2] == "."
    return not is_initial and (first in BEGINNERS or word[0] in '"`\u00ab\u201c')


def last_blank(text: str, start: int, end: int) -> int:
    """The place of the last space, tab or line end between these places; -1 if there is none."""
    return max(text.rfind(blank, start, end) for blank in " \t\n")
