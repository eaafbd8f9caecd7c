"""Changes of a whole net before its layers are converted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sparkdl.errors import ArgumentError
from sparkdl.importers.caffe.net import Layer, Net


def outputs_of(net: Net) -> list[str]:
    """The blobs that nothing reads, in the order of the layers that make them."""
    unread: dict[str, Layer] = {}
    for layer in net.layers:
        for blob in layer.bottoms:
            # What is put aside on purpose still is an output if it is the file's own.
            unread.pop(blob, None)
        for blob in layer.tops or _automatic(layer):
            unread[blob] = layer
    made = [blob for blob, layer in unread.items() if layer.bottoms]
    return made or [blob for blob, layer in unread.items() if layer.type in ("DummyData", "Parameter")] or list(unread)


def _automatic(layer: Layer) -> Sequence[str]:
    """Losses may leave out the name of their top."""
    return (layer.name,) if layer.type.endswith("Loss") else ()


def cut(net: Net, outputs: Collection[str]) -> Net:
    """The layers that are needed for some blobs.

    Raises:
        ArgumentError: where there is no such blob.
    """
    known = {blob for layer in net.layers for blob in layer.tops or _automatic(layer)}
    strange = [blob for blob in outputs if blob not in known]
    if strange:
        raise ArgumentError(
            f"outputs has {', '.join(map(repr, strange))}, which no layer of {net.path} makes in phase {net.phase}; "
            f"expected some of {', '.join(sorted(known))}."
        )
    needed, kept = set(outputs), []
    for layer in reversed(net.layers):
        if needed.intersection(layer.tops or _automatic(layer)):
            kept.append(_without_rest(layer, needed))
            needed.update(layer.bottoms)
    return replace(net, layers=tuple(reversed(kept)))


def _without_rest(layer: Layer, needed: Collection[str]) -> Layer:
    """A reader of data without the last of its tops, the labels, where they are not needed."""
    if layer.bottoms or not layer.type.endswith("Data") or layer.type == "DummyData":
        return layer
    last = max(place for place, top in enumerate(layer.tops) if top in needed)
    return replace(layer, tops=layer.tops[: last + 1])


def fuse_batch_norms(net: Net, outputs: Collection[str]) -> Net:
    """Makes one layer of a BatchNorm and the Scale behind it, where nothing else reads what is between them."""
    layers: list[Layer] = []
    for index, layer in enumerate(net.layers):
        fits = (item for item in layers if _fits(item, layer, net.phase))
        norm = next(fits, None) if layer.type == "Scale" else None
        if norm is None or not _alone(net, norm, index, outputs):
            layers.append(layer)
            continue
        message = {**layer.message, **norm.message, "scale_param": layer.message.get("scale_param", {})}
        fused = replace(norm, type="BatchNorm+Scale", tops=layer.tops, message=message, sources=(norm.name, layer.name))
        layers = [fused if item is norm else item for item in layers]
    return replace(net, layers=tuple(layers))


def _fits(norm: Layer, scale: Layer, phase: str) -> bool:
    fields = scale.message.get("scale_param", {})
    statistics = norm.message.get("batch_norm_param", {}).get("use_global_stats")
    return (
        norm.type == "BatchNorm"
        and norm.tops == scale.bottoms
        and not (statistics is False and phase == "TEST")
        and (fields.get("axis", 1), fields.get("num_axes", 1)) == (1, 1)
        and not (norm.shared or scale.shared)
    )


def _alone(net: Net, norm: Layer, index: int, outputs: Collection[str]) -> bool:
    """Whether the Scale at this index, and nothing else, reads what this BatchNorm makes."""
    blob, start = norm.tops[0], net.layers.index(norm)
    between = net.layers[start + 1 : index]
    if any(blob in (*layer.bottoms, *layer.tops) for layer in between):
        return False
    if net.layers[index].tops == (blob,):
        return True
    after = net.layers[index + 1 :]
    return blob not in outputs and not any(blob in layer.bottoms for layer in after)
