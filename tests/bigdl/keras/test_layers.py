"""Keras-style layers that Keras 3 has too, compared with it: outputs, gradients of the input and of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.keras import layers as L

K = keras.layers
Weights = list[Any]


def hard_sigmoid(x: Any) -> Any:
    """Keras 1's; Keras 3 has another slope."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def last(x: Any) -> Any:
    """Channels behind the places."""
    return np.moveaxis(x, 1, -1)


def first(x: Any) -> Any:
    """Channels before the places."""
    return np.moveaxis(x, -1, 1)


def same(x: Any) -> Any:
    return x


def dense(w: Weights) -> Weights:
    return [w[0].T, *w[1:]]


def conv(w: Weights) -> Weights:
    """Torch's (group,) out, in, places to Keras's places, in, out."""
    kernel = w[0][0] if w[0].ndim == 5 and w[0].shape[0] == 1 else w[0]
    return [np.moveaxis(kernel, (0, 1), (-1, -2)), *w[1:]]


def conv_last(w: Weights) -> Weights:
    """Torch's group, rows, columns, in, out."""
    return [w[0][0], *w[1:]]


def conv1(w: Weights) -> Weights:
    return [w[0][0][:, 0], *w[1:]]


def atrous1(w: Weights) -> Weights:
    return [np.moveaxis(w[0][..., 0], (0, 1), (2, 1)), *w[1:]]


def deconv(w: Weights) -> Weights:
    """Torch's group, in, out, rows, columns to Keras's rows, columns, out, in."""
    return [np.transpose(w[0][0], (2, 3, 1, 0)), *w[1:]]


def separable(w: Weights) -> Weights:
    """Depthwise: multiplier, in, rows, columns; pointwise: out, in * multiplier, 1, 1."""
    depth, point, *bias = w
    return [np.transpose(depth, (2, 3, 1, 0)), np.transpose(point, (2, 3, 1, 0)), *bias]


def lstm(w: Weights) -> Weights:
    """Gates in the order i, c, f, o to i, f, c, o."""
    return [_gates(w[0].T, (0, 2, 1, 3)), _gates(w[2].T, (0, 2, 1, 3)), _gates(w[1], (0, 2, 1, 3))]


def gru(w: Weights) -> Weights:
    """Gates in the order r, z, h to z, r, h."""
    kernel, bias, gates, candidate = w
    recurrent = np.concatenate([_gates(gates.T, (1, 0)), candidate.T], -1)
    return [_gates(kernel.T, (1, 0, 2)), recurrent, _gates(bias, (1, 0, 2))]


def _gates(x: Any, order: Sequence[int]) -> Any:
    parts = np.split(x, len(order), -1)
    return np.concatenate([parts[place] for place in order], -1)


def rnn(w: Weights) -> Weights:
    return [w[0].T, w[1].T, w[2]]


def both(each: Callable[[Weights], Weights]) -> Callable[[Weights], Weights]:
    def weights(w: Weights) -> Weights:
        half = len(w) // 2
        return each(w[:half]) + each(w[half:])

    return weights


@dataclass(frozen=True)
class Case:
    """One layer on both sides.

    Attributes:
        mine: makes it here.
        theirs: makes it in Keras.
        shape: of a row; a list of them for a table.
        weights: Keras's weights of those here.
        into: the input for Keras of the one here; None where both take the same.
        back: the output here of Keras's.
    """

    mine: Callable[..., Any]
    theirs: Callable[..., Any]
    shape: Any
    weights: Callable[[Weights], Weights] = same
    into: Callable[[Any], Any] = same
    back: Callable[[Any], Any] = same


def images(mine: Any, theirs: Any, shape: Any, weights: Any = same) -> Case:
    """Channels first here, last in Keras."""
    return Case(mine, theirs, shape, weights, last, first)


def pooled(mine: Any, theirs: Any, shape: Any) -> Case:
    """Images or volumes of which vectors remain."""
    return Case(mine, theirs, shape, into=last)


CASES = {
    "activation": Case(lambda s: L.Activation("softplus", s), lambda: K.Activation("softplus"), (4,)),
    "dense": Case(lambda s: L.Dense(3, activation="tanh", input_shape=s), lambda: K.Dense(3, "tanh"), (4,), dense),
    "dense_deep": Case(lambda s: L.Dense(3, input_shape=s), lambda: K.Dense(3), (2, 5, 4), dense),
    "dense_plain": Case(
        lambda s: L.Dense(3, bias=False, activation="softmax", input_shape=s),
        lambda: K.Dense(3, "softmax", use_bias=False),
        (4,),
        dense,
    ),
    "flatten": Case(lambda s: L.Flatten(s), lambda: K.Flatten(), (2, 3, 4)),
    "reshape": Case(lambda s: L.Reshape((4, -1), s), lambda: K.Reshape((4, -1)), (3, 8)),
    "permute": Case(lambda s: L.Permute((3, 1, 2), s), lambda: K.Permute((3, 1, 2)), (2, 3, 4)),
    "repeat": Case(lambda s: L.RepeatVector(3, input_shape=s), lambda: K.RepeatVector(3), (4,)),
    "elu": Case(lambda s: L.ELU(0.5, s), lambda: K.ELU(0.5), (4,)),
    "leaky_relu": Case(lambda s: L.LeakyReLU(0.1, s), lambda: K.LeakyReLU(negative_slope=0.1), (4,)),
    "conv1": Case(
        lambda s: L.Convolution1D(3, 2, activation="relu", input_shape=s),
        lambda: K.Conv1D(3, 2, activation="relu"),
        (6, 4),
        conv1,
    ),
    "conv1_same": Case(
        lambda s: L.Conv1D(3, 3, border_mode="same", subsample_length=2, input_shape=s),
        lambda: K.Conv1D(3, 3, strides=2, padding="same"),
        (7, 4),
        conv1,
    ),
    "atrous1": Case(
        lambda s: L.AtrousConvolution1D(3, 2, atrous_rate=2, input_shape=s),
        lambda: K.Conv1D(3, 2, dilation_rate=2),
        (7, 4),
        atrous1,
    ),
    "conv2": images(
        lambda s: L.Convolution2D(3, 2, 3, subsample=(2, 1), activation="relu", input_shape=s),
        lambda: K.Conv2D(3, (2, 3), strides=(2, 1), activation="relu"),
        (2, 6, 7),
        conv,
    ),
    "conv2_same": images(
        lambda s: L.Conv2D(3, 3, 3, border_mode="same", subsample=(2, 2), input_shape=s),
        lambda: K.Conv2D(3, 3, strides=2, padding="same"),
        (2, 6, 7),
        conv,
    ),
    "conv2_tf": Case(
        lambda s: L.Convolution2D(3, 2, 3, dim_ordering="tf", bias=False, input_shape=s),
        lambda: K.Conv2D(3, (2, 3), use_bias=False),
        (6, 7, 2),
        conv_last,
    ),
    "conv2_pads": images(
        lambda s: L.Convolution2D(3, 3, 3, border_mode=None, pads=(1, 1), input_shape=s),
        lambda: K.Conv2D(3, 3, padding="same"),
        (2, 5, 5),
        conv,
    ),
    "share_conv2": images(
        lambda s: L.ShareConvolution2D(3, 3, 3, pad_h=1, pad_w=1, input_shape=s),
        lambda: K.Conv2D(3, 3, padding="same"),
        (2, 5, 5),
        conv,
    ),
    "atrous2": images(
        lambda s: L.AtrousConvolution2D(3, 2, 2, atrous_rate=(2, 2), input_shape=s),
        lambda: K.Conv2D(3, 2, dilation_rate=2),
        (2, 7, 6),
        conv,
    ),
    "deconv2": images(
        lambda s: L.Deconvolution2D(3, 2, 3, None, subsample=(2, 2), input_shape=s),
        lambda: K.Conv2DTranspose(3, (2, 3), strides=2),
        (2, 4, 5),
        deconv,
    ),
    "separable": images(
        lambda s: L.SeparableConvolution2D(3, 2, 2, depth_multiplier=2, input_shape=s),
        lambda: K.SeparableConv2D(3, 2, depth_multiplier=2),
        (2, 5, 6),
        separable,
    ),
    "conv3": images(
        lambda s: L.Convolution3D(3, 2, 3, 2, subsample=(1, 2, 1), input_shape=s),
        lambda: K.Conv3D(3, (2, 3, 2), strides=(1, 2, 1)),
        (2, 4, 5, 4),
        conv,
    ),
    "conv3_same": images(
        lambda s: L.Conv3D(2, 3, 3, 3, border_mode="same", input_shape=s),
        lambda: K.Conv3D(2, 3, padding="same"),
        (2, 4, 4, 4),
        conv,
    ),
    "up1": Case(lambda s: L.UpSampling1D(3, s), lambda: K.UpSampling1D(3), (4, 2)),
    "up2": images(lambda s: L.UpSampling2D((2, 3), input_shape=s), lambda: K.UpSampling2D((2, 3)), (2, 3, 3)),
    "up2_tf": Case(lambda s: L.UpSampling2D((2, 3), "tf", s), lambda: K.UpSampling2D((2, 3)), (3, 3, 2)),
    "up3": images(lambda s: L.UpSampling3D((2, 1, 3), input_shape=s), lambda: K.UpSampling3D((2, 1, 3)), (2, 2, 3, 2)),
    "pad1": Case(lambda s: L.ZeroPadding1D((1, 2), s), lambda: K.ZeroPadding1D((1, 2)), (3, 2)),
    "pad2": images(
        lambda s: L.ZeroPadding2D((1, 0, 2, 3), input_shape=s), lambda: K.ZeroPadding2D(((1, 0), (2, 3))), (2, 3, 3)
    ),
    "pad2_tf": Case(lambda s: L.ZeroPadding2D((1, 2), "tf", s), lambda: K.ZeroPadding2D((1, 2)), (3, 3, 2)),
    "pad3": images(
        lambda s: L.ZeroPadding3D((1, 0, 2), input_shape=s), lambda: K.ZeroPadding3D((1, 0, 2)), (2, 3, 3, 2)
    ),
    "crop1": Case(lambda s: L.Cropping1D((1, 2), s), lambda: K.Cropping1D((1, 2)), (6, 2)),
    "crop2": images(
        lambda s: L.Cropping2D(((1, 0), (2, 1)), input_shape=s), lambda: K.Cropping2D(((1, 0), (2, 1))), (2, 5, 6)
    ),
    "crop2_tf": Case(
        lambda s: L.Cropping2D(((1, 0), (2, 1)), "tf", s), lambda: K.Cropping2D(((1, 0), (2, 1))), (5, 6, 2)
    ),
    "crop3": images(lambda s: L.Cropping3D(input_shape=s), lambda: K.Cropping3D(1), (2, 4, 5, 3)),
    "max1": Case(lambda s: L.MaxPooling1D(input_shape=s), lambda: K.MaxPooling1D(), (7, 3)),
    "max1_same": Case(lambda s: L.MaxPooling1D(3, 2, "same", s), lambda: K.MaxPooling1D(3, 2, padding="same"), (6, 3)),
    "mean1": Case(lambda s: L.AveragePooling1D(3, input_shape=s), lambda: K.AveragePooling1D(3), (7, 3)),
    "max2": images(lambda s: L.MaxPooling2D((2, 3), input_shape=s), lambda: K.MaxPooling2D((2, 3)), (2, 6, 7)),
    "max2_same": images(
        lambda s: L.MaxPooling2D((3, 3), (2, 2), "same", input_shape=s),
        lambda: K.MaxPooling2D(3, 2, padding="same"),
        (2, 6, 7),
    ),
    "max2_tf": Case(lambda s: L.MaxPooling2D(dim_ordering="tf", input_shape=s), lambda: K.MaxPooling2D(), (6, 6, 2)),
    "mean2": images(lambda s: L.AveragePooling2D(input_shape=s), lambda: K.AveragePooling2D(2), (2, 6, 7)),
    "mean2_same": images(
        lambda s: L.AveragePooling2D((3, 3), (2, 2), "same", input_shape=s),
        lambda: K.AveragePooling2D(3, 2, padding="same"),
        (2, 6, 7),
    ),
    "max3": images(lambda s: L.MaxPooling3D((2, 2, 3), input_shape=s), lambda: K.MaxPooling3D((2, 2, 3)), (2, 4, 5, 6)),
    "mean3": images(lambda s: L.AveragePooling3D(input_shape=s), lambda: K.AveragePooling3D(2), (2, 4, 4, 4)),
    "global_max1": Case(lambda s: L.GlobalMaxPooling1D(s), lambda: K.GlobalMaxPooling1D(), (5, 3)),
    "global_mean1": Case(lambda s: L.GlobalAveragePooling1D(s), lambda: K.GlobalAveragePooling1D(), (5, 3)),
    "global_max2": pooled(lambda s: L.GlobalMaxPooling2D(input_shape=s), lambda: K.GlobalMaxPooling2D(), (2, 4, 5)),
    "global_mean2": pooled(
        lambda s: L.GlobalAveragePooling2D(input_shape=s), lambda: K.GlobalAveragePooling2D(), (2, 4, 5)
    ),
    "global_mean2_tf": Case(lambda s: L.GlobalAveragePooling2D("tf", s), lambda: K.GlobalAveragePooling2D(), (4, 5, 2)),
    "global_max3": pooled(lambda s: L.GlobalMaxPooling3D(input_shape=s), lambda: K.GlobalMaxPooling3D(), (2, 3, 4, 3)),
    "global_mean3": pooled(
        lambda s: L.GlobalAveragePooling3D(input_shape=s), lambda: K.GlobalAveragePooling3D(), (2, 3, 4, 3)
    ),
    "rnn": Case(lambda s: L.SimpleRNN(3, input_shape=s), lambda: K.SimpleRNN(3), (5, 4), rnn),
    "lstm": Case(
        lambda s: L.LSTM(3, input_shape=s), lambda: K.LSTM(3, recurrent_activation=hard_sigmoid), (5, 4), lstm
    ),
    "lstm_backwards": Case(
        lambda s: L.LSTM(3, inner_activation="sigmoid", return_sequences=True, go_backwards=True, input_shape=s),
        lambda: K.LSTM(3, return_sequences=True, go_backwards=True),
        (5, 4),
        lstm,
    ),
    "gru": Case(
        lambda s: L.GRU(3, return_sequences=True, input_shape=s),
        lambda: K.GRU(3, recurrent_activation=hard_sigmoid, return_sequences=True, reset_after=False),
        (5, 4),
        gru,
    ),
    "bidirectional": Case(
        lambda s: L.Bidirectional(L.LSTM(3, inner_activation="sigmoid", return_sequences=True), input_shape=s),
        lambda: K.Bidirectional(K.LSTM(3, return_sequences=True)),
        (5, 4),
        both(lstm),
    ),
    "bidirectional_sum": Case(
        lambda s: L.Bidirectional(L.GRU(3, inner_activation="sigmoid", return_sequences=True), "sum", input_shape=s),
        lambda: K.Bidirectional(K.GRU(3, return_sequences=True, reset_after=False), "sum"),
        (5, 4),
        both(gru),
    ),
    "steps": Case(lambda s: L.TimeDistributed(L.Dense(3), s), lambda: K.TimeDistributed(K.Dense(3)), (5, 4), dense),
    "merge_sum": Case(lambda s: L.Merge(input_shape=s), lambda: K.Add(), [(3,), (3,)]),
    "merge_mul": Case(lambda s: L.Merge(mode="mul", input_shape=s), lambda: K.Multiply(), [(3,), (3,), (3,)]),
    "merge_ave": Case(lambda s: L.Merge(mode="ave", input_shape=s), lambda: K.Average(), [(3,), (3,)]),
    "merge_max": Case(lambda s: L.Merge(mode="max", input_shape=s), lambda: K.Maximum(), [(3,), (3,)]),
    "merge_min": Case(lambda s: L.Merge(mode="min", input_shape=s), lambda: K.Minimum(), [(3,), (3,)]),
    "merge_sub": Case(lambda s: L.Merge(mode="sub", input_shape=s), lambda: K.Subtract(), [(3,), (3,)]),
    "merge_concat": Case(
        lambda s: L.Merge(mode="concat", concat_axis=1, input_shape=s), lambda: K.Concatenate(axis=1), [(2, 3), (4, 3)]
    ),
    "merge_dot": Case(lambda s: L.Merge(mode="dot", input_shape=s), lambda: K.Dot(1), [(3,), (3,)]),
    "merge_cos": Case(
        lambda s: L.Merge(mode="cos", input_shape=s),
        lambda: K.Dot(1, normalize=True),
        [(3,), (3,)],
        back=lambda y: y[:, None],
    ),
}


def inputs(case: Case) -> Any:
    random = np.random.RandomState(5)
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    arrays = [random.uniform(-1, 1, (3, *shape)).astype(np.float32) for shape in shapes]
    return arrays if isinstance(case.shape, list) else arrays[0]


def close(mine: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    assert np.shape(mine) == np.shape(theirs)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * max(1.0, float(np.abs(theirs).max())))


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients(name: str) -> None:
    case = CASES[name]
    layer, x = case.mine(case.shape), inputs(case)
    table = isinstance(x, list)
    mine = layer.forward(x)
    assert layer.get_output_shape()[1:] == mine.shape[1:]

    theirs = case.theirs()
    given = tf.nest.map_structure(lambda part: tf.constant(case.into(part)), x)
    theirs(given)
    theirs.set_weights(case.weights(layer.get_weights() or []))
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = theirs(given)
    close(mine, case.back(output.numpy()))

    random = np.random.RandomState(6)
    upstream = random.uniform(-1, 1, mine.shape).astype(np.float32)
    probe = tf.constant(upstream)
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = theirs(given)
        loss = tf.reduce_sum(tf.convert_to_tensor(output) * _moved(case, output, probe))
    found, of_weights = tape.gradient(loss, [given, [v.value for v in theirs.trainable_variables]])
    gradient = layer.backward(x, upstream)
    for one, other, part in zip(*([gradient], [found], [x]) if not table else (gradient, found, x), strict=True):
        close(one, _back(case, other.numpy(), part), 1e-4)
    expected = [module.gradients[name] for module, name in layer.value.weights()]
    for one, other in zip(case.weights(expected), of_weights, strict=True):
        close(one, other.numpy(), 1e-4)


def _moved(case: Case, output: Any, probe: Any) -> Any:
    """The gradient given here, in the layout of Keras's output."""
    if case.back is first:
        return tf.constant(last(probe.numpy()))
    return tf.reshape(probe, output.shape)


def _back(case: Case, gradient: Any, x: Any) -> Any:
    return first(gradient) if case.into is last else gradient
