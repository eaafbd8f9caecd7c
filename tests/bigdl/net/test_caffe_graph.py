"""A net of Caffe is cut and frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparkdl.bigdl.net import Net
from sparkdl.bigdl.nn.layer import Linear, ReLU, Sequential
from sparkdl.errors import ArgumentError

pytestmark = pytest.mark.tf
X = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)


def test_a_net_is_cut_at_a_layer_and_frozen_up_to_it(tmp_path: Path) -> None:
    head = Sequential().add(Linear(4, 3).set_name("first")).add(ReLU().set_name("relu"))
    model = Sequential().add(head).add(Linear(3, 2).set_name("last"))
    model.forward(X)
    paths = str(tmp_path / "m.prototxt"), str(tmp_path / "m.caffemodel")
    model.save_caffe(*paths)
    net = Net.load_caffe(*paths)
    net.set_weights([weight * 2 for weight in net.get_weights()])
    np.testing.assert_allclose(net.new_graph(["relu"]).forward(X), 2 * head.forward(X), atol=1e-5)
    net.freeze_up_to(["relu"])
    assert net.value.arguments["frozen"] == ["data", "first", "relu"]
    net.unfreeze(["first"])
    with pytest.raises(ArgumentError, match="no layer named 'absent'; its layers are data, first, relu, last"):
        net.new_graph("absent")
