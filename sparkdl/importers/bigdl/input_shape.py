"""What a tree of modules takes, as far as its first modules tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.module import Module

Shape = tuple[int | None, ...]


def _spatial(channels: str) -> Callable[[SimpleNamespace], Shape]:
    def shape(a: SimpleNamespace) -> Shape:
        count = getattr(a, channels)
        return (None, None, count) if str(getattr(a, "data_format", "NCHW")).upper() == "NHWC" else (count, None, None)

    return shape


# The shape of one row, by kind, from the arguments.
_TOLD: Mapping[str, Callable[[SimpleNamespace], Shape]] = {
    "Linear": lambda a: (a.input_size,),
    "Maxout": lambda a: (a.input_size,),
    "BatchNormalization": lambda a: (a.n_output,),
    "SpatialBatchNormalization": _spatial("n_output"),
    "SpatialConvolution": _spatial("n_input_plane"),
    "SpatialShareConvolution": _spatial("n_input_plane"),
    "SpatialDilatedConvolution": _spatial("n_input_plane"),
    "SpatialFullConvolution": _spatial("n_input_plane"),
    "SpatialSeparableConvolution": _spatial("n_input_channel"),
    "TemporalConvolution": lambda a: (None, a.input_frame_size),
    "VolumetricConvolution": lambda a: (a.n_input_plane, None, None, None),
    "LookupTable": lambda a: (None,),
    "FixedLookup": lambda a: (None,),
    "Reshape": lambda a: (int(np.prod(a.size)),),
}
# Modules that take any shape, so that the next one tells.
_PASSING = frozenset(
    "Identity Dropout ReLU ReLU6 Tanh Sigmoid HardTanh HardSigmoid ELU LeakyReLU Threshold Abs Square Sqrt Exp Log "
    "Power AddConstant MulConstant Contiguous Echo GaussianNoise GaussianDropout SoftPlus SoftSign Clamp "
    "Negative".split()
)
_CELLS = frozenset({"LSTM", "GRU", "RnnCell", "LSTMPeephole"})


def input_shapes(module: Module, path: str) -> Any:
    """The shape of one row, or a list of them for a table.

    Raises:
        ImporterError: if the modules do not tell.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> input_shapes(make("Sequential", [make("ReLU"), make("Linear", input_size=4, output_size=3)]), "m.bigdl")
        (4,)
    """
    found = _told(module)
    missing = [shape is None for shape in found] if isinstance(found, list) else [found is None]
    if any(missing):
        raise ImporterError(
            f"{path}: its first modules do not tell the shape of a row; give input_shape=, for instance (3, 224, 224)."
        )
    return found


def _told(module: Module) -> Any:
    kind = module.kind
    if kind in _TOLD:
        return _TOLD[kind](kind_of(kind).arguments(module))
    if kind == "Sequential":
        return next((_told(child) for child in module.children if child.kind not in _PASSING), None)
    if kind in ("Concat", "ConcatTable"):
        return next((shape for shape in map(_told, module.children) if shape is not None), None)
    if kind == "ParallelTable":
        return [_told(child) for child in module.children]
    if kind == "TimeDistributed":
        inner = _told(module.children[0])
        return None if inner is None else (None, *inner)
    if kind in ("Recurrent", "BiRecurrent"):
        cell = next((part for part in module.walk() if part.kind in _CELLS), None)
        return None if cell is None else (None, cell.arguments["input_size"])
    return _of_graph(module) if kind == "Graph" else None


def _of_graph(module: Module) -> Any:
    inputs = module.arguments["inputs"]
    shapes = [_after(module, place) for place in inputs]
    return shapes if len(inputs) > 1 else shapes[0]


def _after(module: Module, place: int) -> Shape | None:
    """What the nodes behind a place tell."""
    for other, (child, before) in enumerate(module.arguments["nodes"]):
        if place in before and child >= 0:
            part = module.children[child]
            told = _after(module, other) if part.kind in _PASSING else _told(part)
            if told is not None:
                return tuple(told)
    return None
