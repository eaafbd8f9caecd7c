"""New cells start with the weights that BigDL's start with, for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from sparkdl.bigdl.nn import layer as layers
from sparkdl.bigdl.util.common import RNG

pytestmark = pytest.mark.tf

# The first value of each weight in BigDL 2.4, for the seed 100.
FIRST_OF_EACH = {
    "SReLU([3])": "0.0 0.68955 -0.68658 1.0",
    "LSTM(3, 4)": "-0.45594 -0.37172 0.0434",
    "LSTM(3, 4, 0.1)": (
        "-0.3748 0.11413 0.3599 0.36679 -0.4195 -0.32367 0.05012 0.19716 0.12994 -0.22323 -0.14049 -0.12375 "
        "0.08184 0.47501 -0.39485 0.24248"
    ),
    "GRU(3, 4)": "-0.3748 0.0945 0.0434 0.31168",
    "GRU(3, 4, 0.1)": "-0.4195 -0.32367 0.05012 0.19716 -0.32459 0.31168 0.24248 -0.45594 0.45096",
    "LSTMPeephole(3, 4)": "0.45096 0.15004 0.31622 0.39132 -0.36329 0.0434 -0.0683 0.48092 0.29566",
    "ConvLSTMPeephole(2, 3, 3, 3)": (
        "0.10861 -0.06564 0.06067 -0.14811 0.02046 -0.11671 -0.13777 -0.34139 0.07754 0.07308 0.18105 0.21325 "
        "-0.20104 0.15276 0.20605"
    ),
    "BinaryTreeLSTM(3, 4)": (
        "0.39132 0.31622 0.0434 -0.36329 -0.22323 -0.40794 -0.12375 -0.13681 0.09884 0.39055 -0.0683 0.29566 "
        "0.47501 -0.45514 0.24248 -0.2141 0.0404 -0.29988 0.0087 -0.18693 0.55021 -0.33373 0.32134 0.14471"
    ),
    "LSTMPeephole(3, 4, 0.1)": (
        "-0.46352 -0.49431 0.36514 -0.3748 0.31168 -0.36329 0.05012 0.19716 -0.28997 0.55532 0.0945 -0.13681 "
        "-0.12375 -0.16223 -0.52555"
    ),
    "BinaryTreeLSTM(3, 4, True, False)": (
        "0.0434 -0.36329 0.39132 0.31622 -0.0683 0.29566 0.09884 0.39055 0.24248 -0.2141 0.47501 -0.45514 "
        "-0.12375 -0.13681 -0.22323 -0.40794 0.0087 -0.18693 0.0404 -0.29988 0.32134 0.14471 0.55021 -0.33373"
    ),
}


@pytest.mark.parametrize("expression", FIRST_OF_EACH)
def test_first_weights_are_bigdls(expression: str) -> None:
    RNG().set_seed(100)
    layer = eval(expression, vars(layers).copy())
    if "Tree" not in expression and "SReLU" not in expression:
        layer = layers.Recurrent().add(layer)
    found = [weight.ravel()[0] for weight in layer.get_weights()]
    np.testing.assert_allclose(found, [float(number) for number in FIRST_OF_EACH[expression].split()], atol=1e-5)


def test_the_words_of_a_transformer_are_drawn_last_of_twice() -> None:
    RNG().set_seed(100)
    words = [layers.LookupTable(9, 4).get_weights()[0] for _ in range(2)]
    RNG().set_seed(100)
    model = layers.Transformer(9, 4, 2, 6, 1, 1.0, 1.0, 1.0)
    np.testing.assert_array_equal(model.get_weights()[0], words[1])


@pytest.mark.parametrize(
    ("expression", "firsts"),
    [
        ("SReLU([3])", (0.0, -0.63946062, 0.32944062, 1.0)),
        ("SpatialSeparableConvolution(2, 4, 2, 2, 2)", (0.18026969, 0.9418067, 0.0)),
    ],
)
def test_weights_after_reset_are_bigdls(expression: str, firsts: tuple[float, ...]) -> None:
    layer = eval(expression, vars(layers).copy())
    RNG().set_seed(11)
    layer.reset()
    np.testing.assert_allclose([weight.ravel()[0] for weight in layer.get_weights()], firsts, atol=1e-6)
