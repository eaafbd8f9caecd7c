"""A tree of modules as a net of Caffe: a prototxt and a caffemodel."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from sparkdl.errors import UnsupportedError
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.module import Array, Module

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """One layer of Caffe: its type, its parameters as (message, fields), and its blobs."""

    type: str
    message: str = ""
    fields: Parameters = field(default_factory=dict)
    blobs: Sequence[Array] = ()


Converter = Callable[[SimpleNamespace, Module], Sequence[CaffeLayer]]


def caffe_net(module: Module, shape: Sequence[int] | None = None) -> tuple[str, bytes]:
    """The text of a prototxt and the bytes of a caffemodel that compute what a tree computes outside training.

    The prototxt names its input `data`.

    Args:
        module: the tree, with one input.
        shape: of the input, the batch first; None leaves it open, so that a reader has to know it.

    Raises:
        UnsupportedError: for modules that Caffe has nothing for.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> text, _ = caffe_net(make("Linear", name="fc", input_size=4, output_size=3))
        >>> "InnerProduct" in text
        True
    """
    net = _Net()
    net.add(module, ["data"])
    sizes = "".join(f" dim: {size}" for size in shape or [])
    header = 'name: "net"\ninput: "data"\n' + (f"input_shape {{{sizes} }}\n" if sizes else "")
    weights = b"".join(_bytes_field(100, _layer_bytes(name, layer)) for name, layer, _, _ in net.layers)
    return header + "".join(_layer_text(*entry) for entry in net.layers), _bytes_field(1, b"net") + weights


@dataclass
class _Net:
    layers: list[tuple[str, CaffeLayer, list[str], str]] = field(default_factory=list)

    def add(self, module: Module, bottoms: list[str]) -> list[str]:
        """Adds a module behind blobs, and gives the blobs it ends in."""
        kind = module.kind
        if kind == "Sequential":
            for child in module.children:
                bottoms = self.add(child, bottoms)
            return bottoms
        if kind in ("Concat", "ConcatTable"):
            tops = [top for child in module.children for top in self.add(child, bottoms)]
            axis = module.arguments.get("dimension", 1) - 1
            concat = CaffeLayer("Concat", "concat_param", {"axis": axis})
            return tops if kind == "ConcatTable" else [self._append(module, concat, tops)]
        if kind == "ParallelTable":
            pairs = zip(module.children, bottoms, strict=True)
            return [top for child, bottom in pairs for top in self.add(child, [bottom])]
        if kind == "Graph":
            return self._add_graph(module, bottoms)
        if kind not in CONVERTERS:
            raise UnsupportedError(
                f"a {kind} ({module.name}) cannot be written for Caffe; what can is {', '.join(sorted(CONVERTERS))}."
            )
        for layer in CONVERTERS[kind](kind_of(kind).arguments(module), module):
            bottoms = [self._append(module, layer, bottoms)]
        return bottoms

    def _add_graph(self, module: Module, bottoms: list[str]) -> list[str]:
        inputs, ends = module.arguments["inputs"], []
        for place, (child, before) in enumerate(module.arguments["nodes"]):
            if child < 0:
                ends.append([bottoms[inputs.index(place)]])
            elif any(not isinstance(other, int) for other in before):
                raise UnsupportedError("a graph that takes values out of tables cannot be written for Caffe.")
            else:
                ends.append(self.add(module.children[child], [end for other in before for end in ends[other]]))
        return [end for place in module.arguments["outputs"] for end in ends[place]]

    def _append(self, module: Module, layer: CaffeLayer, bottoms: list[str]) -> str:
        taken = {name for name, _, _, _ in self.layers}
        stem = module.name or f"{layer.type.lower()}{len(self.layers)}"
        name = stem if stem not in taken else f"{stem}_{layer.type.lower()}"
        self.layers.append((name, layer, list(bottoms), name))
        return name


def _linear(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
    fields = {"num_output": a.output_size, "bias_term": a.with_bias}
    return [CaffeLayer("InnerProduct", "inner_product_param", fields, list(m.parameters.values()))]


def _convolution(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
    _refuse_last(a, m)
    long = hasattr(a, "kernel_w")
    names = ("kernel_h", "kernel_w", "stride_h", "stride_w") if long else ("kh", "kw", "dh", "dw")
    fields = dict(zip(("kernel_h", "kernel_w", "stride_h", "stride_w"), (getattr(a, n) for n in names), strict=True))
    fields |= {"num_output": a.n_output_plane, "pad_h": a.pad_h, "pad_w": a.pad_w, "group": getattr(a, "n_group", 1)}
    fields["bias_term"] = "bias" in m.parameters
    if min(a.pad_h, a.pad_w) < 0:
        raise UnsupportedError(f"{m.name}: Caffe has no padding that keeps sizes (-1); give numbers of pixels.")
    if getattr(a, "dilation_w", 1) != getattr(a, "dilation_h", 1):
        raise UnsupportedError(f"{m.name}: Caffe's convolutions have one dilation for both axes.")
    fields["dilation"] = getattr(a, "dilation_w", 1)
    weight = m.parameters["weight"]
    blobs = [weight.reshape(-1, *weight.shape[-3:]), *([m.parameters["bias"]] if "bias" in m.parameters else [])]
    return [CaffeLayer("Convolution", "convolution_param", fields, blobs)]


def _pooling(method: str) -> Converter:
    def convert(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
        _refuse_last(a, m)
        if getattr(a, "global_pooling", False):
            return [CaffeLayer("Pooling", "pooling_param", {"pool": _Word(method), "global_pooling": True})]
        ceil = getattr(a, "to_ceil", False) or getattr(a, "ceil_mode", False)
        word, rounding = _Word(method), _Word(_MODES[ceil])
        fields = {"kernel_h": a.kh, "kernel_w": a.kw, "stride_h": a.dh, "stride_w": a.dw}
        fields |= {"pad_h": a.pad_h, "pad_w": a.pad_w}
        return [CaffeLayer("Pooling", "pooling_param", {"pool": word, **fields, "round_mode": rounding})]

    return convert


class _Word(str):
    """A value of an enum, which stands without quotes."""


_MODES = {True: "CEIL", False: "FLOOR"}


def _batch_normalization(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
    _refuse_last(a, m)
    moments = [m.states["running_mean"], m.states["running_variance"], np.ones(1, np.float32)]
    layers = [CaffeLayer("BatchNorm", "batch_norm_param", {"eps": a.eps, "use_global_stats": True}, moments)]
    if m.parameters:
        layers.append(CaffeLayer("Scale", "scale_param", {"bias_term": True}, list(m.parameters.values())))
    return layers


def _reshape(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
    sizes = getattr(a, "size", None) or a.sizes
    return [CaffeLayer("Reshape", "reshape_param", {"shape": {"dim": [0, *map(int, sizes)]}})]


def _normalization(a: SimpleNamespace, m: Module) -> Sequence[CaffeLayer]:
    fields = {"local_size": a.size, "alpha": a.alpha, "beta": a.beta, "k": a.k}
    return [CaffeLayer("LRN", "lrn_param", fields)]


def _eltwise(operation: str) -> Converter:
    return lambda a, m: [CaffeLayer("Eltwise", "eltwise_param", {"operation": _Word(operation)})]


def _simple(kind: str) -> Converter:
    return lambda a, m: [CaffeLayer(kind)]


def _refuse_last(a: SimpleNamespace, m: Module) -> None:
    if str(getattr(a, "data_format", getattr(a, "format", "NCHW"))).upper() != "NCHW":
        raise UnsupportedError(f"{m.name}: Caffe's layers have the channels before height and width (NCHW).")


CONVERTERS: Mapping[str, Converter] = {
    "Linear": _linear,
    "SpatialConvolution": _convolution,
    "SpatialShareConvolution": _convolution,
    "SpatialDilatedConvolution": _convolution,
    "SpatialMaxPooling": _pooling("MAX"),
    "SpatialAveragePooling": _pooling("AVE"),
    "SpatialBatchNormalization": _batch_normalization,
    "SpatialCrossMapLRN": _normalization,
    "Reshape": _reshape,
    "View": _reshape,
    "JoinTable": lambda a, m: [CaffeLayer("Concat", "concat_param", {"axis": a.dimension - 1})],
    "CAddTable": _eltwise("SUM"),
    "CMulTable": _eltwise("PROD"),
    "CMaxTable": _eltwise("MAX"),
    "Dropout": lambda a, m: [CaffeLayer("Dropout", "dropout_param", {"dropout_ratio": a.init_p})],
    "ELU": lambda a, m: [CaffeLayer("ELU", "elu_param", {"alpha": a.alpha})],
    "LeakyReLU": lambda a, m: [CaffeLayer("ReLU", "relu_param", {"negative_slope": a.negval})],
    "Power": lambda a, m: [CaffeLayer("Power", "power_param", {"power": a.power, "scale": a.scale, "shift": a.shift})],
    "LogSoftMax": lambda a, m: [CaffeLayer("Softmax"), CaffeLayer("Log")],
    **{
        kind: _simple(name)
        for kind, name in {"ReLU": "ReLU", "Sigmoid": "Sigmoid", "Tanh": "TanH", "Abs": "AbsVal"}.items()
    },
    **{kind: _simple(kind) for kind in ("Exp", "Log")},
    "SoftMax": _simple("Softmax"),
    "Identity": lambda a, m: [],
}


def _layer_text(name: str, layer: CaffeLayer, bottoms: Sequence[str], top: str) -> str:
    lines = [f'  name: "{name}"', f'  type: "{layer.type}"', *(f'  bottom: "{bottom}"' for bottom in bottoms)]
    lines.append(f'  top: "{top}"')
    if layer.message:
        lines.append(_message_text(layer.message, layer.fields, "  "))
    return "layer {\n" + "\n".join(lines) + "\n}\n"


def _message_text(name: str, fields: Parameters, indent: str) -> str:
    parts = []
    for key, value in fields.items():
        if isinstance(value, Mapping):
            parts.append(_message_text(key, value, f"{indent}  "))
        else:
            for one in value if isinstance(value, list) else [value]:
                parts.append(f"{indent}  {key}: {str(one).lower() if isinstance(one, bool) else one}")
    return f"{indent}{name} {{\n" + "\n".join(parts) + f"\n{indent}}}"


def _layer_bytes(name: str, layer: CaffeLayer) -> bytes:
    blobs = b"".join(_bytes_field(7, _blob_bytes(np.asarray(blob))) for blob in layer.blobs)
    return _bytes_field(1, name.encode()) + _bytes_field(2, layer.type.encode()) + blobs


def _blob_bytes(blob: Array) -> bytes:
    shape = b"".join(_varint(size) for size in blob.shape)
    return _bytes_field(7, _bytes_field(1, shape)) + _bytes_field(5, blob.astype("<f4").tobytes())


def _bytes_field(number: int, data: bytes) -> bytes:
    """A field of protobuf's binary format that holds bytes, a message, or packed numbers."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return struct.pack(f"{len(parts) + 1}B", *parts, value)
