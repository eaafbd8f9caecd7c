"""Layers that no answer of Caffe was recorded for, with what its definition of them says in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class OwnCase:
    """One layer over inputs, each given with its values; `weights` are its blobs, `tops` how many answers it has."""

    type: str
    fields: str
    inputs: Arrays
    expected: Callable[..., Any]
    weights: tuple[np.ndarray, ...] = ()
    tops: int = 1
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The net."""
        layers = [
            f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
            + " ".join(f"dim: {size}" for size in value.shape)
            + " } } }"
            for name, value in self.inputs.items()
        ]
        bottoms = " ".join(f'bottom: "{name}"' for name in self.inputs)
        tops = " ".join(f'top: "{name}"' for name in self.names)
        return "\n".join([*layers, f'layer {{ name: "l" type: "{self.type}" {bottoms} {tops} {self.fields} }}'])

    @property
    def names(self) -> list[str]:
        """The blobs that the layer makes."""
        return ["l", *(f"l{number}" for number in range(1, self.tops))]


_DICE = np.random.default_rng(4)


def _values(*shape: int) -> np.ndarray:
    return _DICE.normal(size=shape).astype("float32")


def _log_sigmoid_loss(x: np.ndarray, y: np.ndarray) -> Any:
    p = 1 / (1 + np.exp(-x.astype("float64")))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / len(x)


def _contrastive(a: np.ndarray, b: np.ndarray, alike: np.ndarray) -> Any:
    squares = ((a - b) ** 2).sum(1)
    unlike = np.maximum(1.5 - np.sqrt(squares), 0) ** 2
    return (alike * squares + (1 - alike) * unlike).sum() / 2 / len(a)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10)


_LABELS = np.array([1, 0, 2, 1], "float32")
_IMAGE = _values(2, 3, 4, 5)
_FACTORS = _values(3)
_KERNEL = _values(3, 1, 1, 1)
_SPREAD = _values(3, 1, 2, 3)

OWN_CASES = [
    OwnCase("Log", "log_param { base: 2 scale: 0.5 shift: 3 }", {"x": np.abs(_IMAGE)}, lambda x: np.log2(3 + 0.5 * x)),
    OwnCase("Bias", "", {"x": _IMAGE}, lambda x: x + _FACTORS[:, None, None], (_FACTORS,)),
    OwnCase("Bias", "bias_param { axis: 0 }", {"x": _IMAGE, "y": _values(2, 3)}, lambda x, y: x + y[:, :, None, None]),
    OwnCase(
        "Scale",
        "scale_param { axis: 2 num_axes: 2 bias_term: true }",
        {"x": _IMAGE},
        lambda x: x * np.arange(20).reshape(4, 5) + 1,
        (np.arange(20, dtype="float32").reshape(4, 5), np.ones((4, 5), "float32")),
    ),
    OwnCase(
        "Normalize",
        "norm_param { across_spatial: false channel_shared: false scale_filler { type: 'constant' value: 20 } }",
        {"x": _IMAGE},
        lambda x: _unit(x) * _FACTORS[:, None, None],
        (_FACTORS,),
    ),
    OwnCase(
        "Permute",
        "permute_param { order: 0 order: 2 order: 3 order: 1 }",
        {"x": _IMAGE},
        lambda x: x.transpose(0, 2, 3, 1),
    ),
    OwnCase("Permute", "permute_param { order: 0 order: 3 }", {"x": _IMAGE}, lambda x: x.transpose(0, 3, 1, 2)),
    OwnCase("Upsample", "upsample_param { scale: 2 }", {"x": _IMAGE}, lambda x: x.repeat(2, 2).repeat(2, 3)),
    OwnCase(
        "DepthwiseConvolution",
        "convolution_param { num_output: 3 group: 3 kernel_size: 1 bias_term: false }",
        {"x": _IMAGE},
        lambda x: x * _KERNEL[:, 0],
        (_KERNEL,),
    ),
    OwnCase(
        "ConvolutionDepthwise",
        "convolution_param { num_output: 3 kernel_size: 1 stride: 2 bias_term: false }",
        {"x": _IMAGE},
        lambda x: (x * _KERNEL[:, 0])[:, :, ::2, ::2],
        (_KERNEL,),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 3 kernel_size: 1 stride: 2 bias_term: false }",
        {"x": _IMAGE[:, :1]},
        lambda x: np.stack(
            [np.insert(np.insert(x[:, 0], [1, 2, 3], 0, 1), [1, 2, 3, 4], 0, 2) * k for k in (2, 3, 4)], 1
        ),
        (np.array([2, 3, 4], "float32").reshape(1, 3, 1, 1),),
    ),
    OwnCase(
        "Deconvolution",
        "convolution_param { num_output: 3 group: 3 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 3 }",
        {"x": _IMAGE},
        lambda x: np.einsum("nchw,cij->nchiwj", x, _SPREAD[:, 0]).reshape(2, 3, 8, 15) + _FACTORS[:, None, None],
        (_SPREAD, _FACTORS),
    ),
    OwnCase("Eltwise", "eltwise_param { operation: SUM }", {"x": _IMAGE}, lambda x: x),
    OwnCase(
        "Softmax", "softmax_param { axis: 2 }", {"x": _IMAGE}, lambda x: np.exp(x) / np.exp(x).sum(2, keepdims=True)
    ),
    OwnCase(
        "Reduction", "reduction_param { operation: ASUM axis: 1 }", {"x": _IMAGE}, lambda x: np.abs(x).sum((1, 2, 3))
    ),
    OwnCase("ArgMax", "argmax_param { axis: 1 out_max_val: true }", {"x": _IMAGE}, lambda x: x.max(1, keepdims=True)),
    OwnCase(
        "MVN", "mvn_param { normalize_variance: false }", {"x": _IMAGE}, lambda x: x - x.mean((2, 3), keepdims=True)
    ),
    OwnCase(
        "EuclideanLoss", "", {"x": _values(4, 3), "y": _values(4, 3)}, lambda x, y: ((x - y) ** 2).sum() / 2 / len(x)
    ),
    OwnCase("SigmoidCrossEntropyLoss", "", {"x": _values(4, 3), "y": np.abs(_values(4, 3)) % 1}, _log_sigmoid_loss),
    OwnCase(
        "MultinomialLogisticLoss",
        "",
        {"x": np.abs(_values(4, 3)), "y": _LABELS},
        lambda x, y: -np.log(x[range(4), y.astype(int)]).mean(),
    ),
    OwnCase(
        "ContrastiveLoss",
        "contrastive_loss_param { margin: 1.5 }",
        {"a": _values(4, 3), "b": _values(4, 3), "alike": np.array([0, 1, 0, 1], "float32")},
        _contrastive,
    ),
    OwnCase(
        "Accuracy",
        "accuracy_param { ignore_label: 2 }",
        {"x": np.eye(3, dtype="float32")[[1, 1, 1, 1]], "y": _LABELS},
        lambda x, y: np.float32(2 / 3),
    ),
]
