"""The gates of an LSTM, and its cell, over a sequence."""

from typing import Any

import numpy as np

from docs.pictures import INK, Picture, axes, moving, still


def gates(values: dict[str, Any], inputs: list[tuple[str, str]]) -> Picture:
    """The picture. values: by name, numbers (T, H), those of gates between 0 and 1; inputs: what each step read."""
    data = {
        "rows": [{"name": name, "values": np.asarray(v).round(2).tolist()} for name, v in values.items()],
        "inputs": [text for _, text in inputs],
    }
    says = "Each unit's gates at each step, from white, which is 0, to dark, which is 1; the cell from −1 to 1 in two colours."
    return moving("gates", data, side_by_side(values), says)


def side_by_side(values: dict[str, Any]) -> str:
    """All of them, one below the other."""
    figure, columns = axes(6, 4, len(values))
    for ax, (name, numbers) in zip(columns, values.items(), strict=True):
        cell = np.asarray(numbers).min() < 0
        ax.pcolormesh(np.asarray(numbers), cmap="PuOr" if cell else "Greys", vmin=-1 if cell else 0, vmax=1)
        ax.invert_yaxis()
        ax.set(title=name, xlabel="unit")
        ax.tick_params(colors=INK)
    columns[0].set(ylabel="step")
    return still(figure)
