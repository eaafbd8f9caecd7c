"""Modules between convolutions: in a Keras model they get their values channels last, and compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.nn import layer as layers
from sparkdl.nn.torch.network import network

KEEPING = [
    "Abs()",
    "ReLU()",
    "Threshold(0.1, -1.0)",
    "PReLU(4)",
    "PReLU()",
    "RReLU()",
    "SoftMax()",
    "LogSoftMax()",
    "Dropout(0.3, scale=False)",
    "SpatialDropout2D(0.3)",
    "GaussianNoise(0.5)",
    "CMul([1, 4, 1, 1])",
    "CMul([4, 1, 1])",
    "CMul([4])",
    "CAdd([4, 3, 5])",
    "CAdd([1, 4, 1, 1])",
    "Scale([1, 4, 1, 1])",
    "Mul()",
    "Power(2.0, 0.5, 1.0)",
    "L1Penalty(1)",
    "Identity()",
    "Echo()",
    "Concat(2).add(SpatialConvolution(4, 1, 1, 1)).add(ReLU()).add(SpatialConvolution(4, 2, 1, 1))",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(JoinTable(2, 4))",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(JoinTable(1, 3))",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(JoinTable(-3, -1))",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(CAddTable())",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(CMaxTable())",
    "Sequential().add(ConcatTable().add(Sum(2, -1, False, False)).add(Tanh())).add(CMulTable())",
    "Sequential().add(ConcatTable().add(ReLU()).add(Tanh())).add(SelectTable(2))",
    "Sequential().add(Transpose([(3, 4)])).add(Transpose([(3, 4)]))",
    "Sequential().add(Reshape([60])).add(Reshape([4, 3, 5]))",
]


def _permuted(layer: Any) -> list[str]:
    model = network(layer.value, (3, 3, 5)).model
    return [type(part).__name__ for part in model.layers if type(part).__name__ == "Permute"]


@pytest.mark.parametrize("expression", KEEPING)
def test_values_are_those_of_arrays(expression: str) -> None:
    middle = eval(expression, vars(layers).copy())
    first = layers.SpatialConvolution(3, 4, 1, 1)
    row = layers.Sequential().add(first).add(middle).training(False)
    x = np.random.RandomState(0).normal(size=(2, 3, 3, 5)).astype(np.float32)
    expected = row.forward(x)
    row.add(layers.SpatialConvolution(expected.shape[1], 2, 1, 1)).training(False)
    model = network(row.value, (3, 3, 5)).model
    np.testing.assert_allclose(model(x), row.forward(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("expression", [*KEEPING[:24], KEEPING[26]])
def test_nothing_is_turned_between(expression: str) -> None:
    row = layers.Sequential().add(layers.SpatialConvolution(3, 4, 1, 1)).add(eval(expression, vars(layers).copy()))
    channels = 7 if expression.startswith("Concat") else 8 if "JoinTable" in expression else 4
    assert len(_permuted(row.add(layers.SpatialConvolution(channels, 2, 1, 1)))) == 2  # in front and behind
