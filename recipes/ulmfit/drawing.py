"""The figure: accuracy by the number of labels, of each arm, a panel a set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"scratch": "#b14d16", "pretrained": "#1d5c9e", "pretrained-unlabelled": "#2f7d4f"}
WORDS = {
    "scratch": "from scratch",
    "pretrained": "ULMFiT, tuned on the labelled texts",
    "pretrained-unlabelled": "ULMFiT, tuned on all training texts",
}
Accuracies = Mapping[tuple[str, str], Mapping[int, Sequence[float]]]  # of (set, arm): by labels, one a seed


def draw(found: Accuracies, sets: Sequence[str], path: Path) -> None:
    """Write the figure as SVG: lines through the seeds' means, a dot a seed."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "headway", "font.family": "sans-serif"}
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True)
    for panel, name in zip(panels, sets, strict=True):
        for arm, colour in COLOURS.items():
            _line(panel, found.get((name, arm), {}), colour, WORDS[arm])
        labels = sorted({size for (of, _), sizes in found.items() if of == name for size in sizes})
        panel.set_xscale("log")
        panel.set_xticks(labels, [f"{size:,}" for size in labels])
        panel.minorticks_off()
        panel.set_title(name, fontsize=10)
        panel.grid(color="#dfdfd8", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("labels", fontsize=10)
    figure.supylabel("accuracy, %", fontsize=10)
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=len(words), fontsize=9, frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _line(panel: Axes, by_labels: Mapping[int, Sequence[float]], colour: str, words: str) -> None:
    labels = sorted(by_labels)
    means = [100 * sum(by_labels[size]) / len(by_labels[size]) for size in labels]
    panel.plot(labels, means, color=colour, label=words)
    for size in labels:
        panel.plot(
            [size] * len(by_labels[size]), [100 * each for each in by_labels[size]], "o", ms=3, color=colour
        )
