"""The figure: how accuracy on training and on test pictures goes in the course of each training, beside each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"scratch": "#b14d16", "finetuned": "#1d5c9e", "frozen": "#5c646c"}
WORDS = {"scratch": "from scratch", "finetuned": "fine-tuned", "frozen": "frozen, linear head"}
Cells = Mapping[tuple[str, str, str], Sequence[dict[str, Any]]]  # of (set, size, model): one a seed


def draw(cells: Cells, sets: Sequence[str], sizes: Sequence[str], path: Path) -> None:
    """Write the figure as SVG: a row a set, a column a number of training pictures."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "headway", "font.family": "sans-serif"}
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    panels = figure.subplots(len(sets), len(sizes), sharex=True, sharey=True)
    for row, name in enumerate(sets):
        for column, size in enumerate(sizes):
            panel = panels[row][column]
            for model, colour in COLOURS.items():
                _lines(panel, cells.get((name, size, model), ()), colour, WORDS[model])
            panel.set_title(f"{name}, {size} pictures", fontsize=10)
            panel.grid(color="#dfdfd8", linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("share of the training, %", fontsize=10)
    figure.supylabel("accuracy, %  (solid: test pictures; dashed: training pictures)", fontsize=10)
    handles, words = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=len(words), fontsize=9, frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _lines(panel: Axes, found: Sequence[dict[str, Any]], colour: str, words: str) -> None:
    """Draw a model's curves, the mean over its seeds; of the frozen one the two accuracies it ends with."""
    if not found:
        return
    curves = [each["curves"] for each in found if each["curves"]]
    if not curves:
        test, training = (
            100 * np.mean([np.mean(each[part]) for each in found]) for part in ("right", "training accuracy")
        )
        panel.axhline(test, color=colour, label=words)
        panel.axhline(training, color=colour, linestyle="--")
        return
    shares = 100 * np.array(curves[0]["epochs"]) / curves[0]["epochs"][-1]
    test, training = (
        100 * np.mean([curve[part] for curve in curves], axis=0) for part in ("test", "training")
    )
    panel.plot(shares, test, color=colour, label=words)
    panel.plot(shares, training, color=colour, linestyle="--")
