"""How fast one host computes a model in a layout: so many processes of so many threads each, all at the same time.

TensorFlow takes its number of threads once per process, so each layout is timed in new ones. This module does without
TensorFlow, as the process that waits for them needs none; `layout_process` is their program.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sparkdl.errors import ModelError
from sparkdl.types import Precision, SampleSpec

DEADLINE_SECONDS = 180.0
READY = "ready"
PROGRAM = "from sparkdl.engine.layout_process import main; main()"


@dataclass(frozen=True)
class LayoutTrial:
    """A layout to be timed on one host.

    Attributes:
        model: the packed model, pickled.
        spec: the columns of a row.
        processes: how many compute at the same time.
        cores: TensorFlow's threads in each.
        rows: of a batch of each.
        workers: on all hosts; each updates its part of the weights.
        precision: "float32" or "bf16".
    """

    model: bytes
    spec: SampleSpec
    processes: int
    cores: int
    rows: int
    workers: int
    precision: Precision = "float32"


@dataclass(frozen=True)
class LayoutSpeed:
    """What was measured of a layout: of the process that was slowest, or took most.

    Attributes:
        compute: seconds of a gradient, median.
        update: seconds of the update of a worker's part, median.
        memory: bytes that a process had at most, before it had an optimizer.
    """

    compute: float
    update: float
    memory: int


def time_layout(trial: LayoutTrial, deadline: float = DEADLINE_SECONDS) -> LayoutSpeed:
    """Times a few steps on made-up rows in as many new processes as the layout has, which begin together.

    Raises:
        ModelError: a process ended without figures, or they took longer than the deadline.
    """
    task = pickle.dumps(trial)
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    env=environment_of(trial.cores),
                )
            )
            for _ in range(trial.processes)
        ]
        stack.callback(_end, processes)
        timer = threading.Timer(deadline, _end, (processes,))
        timer.start()
        stack.callback(timer.cancel)
        try:
            figures = _figures(processes, task)
        except (OSError, ValueError) as error:
            said.seek(0)
            reason = (said.read().decode(errors="replace").strip().splitlines() or [str(error)])[-1][:300]
            raise ModelError(
                f"no steps of {trial.processes} process(es) with {trial.cores} thread(s) each and {trial.rows} made-up "
                f"rows could be timed ({reason}): give workers= and cores_per_worker=."
            ) from error
    return LayoutSpeed(*(max(values) for values in zip(*figures, strict=True)))


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()


def environment_of(cores: int) -> dict[str, str]:
    """Of a new process that finds what this one finds, and computes on so many cores."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(cores)}


def _figures(processes: Sequence[subprocess.Popen[bytes]], task: bytes) -> list[tuple[float, float, int]]:
    """What each process tells, all of which go on when the last of them is ready."""
    pipes = [(process.stdin, process.stdout) for process in processes]
    for inlet, _ in pipes:
        _write(inlet, task)
    for _, outlet in pipes:
        while (line := _line(outlet)) != READY:
            if not line:
                raise ValueError("a process ended before its first step")
    for inlet, _ in pipes:
        _write(inlet, b"go\n")
    return [tuple(json.loads(_line(outlet))) for _, outlet in pipes]


def _write(pipe: Any, content: bytes) -> None:
    pipe.write(content)
    pipe.flush()


def _line(pipe: Any) -> str:
    line: bytes = pipe.readline()
    return line.decode().rstrip("\n")
