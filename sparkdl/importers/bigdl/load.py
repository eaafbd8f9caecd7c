"""`sdl.load_bigdl` and `sdl.load_torch`: models of BigDL and of Torch 7 as Keras models."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
from google.protobuf.message import DecodeError

from sparkdl.errors import ImporterError, StorageError, UnsupportedError
from sparkdl.importers.bigdl.input_shape import input_shapes
from sparkdl.importers.bigdl.read import Reader
from sparkdl.importers.bigdl.schema import message_class
from sparkdl.importers.bigdl.tensors import Storages, weights_file
from sparkdl.importers.bigdl.torch7 import module_of, read_objects
from sparkdl.importers.bigdl.write import Writer
from sparkdl.importers.files import PathLike, map_file
from sparkdl.nn.torch.module import Module
from sparkdl.nn.torch.network import network
from sparkdl.storage.paths import path_text

Shape = Sequence[int | None]


def load_bigdl(
    path: PathLike, weight_path: PathLike | None = None, *, input_shape: Shape | Sequence[Shape] | None = None
) -> keras.Model:
    """Reads a model file of BigDL (0.5 to 2.4) as an ordinary Keras model, to evaluate, train, cut and save.

    The format is BigDL's `bigdl.proto`. Nothing in a file is run. Shapes stay those of BigDL: channels before height
    and width, unless a layer of the file says NHWC.

    Args:
        path: the file that `saveModel` wrote; local, or of any storage that Spark, pyarrow or fsspec knows.
        weight_path: the file of weights beside it, where they were saved apart.
        input_shape: the shape of one row, without the batch; a list of them for several inputs. None takes what the
            first layers tell (a `Linear(4, 3)` takes 4 numbers).

    Raises:
        ImporterError: if a file is none of BigDL's, or damaged, or the shape is not told.
        UnsupportedError: if it has a module that does not exist here.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> save_module(make("Linear", input_size=4, output_size=3), "/tmp/doc.bigdl", overwrite=True)
        >>> load_bigdl("/tmp/doc.bigdl").output_shape
        (None, 3)
    """
    return _keras_model(read_module(path, weight_path), input_shape, path_text(path))


def load_torch(path: PathLike, *, input_shape: Shape | Sequence[Shape] | None = None) -> keras.Model:
    """Reads a model file of Torch 7 (`.t7`, binary) as an ordinary Keras model.

    Args:
        path: the file that `torch.save` of Torch 7 wrote (not PyTorch).
        input_shape: see `load_bigdl`.

    Raises:
        ImporterError: if the file is none of Torch 7's, or damaged, or the shape is not told.
        UnsupportedError: if it has a module that does not exist here.
    """
    return _keras_model(read_torch_module(path), input_shape, path_text(path))


def _keras_model(module: Module, given: Any, path: str) -> keras.Model:
    return network(module, _shapes(given) if given is not None else input_shapes(module, path)).model


def _shapes(given: Any) -> Any:
    several = bool(given) and isinstance(given[0], (list, tuple))
    return [tuple(shape) for shape in given] if several else tuple(given)


def read_module(path: PathLike, weight_path: PathLike | None = None) -> Module:
    """The tree of modules in a file of BigDL's; see `load_bigdl`."""
    shown = path_text(path)
    try:
        message = message_class("BigDLModule").FromString(bytes(map_file(path)))
    except DecodeError as error:
        raise ImporterError(f"{shown} is damaged, or no model file of BigDL ({error}).") from error
    if not message.moduleType:
        raise ImporterError(f"{shown} is no model file of BigDL: it names no module.")
    storages = Storages(shown)
    storages.add_global(message)
    if weight_path is not None:
        storages.path = path_text(weight_path)
        storages.add_weights(bytes(map_file(weight_path)))
        storages.path = shown
    return _guarded(lambda: Reader(storages, shown).module(message), shown)


def read_torch_module(path: PathLike) -> Module:
    """The tree of modules in a file of Torch 7; see `load_torch`."""
    shown = path_text(path)
    content = bytes(map_file(path))
    return _guarded(lambda: module_of(read_objects(content, shown), shown), shown)


def _guarded(read: Callable[[], Module], path: str) -> Module:
    """What a damaged file makes modules raise becomes one sentence."""
    try:
        return read()
    except (ImporterError, UnsupportedError):
        raise
    except Exception as error:
        raise ImporterError(f"{path} holds what makes no module ({error}); it is damaged.") from error


def module_bytes(module: Module, *, weights_apart: bool = False) -> tuple[bytes, bytes | None]:
    """A model file of BigDL, and the file of its weights where they are to stand apart.

    Raises:
        UnsupportedError: for modules that BigDL's files do not know.
    """
    writer = Writer()
    message = writer.message(module)
    if not weights_apart:
        writer.tensors.add_global(message)
    weights = weights_file(writer.tensors.arrays) if weights_apart else None
    return message.SerializeToString(deterministic=True), weights


def save_module(
    module: Module, path: PathLike, weight_path: PathLike | None = None, *, overwrite: bool = False
) -> None:
    """Writes a tree of modules as BigDL does, to local files.

    Args:
        module: the tree.
        path: the file of the model.
        weight_path: the file of the weights, where they are to stand apart.
        overwrite: whether files may be there.

    Raises:
        StorageError: if a file is there and may not be overwritten.
        UnsupportedError: for modules that BigDL's files do not know.
    """
    model, weights = module_bytes(module, weights_apart=weight_path is not None)
    for target, data in ((path, model), (weight_path, weights)):
        if target is not None and data is not None:
            if os.path.exists(target) and not overwrite:
                raise StorageError(f"{path_text(target)} is there already; say overwrite (over_write=True in BigDL).")
            with open(target, "wb") as file:
                file.write(data)
