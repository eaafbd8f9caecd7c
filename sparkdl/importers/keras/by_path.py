"""Weights in the layout of Keras 3 (`.keras`, `.weights.h5`): a group per object, by the path to it in the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
from keras.src.saving import saving_lib
from keras.src.utils.naming import to_snake_case

from sparkdl.importers.keras import hdf5
from sparkdl.importers.keras.config import layer_names, layers_of
from sparkdl.importers.keras.nodes import Node, Origin, is_model, name_of
from sparkdl.importers.keras.sources import Weights

_NOT_BEGUN = 2  # arrays of an optimizer that has not made a step: its iteration and learning rate


def fill(model: keras.Model, weights: Weights, origin: Origin, config: Node, with_optimizer: bool) -> list[str]:
    """Gives a model, its optimizer and its vocabularies the state in a file.

    Args:
        model: the model, built, and compiled if it shall be.
        weights: the file.
        origin: who wrote the architecture.
        config: the architecture as the file has it.
        with_optimizer: whether the state of the optimizer is to be read too.

    Returns:
        What of the optimizer could not be read.

    Raises:
        ImporterError: where weights do not fit; it names every layer.
    """
    segments = dict(_segments(model, config)) if origin.old else {}
    failed: set[int] = set()
    errors: dict[int, tuple[Any, Exception]] = {}
    assets = _assets(weights)
    try:
        with hdf5.opened(weights.content, weights.path) as file:
            count = _optimizer_arrays(file)
            fits = with_optimizer and count == len(model.optimizer.variables)
            visited = set() if fits else {id(getattr(model, "optimizer", None))}
            saving_lib._load_state(
                model,
                weights_store=_Store(file, weights, segments),
                assets_store=assets,
                inner_path="",
                visited_saveables=visited,
                failed_saveables=failed,
                error_msgs=errors,
            )
    finally:
        if assets is not None:
            assets.close()
    lost = _told(errors, weights, origin)
    if with_optimizer and not fits and count > _NOT_BEGUN:
        lost.append(f"{model.optimizer.name!r} has {len(model.optimizer.variables)} arrays, the file {count}")
    return lost


def _optimizer_arrays(file: h5py.File) -> int:
    """How many arrays of an optimizer's state a file has."""
    group = file.get("optimizer/vars")
    return len(group) if isinstance(group, h5py.Group) else 0


def _told(errors: Mapping[int, tuple[Any, Exception]], weights: Weights, origin: Origin) -> list[str]:
    wrong: list[str] = []
    optimizer: list[str] = []
    for item, error in errors.values():
        line = f"{item.name!r} ({type(item).__name__}): {str(error).splitlines()[0] if str(error) else error!r}"
        (optimizer if isinstance(item, keras.optimizers.Optimizer) else wrong).append(line)
    if wrong:
        raise weights.misfit([f"layer {line}" for line in wrong], origin)
    return optimizer


def _assets(weights: Weights) -> Any:
    """Files beside the weights, such as vocabularies, or None."""
    if weights.archive is None:
        return None
    import zipfile

    with zipfile.ZipFile(weights.archive) as archive:
        return saving_lib.DiskIOStore("assets", archive=archive, mode="r")


class _Store(saving_lib.H5IOStore):
    """Keras's reader of the layout, on an open file, with bounds, and with the paths of old Keras.

    Args:
        file: an open HDF5 file.
        weights: what is known of it.
        segments: parts of paths, by those that Keras 3 uses now.
    """

    def __init__(self, file: h5py.File, weights: Weights, segments: Mapping[str, str]) -> None:
        self._weights, self._segments = weights, segments
        self._file = file
        super().__init__(Path(weights.path), mode="r")

    def _get_h5_file(self, path_or_io: Any, mode: str | None = None) -> h5py.File:
        return self._file

    def get(self, path: str) -> Any:
        return super().get(self._translated(path))

    def has_path(self, path: str) -> bool:
        return bool(super().has_path(self._translated(path)))

    def __getitem__(self, key: str) -> Any:
        group = self._h5_entry_group
        if isinstance(group, h5py.Group) and key in group:
            hdf5.check_dataset(hdf5.child(group, key, self._weights.path), self._weights.size, self._weights.path)
        return super().__getitem__(key)

    def _translated(self, path: str) -> str:
        best = max((known for known in self._segments if f"{path}/".startswith(f"{known}/")), key=len, default=None)
        return path if best is None else self._segments[best] + path[len(best) :]


def _segments(model: Any, config: Node, here: str = "", there: str = "") -> Iterator[tuple[str, str]]:
    """For each layer its path now, and that in a file of old Keras, which counted other classes in another order."""
    descriptions = layers_of(config)
    names = layer_names(config)
    old = dict(_numbered((names[name_of(item)], item["class_name"].rpartition(">")[2]) for item in descriptions))
    inside = {names[name_of(item)]: item for item in descriptions}
    for name, segment in _numbered((layer.name, type(layer).__name__) for layer in model.layers):
        if name not in old:
            continue
        new_path, old_path = f"{here}layers/{segment}", f"{there}layers/{old[name]}"
        yield new_path, old_path
        if is_model(inside[name]):
            yield from _segments(model.get_layer(name), inside[name], f"{new_path}/", f"{old_path}/")


def _numbered(layers: Any) -> Iterator[tuple[str, str]]:
    """The name of each layer, and its class with a number, as Keras calls its group."""
    counts: dict[str, int] = {}
    for name, kind in layers:
        base = to_snake_case(kind)
        counts[base] = counts.get(base, -1) + 1
        yield name, f"{base}_{counts[base]}" if counts[base] else base
