"""Answers recorded from Caffe, and the same computed by an imported model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.importers.caffe import load
from sparkdl.importers.caffe.site import Awaiting


@dataclass
class Case:
    """One recorded net: what went in, what came out, and the gradients."""

    name: str
    arrays: Mapping[str, np.ndarray]

    def part(self, kind: str) -> dict[str, np.ndarray]:
        """All arrays of one kind, by the rest of their names."""
        start = f"{kind}/"
        return {key[len(start) :]: value for key, value in self.arrays.items() if key.startswith(start)}

    @property
    def text(self) -> str:
        return str(self.arrays["proto"])

    @property
    def phase(self) -> str:
        return str(self.arrays["phase"])


@dataclass
class Imported:
    """A model made of a case, and which of its layers got which of Caffe's weights."""

    model: Any
    filled: list[tuple[Any, Awaiting]] = field(default_factory=list)


def read_case(path: Path) -> Case:
    with np.load(path) as file:
        return Case(path.stem, {name: file[name] for name in file.files})


def load_case(case: Case, folder: Path, monkeypatch: Any, **arguments: Any) -> Imported:
    """The model of a case, loaded from files."""
    prototxt, caffemodel = folder / "net.prototxt", folder / "net.caffemodel"
    prototxt.write_text(case.text)
    caffemodel.write_bytes(case.arrays["caffemodel"].tobytes())
    filled: list[tuple[Any, Awaiting]] = []
    fill = load.fill_weights

    def recorded(source: Any, awaiting: Awaiting, path: str) -> None:
        filled.append((source, awaiting))
        fill(source, awaiting, path)

    monkeypatch.setattr(load, "fill_weights", recorded)
    model = load.load_caffe(prototxt, caffemodel, phase=case.phase, **arguments)
    monkeypatch.setattr(load, "fill_weights", fill)
    return Imported(model, filled)


def apart(found: Any, expected: np.ndarray) -> float:
    """The largest difference, over the largest value expected."""
    found = np.asarray(found)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.max(np.abs(found - expected), initial=0.0) / max(np.max(np.abs(expected), initial=0.0), 1e-30))


def forward(imported: Imported, case: Case) -> tuple[dict[str, Any], dict[str, Any], tf.GradientTape]:
    """Outputs by blob, inputs by blob, and the tape."""
    model, given = imported.model, case.part("in")
    inputs = {name: tf.constant(given[name], tf.float32) for name in (tensor.name for tensor in model.inputs)}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(list(inputs.values()))
        values = list(inputs.values())
        outputs = model(values if len(values) > 1 else values[0], training=case.phase == "TRAIN")
        outputs = outputs if isinstance(outputs, list) else [outputs]
    return dict(zip(model.output_names, outputs, strict=True)), inputs, tape


def gradients(
    imported: Imported, case: Case, outputs: Mapping[str, Any], inputs: Mapping[str, Any], tape: tf.GradientTape
) -> Iterator[tuple[str, Any, np.ndarray]]:
    """What (input or weight), its gradient, and the gradient recorded."""
    given = {name: tf.constant(value) for name, value in case.part("topdiff").items()}
    weight = 0.3 if "loss_weight: 0.3" in case.text else 1.0
    given = given or {name: tf.constant(weight) for name in outputs}
    targets, seeds = [outputs[name] for name in given], list(given.values())
    for name, expected in case.part("diff_in").items():
        source = inputs[name if name in inputs else f"{name}_raw"]
        found = tape.gradient(targets, source, seeds, unconnected_gradients="zero")
        yield name, found, expected
    recorded = case.part("gw")
    for source, awaiting in imported.filled:
        names = source.sources or (source.name,)
        blobs = [
            recorded[f"{name}/{index}"]
            for name in names
            for index in range(len(recorded))
            if f"{name}/{index}" in recorded
        ]
        if len(blobs) != len(awaiting.shapes) or source.name.startswith("pass_"):
            continue
        for variable, expected in zip(awaiting.layer.weights, awaiting.fill(*blobs), strict=True):
            if variable.trainable:
                found = tf.convert_to_tensor(tape.gradient(targets, variable.value, seeds))
                yield variable.path, found, np.asarray(expected)
