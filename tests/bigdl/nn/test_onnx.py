"""Layers of ONNX's operations against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from sparkdl.bigdl.nn.onnx.layer import Constant, Gather, Gemm, Reshape, Shape
from sparkdl.errors import DataError

pytestmark = pytest.mark.tf
RANDOM = np.random.default_rng(0)


def test_values_are_numpys() -> None:
    a, b, c = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((2, 3), (4, 3), (1, 4)))
    found = Gemm(b, c, 0.5, 2.0, trans_b=1).forward(a)
    np.testing.assert_allclose(found, 0.5 * a @ b.T + 2.0 * c, atol=1e-6)
    np.testing.assert_allclose(Gemm(a, c[:, :3], trans_a=1).forward(RANDOM.normal(size=(2, 2))).shape, (2, 3))
    np.testing.assert_array_equal(Constant(b).forward(a), b)
    np.testing.assert_array_equal(Gather().forward([b, np.array([3, 0])]), b[[3, 0]])
    np.testing.assert_array_equal(Shape().forward(b), [4, 3])
    np.testing.assert_array_equal(Reshape((2, -1)).forward(b), b.reshape(2, -1))
    np.testing.assert_array_equal(Reshape().forward([b, np.array([6, 2])]), b.reshape(6, 2))
    assert Reshape((12,)).backward(b, np.ones(12)).shape == (4, 3)
    with pytest.raises(DataError, match="without a shape"):
        Reshape().forward(b)
