"""Files that Torch 7 wrote (`.t7`, binary), to trees of modules. Nothing in a file is run."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.module import Module

Array = np.ndarray[Any, Any]
Table = dict[Any, Any]
_NIL, _NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN = range(6)
_DEPTH = 200
# Tensors may show a number several times (`expand`), but a small file must not ask for all memory there is.
_REPEATED = 1 << 26
# The element types of Torch's storages, by their names.
_STORAGES = {
    "Float": "<f4",
    "Double": "<f8",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Byte": "u1",
    "Char": "i1",
    "Cuda": "<f4",
    "CudaDouble": "<f8",
    "CudaLong": "<i8",
}


@dataclass
class Object:
    """An object of a class of Torch: its name and its fields."""

    name: str
    fields: Table = field(default_factory=dict)


def read_objects(data: bytes, path: str) -> Any:
    """What a file holds: numbers, strings, arrays, tables (dicts) and `Object`s.

    Raises:
        ImporterError: if it is no such file, or damaged.
    """
    try:
        return _Objects(data, path).value()
    except (struct.error, UnicodeDecodeError, ValueError, TypeError) as error:
        if isinstance(error, ImporterError):
            raise
        raise ImporterError(f"{path} is damaged, or no binary file of Torch 7 ({error}).") from error


class _Objects:
    def __init__(self, data: bytes, path: str) -> None:
        self.data, self.path, self.place, self.depth = data, path, 0, 0
        self.known: dict[int, Any] = {}

    def number(self, code: str) -> Any:
        size = struct.calcsize(code)
        self.place += size
        return struct.unpack_from(code, self.data, self.place - size)[0]

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self.data):
            raise ImporterError(f"{self.path} ends in the middle; it is damaged, or no binary file of Torch 7.")
        self.place += size
        return self.data[self.place - size : self.place]

    def string(self) -> str:
        return self.take(self.number("<i")).decode("latin-1")

    def value(self) -> Any:
        self.depth += 1
        if self.depth > _DEPTH:
            raise ImporterError(f"{self.path} nests deeper than {_DEPTH} levels.")
        try:
            return self._value(self.number("<i"))
        finally:
            self.depth -= 1

    def _value(self, kind: int) -> Any:
        simple: Mapping[int, Callable[[], Any]] = {
            _NIL: lambda: None,
            _NUMBER: lambda: self.number("<d"),
            _STRING: self.string,
            _BOOLEAN: lambda: bool(self.number("<i")),
        }
        if kind in simple:
            return simple[kind]()
        if kind not in (_TABLE, _OBJECT):
            raise ImporterError(f"{self.path}, byte {self.place}: a value of type {kind}, expected one from 0 to 5.")
        identity = self.number("<i")
        if identity in self.known:
            return self.known[identity]
        return self._table(identity, {}) if kind == _TABLE else self._object(identity)

    def _table(self, identity: int, table: Table) -> Table:
        self.known[identity] = table
        for _ in range(self.number("<i")):
            key = self.value()
            table[key] = self.value()
        return table

    def _object(self, identity: int) -> Any:
        first = self.string()
        name = self.string() if first.startswith("V ") else first
        short = name.removeprefix("torch.")
        if short.endswith("Storage") and short[:-7] in _STORAGES:
            dtype = np.dtype(_STORAGES[short[:-7]])
            count = self.number("<q")
            self.known[identity] = np.frombuffer(self.take(count * dtype.itemsize), dtype)
        elif short.endswith("Tensor") and short[:-6] in _STORAGES:
            self.known[identity] = self._tensor()
        else:
            found = self.known[identity] = Object(name)
            found.fields = self.value() or {}
        return self.known[identity]

    def _tensor(self) -> Array:
        axes = self.number("<i")
        if not 0 <= axes <= 64:
            raise ImporterError(f"{self.path}, byte {self.place}: a tensor of {axes} axes; the file is damaged.")
        size, stride = [[self.number("<q") for _ in range(axes)] for _ in range(2)]
        start = self.number("<q") - 1
        numbers = self.value()
        if numbers is None or not axes:
            return np.zeros(0, np.float32)
        last = start + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
        held = len(numbers)
        if start < 0 or min(size) < 1 or min(stride) < 0 or last >= held or math.prod(size) > max(held, _REPEATED):
            raise ImporterError(f"{self.path}: a tensor of size {size} does not fit into its {len(numbers)} numbers.")
        steps = [step * numbers.itemsize for step in stride]
        return np.array(np.lib.stride_tricks.as_strided(numbers[start:], size, steps))


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one of Torch's modules, with what may be missing."""

    name: str
    table: Table
    path: str

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number.

        Raises:
            ImporterError: if it is missing and there is no default.
        """
        value = self.table.get(key, default)
        if value is None:
            raise ImporterError(f"{self.path}: a {self.name} lacks its {key}; the file is damaged.")
        return int(value)

    def array(self, key: str) -> Array | None:
        """An array of float32, or None for an empty or missing one."""
        value = self.table.get(key)
        return np.asarray(value, np.float32) if isinstance(value, np.ndarray) and value.size else None


def module_of(value: Any, path: str) -> Module:
    """The tree of an object of Torch's.

    Raises:
        ImporterError: if it is none of Torch's modules.
        UnsupportedError: for a module that does not exist here.
    """
    if not isinstance(value, Object):
        raise ImporterError(f"{path} holds a {type(value).__name__}, expected a module of Torch's package nn.")
    name = value.name.replace("cudnn.", "nn.")
    if name not in MODULES:
        raise UnsupportedError(f"{path} has a module {value.name}, which cannot be read; known are {_known()}.")
    fields = Fields(name, value.fields, path)
    children = [module_of(child, path) for _, child in sorted((value.fields.get("modules") or {}).items())]
    module = MODULES[name](fields, children)
    module.training = bool(value.fields.get("train", True))
    for parameter in ("weight", "bias"):
        array = fields.array(parameter)
        if array is not None and parameter in module.parameters:
            shape = module.parameters[parameter].shape
            if array.size != int(np.prod(shape)):
                raise ImporterError(
                    f"{path}: the {parameter} of a {name} has the shape {array.shape}, expected {shape}."
                )
            module.parameters[parameter] = array.reshape(shape)
    return module


def _known() -> str:
    return ", ".join(sorted(MODULES))


def _plain(kind: str) -> Callable[[Fields, list[Module]], Module]:
    return lambda f, children: make(kind, children)


def _linear(f: Fields, children: list[Module]) -> Module:
    weight = f.array("weight")
    if weight is None or weight.ndim != 2:
        raise ImporterError(f"{f.path}: a {f.name} has no weight of two axes; the file is damaged.")
    sizes: dict[str, Any] = {"output_size": weight.shape[0], "input_size": weight.shape[1]}
    return make("Linear", with_bias=f.array("bias") is not None, **sizes)


def _window(f: Fields, *, short: bool) -> dict[str, Any]:
    names = ("kw", "kh", "dw", "dh") if short else ("kernel_w", "kernel_h", "stride_w", "stride_h")
    keys = dict(zip(names, ("kW", "kH", "dW", "dH"), strict=True))
    sizes = {name: f.integer(key, None if key[0] == "k" else 1) for name, key in keys.items()}
    return {**sizes, "pad_w": f.integer("padW", 0), "pad_h": f.integer("padH", 0)}


def _convolution(f: Fields, children: list[Module]) -> Module:
    planes: dict[str, Any] = {"n_input_plane": f.integer("nInputPlane"), "n_output_plane": f.integer("nOutputPlane")}
    with_bias = f.array("bias") is not None
    groups = f.integer("groups", 1)
    return make("SpatialConvolution", n_group=groups, with_bias=with_bias, **planes, **_window(f, short=False))


def _max_pooling(f: Fields, children: list[Module]) -> Module:
    return make("SpatialMaxPooling", to_ceil=bool(f.table.get("ceil_mode")), **_window(f, short=True))


def _average_pooling(f: Fields, children: list[Module]) -> Module:
    options: dict[str, Any] = {
        "ceil_mode": bool(f.table.get("ceil_mode")),
        "count_include_pad": bool(f.table.get("count_include_pad", True)),
        "divide": bool(f.table.get("divide", True)),
    }
    return make("SpatialAveragePooling", **options, **_window(f, short=True))


def _batch_normalization(kind: str) -> Callable[[Fields, list[Module]], Module]:
    def convert(f: Fields, children: list[Module]) -> Module:
        mean, variance = f.array("running_mean"), f.array("running_var")
        if mean is None or variance is None:
            raise ImporterError(f"{f.path}: a {f.name} lacks running_mean and running_var (a file of old Torch).")
        options: dict[str, Any] = {
            "eps": float(f.table.get("eps", 1e-5)),
            "momentum": float(f.table.get("momentum", 0.1)),
        }
        module = make(kind, n_output=mean.size, affine=f.array("weight") is not None, **options)
        module.states = {"running_mean": mean, "running_variance": variance}
        return module

    return convert


def _padding(f: Fields, children: list[Module]) -> Module:
    keys = {"pad_left": "pad_l", "pad_right": "pad_r", "pad_top": "pad_t", "pad_bottom": "pad_b"}
    pads: dict[str, Any] = {name: f.integer(key) for name, key in keys.items()}
    return make("SpatialZeroPadding", **pads)


def _dropout(f: Fields, children: list[Module]) -> Module:
    return make("Dropout", init_p=float(f.table.get("p", 0.5)), scale=not f.table.get("v1", False))


def _normalization(f: Fields, children: list[Module]) -> Module:
    numbers: dict[str, Any] = {name: float(f.table[name]) for name in ("alpha", "beta", "k") if name in f.table}
    return make("SpatialCrossMapLRN", size=f.integer("size"), **numbers)


def _sizes(f: Fields) -> list[int]:
    return [int(size) for size in f.table["size"]]


def _threshold(f: Fields, children: list[Module]) -> Module:
    return make("Threshold", th=float(f.table.get("threshold", 0.0)), v=float(f.table.get("val", 0.0)))


# Those whose name and children say all.
_PLAIN = "CAddTable ConcatTable ParallelTable Identity LogSoftMax ReLU Sequential Sigmoid SoftMax Tanh"
MODULES: Mapping[str, Callable[[Fields, list[Module]], Module]] = {
    **{f"nn.{kind}": _plain(kind) for kind in _PLAIN.split()},
    "nn.Concat": lambda f, children: make("Concat", children, dimension=f.integer("dimension")),
    "nn.JoinTable": lambda f, children: make(
        "JoinTable", dimension=f.integer("dimension"), n_input_dims=f.integer("nInputDims", 0)
    ),
    "nn.LeakyReLU": lambda f, children: make("LeakyReLU", negval=float(f.table.get("negval", 0.01))),
    "nn.Linear": _linear,
    "nn.SpatialConvolution": _convolution,
    "nn.SpatialConvolutionMM": _convolution,
    "nn.SpatialMaxPooling": _max_pooling,
    "nn.SpatialAveragePooling": _average_pooling,
    "nn.BatchNormalization": _batch_normalization("BatchNormalization"),
    "nn.SpatialBatchNormalization": _batch_normalization("SpatialBatchNormalization"),
    "nn.SpatialZeroPadding": _padding,
    "nn.SpatialCrossMapLRN": _normalization,
    "nn.Dropout": _dropout,
    "nn.Threshold": _threshold,
    "nn.View": lambda f, children: make("View", sizes=_sizes(f)),
    "nn.Reshape": lambda f, children: make("Reshape", size=_sizes(f)),
}
