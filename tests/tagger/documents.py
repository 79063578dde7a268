"""Random CoNLL-U documents with all that may stand in one, and what they are to be when their words have been tagged."""

import random

HOLE = "\x00{}\x00"  # stands for a tag while a document is made
ENDS = ("\n", "\r\n", "\r")
CELLS = ("_", "_", "", " ", "x", "a=b|c=d", "SpaceAfter=No", "\u2028", "\x85\x0b", "#", "3:dep")
WORDS = (
    "_",
    "#",
    "the",
    "dog",
    "New York",
    " 10 000 ",
    "de",
    "-DOCSTART-",
    "\ufeff",
    "a\u2028b",
    "\x0b\x0c",
    '"',
    "1-2",
)


class Document:
    """A random document: ``text``; ``sentences``, the words of each; ``tagged(tags, columns)``, the same with tags put in."""

    def __init__(self, seed, columns=("UPOS",)):
        self.random, self.numbers = random.Random(seed), [NAMES.index(c) for c in columns]
        self.sentences, self._old, self._pieces = [], [], []
        one = self.random.choice([*ENDS, None])
        self._end = (lambda: one) if one else (lambda: self.random.choice(ENDS))
        self._blanks(self.random.random() < 0.3)
        for _ in range(self.random.randint(0, 6)):
            self._sentence()
            self._blanks(True)
        if self.random.random() < 0.4:
            self._comments()
        if self._pieces and self.random.random() < 0.4:
            self._pieces[-1] = self._pieces[-1].rstrip("\r\n")
        if self.random.random() < 0.25:
            self._pieces.insert(0, "\ufeff")
        self.text = self._filled(self._old)

    def tagged(self, tags):
        """The document with these tags, a tuple of one for each column, of all words in a row."""
        return self._filled([tag for word in tags for tag in word])

    def _filled(self, tags):
        text = "".join(self._pieces)
        for number, tag in enumerate(tags):
            text = text.replace(HOLE.format(number), tag)
        return text

    def _line(self, text):
        end = self._end()
        if not text and self._pieces and self._pieces[-1].endswith("\r"):
            end = "\r"  # "\r" and "\n" would be one end of a line
        self._pieces.append(text + end)

    def _blanks(self, some):
        for _ in range(self.random.choice([1, 1, 1, 2, 4]) if some else 0):
            self._line(self.random.choice(["", "", "", " ", "\t", " \t\t", "\u3000"]))

    def _comments(self):
        for _ in range(self.random.choice([0, 0, 0, 1, 3])):
            self._line(
                "#" + self.random.choice(["", " text = a b", "\t" * 9, " newpar", "\ttabs\t", " " + self._word()])
            )

    def _word(self):
        if self.random.random() < 0.5:
            return self.random.choice(WORDS)
        return "".join(self._letter() for _ in range(self.random.randint(1, 5)))

    def _letter(self):
        """A character of any plane but those that end lines and columns, and the halves of others."""
        while True:
            code = self.random.choice([0, 0, 0, *range(1, 17)]) * 0x10000 + self.random.randrange(0x10000)
            if not 0xD800 <= code < 0xE000 and code not in (0, 9, 10, 13):
                return chr(code)

    def _cells(self, first, form):
        return [first, form, *(self.random.choice(CELLS) for _ in NAMES[2:])]

    def _sentence(self):
        words = [self._word() for _ in range(self.random.randint(1, 9))]
        self.sentences.append(words)
        inside = 0
        for number, word in enumerate(words, start=1):
            self._comments()
            if number > inside and number < len(words) and self.random.random() < 0.2:
                inside = self.random.randint(number + 1, len(words))
                self._line("\t".join(self._cells(f"{number}-{inside}", self.random.choice(["", "_", "du", "a b"]))))
            if self.random.random() < 0.1:
                self._line("\t".join(self._cells(f"{number - 1}.1", self.random.choice(["", "_", "empty"]))))
            cells = self._cells(str(number), word)
            for i in self.numbers:
                self._old.append(cells[i])
                cells[i] = HOLE.format(len(self._old) - 1)
            self._line("\t".join(cells))


NAMES = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
