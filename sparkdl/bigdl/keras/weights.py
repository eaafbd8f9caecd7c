"""Weights of layers of Keras 1 in BigDL's arrangement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.base import Layer  # noqa: F401
from sparkdl.errors import UnsupportedError

Weights = list[Any]


def _grouped(klayer: Any, weights: Sequence[Any]) -> Weights:
    """A filter in a group of one; as it is otherwise."""
    return [np.expand_dims(weights[0], 0), *weights[1:]]


def _turned(kernel: Any, *axes: int) -> Any:
    return np.transpose(kernel, axes)


class WeightsConverter:
    """For each layer of Keras 1 (TensorFlow's dimensions), its weights in the order and shapes of BigDL's layer."""

    @staticmethod
    def get_converter(class_name: str) -> Callable[[Any, Weights], Weights]:
        """What converts the weights of a class of layers.

        Raises:
            UnsupportedError: nothing does.
        """
        found: Callable[[Any, Weights], Weights] | None = getattr(
            WeightsConverter, f"convert_{class_name.lower()}", None
        )
        if found is None:
            raise UnsupportedError(f"there is no conversion of the weights of a {class_name}.")
        return found

    @staticmethod
    def to_bigdl_weights(klayer: Any, weights: Weights) -> Weights:
        """Weights of a layer in BigDL's arrangement."""
        return WeightsConverter.get_converter(type(klayer).__name__)(klayer, weights)

    @staticmethod
    def get_bigdl_weights_from_klayer(klayer: Any) -> Weights:
        """The layer's own weights in BigDL's arrangement."""
        return WeightsConverter.to_bigdl_weights(klayer, klayer.get_weights())

    @staticmethod
    def get_weights_from_kmodel(kmodel: Any) -> Weights:
        """The weights of all layers of a model, in their order."""
        return [
            weight
            for layer in kmodel.layers
            if layer.weights
            for weight in WeightsConverter.get_bigdl_weights_from_klayer(layer)
        ]

    @staticmethod
    def convert_timedistributed(klayer: Any, weights: Weights) -> Weights:
        """Those of the layer inside."""
        return WeightsConverter.to_bigdl_weights(klayer.layer, weights)

    @staticmethod
    def convert_bidirectional(klayer: Any, weights: Weights) -> Weights:
        """Those of the layer forward, then those backward."""
        half = len(weights) // 2
        inner = getattr(klayer, "layer", None) or klayer.forward_layer
        parts = (weights[:half], weights[half:])
        return [weight for part in parts for weight in WeightsConverter.to_bigdl_weights(inner, part)]

    @staticmethod
    def convert_dense(klayer: Any, weights: Weights) -> Weights:
        """[in, out] to [out, in]."""
        return [weights[0].T, *weights[1:]]

    @staticmethod
    def convert_timedistributeddense(klayer: Any, weights: Weights) -> Weights:
        """[in, out] to [out, in]."""
        return [weights[0].T, *weights[1:]]

    @staticmethod
    def convert_embedding(klayer: Any, weights: Weights) -> Weights:
        """The table as it is."""
        return weights

    @staticmethod
    def convert_batchnormalization(klayer: Any, weights: Weights) -> Weights:
        """Scale and shift; averages are no weights."""
        return [weights[0], weights[1]]

    @staticmethod
    def convert_convolution1d(klayer: Any, weights: Weights) -> Weights:
        """[length, 1, in, out] to a group of those."""
        return _grouped(klayer, weights)

    @staticmethod
    def convert_convolution2d(klayer: Any, weights: Weights) -> Weights:
        """The filter in a group of one."""
        return _grouped(klayer, weights)

    @staticmethod
    def convert_convolution3d(klayer: Any, weights: Weights) -> Weights:
        """As they are."""
        return weights

    @staticmethod
    def convert_deconvolution2d(klayer: Any, weights: Weights) -> Weights:
        """[out, in, row, column] to a group of [in, out, row, column]."""
        return _grouped(klayer, [_turned(weights[0], 1, 0, 2, 3), *weights[1:]])

    @staticmethod
    def convert_atrousconvolution1d(klayer: Any, weights: Weights) -> Weights:
        """[length, 1, in, out] to [out, in, length, 1]."""
        return [_turned(weights[0], 3, 2, 0, 1), weights[1]]

    @staticmethod
    def convert_atrousconvolution2d(klayer: Any, weights: Weights) -> Weights:
        """As they are."""
        return weights

    @staticmethod
    def convert_separableconvolution2d(klayer: Any, weights: Weights) -> Weights:
        """With a bias of zeros where there is none."""
        if len(weights) != 2:
            return weights
        first = getattr(klayer, "dim_ordering", "th") == "th"
        return [*weights, np.zeros(weights[1].shape[0 if first else 3])]

    @staticmethod
    def convert_locallyconnected1d(klayer: Any, weights: Weights) -> Weights:
        """[place, in, out] to [place, out, in]."""
        return [_turned(weights[0], 0, 2, 1), *weights[1:]]

    @staticmethod
    def convert_locallyconnected2d(klayer: Any, weights: Weights) -> Weights:
        """[place, in, out] to [place, out, in], and a bias [row, column, out] to [place, out]."""
        return [_turned(weights[0], 0, 2, 1), *(bias.reshape(-1, bias.shape[-1]) for bias in weights[1:])]

    @staticmethod
    def convert_highway(klayer: Any, weights: Weights) -> Weights:
        """The gate, then the transformation."""
        kernels = [weights[1].T, weights[0].T]
        return kernels if len(weights) == 2 else [kernels[0], weights[3], kernels[1], weights[2]]

    @staticmethod
    def convert_maxoutdense(klayer: Any, weights: Weights) -> Weights:
        """[feature, in, out] to [feature * out, in], and the bias as a vector."""
        return [np.concatenate([part.T for part in weights[0]]), *(bias.reshape(-1) for bias in weights[1:])]

    @staticmethod
    def convert_srelu(klayer: Any, weights: Weights) -> Weights:
        """As they are."""
        return weights

    @staticmethod
    def convert_simplernn(klayer: Any, weights: Weights) -> Weights:
        """[in, out] to [out, in]."""
        return [weights[0].T, weights[1].T, weights[2]]

    @staticmethod
    def convert_lstm(klayer: Any, weights: Weights) -> Weights:
        """Twelve arrays (input, state and bias of i, c, f, o) to three."""
        kernels, states, biases = (weights[first::3] for first in range(3))
        return [
            np.concatenate([kernel.T for kernel in kernels]),
            np.concatenate(biases),
            np.concatenate([state.T for state in states]),
        ]

    @staticmethod
    def convert_gru(klayer: Any, weights: Weights) -> Weights:
        """Nine arrays (input, state and bias of z, r, h) to four, with r in front."""
        (zw, zu, zb), (rw, ru, rb), (hw, hu, hb) = (weights[first : first + 3] for first in (0, 3, 6))
        return [np.concatenate([rw.T, zw.T, hw.T]), np.concatenate([rb, zb, hb]), np.concatenate([ru.T, zu.T]), hu.T]

    @staticmethod
    def convert_convlstm2d(klayer: Any, weights: Weights) -> Weights:
        """Twelve arrays (input, state and bias of i, c, f, o), each filter in a group of one, for f, i, c, o."""
        found = []
        for first in (6, 0, 3, 9):
            kernel, state, bias = weights[first : first + 3]
            found += [np.expand_dims(kernel, 0), bias, np.expand_dims(state, 0)]
        return found
