"""The program of a process that times a model for `layout_speed`."""

from __future__ import annotations

import functools
import json
import os
import sys

import cloudpickle

from sparkdl.engine.layout_speed import READY, LayoutTrial
from sparkdl.engine.peak_memory import peak_memory
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import unpack_model
from sparkdl.engine.step_speed import WARM_UP, median_seconds, time_update
from sparkdl.engine.synthetic import synthetic_batch
from sparkdl.engine.threads import configure_threads


def main() -> None:
    """The trial on its standard input; "ready" where all is compiled; figures when a line says to go on."""
    trial: LayoutTrial = cloudpickle.load(sys.stdin.buffer)
    configure_threads(trial.cores)
    model = unpack_model(cloudpickle.loads(trial.model))
    replica = KerasReplica(model, trial.spec, precision=trial.precision, jit_compile=bool(model.jit_compile))
    replica.stream_gradients([(0, replica.layout.length)], in_runs=trial.workers == trial.processes > 1)
    batch = synthetic_batch(model, trial.spec, rows=trial.rows)
    step = functools.partial(replica.gradients, batch, trial.rows, 1.0)
    for _ in range(WARM_UP):
        step()
    _tell(READY)
    sys.stdin.buffer.readline()
    compute = median_seconds(step)
    memory = peak_memory()
    update = time_update(model, replica, trial.workers)[1]
    _tell(json.dumps([compute, update, memory]))


def _tell(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())
