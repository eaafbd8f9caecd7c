"""How long a model's training step takes on this machine, in a process of its own.

TensorFlow takes its number of threads once per process, and the program that asks may have other plans.
"""

from __future__ import annotations

import functools
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import cloudpickle
import keras
import numpy as np

from sparkdl.engine.checks import check_compiled, is_sparse
from sparkdl.engine.jit_compile import FEWEST_STEPS, choose_compiled_update, choose_jit_compile
from sparkdl.engine.layout_speed import environment_of
from sparkdl.engine.output_names import gives_dict, output_names
from sparkdl.engine.peak_memory import peak_memory
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.serialization import pack_model, unpack_model
from sparkdl.engine.synthetic import synthetic_batch
from sparkdl.engine.threads import configure_threads
from sparkdl.engine.updater import KerasUpdater, excluded_variables, shard_buckets
from sparkdl.errors import ModelError
from sparkdl.types import SampleSpec, TensorSpec

WARM_UP, STEPS, SECONDS = 2, 20, 4.0
LONG_STEP = 0.5  # seconds of a step that needs no larger one beside it
_DEADLINE_SECONDS = 600.0
# Parts of the weights whose update is timed: all, and what one of sixteen workers would own.
PARTS = (1, 16)


@dataclass(frozen=True)
class StepSpeed:
    """What was measured of a model.

    Attributes:
        gradients: rows of a batch to seconds of its gradient, medians.
        updates: parameters to seconds of their update, medians.
        memory: rows of a batch to bytes that the process had at most until then, before it had an optimizer.
    """

    gradients: dict[int, float]
    updates: dict[int, float]
    memory: dict[int, int]


def measure_steps(model: keras.Model, fewest: int, most: int, cores: int = 1) -> StepSpeed:
    """Times a few steps of a model on made-up rows, in a new process. The model is left as it is.

    Args:
        model: compiled, with inputs of known shapes.
        fewest: rows of the smallest batch; others have four times as many each.
        most: rows of the largest batch, unless a smaller one takes half a second already.
        cores: TensorFlow's threads.

    Raises:
        ModelError: the model does not say what its rows are, or cannot be trained on made-up ones.
    """
    check_compiled(model)
    spec = made_up_spec(model)
    code = f"from {__name__} import main; main()"
    task = cloudpickle.dumps((pack_model(model), spec, fewest, most, cores))
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command, input=task, env=environment_of(cores), capture_output=True, check=False, timeout=_DEADLINE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"timing steps of the model {model.name!r} on this machine took more than {_DEADLINE_SECONDS:g} s: time "
            "some yourself and give step_seconds=."
        ) from None
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["it was killed"])[-1]
        raise ModelError(
            f"no steps of the model {model.name!r} with {fewest} made-up rows or more could be timed on this machine "
            f"({reason[:300]}): time some yourself and give step_seconds=."
        )
    told = json.loads(done.stdout.splitlines()[-1])
    return StepSpeed(*({int(size): value for size, value in told[field.name]} for field in fields(StepSpeed)))


def trainable_parameters(model: Any) -> int:
    """Number of trainable parameters of a Keras model.

    Raises:
        ModelError: it is none, or it has no weights that can be trained.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(f"the model must be a keras.Model, received {type(model).__module__}.{type(model).__name__}.")
    count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    if not count:
        raise ModelError(
            f"the model {model.name!r} has no weights to train: build it (with keras.Input, or by calling it on some "
            "rows), or unfreeze some of its layers."
        )
    return count


def made_up_spec(model: keras.Model) -> SampleSpec:
    """Columns of rows that the model and its losses take.

    Raises:
        ModelError: an input or an output has no fixed shape.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> made_up_spec(model).labels
        (TensorSpec(name='label_0', shape=(), dtype='int64'),)
    """
    losses = model.loss if isinstance(model.loss, (list, tuple, dict)) else [model.loss] * len(model.outputs or ())
    if isinstance(losses, dict):
        losses = [losses.get(name) for name in output_names(model)]
    features = tuple(
        TensorSpec(f"feature_{index}", _row_shape(model, tensor), tensor.dtype)
        for index, tensor in enumerate(model.inputs or ())
    )
    labels = []
    for index, (tensor, loss) in enumerate(zip(model.outputs or (), losses, strict=True)):
        shape, function = _row_shape(model, tensor), keras.losses.get(loss)
        sparse = is_sparse(function) or function is keras.losses.sparse_categorical_crossentropy
        name = output_names(model)[index] if gives_dict(model) else f"label_{index}"
        labels.append(TensorSpec(name, shape[:-1] if sparse else shape, "int64" if sparse else "float32"))
    if not features:
        raise ModelError(
            f"the model {model.name!r} does not say what its inputs are, so no rows can be made up for it: build it "
            "with keras.Input, or time some steps yourself and give step_seconds=."
        )
    return SampleSpec(
        features,
        tuple(labels),
        feature_structure="single" if len(features) == 1 else "list",
        label_structure="dict" if gives_dict(model) else "single" if len(labels) == 1 else "list",
    )


def _row_shape(model: keras.Model, tensor: keras.KerasTensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise ModelError(
            f"the model {model.name!r} takes or gives rows of any size (shape {shape}), so none can be made up for "
            "it: fix the shapes with keras.Input, or time some steps yourself and give step_seconds=."
        )
    return shape


def main() -> None:
    """The program of the new process: the task on its standard input, the figures as its last line."""
    payload, spec, fewest, most, cores = cloudpickle.load(sys.stdin.buffer)
    configure_threads(cores)
    model = unpack_model(payload)
    replica = KerasReplica(model, spec, jit_compile=choose_jit_compile(model, FEWEST_STEPS).chosen)
    gradients: list[tuple[int, float]] = []
    memory: list[tuple[int, int]] = []
    count = fewest
    while not gradients or (count != gradients[-1][0] and gradients[-1][1] < LONG_STEP):
        batch = synthetic_batch(model, spec, rows=count)
        gradients.append((count, median_seconds(functools.partial(replica.gradients, batch, count, 1.0))))
        memory.append((count, peak_memory()))
        count = min(4 * count, most)
    updates = [time_update(model, replica, part) for part in PARTS]
    sys.stdout.write(json.dumps({"gradients": gradients, "updates": updates, "memory": memory}) + "\n")


def time_update(model: keras.Model, replica: KerasReplica, parts: int) -> tuple[int, float]:
    """Parameters of one of so many parts of the weights, and median seconds of their update."""
    variables = model.trainable_variables
    buckets = shard_buckets(replica.layout, parts, model.optimizer, variables)
    length = buckets[0][1]
    weights = replica.weights.copy()
    excluded = excluded_variables(model.optimizer, variables)
    compiled = choose_compiled_update(replica.layout.length, FEWEST_STEPS).chosen
    updater = KerasUpdater(
        model.optimizer, variables, replica.layout, buckets, 0, weights, excluded, jit_compile=compiled
    )
    gradient = np.full(length, 1e-6, np.float32)
    return length, median_seconds(lambda: updater.apply(gradient.copy(), weights))


def median_seconds(action: Callable[[], object]) -> float:
    """Median seconds, after a warm-up."""
    for _ in range(WARM_UP):
        action()
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < STEPS and sum(taken) < SECONDS):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
