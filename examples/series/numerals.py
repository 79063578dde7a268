"""Numbers in digits and in words, for programs that learn to turn one into the other; which digit each word comes from is known."""

import random

import metagrad

ONES = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
PADDING, BEGIN, END = "<pad>", "<begin>", "<end>"
DIGITS = {digit: n for n, digit in enumerate([PADDING, *"0123456789"])}
WORDS = {
    word: n for n, word in enumerate([PADDING, BEGIN, END, *ONES, *TEENS, *TENS[2:], "hundred", "and", "thousand"])
}
NAMES = list(WORDS)


def spelled(number):
    """The words for a number below a million, each with the position of the digit that it says, or None.

    >>> spelled(4015)
    [('four', 0), ('thousand', None), ('and', None), ('fifteen', 3)]
    """
    text = str(number)
    thousands, rest = divmod(number, 1000)
    found = [*below_thousand(thousands, len(text) - 6), ("thousand", None)] if thousands else []
    if thousands and 0 < rest < 100:
        found.append(("and", None))
    return found + below_thousand(rest, len(text) - 3) if rest or not thousands else found


def below_thousand(number, start):
    """The same for three digits, of which the first would stand at ``start``."""
    hundreds, rest = divmod(number, 100)
    found = [(ONES[hundreds], start), ("hundred", None)] if hundreds else []
    if hundreds and rest:
        found.append(("and", None))
    if 10 <= rest < 20:
        return [*found, (TEENS[rest - 10], start + 2)]
    if rest >= 20:
        found.append((TENS[rest // 10], start + 1))
    return [*found, (ONES[rest % 10], start + 2)] if rest % 10 or not number else found


def numbers(count, seed):
    """Different numbers below a million, half of them below ten thousand."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        found[draw.randrange(10 ** draw.choice([4, 6]))] = None
    return list(found)


def batch(numbers):
    """Digits (N, S) and words (N, T + 2), as numbers, padded, the words between BEGIN and END."""
    sources = [[DIGITS[digit] for digit in str(number)] for number in numbers]
    targets = [[WORDS[BEGIN], *(WORDS[word] for word, _ in spelled(number)), WORDS[END]] for number in numbers]
    return padded(sources), padded(targets)


def padded(rows):
    """Rows of several lengths as one tensor, filled up with PADDING."""
    longest = max(map(len, rows))
    return metagrad.tensor([row + [0] * (longest - len(row)) for row in rows])


def words_of(row):
    """The words up to END of a row of their numbers."""
    row = row.tolist()
    return [NAMES[n] for n in (row[: row.index(WORDS[END])] if WORDS[END] in row else row)]
