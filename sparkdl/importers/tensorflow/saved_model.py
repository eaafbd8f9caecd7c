"""Choosing from a SavedModel: the graph by its tags, inputs and outputs by its signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from sparkdl.errors import ArgumentError, ImporterError, UnsupportedError

_DEFAULT = "serving_default"
_INTERNAL = "__saved_model_init_op"  # looks like a signature, and fills tables


def choose_graph(model: saved_model_pb2.SavedModel, tags: Sequence[str], path: str) -> meta_graph_pb2.MetaGraphDef:
    """The graph of a SavedModel that has exactly these tags.

    Raises:
        ArgumentError: where none has; it says what tags there are.
        ImporterError: where there is no graph at all.
    """
    if not model.meta_graphs:
        raise ImporterError(f"{path} holds no graph; the file is damaged.")
    wanted = {tags} if isinstance(tags, str) else set(tags)
    for meta in model.meta_graphs:
        if set(meta.meta_info_def.tags) == wanted:
            return meta
    known = ", ".join(str(tuple(meta.meta_info_def.tags)) for meta in model.meta_graphs)
    raise ArgumentError(f"{path} has no graph with the tags {tuple(sorted(wanted))}; give one of {known} by tags=.")


def choose_signature(
    meta: meta_graph_pb2.MetaGraphDef, signature: str | None, path: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Inputs and outputs of a signature: the one of this name, or else the default, or else the only one.

    Returns:
        Names of tensors by the keys of the signature; empty where the file has no signature and none is asked for.

    Raises:
        ArgumentError: where it is not there, or none was asked for and there are several.
        UnsupportedError: where it takes or gives something else than tensors.
    """
    known = {name: item for name, item in sorted(meta.signature_def.items()) if name != _INTERNAL}
    wanted = signature
    if wanted is None:
        if not known:
            return {}, {}
        wanted = _DEFAULT if _DEFAULT in known else next(iter(known)) if len(known) == 1 else None
    if wanted is None or wanted not in known:
        asked = "several signatures" if wanted is None else f"no signature {wanted!r}"
        names = ", ".join(map(repr, known)) or "none: leave signature= out, and give inputs= and outputs="
        raise ArgumentError(f"{path} has {asked}; give one of them by signature=: {names}.")
    found = known[wanted]
    place = f"signature {wanted!r} of {path}"
    return _tensors(found.inputs, f"input {{!r}} of {place}"), _tensors(found.outputs, f"output {{!r}} of {place}")


def _tensors(infos: Mapping[str, Any], place: str) -> dict[str, str]:
    for key, info in infos.items():
        kind = info.WhichOneof("encoding")
        if kind != "name":
            raise UnsupportedError(
                f"{place.format(key)} is {kind or 'nothing'}, and no tensor; give inputs= and outputs= of another "
                "signature, or of the dense tensors behind it."
            )
    return {key: infos[key].name for key in sorted(infos)}
