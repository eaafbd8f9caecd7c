"""What benchmarks/peers.py says of its runs: medians, a table, and the tables and the chart of docs/peers.md."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODELS = {"lenet": "LeNet on digits", "lstm": "LSTM", "mlp": "MLP"}
COLORS = ("#2f6db3", "#e07b39", "#2e8b57", "#8e5fb0", "#c9a227", "#c0392b", "#7f5539")
Run = Mapping[str, Any]


def steady(run: Run) -> float:
    """Rows per second in the steps of an epoch, the first one left out."""
    return run["rows"] / statistics.median(epoch["train"] for epoch in run["epochs"][1:])


def to_target(run: Run, target: float) -> float:
    """Seconds from the call until the accuracy was there; infinite if it never was."""
    return next((epoch["end"] for epoch in run["epochs"] if epoch["accuracy"] >= target), math.inf)


def start(run: Run) -> float:
    """Seconds that starting took (processes, imports, tracing): the first epoch, less what a later one takes."""
    ends = [epoch["end"] for epoch in run["epochs"]]
    return ends[0] - statistics.median(later - earlier for earlier, later in zip(ends, ends[1:], strict=False))


def in_short(run: Run) -> str:
    """One turn, while the others go on."""
    if "error" in run:
        return run["error"]
    return f"{steady(run):,.0f} rows/s, {run['seconds']:.1f} s, accuracy {run['epochs'][-1]['accuracy']:.3f}"


def summary(model: str, peer: str, runs: Sequence[Run], target: float) -> dict[str, Any]:
    """Medians over turns.

    Returns:
        of a peer and model: "rows_per_second" in steps; "overall", of the whole call; seconds to "start"; seconds
        "to_target" (None: most turns did not get there); the last "accuracy"; the "curve" of (seconds,
        accuracy) after each epoch; the "load" before turns; "versions"; "turns". Or an "error".
    """
    result: dict[str, Any] = {"model": model, "peer": peer, "turns": len(runs)}
    failed = [run["error"] for run in runs if "error" in run]
    if failed:
        return {**result, "error": failed[0]}

    def median(values: Any) -> float:
        return statistics.median(values)

    reached = median(to_target(run, target) for run in runs)
    by_epoch = list(zip(*(run["epochs"] for run in runs), strict=True))
    return {
        **result,
        "rows_per_second": median(map(steady, runs)),
        "overall": median(run["rows"] * len(run["epochs"]) / run["seconds"] for run in runs),
        "start": median(map(start, runs)),
        "to_target": reached if math.isfinite(reached) else None,
        "accuracy": median(run["epochs"][-1]["accuracy"] for run in runs),
        "curve": [[median(epoch[name] for epoch in turns) for name in ("end", "accuracy")] for turns in by_epoch],
        "load": median(run["load"] for run in runs),
        "versions": runs[0]["versions"],
        "rows_per_second_turns": [steady(run) for run in runs],
        "to_target_turns": [value if math.isfinite(value := to_target(run, target)) else None for run in runs],
    }


def rows_of(told: Run, model: str) -> list[dict[str, Any]]:
    """The results of a model."""
    return [result for result in told["results"] if result["model"] == model]


def cells(result: Run) -> list[str]:
    """What a table says of one peer and model."""
    if "error" in result:
        return ["failed", "", "", "", "", ""]
    reached = "" if result["to_target"] is None else f"{result['to_target']:.1f}"
    figures = [f"{result['rows_per_second']:,.0f}", f"{result['overall']:,.0f}", f"{result['start']:.1f}"]
    return [*figures, reached, f"{result['accuracy']:.1%}", f"{result['load']:.1f}"]


def heads(told: Run) -> list[str]:
    """The columns of a table, with the accuracy to be reached."""
    return ["rows/s in steps", "rows/s overall", "start s", f"s to {told['target']:.0%}", "accuracy", "load"]


def table(told: Run) -> str:
    """The figures for people."""
    lines = []
    for model in dict.fromkeys(result["model"] for result in told["results"]):
        head = f"{MODELS[model]:<24}" + "".join(f"{name:>17}" for name in heads(told))
        lines += [head, "-" * len(head)]
        for result in rows_of(told, model):
            lines.append(f"{result['peer']:<24}" + "".join(f"{cell:>17}" for cell in cells(result)))
            lines += [f"    {result['error']}"] if "error" in result else []
        lines.append("")
    for result in told["scoring"]:
        figures = f"{result['sparkdl']:,.0f} against {result['rows_per_second']:,.0f}"
        lines.append(f"scoring, rows/s, sparkdl against {result['other']}: {figures}")
    if told["absent"]:
        lines.append(f"Not installed here: {'; '.join(told['absent'])}.")
    return "\n".join(lines)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of a page."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def markdown(told: Run) -> dict[str, str]:
    """The tables of the page, by the heading above them."""
    tables = {}
    random = [model for model in ("lstm", "mlp") if rows_of(told, model)]
    digits = [[result["peer"], *cells(result)] for result in rows_of(told, "lenet")]
    tables["Digits"] = markdown_table(["", *heads(told)], digits)
    measured = {(model, result["peer"]): cells(result)[:2] for model in random for result in rows_of(told, model)}
    names = dict.fromkeys(name for _, name in measured)
    speeds = [[name, *(cell for model in random for cell in measured.get((model, name), ["", ""]))] for name in names]
    columns = [f"{MODELS[model]}: {name}" for model in random for name in heads(told)[:2]]
    tables["Speed alone"] = markdown_table(["", *columns], speeds)
    versions: dict[str, Any] = {}
    for result in told["results"]:
        versions[result["peer"]] = versions.get(result["peer"]) or result.get("versions", {})
    listed = [[peer, ", ".join(f"{name} {number}" for name, number in of.items())] for peer, of in versions.items()]
    tables["Versions"] = markdown_table(["", "ran with"], listed)
    scored = [
        [f"`{one['other']}`", *(f"{one[name]:,.0f}" for name in ("rows_per_second", "sparkdl"))]
        for one in told["scoring"]
    ]
    tables["Scoring"] = markdown_table(["beside", "its rows/s", "sparkdl's rows/s"], scored)
    return tables


def write_page(told: Run, folder: Path) -> None:
    """Replaces the first table below each heading of peers.md, and draws images/peers.png."""
    page = folder / "peers.md"
    text = page.read_text()
    for heading, rows in markdown(told).items():
        place = re.compile(rf"^(## {heading}\n\n(?:[^|#\n].*\n|\n)*)(?:\|.*\n)+", re.MULTILINE)
        text = place.sub(lambda found, rows=rows: f"{found[1]}{rows}", text)
    page.write_text(text)
    draw(told, folder / "images" / "peers.png")


def draw(told: Run, path: Path) -> None:
    """Accuracy over seconds, and rows per second."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import PercentFormatter

    results = [result for result in rows_of(told, "lenet") if "error" not in result]
    style = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 10, "axes.titlelocation": "left"}
    with plt.rc_context({**style, "axes.titleweight": "bold", "legend.frameon": False}):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(12, 4.6), dpi=130, layout="constrained", width_ratios=[3, 2]
        )
        for result, color in zip(results, COLORS, strict=False):
            own = result["peer"] == "sparkdl"
            left.plot(
                *zip(*result["curve"], strict=True), "o-", ms=3, lw=2.6 if own else 1.3, c=color, label=result["peer"]
            )
        left.axhline(told["target"], color="#8796a3", lw=1, ls="--")
        left.set(title="Accuracy on held-out digits", xlabel="seconds since the call", xlim=(0, None))
        left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        left.legend(loc="lower right")
        names, speeds = ([result[name] for result in reversed(results)] for name in ("peer", "rows_per_second"))
        bars = right.barh(names, speeds, color=[*COLORS[: len(results)][::-1]])
        right.bar_label(bars, [f"{speed:,.0f}" for speed in speeds], padding=3)
        right.set(title="LeNet: rows per second in steps", xlim=(0, 1.2 * max(speeds, default=1)), xticks=[])
        figure.savefig(path)
        plt.close(figure)
