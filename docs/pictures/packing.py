"""Sentences as rows of bricks: padded, packed in the order given, and packed with the longest first."""

from docs.pictures import INK, Picture, axes, moving, still


def packing(sentences: list[str]) -> Picture:
    """The picture, for sentences of words with spaces between them."""
    rows = [sentence.split() for sentence in sentences]
    ordered = sorted(rows, key=len, reverse=True)
    says = "Sentences as rows of bricks, a column for each step: with padding, and sorted by length and packed."
    return moving("packing", {"sentences": rows}, side_by_side(rows, ordered), says)


def side_by_side(rows: list[list[str]], ordered: list[list[str]]) -> str:
    """As they came, with padding, and sorted."""
    figure, columns = axes(6, 2.6, 2)
    longest = len(ordered[0])
    for ax, title, given in zip(columns, ("padded", "sorted and packed"), (rows, ordered), strict=True):
        for n, words in enumerate(given):
            ax.barh([n] * len(words), 0.9, left=range(len(words)), height=0.8, color="#1d4ed8", alpha=0.5)
            if title == "padded":
                rest = range(len(words), longest)
                ax.barh([n] * len(rest), 0.9, left=rest, height=0.8, color="none", edgecolor=INK, linewidth=0.4)
        ax.invert_yaxis()
        ax.set(title=title, xlabel="step", yticks=[], xlim=(0, longest))
    return still(figure)
