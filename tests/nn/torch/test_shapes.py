"""Shapes of what trees of modules give, and modules for expressions."""

from __future__ import annotations

import numpy as np
import pytest

from sparkdl.errors import DataError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.eager import forward
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.shapes import output_shape


def test_tables_and_open_sizes() -> None:
    tree = make("ConcatTable", [make("Linear", input_size=4, output_size=3), make("ReLU")])
    assert output_shape(tree, (None, 4)) == [(None, 3), (None, 4)]


def test_statistics_stay_as_they_are() -> None:
    module = make("BatchNormalization", n_output=4, eps=1e-5, momentum=0.1, affine=True)
    assert output_shape(module, (None, 4)) == (None, 4)
    assert (module.states["running_mean"] == 0).all()


def test_what_cannot_be_taken_is_told() -> None:
    with pytest.raises(DataError, match=r"fc cannot take a value of shape \(None, 5\)"):
        output_shape(make("Linear", name="fc", input_size=4, output_size=3), (None, 5))


def test_values_without_an_input() -> None:
    parameter, constant = make("Parameter", size=[2, 3]), make("Constant", size=[3])
    constant.states["value"] = np.arange(3, dtype=np.float32)
    recording = forward(parameter, np.zeros(1))
    assert recording.output.shape == (2, 3) and np.abs(recording.output).max() <= 0.05
    recording.backward(np.ones((2, 3)))
    assert (parameter.gradients["weight"] == 1).all()
    assert forward(constant, np.zeros(1)).output.tolist() == [0.0, 1.0, 2.0]


def test_functions() -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])
    assert forward(Module("ArgMax", {"dim": 2}), x).output.tolist() == [2.0, 1.0]
    assert forward(Module("ArgMax", {"dim": 1, "num_input_dims": 1}), x).output.tolist() == [2.0, 1.0]
    assert forward(Module("GetShape"), x).output.tolist() == [2.0, 3.0]
    np.testing.assert_allclose(forward(Module("Erf"), x).output[0, 0], 0.8427008, rtol=1e-6)
    table = make("FixedLookup", n_index=3, n_output=2)
    table.states["weight"] = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert forward(table, np.array([[2, 0]])).output.tolist() == [[[4.0, 5.0], [0.0, 1.0]]]
