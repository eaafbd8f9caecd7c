"""benchmarks/peers.py: its turns, sparkdl's own program, and what is made of the figures."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.jobs.programs import run_here

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import peers
import peers_report

ROOT = Path(__file__).parents[2]

# A peer that needs no Spark: as accurate as its turn says.
PROGRAM = """
from common import Stopwatch, parse_arguments, read, report
arguments = parse_arguments("A peer.", fails="")
if arguments.fails:
    raise ValueError(arguments.fails)
features, labels, test_features, test_labels = read(arguments.data)
watch = Stopwatch(0.0)
for epoch in range(arguments.epochs):
    watch.start_steps()
    watch.end_steps()
    watch.end_epoch(0.96 + 0.02 * arguments.seed)
    watch.epochs[-1].update(train=2.0 if epoch else 9.0, end=10.0 + 3 * epoch)
report("stub", arguments, len(features), 40.0, watch.epochs, {"stub": "1.0"})
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run says of a stub, of one that fails and of one that is not there."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "environments" / "stub" / "bin").mkdir(parents=True)
    python = folder / "environments" / "stub" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (folder / "stub.py").write_text(PROGRAM)
    program, cores = str(folder / "stub.py"), os.sched_getaffinity(0)
    failing = peers.Peer("failing", program, "stub", ("--fails", "too cold"))
    stubs = (peers.Peer("stub", program, "stub"), failing, peers.Peer("absent", program, "nowhere"))
    words = ["peers.py", "--environments", folder / "environments", "--rows", 256, "--turns", 3]
    with (
        mock.patch.object(peers, "PEERS", stubs),
        mock.patch.object(sys, "argv", [str(word) for word in words]),
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        try:
            peers.main()
        finally:
            os.sched_setaffinity(0, cores)
    return json.loads(printed.getvalue().splitlines()[-1])


def test_all_take_turns_and_medians_are_told(told: dict[str, Any]) -> None:
    results = {(result["model"], result["peer"]): result for result in told["results"]}
    assert set(results) == {(model, name) for model in peers.WORKLOADS for name in ("stub", "failing")}
    assert told["absent"] == ["absent"]
    digits = results["lenet", "stub"]
    assert digits["turns"] == 3 and results["lstm", "stub"]["turns"] == 2
    assert digits["rows_per_second"] == 256 / 2.0
    assert digits["overall"] == 256 * peers.WORKLOADS["lenet"].epochs / 40.0
    assert digits["start"] == 10.0 - 3.0
    assert digits["to_target_turns"] == [None, 10.0, 10.0] and digits["to_target"] == 10.0
    assert digits["accuracy"] == pytest.approx(0.98)
    assert results["lenet", "failing"] == {
        "model": "lenet",
        "peer": "failing",
        "turns": 1,
        "error": "ValueError: too cold",
    }


def test_the_page_gets_tables_and_chart(told: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    shutil.copy(ROOT / "docs" / "peers.md", tmp_path)
    before = (tmp_path / "peers.md").read_text()
    told = {**told, "scoring": [{"other": "predict_batch_udf", "rows_per_second": 1000.0, "sparkdl": 2500.0}]}
    peers_report.write_page(told, tmp_path)
    after = (tmp_path / "peers.md").read_text()
    for table in peers_report.markdown(told).values():
        assert table in after
    assert "| stub | 128 | 38 | 7.0 | 10.0 | 98.0% |" in after

    def prose(page: str) -> list[str]:
        return [line for line in page.splitlines() if not line.startswith("|")]

    assert prose(after) == prose(before)
    assert (tmp_path / "images" / "peers.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Caused by: a.B: x y z\n at q\nCaused by: a.C: x", "a.C: x"),
        ("Traceback\n  File x\nValueError: no\n", "ValueError: no"),
        ("", "it said nothing"),
    ],
)
def test_an_error_is_one_line(said: str, error: str) -> None:
    assert peers.first_error(said) == error


@pytest.mark.spark
@pytest.mark.tf
def test_sparkdl_trains_on_digits(spark_local: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", **peers.digits(720))
    program = ROOT / "benchmarks" / "peers" / "sparkdl_fit.py"
    words = (tmp_path / "digits.npz", "--epochs", 2, "--batch", 32)
    printed = json.loads(run_here(str(program), *words, folder=tmp_path).splitlines()[-1])
    assert printed["rows"] == 720 and len(printed["epochs"]) == 2
    assert printed["epochs"][-1]["accuracy"] > 0.3
    ends = [epoch["end"] for epoch in printed["epochs"]]
    assert ends == sorted(ends) and ends[-1] < printed["seconds"]
    assert all(0 < epoch["train"] < epoch["end"] for epoch in printed["epochs"])
    assert printed["versions"]["sparkdl"]
