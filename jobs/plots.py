"""The pictures that the jobs write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

TRAIN, VALID, INK, SOFT, WRONG, RIGHT = "#2f6db3", "#e07b39", "#22303c", "#8796a3", "#c0392b", "#2e8b57"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#c9d2d9",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6ebef",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "figure.dpi": 130,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Guess:
    """One image with what it is, what the model said, and how sure the model was."""

    image: np.ndarray
    true: int
    predicted: int
    confidence: float


def digits_report(path: Path, title: str, history: Mapping[str, Sequence[float]], guesses: Sequence[Guess]) -> None:
    """Writes the demo's picture: loss, accuracy, and the images that the model found hardest."""
    rows, columns = 2, 6
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(11, 8.2))
        curves, images = figure.subfigures(2, 1, height_ratios=[1, 1.08])
        figure.suptitle(title, x=0.045, y=0.975, ha="left", fontsize=15, fontweight="bold")
        left, right = curves.subplots(1, 2, gridspec_kw={"wspace": 0.18})
        curves.subplots_adjust(left=0.075, right=0.955, bottom=0.14, top=0.77)
        curve(left, history, "loss", "Loss")
        left.set_ylim(bottom=0)
        curve(right, history, "accuracy", "Accuracy")
        right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes = images.subplots(rows, columns, gridspec_kw={"hspace": 0.62, "wspace": 0.25}).ravel()
        images.subplots_adjust(left=0.075, right=0.955, bottom=0.035, top=0.8)
        wrong = sum(guess.true != guess.predicted for guess in guesses[: rows * columns])
        images.suptitle(_heading(wrong, len(guesses[: rows * columns])), x=0.045, y=0.975, ha="left", fontweight="bold")
        for axis, guess in zip(axes, guesses, strict=False):
            _draw_guess(axis, guess)
        for axis in axes[len(guesses) :]:
            axis.axis("off")
        _save(figure, path)


def _heading(wrong: int, shown: int) -> str:
    if wrong == shown:
        return "The worst mistakes on the test images"
    if wrong == 0:
        return "No mistakes on the test images; the closest calls"
    return f"The {wrong} worst mistakes on the test images, then the closest calls"


def curve(axis: Axes, history: Mapping[str, Sequence[float]], name: str, title: str) -> None:
    """Draws a logged value and its validation twin over the epochs, each named at its end."""
    axis.set_title(title)
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    for key, label, colour in ((name, "training", TRAIN), (f"val_{name}", "validation", VALID)):
        values = history.get(key)
        if values:
            epochs = np.arange(1, len(values) + 1)
            axis.plot(epochs, values, color=colour, linewidth=2, marker="o", markersize=3.5, label=label)
    axis.legend(loc="best")


def _draw_guess(axis: Axes, guess: Guess) -> None:
    axis.imshow(guess.image, cmap="gray_r", interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    colour = WRONG if guess.predicted != guess.true else RIGHT
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=1.6)
    axis.set_title(f"{guess.predicted}, {guess.confidence:.0%} sure", color=colour, fontsize=10, loc="center", pad=17)
    axis.text(
        0.5, 1.04, f"truly {guess.true}", transform=axis.transAxes, ha="center", va="bottom", fontsize=9, color=SOFT
    )


def failure_report(
    path: Path,
    title: str,
    history: Mapping[str, Sequence[float]],
    roc_curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    scores: tuple[np.ndarray, np.ndarray],
) -> None:
    """Writes the telemetry job's picture: loss, accuracy, ROC curves, and the scores of both groups.

    Args:
        path: where the PNG goes.
        title: one line above all.
        history: logged values per epoch.
        roc_curves: per legend entry the false and the true positive rates.
        scores: predicted probabilities of the windows before a failure and of the others.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), gridspec_kw={"hspace": 0.4, "wspace": 0.2})
        figure.subplots_adjust(left=0.075, right=0.955, bottom=0.075, top=0.86)
        figure.suptitle(title, x=0.045, y=0.965, ha="left", fontsize=15, fontweight="bold")
        curve(axes[0, 0], history, "loss", "Loss")
        curve(axes[0, 1], history, "accuracy", "Accuracy")
        axes[0, 1].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        _draw_roc(axes[1, 0], roc_curves)
        _draw_scores(axes[1, 1], *scores)
        _save(figure, path)


def _draw_roc(axis: Axes, roc_curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    axis.set(title="ROC on devices never seen in training", xlabel="false alarms", ylabel="failures found")
    axis.plot([0, 1], [0, 1], color="#c9d2d9", linewidth=1)
    for (label, (false_rate, true_rate)), (colour, style) in zip(
        roc_curves.items(), ((TRAIN, "-"), (SOFT, "--")), strict=False
    ):
        axis.plot(false_rate, true_rate, style, color=colour, linewidth=2, label=label)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.legend(loc="lower right")


def _draw_scores(axis: Axes, failing: np.ndarray, healthy: np.ndarray) -> None:
    axis.set(title="Predicted probability of a failure", xlabel="probability", ylabel="windows")
    bins = np.linspace(0, 1, 26)
    axis.hist(healthy, bins, color=TRAIN, alpha=0.65, label="healthy devices")
    axis.hist(failing, bins, color=VALID, alpha=0.65, label="before a failure")
    axis.legend(loc="upper center")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)
