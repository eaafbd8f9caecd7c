"""Every golden case of BigDL's layers: on arrays, forward and backward, and as a Keras model, saved and loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as layers
from sparkdl.errors import SparkDLError
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.network import network

GOLDEN = Path(__file__).parents[2] / "golden" / "bigdl"
INDEX = json.loads((GOLDEN / "layers.json").read_text())
ARRAYS = dict(np.load(GOLDEN / "layers.npz"))
FORWARD, BACKWARD = 1e-5, 1e-4  # of the largest value


class _Regularizer:
    """As BigDL's regularizers look to a layer."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1, l2


NAMES = {
    **vars(layers),
    "L1Regularizer": lambda l1: _Regularizer(l1=l1),
    "L2Regularizer": lambda l2: _Regularizer(l2=l2),
}


# BigDL 2.4 drops inside of cells when it evaluates, too, so that these hold what was drawn; `test_recurrent` looks
# whether a draw explains them.
DRAWN = {"243", "245"}


def _items() -> list[Any]:
    return [
        pytest.param(item, id=f"{item['id']}-{item['class']}") for item in INDEX["items"] if item["id"] not in DRAWN
    ]


def _values(item: dict[str, Any], key: str) -> list[np.ndarray]:
    found = [name for name in ARRAYS if re.fullmatch(rf"{item['id']}/{key}\d+", name)]
    return [ARRAYS[name] for name in sorted(found, key=lambda name: int(name.rpartition(key)[2]))]


def _nested(shapes: Any, values: Iterator[np.ndarray]) -> Any:
    """The values in the structure of the shapes."""
    if any(isinstance(part, list) for part in shapes):
        return [_nested(part, values) for part in shapes]
    return next(values)


def _made(item: dict[str, Any]) -> Any:
    layer = eval(item["expr"], dict(NAMES))
    weights = _values(item, "w")
    if weights:
        layer.set_weights(weights)
    return layer.training(item["mode"] == "train")


def _input(item: dict[str, Any]) -> Any:
    value = _nested(item["input"], iter(_values(item, "x")))
    return tf.sparse.from_dense(value) if item.get("sparse_input") else value


def _agree(found: Any, expected: list[np.ndarray], tolerance: float, what: str) -> None:
    flat = [np.asarray(part) for part in keras.tree.flatten(found)]
    assert len(flat) == len(expected), what
    for mine, theirs in zip(flat, expected, strict=True):
        assert mine.shape == theirs.shape, what
        scale = max(float(np.abs(theirs).max(initial=0.0)), 1e-6)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale, err_msg=what)


@pytest.mark.parametrize("item", _items())
def test_arrays(item: dict[str, Any]) -> None:
    layer = _made(item)
    weights = layer.get_weights() or []
    assert [list(weight.shape) for weight in weights] == item["weight_shapes"]
    value = _input(item)
    layer.zero_grad_parameters()
    _agree(layer.forward(value), _values(item, "y"), FORWARD, "output")
    if item.get("extra"):
        states = [layer.value.states["running_mean"], layer.value.states["running_variance"]]
        _agree(states, _values(item, "extra"), FORWARD, "states")
    gradients = _values(item, "gy")
    if not gradients:
        return
    found = layer.backward(value, _nested(item["output"], iter(gradients)))
    expected = _values(item, "gx")
    if expected:
        # Where BigDL gives a gradient for the first input only, the others have none.
        _agree(keras.tree.flatten(found)[: len(expected)], expected, BACKWARD, "gradient of the input")
        held = [module.gradients[name] for module, name in layer.value.weights()]
        _agree(held, _values(item, "gw"), BACKWARD, "gradients of weights")


def _is_batch(item: dict[str, Any]) -> bool:
    """Whether the first axis of all inputs and outputs is the same, and not the only one."""
    shapes = [np.shape(value) for value in _values(item, "x")]
    ends = [np.shape(value)[0] for value in [*_values(item, "x"), *_values(item, "y")]]
    nested = any(isinstance(part, list) for shape in item["input"] if isinstance(shape, list) for part in shape)
    return min(map(len, shapes)) > 1 and len(set(ends)) == 1 and not nested and not item.get("sparse_input")


@pytest.mark.parametrize("item", [param for param in _items() if _is_batch(param.values[0])])
def test_network(item: dict[str, Any], tmp_path: Path) -> None:
    layer, value = _made(item), _input(item)
    shapes = [part.shape[1:] for part in value] if isinstance(value, list) else value.shape[1:]
    model = network(layer.value, shapes).model
    training = item["mode"] == "train"
    found = model(value, training=training)
    _agree(found, _values(item, "y"), FORWARD, "output of the Keras model")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = [np.asarray(part) for part in keras.tree.flatten(model(value, training=False))]
    _agree(loaded(value, training=False), expected, 1e-6, "output of the loaded model")


@pytest.mark.parametrize("item", _items())
def test_description(item: dict[str, Any]) -> None:
    layer = _made(item)
    text = json.dumps(layer.value.description())
    copy = Module.from_description(json.loads(text))
    assert json.dumps(copy.description()) == text
    for (theirs, name), (mine, _) in zip(layer.value.weights(), copy.weights(), strict=True):
        mine.parameters[name] = theirs.parameters[name]
    for module in copy.walk():
        module.training = item["mode"] == "train"
    _agree(layers.Layer(copy, "float").forward(_input(item)), _values(item, "y"), FORWARD, "output of the copy")


REFUSED_THERE = {
    "023": [np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4))],
    "052": np.linspace(-1, 1, 6),
    "165": np.ones((2, 12)),
    "166": np.ones((2, 3, 4)),
    "167": np.ones((2, 12)),
    "250": np.ones((2, 5, 3)),
}


@pytest.mark.parametrize("item", [pytest.param(item, id=item["id"]) for item in INDEX["failed"]])
def test_what_fails_in_bigdl_works_or_is_refused_in_a_sentence(item: dict[str, Any]) -> None:
    try:
        assert np.isfinite(eval(item["expr"], dict(NAMES)).forward(REFUSED_THERE[item["id"]])).all()
    except SparkDLError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


@pytest.mark.parametrize("item", [param for param in _items() if param.values[0].get("param_names")])
def test_names_of_weights(item: dict[str, Any]) -> None:
    layer = _made(item)
    layer.forward(_input(item))  # a MapTable has copies of its layer from then on
    found = [sorted(names) for names in layer.parameters().values()]
    assert sorted(found) == sorted(sorted(names) for names in item["param_names"].values())
