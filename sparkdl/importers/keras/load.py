"""`sdl.load_keras`: from a file of any Keras to a model of the one that is installed."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import keras
import tensorflow as tf
from keras.src.saving import serialization_lib

from sparkdl.errors import ArgumentError, ImporterError, SparkDLError
from sparkdl.importers.files import local_copy
from sparkdl.importers.keras import by_layer, by_path
from sparkdl.importers.keras.compiling import compile_as_told, is_native
from sparkdl.importers.keras.config import layer_names, modernise
from sparkdl.importers.keras.hdf5 import EXPANSION, SMALL
from sparkdl.importers.keras.nodes import Node, Origin
from sparkdl.importers.keras.optimizers import fill_from_archive, fill_from_model
from sparkdl.importers.keras.sources import Source, Weights, is_saved_model, read_source, read_weights
from sparkdl.importers.keras.support import check
from sparkdl.importers.unbuilt import needs_values, unbuilt
from sparkdl.storage.paths import path_text

Path = str | os.PathLike[str]

LARGEST = 2**33  # bytes of a model that is described without weights
_SHOWN = 1000  # characters of an error of Keras
_OPTIMIZER = {"optimizer", "optimizer_config"}
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    RuntimeError,
    NotImplementedError,
    ArithmeticError,
    MemoryError,
    ImportError,
    AssertionError,
    EOFError,
    tf.errors.OpError,
)


def load_keras(
    path: Path,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    *,
    weights: Path | None = None,
    compile: bool = True,
) -> keras.Model:
    """Reads a model that any Keras saved: Keras 2, tf.keras or Keras 3.

    What older Keras wrote and newer Keras refuses is mended where it has a meaning; docs/keras.md lists how.

    Args:
        path: a `.keras` archive, a whole model in HDF5, an architecture in JSON, or the folder of a SavedModel.
        custom_objects: your own layers, functions and other classes that the model has, by name.
        safe_mode: refuses code inside of the file (lambdas), which would run. False runs it: for files of your own.
        weights: a file of weights, of any Keras, in place of those in `path`; an architecture in JSON has none.
        compile: whether to compile the model as it was, where the file tells. What of it cannot be read leaves the
            model uncompiled, or its optimizer new, with a warning.

    Returns:
        The model.

    Raises:
        ImporterError: where a file is damaged or of another kind, or weights do not fit.
        UnsupportedError: where layers cannot be read exactly, or hold code; it names them all.

    Example:
        >>> import tempfile, sparkdl as sdl
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="score")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save_weights(f"{folder}/model.weights.h5")
        ...     with open(f"{folder}/model.json", "w") as file:
        ...         _ = file.write(model.to_json())
        ...     again = sdl.load_keras(f"{folder}/model.json", weights=f"{folder}/model.weights.h5")
        >>> bool((again.get_layer("score").kernel == model.get_layer("score").kernel).numpy().all())
        True
    """
    with ExitStack() as copies:
        local = copies.enter_context(local_copy(path))
        if is_saved_model(local):
            return _load_saved_model(path, weights)
        source, stored = read_source(local, path_text(path)), None
        if weights is not None:
            stored = read_weights(copies.enter_context(local_copy(weights)), path_text(weights))
        return _load(source, stored or source.weights, dict(custom_objects or {}), safe_mode, compile)


def _load_saved_model(path: Path, weights: Path | None) -> keras.Model:
    from sparkdl.importers.tensorflow.load import load_tensorflow

    if weights is not None:
        raise ArgumentError(f"{path_text(path)} is a SavedModel, which has its own weights; expected no weights=.")
    return load_tensorflow(path)


def _load(
    source: Source, stored: Weights | None, custom: Mapping[str, Any], safe_mode: bool, compile: bool
) -> keras.Model:
    config = modernise(source.config, source.origin, custom)
    config.pop("compile_config", None)  # the model is compiled later, by what the file has of any Keras
    check(config, source.origin, custom, safe_mode)
    model = build(config, source.origin, custom, safe_mode, stored)
    problems = _compile(model, source, custom, safe_mode) if compile and source.compiling else []
    if stored is not None:
        problems += _fill(model, stored, source)
    if problems:
        warnings.warn(f"{source.origin.path}: {'; '.join(problems)}.", stacklevel=4)
    return model


def build(config: Node, origin: Origin, custom: Mapping[str, Any], safe: bool, stored: Weights | None) -> keras.Model:
    """The model, with new weights. Their sizes are checked before memory is taken for them.

    Args:
        config: its description, mended.
        origin: who wrote it.
        custom: the user's own classes and functions, by name.
        safe: whether code in the description is refused.
        stored: the file of its weights, whose size says how large they may be.

    Raises:
        ImporterError: where there is no such model.
    """
    limit = LARGEST if stored is None else max(SMALL, EXPANSION * stored.size)
    try:
        with unbuilt() as scope:
            model = _deserialize(config, custom, safe)
            if isinstance(model, keras.Model):
                _check_sizes(model, origin, limit)
                scope.accept(model.weights if stored is not None else ())
    except SparkDLError:
        raise
    except _UNREADABLE as error:
        if not needs_values(error):
            raise _unreadable(origin, error) from error
        model = _deserialized(config, origin, custom, safe)  # stateful layers make their states at once
    if not isinstance(model, keras.Model):
        raise ImporterError(f"{origin.path} describes a {type(model).__name__}; expected a model.")
    return model


def _deserialize(config: Node, custom: Mapping[str, Any], safe_mode: bool) -> Any:
    with serialization_lib.ObjectSharingScope():
        return serialization_lib.deserialize_keras_object(config, custom_objects=dict(custom), safe_mode=safe_mode)


def _deserialized(config: Node, origin: Origin, custom: Mapping[str, Any], safe_mode: bool) -> Any:
    try:
        return _deserialize(config, custom, safe_mode)
    except _UNREADABLE as error:
        raise _unreadable(origin, error) from error


def _unreadable(origin: Origin, error: Exception) -> ImporterError:
    version = f" of Keras {origin.version}" if origin.version else ""
    # Keras repeats the whole config at each level of the model before it says what is wrong.
    reason = str(error).rpartition("Exception encountered: ")[2].strip() or repr(error)
    return ImporterError(
        f"{origin.path}{version} describes a model that Keras {keras.__version__} cannot build: {reason[:_SHOWN]}"
    )


def _check_sizes(model: keras.Model, origin: Origin, limit: int) -> None:
    sizes = {item.path: math.prod(item.shape) * 4 for item in model.variables}
    if sum(sizes.values()) > limit:
        largest = max(sizes, key=lambda path: sizes[path])
        raise ImporterError(
            f"{origin.path} describes weights of {sum(sizes.values())} bytes, {largest!r} alone {sizes[largest]}; its "
            f"file explains at most {limit}: it is damaged."
        )


def _compile(model: keras.Model, source: Source, custom: Mapping[str, Any], safe_mode: bool) -> list[str]:
    told = source.compiling or {}
    try:
        if is_native(told, source.origin):
            check(told, source.origin, custom, safe_mode)
        with serialization_lib.SafeModeScope(safe_mode):
            compile_as_told(model, told, source.origin, custom)
    except _UNREADABLE as error:
        model.compiled = False
        first = str(error).splitlines()[0] if str(error) else repr(error)
        return [f"the model is not compiled, as what it was compiled with cannot be read ({first})"]
    if not _OPTIMIZER & set(told):
        return ["it does not tell the optimizer: the model has Keras's default"]
    return []


def _fill(model: keras.Model, stored: Weights, source: Source) -> list[str]:
    lost: list[str] = []
    told = _OPTIMIZER & set(source.compiling or {})
    own = bool(told) and stored is source.weights and getattr(model, "compiled", False)
    if stored.by_layer is None:
        lost = by_path.fill(model, stored, source.origin, source.config, own and not source.origin.old)
    else:
        by_layer.fill(model, stored, source.origin, layer_names(source.config) if source.origin.old else {})
    try:
        if own and stored.by_layer is not None:
            fill_from_model(model, stored, source.origin)
        elif own and source.origin.old:
            fill_from_archive(model, stored)
    except _UNREADABLE as error:
        lost = [str(error)]
    return [f"the optimizer starts anew, as its state cannot be read ({lost[0]})"] if lost else []
