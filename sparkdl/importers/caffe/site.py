"""Where a converter works: blobs in one of two layouts, Keras layers with Caffe's names, and the weights they await.

Images are kept channels last, since that is what convolutions are fast in; a blob is turned around only where a layer
needs Caffe's own order, and only once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.caffe.net import Layer, Message
from sparkdl.nn.arrangement import Transpose
from sparkdl.nn.initializers import Bilinear

LARGEST = 2**29  # elements of one array of weights: the largest of published nets has a fifth of it
LARGEST_ROW = 2**27  # elements of a blob, the batch left out: those of known nets have a hundredth of it
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]")

Shape = tuple[int | None, ...]
Fill = Callable[..., Sequence[np.ndarray]]


def keras_name(name: str) -> str:
    """A name for Keras, which has no slashes and the like in names: what it forbids becomes an underscore.

    Example:
        >>> keras_name("conv1/7x7_s2")
        'conv1_7x7_s2'
    """
    cleaned = _FORBIDDEN.sub("_", name) or "layer"
    return cleaned if cleaned[0].isalnum() else f"layer{cleaned}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A tensor of the net. `last` tells that its second axis, the channels, has been moved behind all others."""

    tensor: Any
    last: bool = False

    @property
    def shape(self) -> Shape:
        """The shape as Caffe has it."""
        shape = tuple(self.tensor.shape)
        return (shape[0], shape[-1], *shape[1:-1]) if self.last else shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.tensor.shape)

    def axis(self, axis: int) -> int:
        """Where one of Caffe's axes (negative ones count from behind) lies in the tensor."""
        place = caffe_axis(axis, self.rank)
        if not self.last or place == 0:
            return place
        return self.rank - 1 if place == 1 else place - 1


def caffe_axis(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: where there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of a blob with {rank} axes")
    return axis % rank


def _check_size(row: Sequence[int | None]) -> None:
    """Raises an error for blobs that no machine holds: their sizes are mistakes."""
    if math.prod(size or 1 for size in row) > LARGEST_ROW:
        raise ValueError(f"a blob with rows of shape {tuple(row)}; expected at most {LARGEST_ROW:,} elements")


@dataclass(slots=True)
class Awaiting:
    """A Keras layer whose weights come from Caffe's blobs of these shapes."""

    layer: Any
    source: Layer
    shapes: Sequence[Sequence[int]]
    fill: Fill


@dataclass
class Builder:
    """The Keras layers made so far."""

    path: str
    phase: str
    data_format: str
    input_shapes: Mapping[str, Sequence[int]]
    inputs: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    awaiting: list[Awaiting] = field(default_factory=list)
    shared: dict[tuple[str, ...], tuple[Layer, dict[str, Any]]] = field(default_factory=dict)
    turned: dict[int, Blob] = field(default_factory=dict)

    def unique(self, name: str) -> str:
        """The name, or one like it where it is taken."""
        cleaned = candidate = keras_name(name)
        number = 1
        while candidate in self.names:
            candidate, number = f"{cleaned}_{number}", number + 1
        return candidate

    def make(self, kind: Any, inputs: Any, name: str, **config: Any) -> tuple[Any, Any]:
        """A new Keras layer, and what it makes of the inputs."""
        layer = kind(name=self.unique(name), **config)
        self.names[layer.name] = layer
        outputs = layer(inputs)
        for tensor in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            _check_size(tensor.shape[1:])
        return layer, outputs

    def rename(self, layer: Any, name: str) -> None:
        """Gives a layer another name, so that its own is free."""
        del self.names[layer.name]
        layer.name = self.unique(name)
        self.names[layer.name] = layer

    def turn(self, blob: Blob, last: bool) -> Blob:
        """The blob in the layout that is asked for. With fewer than three axes there is but one."""
        if blob.last == last:
            return blob
        if blob.rank < 3:
            return Blob(blob.tensor, last)
        known = self.turned.get(id(blob.tensor))
        if known is None or known.last != last:
            ahead, behind = list(range(2, blob.rank)), list(range(1, blob.rank - 1))
            order = [0, *ahead, 1] if last else [0, blob.rank - 1, *behind]
            name = f"{blob.tensor._keras_history.operation.name}_{'last' if last else 'first'}"
            known = Blob(self.make(Transpose, blob.tensor, name, axes=order)[1], last)
            self.turned[id(blob.tensor)], self.turned[id(known.tensor)] = known, blob
        return known


@dataclass(frozen=True, slots=True)
class Site:
    """One layer of Caffe's while it is converted."""

    builder: Builder
    layer: Layer

    def input(self, name: str, shape: Sequence[int] | None) -> Blob:
        """An input of the model for a blob; the first size of its shape is the batch."""
        known = self.builder.input_shapes.get(name)
        row = list(known) if known is not None else None if shape is None else list(shape)[1:]
        if row is None or (known is None and not shape) or min(row, default=1) < 1:
            raise ValueError(f"blob {name!r} has no shape; give input_shapes={{{name!r}: (channels, height, width)}}")
        _check_size(row)
        last = self.builder.data_format == "channels_last" and len(row) > 2
        tensor = keras.Input([*row[1:], row[0]] if last else row, name=self.builder.unique(name))
        self.builder.names[tensor.name] = tensor._keras_history.operation
        self.builder.inputs[name] = tensor
        return Blob(tensor, last)

    @property
    def anchor(self) -> Any:
        """Any input, for layers that read none: Keras has no tensors without a past."""
        if not self.builder.inputs:
            raise ValueError("it stands before all inputs")
        return next(iter(self.builder.inputs.values()))

    def first(self, blob: Blob) -> Any:
        """The blob's tensor as Caffe has it."""
        return self.builder.turn(blob, False).tensor

    def last(self, blob: Blob) -> Any:
        """The blob's tensor with the channels behind."""
        return self.builder.turn(blob, True).tensor

    def alike(self, blobs: Sequence[Blob]) -> tuple[list[Any], bool]:
        """Tensors of one layout: channels last where any of them is, and whether that is so."""
        last = any(blob.last and blob.rank > 2 for blob in blobs)
        return [self.builder.turn(blob, last).tensor for blob in blobs], last

    def add(self, kind: Any, inputs: Any, suffix: str = "", **config: Any) -> Any:
        """Adds a Keras layer without weights of the file, named like Caffe's (with a suffix where it is a helper)."""
        return self.builder.make(kind, inputs, self.layer.name + suffix, **config)[1]

    def each(self, kind: Any, blob: Blob, **config: Any) -> Blob:
        """Adds a layer for which all elements are alike."""
        return Blob(self.add(kind, blob.tensor, **config), blob.last)

    def add_filled(self, kind: Any, inputs: Any, shapes: Sequence[Sequence[int]], fill: Fill, **config: Any) -> Any:
        """Adds a Keras layer whose weights are made of Caffe's blobs.

        Args:
            kind: the class of the layer.
            inputs: the tensors that it is called on.
            shapes: the blobs that Caffe has, by their shapes.
            fill: makes the layer's weights, in Keras's order, of those blobs.
            **config: the layer's arguments.
        """
        for shape in shapes:
            size = 1
            for length in shape:
                size *= length
            if not 0 < size <= LARGEST:
                raise ValueError(f"weights of shape {tuple(shape)}")
        known = self._shared(kind, config)
        if known is not None:
            return known(inputs)
        layer, outputs = self.builder.make(kind, inputs, self.layer.name, **config)
        self.builder.awaiting.append(Awaiting(layer, self.layer, shapes, fill))
        if self.layer.shared:
            self.builder.shared[self.layer.shared] = self.layer, {"kind": kind, "config": config, "keras": layer}
        return outputs

    def _shared(self, kind: Any, config: Mapping[str, Any]) -> Any:
        """The Keras layer of another layer of Caffe's that has the same parameters by name."""
        names = set(filter(None, self.layer.shared))
        for shared, (other, made) in self.builder.shared.items():
            if not names.intersection(shared):
                continue
            alike = (kind, _lasting(config)) == (made["kind"], _lasting(made["config"]))
            if shared == self.layer.shared and "" not in shared and alike:
                return made["keras"]
            self.refuse(
                f"it shares the parameters {', '.join(sorted(names.intersection(shared)))} with {other}, but not all "
                "of its parameters and fields"
            )
        return None

    def refuse(self, why: str) -> None:
        """Raises the error for a layer that cannot be converted exactly."""
        raise UnsupportedError(f"{self.builder.path}: {self.layer} cannot be converted: {why}.")


def _lasting(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What counts of a layer's arguments where its weights are another layer's: not how they start."""
    return {name: value for name, value in config.items() if not name.endswith("_initializer")}


def fill_weights(source: Layer, awaiting: Awaiting, path: str) -> None:
    """Gives a Keras layer the weights that Caffe's layer (`source`) has in a file.

    Raises:
        ImporterError: where their number or shapes do not fit.
    """
    blobs = source.blobs
    if len(blobs) != len(awaiting.shapes):
        raise ImporterError(
            f"{path}: {source} has {len(blobs)} blobs of weights; expected {len(awaiting.shapes)}, of shapes "
            f"{', '.join(map(str, map(tuple, awaiting.shapes)))}."
        )
    fitted = []
    for index, (blob, shape) in enumerate(zip(blobs, awaiting.shapes, strict=True)):
        # Old files have four sizes for every blob, of which the first or, for channels, the last are 1.
        if _significant(blob.shape) != _significant(shape):
            raise ImporterError(
                f"{path}: blob {index} of {source} has the shape {blob.shape}; expected {tuple(shape)}, as the net's "
                "definition says."
            )
        fitted.append(blob.reshape(shape))
    for variable, value in zip(awaiting.layer.weights, awaiting.fill(*fitted), strict=True):
        variable.assign(np.ascontiguousarray(value, dtype=variable.dtype))


def _significant(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = list(shape)
    while sizes and sizes[0] == 1:
        sizes.pop(0)
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def initializer(filler: Message | None, default: str) -> Any:
    """Keras's initializer for a filler of Caffe's, for layers that find no weights in a file."""
    if filler is None:
        return default
    value = filler.get
    mode = {"FAN_OUT": "fan_out", "AVERAGE": "fan_avg"}.get(value("variance_norm", "FAN_IN"), "fan_in")
    makers: Mapping[str, Callable[[], Any]] = {
        "constant": lambda: keras.initializers.Constant(value("value", 0.0)),
        "gaussian": lambda: keras.initializers.RandomNormal(value("mean", 0.0), value("std", 1.0)),
        "uniform": lambda: keras.initializers.RandomUniform(value("min", 0.0), value("max", 1.0)),
        "xavier": lambda: keras.initializers.VarianceScaling(1.0, mode, "uniform"),
        "bilinear": Bilinear,
        "msra": lambda: keras.initializers.VarianceScaling(2.0, mode, "untruncated_normal"),
    }
    return makers.get(value("type", "constant"), lambda: default)()
