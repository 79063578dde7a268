"""What something costs as it grows: measured, and the floors below it."""

from docs.pictures import INK, Picture, axes, moving, still

COLOURS = {"measured": INK, "calls": "#15803d", "memory": "#1d4ed8", "arithmetic": "#c2410c"}


def costs(sizes: list[int], curves: dict[str, list[float]]) -> Picture:
    """The picture. curves: by name, seconds for each size."""
    data = {
        "sizes": sizes,
        "curves": {name: [float(f"{1e6 * t:.3g}") for t in times] for name, times in curves.items()},
    }
    says = "What one step of a recurrent layer costs, by its width: measured, and what calls, memory and arithmetic need at least."
    return moving("costs", data, drawn(sizes, curves), says)


def drawn(sizes: list[int], curves: dict[str, list[float]]) -> str:
    """All curves, on logarithmic axes."""
    figure, ax = axes(6, 3.4)
    for name, times in curves.items():
        ax.loglog(
            sizes,
            [1e6 * t for t in times],
            color=COLOURS[name],
            label=name,
            linestyle="-" if name == "measured" else "--",
        )
    ax.set(xlabel="width", ylabel="µs a step")
    ax.legend()
    return still(figure)
