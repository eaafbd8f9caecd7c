"""Weights: blobs of a caffemodel, binary or HDF5, as arrays by layer; means of images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError
from sparkdl.importers.caffe.upgrade import upgrade
from sparkdl.importers.caffe.wire import decode
from sparkdl.importers.files import local_copy, map_file
from sparkdl.storage.paths import path_text

Blobs = Mapping[str, tuple[np.ndarray, ...]]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_DIMENSIONS = 32  # Caffe's own limit
_FOUR = ("num", "channels", "height", "width")


def read_weights(path: str | os.PathLike[str]) -> Blobs:
    """The blobs of each layer of a caffemodel, in binary or HDF5 form, as they are written there.

    Raises:
        ImporterError: where the file is neither, or damaged.
        MissingFileError: where it does not exist.
    """
    name = path_text(path)
    with local_copy(path) as local:
        data = map_file(local)
        if data[: len(_HDF5)] == _HDF5:
            return _read_hdf5(Path(local))
    net = upgrade(decode(data, "Net", name), name)
    return {
        layer.get("name", ""): tuple(blob_array(blob, f"{name}: layer {layer.get('name', '')!r}") for blob in blobs)
        for layer in net["layer"]
        if (blobs := layer.get("blobs"))
    }


def read_caffe_mean(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a mean image as Caffe's `compute_image_mean` writes it.

    Args:
        path: a `.binaryproto` file; local, or a URL of any storage that Spark, pyarrow or fsspec knows.

    Returns:
        The mean, float32, channels first: (channels, height, width), with Caffe's order of channels (BGR).

    Raises:
        ImporterError: where the file is damaged, or not a mean.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     file.write(b"\\x08\\x01\\x10\\x01\\x18\\x01\\x20\\x02\\x2a\\x08" + np.array([1, 2], "<f4").tobytes())
        ...     file.flush()
        ...     read_caffe_mean(file.name)
        18
        array([[[1., 2.]]], dtype=float32)
    """
    name = path_text(path)
    mean = blob_array(decode(map_file(path), "Blob", name), name)
    if mean.ndim == 4 and len(mean) == 1:
        mean = mean[0]
    if mean.ndim != 3:
        raise ImporterError(f"{name} holds an array of shape {mean.shape}; expected the mean of images (C, H, W).")
    return np.array(mean, np.float32)


def blob_array(blob: Mapping[str, Any], place: str) -> np.ndarray:
    """The array of a blob, by its shape or by the four numbers that old files have."""
    data = blob.get("double_data", blob.get("data", np.empty(0, np.float32)))
    if "shape" in blob:
        shape = tuple(blob["shape"].get("dim", []))
    elif any(name in blob for name in _FOUR):
        shape = tuple(blob.get(name, 0) for name in _FOUR)
    else:  # a number alone has no axes, and no trace of them in the file
        shape = ()
    count = 1
    for size in shape:
        count *= size
    if len(shape) > _DIMENSIONS or min(shape, default=0) < 0 or count != len(data):
        raise ImporterError(
            f"{place} has a blob of shape {shape[:_DIMENSIONS]} with {len(data)} values; expected {count} values. The "
            "file is damaged."
        )
    return np.asarray(data).reshape(shape)


def _read_hdf5(path: Path) -> Blobs:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            layers = file["data"]
            return {
                name: tuple(_dataset(group, index, path, name) for index in range(len(group)))
                for name, group in _groups(layers)
            }
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise ImporterError(
            f"{path} is HDF5, but not the weights of a Caffe net ({error}); expected /data/<layer>/<number>."
        ) from error


def _groups(layers: Any) -> list[tuple[str, Any]]:
    """Each layer's group; the name of a layer may hold slashes, which are groups within groups."""
    import h5py

    found: list[tuple[str, Any]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and "0" in item and isinstance(item["0"], h5py.Dataset):
            found.append((name, item))

    layers.visititems(visit)
    return found


def _dataset(group: Any, index: int, path: Path, layer: str) -> np.ndarray:
    dataset = group[str(index)]
    if dataset.dtype.kind != "f" or dataset.size * dataset.dtype.itemsize > path.stat().st_size:
        raise ImporterError(
            f"{path}: blob {index} of layer {layer!r} is {dataset.dtype} of shape {dataset.shape}; expected floats "
            "that are stored in the file."
        )
    return np.asarray(dataset)
