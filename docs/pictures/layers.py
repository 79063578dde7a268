"""What each layer's units say while a network is trained: a histogram for every layer, for several runs."""

from typing import Any

import numpy as np

from docs.pictures import INK, Picture, axes, moving, still

BINS = np.linspace(-1, 1, 25)


def layers(runs: dict[float, tuple[list[float], dict[int, list[Any]], list[float]]]) -> Picture:
    """The picture. runs: by gain, the losses, and at some steps what each layer gives (N, units), between −1 and 1."""
    data = [
        {
            "name": f"gain {gain}",
            "frames": [
                {"step": step, "loss": round(float(losses[step]), 4), "layers": [shares(y) for y in outputs]}
                for step, outputs in seen.items()
            ],
        }
        for gain, (losses, seen, _) in runs.items()
    ]
    says = "Histograms of what the units of each layer say, from −1 to 1, the first layer at the top."
    return moving("layers", data, first(data), says)


def shares(y: Any) -> list[float]:
    """Which share of the numbers is in each bin, as thousandths of the fullest."""
    counts = np.histogram(np.clip(y, -1, 1), BINS)[0]
    return [round(float(share), 3) for share in counts / counts.max()]


def first(runs: list[dict[str, Any]]) -> str:
    """All runs before the first step, side by side."""
    figure, columns = axes(6, 4, len(runs))
    middles = (BINS[1:] + BINS[:-1]) / 2
    for ax, run in zip(columns, runs, strict=True):
        for row, heights in enumerate(run["frames"][0]["layers"]):
            ax.fill_between(middles, -row, np.array(heights) * 0.9 - row, color=INK, alpha=0.5, step="mid")
        ax.set(title=run["name"], xticks=[-1, 0, 1], yticks=[])
    columns[0].set(ylabel="layers, the first at the top")
    return still(figure)
