"""The sweep as a picture: time of one layer, forward and backward, over hidden size, batch and length."""

AXES = {"H": "hidden size", "B": "sequences in a batch", "T": "steps"}


def draw_sweep(rows, path):
    """Write a figure with a panel for each axis of the sweep; both scales logarithmic, so that linear growth is slope 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(AXES), figsize=(12, 4), sharey=True, layout="constrained")
    for panel, (axis, title) in zip(panels, AXES.items(), strict=True):
        for cell, color in zip(("RNN", "LSTM", "GRU"), ("C0", "C1", "C2"), strict=True):
            points = [(int(r["case"][2:]), r) for r in rows if r["cell"] == cell and r["case"].startswith(f"{axis}=")]
            for library, style in (("metagrad", "-o"), ("torch", "--x")):
                label = f"{cell}, {'metagrad' if library == 'metagrad' else 'PyTorch'}"
                panel.plot(
                    [x for x, _ in points], [r[f"{library}_ms"] for _, r in points], style, color=color, label=label
                )
        panel.set(xscale="log", yscale="log", xlabel=title)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("ms, forward and backward")
    panels[0].legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
