"""Where words end within a sentence, by rule: as the Penn Treebank has it for English, at Unicode's word breaks otherwise.

What nobody takes apart stays whole in every language: addresses of the web and of mail, @names, #topics, emoji with all that is
joined to them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

Spans = Iterator[tuple[int, int]]
Rule = Callable[[str], Spans]

_EMOJI = (
    r"(?:[\U0001F1E6-\U0001F1FF]{2}|[0-9\#*]\uFE0F?\u20E3"
    r"|[\U0001F000-\U0001FAFF\u2600-\u27BF\u2B00-\u2BFF\u231A-\u23FF]\uFE0F?[\U0001F3FB-\U0001F3FF]?"
    r"(?:\u200D[\U0001F000-\U0001FAFF\u2600-\u27BF]\uFE0F?[\U0001F3FB-\U0001F3FF]?)*)"
)
_NOT_IN_ADDRESS = r"\s<>\"\u00ab\u00bb\u2039\u203a\u201c-\u201f\u3000-\u30ff\u4e00-\u9fff"
_BRACKETS = rf"\([^()\[\]{_NOT_IN_ADDRESS}]*\)|\[[^()\[\]{_NOT_IN_ADDRESS}]*\]"  # a pair of them may end an address
_IN_ADDRESS = rf"(?>{_BRACKETS}|[^{_NOT_IN_ADDRESS}])"
_LAST = rf"(?>{_BRACKETS}|[^.,;:!?'\u2018\u2019\u2026()\[\]{{}}{_NOT_IN_ADDRESS}])"
WHOLE = re.compile(
    rf"(?:https?|ftp)://{_IN_ADDRESS}*{_LAST}|(?<!\w)www\.{_IN_ADDRESS}*\.{_IN_ADDRESS}*{_LAST}"
    rf"|(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+|(?<!\w)@\w+|(?<!\w)\#\w*[^\W\d_]\w*|{_EMOJI}"
)

# A run of characters without a blank, a comma, or a letter of a script that is written without blanks: so long, it is one word.
_WITHOUT_BLANKS = (
    r"\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    r"\U00020000-\U0003ffff"
)
UNBROKEN = rf"[^\s,;()\[\]{{}}<>\"\u201c\u201d{_WITHOUT_BLANKS}]"
LONG = 1000  # characters
_LONG_RUN = re.compile(rf"{UNBROKEN}{{{LONG},}}+")


def long_words(text: str) -> list[tuple[int, int]]:
    """The places of words of LONG characters or more, without the marks that end them.

    >>> long_words("a " + "b" * 2000 + ". c")
    [(2, 2002)]
    """
    runs = ((found.start(), len(found[0].rstrip(".!?:'\u2019\u2026"))) for found in _LONG_RUN.finditer(text))
    return [(start, start + size) for start, size in runs if size >= LONG]


# ------------------------------------------------ English

_UNITS = (
    r"km/h|kph|mph|km|cm|mm|nm|kg|mg|lbs?|oz|ml|dl|kHz|MHz|GHz|Hz|kB|KB|MB|GB|TB|kW|MW|GW|kWh|mAh|px|dpi|fps|hrs?|mins?|secs?|ms"
    r"|\u00b0[CF]?|am|pm|a\.m\.|p\.m\."
)
ENGLISH = re.compile(
    rf"""(?P<face>(?<!\w)[:;=]['\-]?[()DPpO/|\\](?!\w)) | (?<!\w)</?3+(?![\w%]|[.,]\d)
    | \.\.+ | \u00b0[CF]\b | \u2026 | --+ | [\u2013\u2014] | `` | ''
    | [+\-]?\d+(?:[.,]\d+)*(?=(?:{_UNITS})(?!\w))
    | (?P<word>(?:[\w\u0300-\u036f/\\*+=~^|'\u2019] | (?<!\.)\.(?!\.) | (?<!-)-(?!-) | (?<=\d)[,:](?=\d) | (?<=\w)&(?=\w)
        | (?<=\b[A-Z])\#(?!\w))+)
    | \S""",
    re.VERBOSE,
)
CONTRACTED = re.compile(r"(?i)(?<=\w)(?:n['\u2019]t|['\u2019](?:ll|re|ve|s|m|d))$")
TOGETHER = {
    "cannot": 3, "gimme": 3, "gonna": 3, "gotta": 3, "lemme": 3, "wanna": 3, "'tis": 2, "'twas": 2, "\u2019tis": 2, "\u2019twas": 2,
    "more'n": 4, "d'ye": 2,
}  # fmt: skip
BEGIN_SHORT = re.compile(r"(?i)['\u2019](?:em|cause|til|n|tis|twas|round|bout|(?:s|ll|re|ve|d|m)$|\d\ds?$)")
DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\.|[^\W\d_]\.")
AFTER_END = re.compile(r"[\s)\]}>\"'\u00bb\u2019\u201d]*$")


def english(sentence: str) -> Spans:
    """The places of the words of an English sentence, as the Penn Treebank divides them.

    >>> [" ".join("They\u2019ll say you'll've seen it at https://a.org/b, 5km off."[a:b] for a, b in english(
    ...     "They\u2019ll say you'll've seen it at https://a.org/b, 5km off."))]
    ["They \u2019ll say you 'll 've seen it at https://a.org/b , 5 km off ."]
    """
    return around_wholes(sentence, english_words)


def english_words(sentence: str, start: int, end: int) -> Spans:
    """The words between two places, where nothing stays whole."""
    for found in ENGLISH.finditer(sentence, start, end):
        if found["word"] is None:
            yield found.span()
        else:
            yield from parts(sentence, *found.span())


def parts(sentence: str, start: int, end: int) -> Spans:
    """A word between blanks and punctuation, cut where it begins or ends with quotation marks, a point, or contracted words."""
    while end - start > 1 and sentence[start] in "'\u2019" and not BEGIN_SHORT.match(sentence, start, end):
        yield start, start + 1
        start += 1
    after: list[tuple[int, int]] = []
    while end - start > 1 and (size := last_part(sentence, start, end)):
        after.append((end - size, end))
        end -= size
    place = TOGETHER.get(sentence[start:end].lower(), 0)
    if place:
        yield start, start + place
    yield start + place, end
    yield from reversed(after)


def last_part(sentence: str, start: int, end: int) -> int:
    """How many letters at the end of a word are a word of their own."""
    word = sentence[start:end]
    if short := CONTRACTED.search(word):
        return len(short[0])
    if word[-1] in "'\u2019":
        return 1
    is_last = word[-1] == "." and AFTER_END.match(sentence, end) is not None
    return int(is_last and not DOTTED.fullmatch(word))


# ------------------------------------------------ any language

# Kinds of characters: letter, digit, mark joined to what is before it, ideograph or kana, katakana, point or apostrophe (within
# words and numbers), colon and middle dot (within words), comma (within numbers), space, other.
BREAKS = re.compile(r"[LD][LDM]*(?:[bm]L[LDM]*|[bn]D[LDM]*)*|[HM]M*|[KM]+|[bmno]M*")


@lru_cache(maxsize=1 << 14)
def kind(c: str) -> str:
    """The kind of a character, as one letter."""
    if c.isspace():
        return " "
    if c in ".'\u2019":
        return "b"
    if c in ":\u00b7\u2027\u05f3\u05f4":
        return "m"
    if c in ",;":
        return "n"
    name = unicodedata.name(c, "")
    if name.startswith("KATAKANA"):
        return "K"
    if name.startswith(("CJK", "HIRAGANA")):
        return "H" if unicodedata.category(c) == "Lo" else "o"
    category = unicodedata.category(c)
    return {"L": "L", "N": "D", "M": "M"}.get(category[0], "M" if category == "Cf" else "L" if c == "_" else "o")


def unicode_words(sentence: str) -> Spans:
    """The places of the words at Unicode's word breaks (Unicode Standard Annex 29); each Han or hiragana character by itself.

    >>> text = "L'h\u00f4tel co\u00fbte 1.000,50 \u20ac \u2014 @moi !"
    >>> [text[a:b] for a, b in unicode_words(text)]
    ["L'h\u00f4tel", 'co\u00fbte', '1.000,50', '\u20ac', '\u2014', '@moi', '!']
    """
    return around_wholes(sentence, breaks)


def breaks(sentence: str, start: int, end: int) -> Spans:
    """The words between two places."""
    kinds = "".join(map(kind, sentence[start:end]))
    for found in BREAKS.finditer(kinds):
        yield start + found.start(), start + found.end()


RULES: dict[str, Rule] = {"english": english, "unicode": unicode_words}


def around_wholes(sentence: str, rule: Callable[[str, int, int], Spans]) -> Spans:
    """The places of what stays whole, and between them those of words by a rule."""
    start = 0
    for found in WHOLE.finditer(sentence):
        yield from rule(sentence, start, found.start())
        yield found.span()
        start = found.end()
    yield from rule(sentence, start, len(sentence))


def by_rule(sentence: str, rule: Rule) -> Spans:
    """The places of the words of a sentence, long ones whole, the others by a rule."""
    start = 0
    for span in [*long_words(sentence), (len(sentence), len(sentence))]:
        yield from ((start + a, start + b) for a, b in rule(sentence[start : span[0]]))
        if span[1] > span[0]:
            yield span
        start = span[1]
