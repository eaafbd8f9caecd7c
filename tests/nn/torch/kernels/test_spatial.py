"""Spatial layers against plain loops: strides, pads, dilation, orders of axes, values without a batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.nn import layer as bigdl
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kernels.convolution import convolve
from sparkdl.nn.torch.kernels.windows import windows
from sparkdl.nn.torch.network import network

RANDOM = np.random.RandomState(7)


def _uniform(*shape: int) -> np.ndarray:
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def _counts(size: int, kernel: int, stride: int, pad: int, ceil: bool, padded: bool) -> int:
    room = (size - kernel + 2 * pad) / stride
    count = (math.ceil(room) if ceil else math.floor(room)) + 1
    return count - 1 if padded and (count - 1) * stride >= size + pad else count


def _windows(
    x: np.ndarray, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], ceil: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of [batch, channels, *space] with NaN for padding, and whether padding lies within what was asked for."""
    wide = [(0, 0), (0, 0), *((pad, pad + k + s) for pad, k, s in zip(pads, kernel, strides, strict=True))]
    padded = np.pad(x, wide, constant_values=np.nan)
    asked = np.pad(np.zeros(x.shape[2:], bool), [(p, p) for p in pads], constant_values=True) | True
    asked = np.pad(asked, [(0, k + s) for k, s in zip(kernel, strides, strict=True)])
    axes = zip(x.shape[2:], kernel, strides, pads, strict=True)
    counts = [_counts(size, k, s, p, ceil, any(pads)) for size, k, s, p in axes]
    found, within = [], []
    for place in itertools.product(*map(range, counts)):
        part = tuple(slice(i * s, i * s + k) for i, s, k in zip(place, strides, kernel, strict=True))
        found.append(padded[(slice(None), slice(None), *part)])
        within.append(asked[part])
    shape = (*counts, *found[0].shape)
    axis = len(counts)
    windows = np.moveaxis(np.reshape(found, shape), (axis, axis + 1), (0, 1))
    return windows, np.reshape(within, (*counts, *kernel))


def _near(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, float(np.abs(expected).max())))


POOLS = list(itertools.product([(2, 3), (3, 2)], [(2, 2), (3, 1), (3, 4)], [(0, 0), (1, 1), (0, 1)], [False, True]))


@pytest.mark.parametrize(("kernel", "strides", "pads", "ceil"), POOLS)
def test_pooling(kernel: Any, strides: Any, pads: Any, ceil: bool) -> None:
    x = _uniform(2, 3, 8, 7)
    windows, within = _windows(x, kernel, strides, pads, ceil)
    given = (kernel[1], kernel[0], strides[1], strides[0], pads[1], pads[0])
    # A window may lie in the padding as a whole.
    largest = np.where(np.isnan(windows), np.finfo(np.float32).min, windows).max((4, 5))
    np.testing.assert_array_equal(bigdl.SpatialMaxPooling(*given, ceil).forward(x), largest)
    sums, counted = np.nansum(windows, (4, 5)), np.maximum((~np.isnan(windows)).sum((4, 5)), 1)
    _near(bigdl.SpatialAveragePooling(*given, False, ceil, False).forward(x), sums / counted)
    means = sums / np.maximum(within.sum((2, 3)), 1)
    _near(bigdl.SpatialAveragePooling(*given, False, ceil).forward(x), means)
    summed = bigdl.SpatialAveragePooling(*given, False, ceil, True, False).forward(x)
    _near(summed, means * math.prod(kernel))


@pytest.mark.parametrize(("strides", "pads", "ceil"), [((1, 2, 2), (0, 0, 0), False), ((2, 2, 3), (1, 0, 1), True)])
def test_pooling_of_volumes(strides: Any, pads: Any, ceil: bool) -> None:
    x, kernel = _uniform(2, 2, 5, 6, 7), (2, 3, 2)
    given = (2, 2, 3, strides[0], strides[2], strides[1], pads[0], pads[2], pads[1])
    windows, within = _windows(x, kernel, strides, pads, ceil)
    sums = np.nansum(windows, (5, 6, 7))
    _near(bigdl.VolumetricAveragePooling(*given, True, ceil).forward(x), sums / within.sum((3, 4, 5)))
    floored, _ = _windows(x, kernel, strides, pads)
    _near(bigdl.VolumetricMaxPooling(*given).forward(x), np.nanmax(floored, (5, 6, 7)))


CONVOLUTIONS = [
    ((3, 3), (1, 1), (0, 0), 1),
    ((3, 2), (2, 1), (1, 0), 1),
    ((1, 1), (2, 2), (0, 0), 1),
    ((1, 1), (3, 1), (1, 0), 2),
    ((1, 1), (1, 1), (1, 1), 1),  # windows that begin behind are left out
    ((3, 3), (2, 2), (1, 1), 2),
    ((2, 5), (1, 3), (0, 2), 4),
]


@pytest.mark.parametrize(("kernel", "strides", "pads", "groups"), CONVOLUTIONS)
def test_convolution(kernel: Any, strides: Any, pads: Any, groups: int) -> None:
    x, weight, bias = _uniform(2, 4, 9, 8), _uniform(groups, 8 // groups, 4 // groups, *kernel), _uniform(8)
    parts = zip(np.split(np.nan_to_num(_windows(x, kernel, strides, pads)[0]), groups, 1), weight, strict=True)
    expected = np.concatenate([np.einsum("bchwij,ocij->bohw", part, own) for part, own in parts], 1)
    given = (4, 8, kernel[1], kernel[0], strides[1], strides[0], pads[1], pads[0], groups)
    expected = expected + bias[:, None, None]
    _near(bigdl.SpatialConvolution(*given, init_weight=weight, init_bias=bias).forward(x), expected)
    shared = bigdl.SpatialShareConvolution(*given, init_weight=weight, init_bias=bias).forward(x)
    _near(shared[:, :, : expected.shape[2], : expected.shape[3]], expected)
    sizes = zip((9, 8), kernel, strides, pads, strict=True)
    assert shared.shape[2:] == tuple((size + 2 * pad - k) // step + 1 for size, k, step, pad in sizes)


@pytest.mark.parametrize("strides", [(2, 1), (1, 2), (3, 3)])
def test_single_elements_are_taken_out_before_they_are_convolved(strides: tuple[int, int]) -> None:
    # oneDNN's gradient for such a kernel with steps writes beyond its memory.
    x, kernel = _uniform(1, 6, 7, 2), _uniform(1, 1, 2, 3)
    axes = windows("it", (6, 7), (1, 1), strides, (0, 0))
    traced = tf.function(lambda value: convolve(value, kernel, axes)).get_concrete_function(tf.constant(x))
    steps = [list(op.get_attr("strides")) for op in traced.graph.get_operations() if op.type == "Conv2D"]
    assert steps == [[1, 1, 1, 1]]
    taken = x[:, :: strides[0], :: strides[1]]
    _near(traced(tf.constant(x)), taken @ kernel[0, 0])
    layer = bigdl.SpatialConvolution(2, 3, 1, 1, *strides[::-1], data_format="NHWC")
    gradient = _uniform(*layer.forward(x).shape)
    layer.backward(x, gradient)
    found = layer.parameters()[layer.name()]["gradWeight"]
    _near(found.reshape(2, 3), np.einsum("bhwi,bhwo->io", taken, gradient))


@pytest.mark.parametrize(("strides", "steps"), [((1, 1), (2, 3)), ((2, 3), (2, 2)), ((2, 1), (1, 1))])
def test_dilated_convolution(strides: Any, steps: Any) -> None:
    layer = bigdl.SpatialDilatedConvolution(3, 4, 2, 3, strides[1], strides[0], 1, 2, steps[1], steps[0])
    weight, bias = layer.get_weights()
    x, span = _uniform(2, 3, 12, 11), (2 * steps[0] + 1, steps[1] + 1)
    windows = np.nan_to_num(_windows(x, span, strides, (2, 1))[0])[..., :: steps[0], :: steps[1]]
    _near(layer.forward(x), np.einsum("bchwij,ocij->bohw", windows, weight) + bias[:, None, None])


@pytest.mark.parametrize(
    ("kernel", "strides", "pads", "adjustments", "groups"),
    [
        ((3, 3), (1, 1), (0, 0), (0, 0), 1),
        ((3, 2), (2, 1), (1, 0), (1, 0), 1),
        ((2, 3), (3, 2), (0, 1), (2, 1), 2),
        ((2, 2), (3, 3), (0, 0), (2, 2), 1),
    ],
)
def test_full_convolution_is_the_way_back_of_a_convolution(
    kernel: Any, strides: Any, pads: Any, adjustments: Any, groups: int
) -> None:
    x = _uniform(2, 4, 5, 6)
    given = (kernel[1], kernel[0], strides[1], strides[0], pads[1], pads[0])
    layer = bigdl.SpatialFullConvolution(4, 6, *given, adjustments[1], adjustments[0], groups, no_bias=True)
    weight = layer.get_weights()[0]
    found = layer.forward(x)
    forth = bigdl.SpatialConvolution(6, 4, *given, groups, init_weight=weight, with_bias=False)
    assert forth.forward(found).shape == x.shape
    _near(found, forth.backward(found, x))
    # A table of a value and of another one, which has the size wished for.
    plain = bigdl.SpatialFullConvolution(4, 6, *given, n_group=groups, no_bias=True)
    plain.set_weights([weight])
    _near(plain.forward([x, np.zeros_like(found)]), found)


def test_full_convolution_of_volumes_is_the_way_back_of_a_convolution() -> None:
    x = _uniform(1, 3, 3, 4, 3)
    layer = bigdl.VolumetricFullConvolution(3, 2, 2, 3, 3, 2, 1, 2, 0, 1, 1, 1, 0, 1, no_bias=True)
    forth = bigdl.VolumetricConvolution(2, 3, 2, 3, 3, 2, 1, 2, 0, 1, 1, with_bias=False)
    forth.set_weights([layer.get_weights()[0][0]])
    found = network(layer.value, x.shape[1:]).model(x).numpy()
    assert forth.forward(found).shape == x.shape
    back = forth.backward(found, x)
    _near(found, back)
    # On arrays rows and columns are mixed up as in BigDL, which makes no difference where they are as many.
    assert np.abs(layer.forward(x) - back).max() > 0.1
    _near(layer.backward(x, found), forth.forward(found))
    square = bigdl.VolumetricFullConvolution(3, 2, 2, 3, 3, 2, 2, 2, 0, 1, 1, 1, 1, 1)
    x = _uniform(1, 3, 3, 4, 4)
    _near(square.forward(x), network(square.value, x.shape[1:]).model(x).numpy())


def test_volumetric_convolution() -> None:
    layer = bigdl.VolumetricConvolution(2, 3, 2, 3, 1, 1, 2, 2, 1, 0, 1)
    weight, bias = layer.get_weights()
    x = _uniform(2, 2, 4, 5, 6)
    windows = np.nan_to_num(_windows(x, (2, 1, 3), (1, 2, 2), (1, 1, 0))[0])
    _near(layer.forward(x), np.einsum("bcthwkij,ockij->bothw", windows, weight) + bias[:, None, None, None])


@pytest.mark.parametrize("shape", [(7, 6), (6, 9)])
def test_same_padding_of_volumes_and_of_images(shape: tuple[int, int]) -> None:
    x = _uniform(1, 2, *shape)
    image = bigdl.SpatialConvolution(2, 3, 3, 2, 2, 3, -1, -1)
    expected = image.forward(x)
    assert expected.shape == (1, 3, math.ceil(shape[0] / 3), math.ceil(shape[1] / 2))
    volume = bigdl.VolumetricConvolution(2, 3, 1, 3, 2, 1, 2, 3, -1, -1, -1)
    volume.set_weights([image.get_weights()[0][0][:, :, None], image.get_weights()[1]])
    _near(volume.forward(x[:, :, None])[:, :, 0], expected)


def test_separable_convolution_reads_its_kernel_as_it_lies() -> None:
    layer = bigdl.SpatialSeparableConvolution(2, 3, 2, 3, 2, 1, 2)
    depth, point, bias = layer.get_weights()
    assert depth.shape == (2, 2, 3, 2)
    x = _uniform(2, 2, 6, 7)
    windows = _windows(x, (2, 3), (2, 1), (0, 0))[0]
    each = np.einsum("bchwij,mcij->bcmhw", windows, depth.reshape(2, 2, 2, 3)).reshape(2, 4, 3, 5)
    _near(layer.forward(x), np.einsum("bchw,oc->bohw", each, point[:, :, 0, 0]) + bias[:, None, None])


def test_convolution_map() -> None:
    table = np.array([[1, 1], [2, 1], [2, 3], [3, 2], [1, 3]], np.float32)
    layer = bigdl.SpatialConvolutionMap(table, 3, 2, 1, 2)
    weight, bias = layer.get_weights()
    assert weight.shape == (5, 2, 3) and bias.shape == (3,)
    x = _uniform(2, 3, 6, 7)
    windows = _windows(x, (2, 3), (2, 1), (0, 0))[0]
    expected = np.broadcast_to(bias[:, None, None], (2, 3, 3, 5)).copy()
    for (source, target), kernel in zip(table.astype(int) - 1, weight, strict=True):
        expected[:, target] += np.einsum("bhwij,ij->bhw", windows[:, source], kernel)
    _near(layer.forward(x), expected)


@pytest.mark.parametrize("pad", [1, -1])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_locally_connected_images_with_equal_weights_are_a_convolution(pad: int, order: str) -> None:
    given = (3, 2, 2, 1, pad, pad)
    image = bigdl.SpatialConvolution(2, 4, *given, data_format=order)
    weight, bias = image.get_weights()
    x = _uniform(2, 2, 5, 6) if order == "NCHW" else _uniform(2, 5, 6, 2)
    expected = image.forward(x)
    layer = bigdl.LocallyConnected2D(2, 6, 5, 4, *given, data_format=order)
    places = layer.get_weights()[0].shape[0]
    own = weight[0].reshape(4, -1) if order == "NCHW" else weight[0].reshape(-1, 4).T
    biases = np.repeat(bias, places).reshape(places, 4) if order == "NCHW" else np.stack([bias] * places)
    layer.set_weights([np.stack([own] * places), biases])
    _near(layer.forward(x), expected)
    single = bigdl.LocallyConnected2D(2, 6, 5, 4, *given, with_bias=False, data_format=order)
    assert len(single.get_weights()) == 1 and single.forward(x[0]).shape == expected.shape[1:]


FORMATS = [
    ("SpatialSeparableConvolution(3, 4, 2, 3, 3, 2, 2, 1, 1, data_format={!r})", (3, 7, 6)),
    ("SpatialMaxPooling(3, 2, 2, 2, 1, 1, True, {!r})", (3, 7, 6)),
    ("SpatialMaxPooling(2, 2, 2, 2, -1, -1, format={!r})", (3, 7, 5)),
    ("SpatialAveragePooling(3, 2, 2, 2, 1, 1, False, True, False, True, {!r})", (3, 7, 6)),
    ("SpatialAveragePooling(2, 2, 2, 2, -1, -1, format={!r})", (3, 7, 5)),
    ("SpatialAveragePooling(1, 1, global_pooling=True, format={!r})", (3, 7, 6)),
    ("SpatialBatchNormalization(3, data_format={!r})", (3, 4, 5)),
    ("SpatialCrossMapLRN(3, 0.5, 0.7, 2.0, {!r})", (5, 4, 3)),
    ("Cropping2D([1, 2], [0, 1], {!r})", (3, 7, 6)),
    ("UpSampling2D([2, 3], {!r})", (3, 2, 4)),
    ("ResizeBilinear(5, 3, True, {!r})", (3, 4, 6)),
    ("ResizeBilinear(5, 9, False, {!r})", (3, 4, 6)),
]


def _layer(text: str) -> Any:
    return eval(text, dict(vars(bigdl)))


@pytest.mark.parametrize(("text", "shape"), FORMATS)
def test_orders_of_axes(text: str, shape: tuple[int, ...]) -> None:
    first, last = _layer(text.format("NCHW")), _layer(text.format("NHWC"))
    weights = first.get_weights()
    if weights is not None:
        last.set_weights([_turned(w) if w.ndim == 4 else w for w in weights])
    x = _uniform(2, *shape)
    y = first.forward(x)
    _near(np.moveaxis(last.forward(np.moveaxis(x, 1, -1)), -1, 1), y)
    gradient = _uniform(*y.shape)
    back = last.backward(np.moveaxis(x, 1, -1), np.moveaxis(gradient, 1, -1))
    _near(np.moveaxis(back, -1, 1), first.backward(x, gradient))


def _turned(weight: np.ndarray) -> np.ndarray:
    """[out, in, height, width] as [height, width, in, out]; the depth weight's first axes are sizes of windows."""
    return weight.transpose(2, 3, 1, 0)


SINGLE = [
    ("SpatialConvolution(3, 4, 3, 3, 2, 2, 1, 1)", (3, 7, 6)),
    ("SpatialConvolution(3, 4, 3, 3, data_format='NHWC')", (7, 6, 3)),
    ("SpatialDilatedConvolution(3, 4, 3, 3, 1, 1, 0, 0, 2, 2)", (3, 7, 6)),
    ("SpatialFullConvolution(3, 4, 3, 3, 2, 2)", (3, 4, 5)),
    ("VolumetricConvolution(2, 3, 2, 2, 2)", (2, 4, 4, 5)),
    ("VolumetricMaxPooling(2, 2, 2, 2, 2, 2)", (2, 4, 4, 5)),
    ("VolumetricFullConvolution(2, 3, 2, 2, 2)", (2, 3, 3, 3)),
    ("TemporalConvolution(3, 4, 2)", (5, 3)),
    ("TemporalMaxPooling(2)", (5, 3)),
    ("LocallyConnected1D(5, 3, 4, 2)", (5, 3)),
    ("SpatialMaxPooling(2, 2, 2, 2)", (3, 7, 6)),
    ("SpatialAveragePooling(2, 2, 2, 2)", (3, 7, 6)),
    ("SpatialZeroPadding(1, 2, -1, 3)", (3, 7, 6)),
    ("SpatialSubtractiveNormalization(3)", (3, 12, 12)),
    ("SpatialWithinChannelLRN(3)", (3, 5, 5)),
    ("SpatialBatchNormalization(3)", (3, 5, 5)),
    ("BatchNormalization(3)", (3,)),
    ("Normalize(2.0)", (3,)),
]


@pytest.mark.parametrize(("text", "shape"), SINGLE)
def test_values_without_a_batch(text: str, shape: tuple[int, ...]) -> None:
    layer, x = _layer(text).training(False), _uniform(2, *shape)
    both = layer.forward(x)
    _near(layer.forward(x[1]), both[1])
    gradient = _uniform(*both.shape)
    back = layer.backward(x, gradient)
    layer.forward(x[1])
    _near(layer.backward(x[1], gradient[1]), back[1], 1e-4)


def test_propagate_back() -> None:
    x = _uniform(1, 2, 5, 5)
    layer = bigdl.SpatialConvolution(2, 3, 3, 3, propagate_back=False)
    layer.zero_grad_parameters()
    assert not layer.backward(x, layer.forward(x)).any()
    assert all(gradient.any() for gradient in layer.value.gradients.values())


@pytest.mark.parametrize("text", ["TemporalConvolution(3, 4, 2", "LocallyConnected1D(5, 3, 4, 2"])
def test_propagate_back_says_nothing_to_convolutions_of_frames(text: str) -> None:
    x = _uniform(2, 5, 3)
    layer = _layer(f"{text}, propagate_back=False)")
    assert layer.backward(x, layer.forward(x)).any(axis=-1).all()


REFUSED = [
    ("SpatialConvolution(2, 3, 3, 3)", (1, 3, 5, 5), DataError, "takes 2 channels, but was given 3"),
    ("SpatialConvolution(2, 3, 3, 3)", (2, 5), DataError, "takes 4 axes"),
    ("SpatialConvolution(2, 3, 7, 7)", (1, 2, 5, 5), DataError, "do not fit"),
    ("SpatialConvolution(2, 3, 3, 3, n_group=2)", (1,), ArgumentError, "groups"),
    ("SpatialConvolution(2, 3, 3, 3, 1, 1, -1, 0)", (1,), ArgumentError, "SAME"),
    ("SpatialConvolution(2, 3, 3, 3, data_format='NHCW')", (1,), ArgumentError, "NHCW"),
    ("SpatialFullConvolution(2, 3, 3, 3, 2, 2, 0, 0, 2, 0)", (1,), ArgumentError, "adj_w=2"),
    ("SpatialCrossMapLRN(4)", (1,), ArgumentError, "odd"),
    ("LocallyConnected2D(2, 6, 5, 4, 3, 3)", (1, 2, 6, 5), DataError, "was given"),
    ("Cropping2D([3, 2], [0, 0])", (1, 2, 5, 5), DataError, "nothing is left"),
    ("UpSampling2D([2])", (1,), ArgumentError, "2 numbers"),
    ("Normalize(2.0)", (1, 2, 3), DataError, "channels"),
    ("PriorBox([4.0])", (1, 2, 3, 3), DataError, "img_size"),
]


@pytest.mark.parametrize(("text", "shape", "error", "words"), REFUSED)
def test_what_is_refused(text: str, shape: tuple[int, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        _layer(text).forward(np.zeros(shape))


EQUAL = [
    ("SpatialMaxPooling(2, 2, 2, 2)", (1, 2, 4, 4)),
    ("SpatialMaxPooling(3, 3, 2, 2, 1, 1)", (1, 2, 4, 4)),
    ("VolumetricMaxPooling(2, 2, 2, 2, 2, 2)", (1, 2, 4, 4, 4)),
    ("TemporalMaxPooling(2)", (1, 4, 2)),
]


@pytest.mark.parametrize(("text", "shape"), EQUAL)
def test_the_first_of_equal_values_gets_the_gradient(text: str, shape: tuple[int, ...]) -> None:
    layer, x = _layer(text), np.zeros(shape)
    y = layer.forward(x)
    gradient = layer.backward(x, np.ones_like(y))
    assert gradient.sum() == y.size and gradient.ravel()[0] == 1
