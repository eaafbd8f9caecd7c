"""What a Caffe net holds, before it is loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from sparkdl.errors import ImporterError, SparkDLError
from sparkdl.importers.caffe.blobs import read_weights
from sparkdl.importers.caffe.load import lower, read_definition
from sparkdl.importers.caffe.net import Layer, Net, resolve, with_weights
from sparkdl.importers.caffe.passes import cut, outputs_of
from sparkdl.importers.caffe.site import Blob, Builder
from sparkdl.importers.caffe.table import why_not
from sparkdl.importers.inspection import Code, End, Inspection, Row, call_text
from sparkdl.importers.unbuilt import unbuilt
from sparkdl.storage.paths import path_text

Path = str | os.PathLike[str]


def describe(
    prototxt: Path, caffemodel: Path | None, outputs: Sequence[str] | None = None, phase: str = "TEST"
) -> Inspection:
    """Looks at a net; layers are made as they would be for a model, without their weights.

    Raises:
        ImporterError: where a file is damaged, or the two do not fit.
    """
    path = path_text(prototxt)
    net = resolve(read_definition(prototxt), path, phase)
    wanted = list(outputs) if outputs is not None else outputs_of(net)
    net = cut(net, wanted) if outputs is not None else net
    if caffemodel is not None:
        with_weights(net, read_weights(caffemodel), path_text(caffemodel))
    reasons = {layer.name: why_not(layer) for layer in net.layers}
    builder = Builder(path, phase, "channels_first", {})
    blobs, problem = ({}, "") if any(reasons.values()) else _lowered(net, builder)
    parameters = {item.source.name: sum(map(_size, item.layer.weights)) for item in builder.awaiting}
    unknown = {layer.type for layer in net.layers if reasons[layer.name]}
    functions = Code("{" + ", ".join(f"{kind!r}: function" for kind in sorted(unknown)) + "}")
    return Inspection(
        path,
        f"Caffe net, phase {phase}",
        [_row(layer, reasons[layer.name], blobs, parameters) for layer in net.layers],
        [End(name, tuple(tensor.shape), tensor.dtype) for name, tensor in builder.inputs.items()],
        [End(name, _shape(blobs, name), "float32") for name in wanted],
        sum(parameters.values()) if blobs else None,
        call_text(
            "load_caffe",
            path,
            None if caffemodel is None else path_text(caffemodel),
            phase=None if phase == "TEST" else phase,
            outputs=None if outputs is None else wanted,
            custom_layers=functions if unknown else None,
        ),
        problem,
    )


def _lowered(net: Net, builder: Builder) -> tuple[Mapping[str, Blob], str]:
    """The blobs of a net, or why there are none."""
    try:
        with unbuilt():
            blobs = lower(net, builder, {})
    except SparkDLError as error:
        return {}, str(error)
    if not builder.inputs:
        return {}, str(ImporterError(f"{net.path} has no inputs in phase {net.phase}"))
    return blobs, ""


def _row(layer: Layer, why: str, blobs: Mapping[str, Blob], parameters: Mapping[str, int]) -> Row:
    shape = _shape(blobs, (layer.tops or (layer.name,))[0])
    return Row(layer.name, layer.type, why, shape, parameters.get(layer.name, 0) if blobs else None)


def _shape(blobs: Mapping[str, Blob], name: str) -> tuple[int | None, ...] | None:
    return blobs[name].shape if name in blobs else None


def _size(variable: Any) -> int:
    return math.prod(variable.shape)
