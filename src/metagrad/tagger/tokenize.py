"""Raw text into sentences and words, piece by piece, so that a text of any length is never held as a whole.

Words are cut by NLTK's word tokenizer, which follows the Penn Treebank: ``don't`` is ``do n't``, and a quotation stands
between ``````` and ``''``. Sentences end where NLTK's punkt says if its data is on this machine (``punkt_tab``), and
otherwise where our own rule says: at ``.``, ``!`` or ``?`` before a word that can begin a sentence, unless the point
belongs to an abbreviation. An empty line always ends a sentence.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import BinaryIO

from metagrad.base.optional import need
from metagrad.tagger.corpora.formats import fields

PIECE = 1 << 16  # characters read at a time from a stream whose lines are longer
LONGEST = 10_000  # characters after which a "sentence" without any end, such as a table, is cut at a blank
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
PARAGRAPH = re.compile(r"\n\s*\n")
POSSIBLE_END = re.compile(
    rf"""(?P<paragraph>{PARAGRAPH.pattern})
    | (?<![.!?\u2026]) (?P<mark>[.!?\u2026]++) [{re.escape(CLOSING)}]*+ (?=\s+(?P<next>\S++)(?P<whole>\s)?)""",
    re.VERBOSE,
)
DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # U.S, a.m: the last point is not part of it


def read_chunks(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of UTF-8 text as they come, a very long one in pieces; ValueError where the text is not UTF-8.

    >>> import io
    >>> list(read_chunks(io.BytesIO(b"One.\\r\\nTwo."), "a file"))
    ['One.\\n', 'Two.']
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line, piece = 1, b"first"
    while piece:
        piece = stream.readline(PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {line}: expected UTF-8 text, got the byte 0x{error.object[error.start]:02x}: convert it to UTF-8"
            ) from None
        if text:
            yield text.replace("\r\n", "\n")
        line += piece.endswith(b"\n")


def pieces(chunks: str | Iterable[str]) -> Iterator[str]:
    """The same text in chunks of a bounded length."""
    for chunk in [chunks] if isinstance(chunks, str) else chunks:
        for start in range(0, len(chunk), PIECE):
            yield chunk[start : start + PIECE]


def tokenize_split(chunks: str | Iterable[str]) -> Iterator[list[str]]:
    """The words of text that is split already: a sentence on each line, blanks between words. Empty lines are left out.

    ``chunks`` may be cut anywhere, also within a word. No more than a line is held.

    >>> list(tokenize_split(["It rai", "ns .\\nOh ", "no !"]))
    [['It', 'rains', '.'], ['Oh', 'no', '!']]
    """
    line: list[str] = []
    for piece in pieces(chunks):
        *ended, begun = piece.split("\n")
        for part in ended:
            if words := fields("".join([*line, part]).rstrip("\r")):
                yield words
            line = []
        line.append(begun)
    if words := fields("".join(line).rstrip("\r")):
        yield words


def tokenize_raw(
    chunks: str | Iterable[str], *, ends: Ends | None = None, convert_parentheses: bool = False
) -> Iterator[list[str]]:
    """The words of running text, sentence by sentence; each is given once the next one has begun.

    ``chunks`` may be cut anywhere, also within a word. ``ends`` decides where sentences end (`rule_ends`, or what
    `punkt_ends` returns); by default it is punkt, if its data is here. ``convert_parentheses`` writes ``(`` as
    ``-LRB-`` and so on, as the Penn Treebank does. Raises ImportError if NLTK is not installed.

    >>> list(tokenize_raw(["Mr. Hill can't co", "me. Why?"], ends=rule_ends))
    [['Mr.', 'Hill', 'ca', "n't", 'come', '.'], ['Why', '?']]
    """
    tokenizer = need("nltk.tokenize", "tagger").NLTKWordTokenizer()
    for sentence in sentences(chunks, ends or punkt_ends() or rule_ends):
        yield tokenizer.tokenize(sentence, convert_parentheses=convert_parentheses)


def sentences(chunks: str | Iterable[str], ends: Ends) -> Iterator[str]:
    """The sentences of running text, each on one line.

    >>> list(sentences(["It rains.  We\\nst", "ay. And you?"], rule_ends))
    ['It rains.', 'We stay.', 'And you?']
    """
    rest = ""
    due = 0.0
    for piece in pieces(chunks):
        rest += piece
        # Without a blank there is nothing new to decide.
        if len(rest) > LONGEST or (len(rest) >= due and re.search(r"\s", piece)):
            rest = yield from cut(rest, ends(rest, True))
            while len(rest) > LONGEST:
                rest = yield from cut(rest, [longest_end(rest, 0)])
            due = len(rest) * 1.1 if len(rest) > LONG else 0.0
    rest = yield from cut(rest, ends(rest, False))
    yield from cut(rest, [len(rest)])


def cut(text: str, places: Iterable[int]) -> Generator[str, None, str]:
    """Yield the text between these places, with single blanks and not too long; return what is after the last."""
    start = after_blanks(text, 0)
    for place in places:
        while start < place:
            end = place if place - start <= LONGEST else longest_end(text, start)
            yield " ".join(text[start:end].split())
            start = after_blanks(text, end)
    return text[start:]


def after_blanks(text: str, place: int) -> int:
    """The first place from this one on where there is no blank."""
    while text[place : place + 1].isspace():
        place += 1
    return place


def longest_end(text: str, start: int) -> int:
    """Where to cut a sentence that is too long: at a blank, if it has any."""
    blank = last_blank(text, start + 1, start + LONGEST)
    return blank if blank > 0 else start + LONGEST


def rule_ends(text: str, more: bool) -> list[int]:
    """Where sentences end, by points, abbreviations and the word that follows; needs no data.

    >>> rule_ends("It rains. We stay at Smith Inc. in the U.S. till noon. Why? Be", True)
    [9, 54]
    """
    places: list[int] = []
    start = 0
    for found in POSSIBLE_END.finditer(text):
        if not found["paragraph"]:
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


def punkt_ends() -> Ends | None:
    """Where sentences end, by NLTK's punkt for English; None if its data (``punkt_tab``) is not on this machine."""
    try:
        model = need("nltk.tokenize.punkt", "tagger").PunktTokenizer("english")
    except LookupError:
        return None

    def ends(text: str, more: bool) -> list[int]:
        places: list[int] = []
        start = 0
        for paragraph in PARAGRAPH.finditer(text):
            places += [start + stop for _, stop in model.span_tokenize(text[start : paragraph.end()])]
            start = paragraph.end()
        known = last_blank(text, 0, len(text)) if more else len(text)  # whole words only
        last = [start + stop for _, stop in model.span_tokenize(text[start : max(start, known)])]
        return places + (last[:-1] if more else last)

    return ends


def last_blank(text: str, start: int, end: int) -> int:
    """The place of the last space, tab or line end between these places; -1 if there is none."""
    return max(text.rfind(blank, start, end) for blank in " \t\n")
