"""Models from files are cut, frozen, and say what they said before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from sparkdl.bigdl.feature.image import ImageSetToSample, LocalImageSet
from sparkdl.bigdl.feature.image.imagePreprocessing import ImageMatToTensor
from sparkdl.bigdl.net import GraphNet, Net
from sparkdl.bigdl.net.utils import find_placeholders
from sparkdl.bigdl.nn.layer import Linear, Reshape, Sequential, Tanh
from sparkdl.errors import ArgumentError

INPUT = np.array([[1.0, 2.0]], "float32")


@pytest.fixture
def net(tmp_path: Path) -> GraphNet:
    model = Sequential().add(Linear(2, 3).set_name("first")).add(Tanh().set_name("middle"))
    model.add(Linear(3, 1).set_name("last")).saveModel(str(tmp_path / "model.bigdl"))
    return Net.load_bigdl(str(tmp_path / "model.bigdl"))


def test_a_graph_is_cut_and_frozen(net: GraphNet) -> None:
    middle = net.new_graph(["middle"])
    assert isinstance(middle, GraphNet) and middle.forward(INPUT).shape == (1, 3)
    last = net.flattened_layers()[-1].get_weights()
    expected = middle.forward(INPUT) @ last[0].T + last[1]
    np.testing.assert_allclose(net.predict(INPUT, distributed=False), expected, rtol=1e-5)
    net.freeze_up_to(["middle"])
    frozen = {layer.name(): layer.value.frozen for layer in net.flattened_layers()}
    assert [frozen[name] for name in ("first", "middle", "last")] == [True, True, False]
    assert not any(layer.value.frozen for layer in net.unfreeze().flattened_layers())
    with pytest.raises(ArgumentError, match="no layer named 'none'; its layers are"):
        net.new_graph("none")


def test_images_hold_predictions() -> None:
    model = Sequential().add(Reshape([12])).add(Linear(12, 1, init_weight=np.ones((1, 12)), init_bias=np.zeros(1)))
    images = LocalImageSet([np.ones((2, 2, 3)), np.zeros((2, 2, 3))])
    images.transform(ImageMatToTensor()).transform(ImageSetToSample(target_keys=None))
    found = GraphNet.from_jvalue(model.to_graph().value).predict(images)
    assert [[output.tolist() for output in outputs] for _, outputs in found.get_predict()] == [[[12]], [[0]]]


def test_placeholders_are_found() -> None:
    with tf1.Graph().as_default():
        value: Any = tf1.placeholder(tf1.float32, (), "x")
        assert [tensor.name for tensor in find_placeholders([None, tf1.sin(value) + 1.0])] == ["x:0"]
