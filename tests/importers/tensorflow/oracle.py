"""Graphs of TensorFlow 1, and what its own session computes of them: outputs, and gradients of a weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import sparkdl as sdl

v1 = tf.compat.v1


@contextmanager
def old_control_flow() -> Iterator[None]:
    """Loops and branches as TensorFlow 1 made them: Enter, Switch, Merge and the like."""
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        v1.enable_control_flow_v2()


def weight(name: str, *shape: int, scale: float = 0.5) -> tf.Tensor:
    """What a freezing tool makes of a variable: a constant, and the Identity that read it."""
    values = scale * np.random.default_rng(abs(hash(shape)) % 1000 + len(name)).standard_normal(shape)
    return tf.identity(tf.constant(values.astype("float32"), name=name), name=f"{name}/read")


@dataclass(frozen=True)
class Recorded:
    """A graph in a file, what was fed, and what came out."""

    path: Path
    feeds: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]

    def model(self, **arguments: Any) -> Any:
        return sdl.load_tensorflow(self.path, list(self.feeds), list(self.outputs), **arguments)


Build = Callable[[], Sequence[tf.Tensor]]


def record(build: Build, feeds: Mapping[str, np.ndarray], folder: Path) -> Recorded:
    """Builds a graph, runs it, and writes it to a file; outputs are called out0, out1, ..."""
    with tf.Graph().as_default() as graph:
        made = build()
        outputs = {f"out{index}": tf.identity(tensor, name=f"out{index}") for index, tensor in enumerate(made)}
        weights = [op.name for op in graph.get_operations() if op.name.endswith("/read")]
        definition = graph.as_graph_def()
        sources = {name: graph.get_tensor_by_name(f"{name}:0") for name in [*feeds, *weights]}
        sources = {name: tensor for name, tensor in sources.items() if tensor.dtype.is_floating}
        loss = [tf.reduce_sum(tensor * factors_of(tensor)) for tensor in outputs.values() if tensor.dtype.is_floating]
        slopes = tf.gradients(loss, list(sources.values())) if loss else [None] * len(sources)
        wanted = {
            name.removesuffix("/read"): tf.convert_to_tensor(slope)
            for name, slope in zip(sources, slopes, strict=True)
            if slope is not None
        }
        with v1.Session(graph=graph) as session:
            values, gradients = session.run([outputs, wanted], {f"{name}:0": value for name, value in feeds.items()})
    path = folder / "graph.pb"
    path.write_bytes(definition.SerializeToString())
    return Recorded(path, feeds, values, gradients)


def factors_of(tensor: tf.Tensor) -> tf.Tensor:
    """What the elements of an output are multiplied with in the sum that gradients are of."""
    return tf.cast(
        tf.reshape(tf.sin(tf.range(tf.cast(tf.size(tensor), tf.float32)) + 1.0), tf.shape(tensor)), tensor.dtype
    )


def compare(recorded: Recorded, model: Any, tolerance: float = 1e-5) -> None:
    """Checks a model's outputs and gradients against the session's."""
    inputs = {name: tf.constant(value) for name, value in recorded.feeds.items()}
    values = list(inputs.values())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([value for value in values if value.dtype.is_floating])
        made = model(values if len(values) > 1 else values[0])
        made = made if isinstance(made, (list, tuple)) else [made]
        outputs = dict(zip(recorded.outputs, made, strict=True))
        loss = [tf.reduce_sum(tensor * factors_of(tensor)) for tensor in made if tensor.dtype.is_floating]
    for name, expected in recorded.outputs.items():
        assert apart(outputs[name], expected) < tolerance, name
    by_name = {variable.path.partition("/")[2]: variable.value for variable in model.trainable_variables}
    sources = {name: ({**by_name, **inputs})[name] for name in recorded.gradients if name in by_name or name in inputs}
    for name, source in sources.items():
        found = tape.gradient(loss, source, unconnected_gradients="zero")
        assert apart(tf.convert_to_tensor(found), recorded.gradients[name]) < 1e-4, name


def apart(found: Any, expected: np.ndarray) -> float:
    """The largest difference, over the largest value expected."""
    found = np.asarray(found)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    if expected.dtype.kind not in "fiuc":
        return float(np.sum(found != expected))
    difference = np.max(np.abs(found.astype("complex128") - expected.astype("complex128")), initial=0.0)
    return float(difference / max(np.max(np.abs(expected), initial=0.0), 1e-30))
