"""A net as it stands in one phase: rules applied, names and inputs checked, weights joined to their layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError
from sparkdl.importers.caffe.blobs import Blobs

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a net: what it is, what it reads and makes, the fields given, its weights where there are any."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message
    blobs: tuple[np.ndarray, ...] = ()
    shared: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()  # the layers of a file of weights whose blobs are this one's, if not its own

    def __str__(self) -> str:
        return f"layer {self.name!r} ({self.type})"


@dataclass(frozen=True, slots=True)
class Net:
    """The layers of a net in the order of the file, which is the order in which they run."""

    name: str
    path: str
    phase: str
    layers: Sequence[Layer] = field(default_factory=tuple)


def resolve(message: Message, path: str, phase: str, level: int = 0, stages: Iterable[str] = ()) -> Net:
    """The layers that belong to a phase.

    Args:
        message: an upgraded net.
        path: the file, for error messages.
        phase: "TRAIN" or "TEST".
        level: the level of the net's state, for rules that ask for one.
        stages: the stages of the net's state.

    Raises:
        ImporterError: where a layer has no name or type, or reads a blob that no layer before it makes.
    """
    state = message.get("state", {})
    level, stages = level or state.get("level", 0), {*stages, *state.get("stage", [])}
    layers = [_layer(item, path, index) for index, item in enumerate(message["layer"])]
    layers = [layer for layer in layers if _included(layer, phase, level, stages, path)]
    _check_blobs(layers, path)
    return Net(message.get("name", ""), path, phase, tuple(layers))


def with_weights(net: Net, weights: Blobs, path: str) -> Net:
    """The net with each layer's blobs, found by its name.

    Raises:
        ImporterError: where no layer of the net has weights in the file.
    """
    layers = tuple(
        replace(layer, blobs=sum((weights.get(name, ()) for name in layer.sources or (layer.name,)), ()))
        for layer in net.layers
    )
    if weights and not any(layer.blobs for layer in layers):
        raise ImporterError(
            f"{path} has weights for {', '.join(list(weights)[:5])}, ..., but {net.path} has no layers of these names; "
            "expected the weights of this net."
        )
    return replace(net, layers=layers)


def _layer(item: Message, path: str, index: int) -> Layer:
    name, kind = item.get("name", ""), item.get("type", "")
    if not kind:
        raise ImporterError(f"{path}: layer {name or index!r} has no type.")
    specs = tuple(spec.get("name", "") for spec in item.get("param", []))
    bottoms, tops = tuple(item.get("bottom", [])), tuple(item.get("top", []))
    return Layer(name or f"layer{index}", kind, bottoms, tops, item, shared=specs if any(specs) else ())


def _included(layer: Layer, phase: str, level: int, stages: set[str], path: str) -> bool:
    includes, excludes = layer.message.get("include", []), layer.message.get("exclude", [])
    if includes and excludes:
        raise ImporterError(f"{path}: {layer} has both include and exclude rules; expected one kind.")
    if includes:
        return any(_meets(rule, phase, level, stages) for rule in includes)
    return not any(_meets(rule, phase, level, stages) for rule in excludes)


def _meets(rule: Message, phase: str, level: int, stages: set[str]) -> bool:
    return (
        rule.get("phase", phase) == phase
        and rule.get("min_level", level) <= level <= rule.get("max_level", level)
        and stages.issuperset(rule.get("stage", []))
        and stages.isdisjoint(rule.get("not_stage", []))
    )


def _check_blobs(layers: Sequence[Layer], path: str) -> None:
    known: set[str] = set()
    for layer in layers:
        missing = [blob for blob in layer.bottoms if blob not in known]
        if missing:
            raise ImporterError(
                f"{path}: {layer} reads {', '.join(map(repr, missing))}, which no layer before it makes in this phase; "
                f"known are {', '.join(sorted(known)[:10]) or 'none'}."
            )
        doubled = [blob for blob in layer.tops if blob in known and blob not in layer.bottoms]
        if doubled or len(set(layer.tops)) < len(layer.tops):
            raise ImporterError(f"{path}: {layer} makes {doubled or list(layer.tops)}, which another top makes too.")
        known.update(layer.tops)
