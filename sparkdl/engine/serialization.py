"""A Keras model on its way to another process: architecture, compile arguments and custom code; weights apart."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cloudpickle
import keras
import numpy as np
from keras.src import dtype_policies
from keras.src.saving import serialization_lib

from sparkdl.engine.building import build_model, known_spec
from sparkdl.engine.checks import check_compiled, check_model, check_overrides, class_counts
from sparkdl.engine.compile_arguments import ByState, pack_compile, unpack_compile
from sparkdl.engine.custom_objects import captured, is_keras, provided, refer_to_lambdas
from sparkdl.engine.layer_assets import LayerAssets, follow_weights, layer_assets, load_layer_assets
from sparkdl.engine.layout import unique_names
from sparkdl.errors import ModelError
from sparkdl.types import SampleSpec

__all__ = [
    "ModelPayload",
    "build_model",
    "check_copy",
    "check_model",
    "class_counts",
    "model_arrays",
    "pack_model",
    "set_model_arrays",
    "unpack_model",
]

# What Keras adds to the configuration of any model.
_OF_KERAS = ("name", "trainable", "dtype")
ALWAYS_THERE = ("__main__", "builtins", "keras")


@dataclass(frozen=True)
class ModelPayload:
    """A model without its weights. Picklable.

    Attributes:
        config: JSON: Keras's configuration of the model, of its compile arguments and of Keras itself.
        objects: the user's classes and functions by Keras's name for them, pickled by cloudpickle.
        modules: modules of these objects; those but `__main__` must be importable where the model is unpacked.
        paths: Keras's path of each of `model.weights`, which it would number anew in another process.
        trainable: for each of `model.weights` whether it is trainable.
        spec: the columns that the model was built for, where known.
        assets: what layers keep in files.
    """

    config: str
    objects: bytes
    modules: tuple[str, ...]
    paths: tuple[str, ...]
    trainable: tuple[bool, ...]
    spec: SampleSpec | None = None
    assets: tuple[LayerAssets, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A name for the contents."""
        described = self.config.encode() + self.objects + repr(self.spec).encode()
        return hashlib.sha256(described + pickle.dumps(self.assets)).hexdigest()


def pack_model(model: keras.Model, *, compiled: bool = True) -> ModelPayload:
    """Describes a built model so that another process can build it.

    Args:
        model: a Keras model.
        compiled: whether the compile arguments (loss, metrics, optimizer) are needed too.

    Raises:
        ModelError: where the model is not compiled, or cannot be described.
        UnsupportedError: where it replaces a part of Keras's training that workers do in parts.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> model.compile("adam", "mse")
        >>> type(unpack_model(pack_model(model)).optimizer).__name__
        'Adam'
    """
    if compiled:
        check_compiled(model)
    check_overrides(model, compiled)
    with captured() as objects:
        config = {"keras": _keras_settings(model), "model": refer_to_lambdas(_model_config(model))}
        config["compile"] = pack_compile(model, objects) if compiled else None
    try:
        pickled = cloudpickle.dumps(objects)
    except (TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"the custom classes and functions of the model {model.name!r} ({', '.join(sorted(objects))}) cannot be "
            f"pickled for the executors ({error}): let them refer to no open files, locks, sessions or Spark objects."
        ) from error
    paths = tuple(variable.path for variable in model.weights)
    trainable = tuple(bool(variable.trainable) for variable in model.weights)
    described, assets = _json(config, model), layer_assets(model)
    return ModelPayload(described, pickled, _modules(objects), paths, trainable, known_spec(model), assets)


def unpack_model(payload: ModelPayload) -> keras.Model:
    """Builds the model that `pack_model` described; its weights are new, its optimizer is not built.

    Raises:
        ModelError: where a module of the user's code cannot be imported in this process.
    """
    objects = _load_objects(payload)
    config = json.loads(payload.config)
    _apply_keras_settings(config["keras"])
    with provided(objects):
        model = serialization_lib.deserialize_keras_object(config["model"], safe_mode=False)
        model.dtype_policy = dtype_policies.deserialize(config["keras"]["model_policy"])
        if len(model.weights) != len(payload.trainable) and payload.spec is not None:
            build_model(model, payload.spec)
        if len(model.weights) != len(payload.trainable):
            raise ModelError(
                f"the model {model.name!r} has {len(model.weights)} weights where it was built again from its "
                f"configuration, expected {len(payload.trainable)}: let get_config() return all arguments of "
                f"__init__, and create all layers in __init__ or build()."
            )
        for variable, path, trainable in zip(model.weights, payload.paths, payload.trainable, strict=True):
            variable._path = path
            if bool(variable.trainable) != trainable:
                variable.trainable = trainable
        load_layer_assets(model, payload.assets)
        if config["compile"] is not None:
            model.compile(
                **unpack_compile(config["compile"], objects), auto_scale_loss=config["keras"]["auto_scale_loss"]
            )
    return model


def check_copy(model: keras.Model) -> None:
    """Builds a model with classes of the user's once more, as every worker will.

    Raises:
        ModelError: it cannot be built from its configuration, or becomes another one.
    """
    own = sorted({type(layer).__name__ for layer in model._flatten_layers() if not _is_known(type(layer))})
    if not own:
        return
    rule = (
        f"let the __init__ of {', '.join(own)} take **kwargs and give them to super().__init__(), and get_config() "
        f"return all other arguments"
    )
    try:
        copy = unpack_model(pack_model(model))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"the model {model.name!r} cannot be built from its configuration, as executors do ({_cause(error)}): "
            f"{rule}."
        ) from error
    for variable, again in zip(model.weights, copy.weights, strict=True):
        if tuple(variable.shape) != tuple(again.shape):
            raise ModelError(
                f"the model {model.name!r} becomes another one where it is built from its configuration, as executors "
                f"do: {variable.path!r} has the shape {tuple(again.shape)} there, expected {tuple(variable.shape)}; "
                f"{rule}."
            )


def model_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of all weights (trainable or not, without seed generators) by name, in `model.weights` order."""
    weights = model.weights
    return dict(zip(unique_names(weights), (np.array(weight.numpy()) for weight in weights), strict=True))


def set_model_arrays(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts back what `model_arrays` gave, of this model or one like it.

    Names are those of the model that gave them; what counts is the order where names differ (Keras numbers
    layers per process).

    Raises:
        ModelError: where number or shapes differ.
    """
    weights = model.weights
    names = unique_names(weights)
    values = [arrays[name] for name in names] if set(names) == set(arrays) else list(arrays.values())
    expected = [tuple(weight.shape) for weight in weights]
    received = [tuple(value.shape) for value in values]
    if expected != received:
        differing = next((pair for pair in zip(names, expected, received, strict=False) if pair[1] != pair[2]), None)
        detail = (
            f"{differing[0]!r} has shape {differing[1]}, received {differing[2]}" if differing else "all others fit"
        )
        raise ModelError(
            f"the model {model.name!r} has {len(expected)} weights, received {len(received)} arrays ({detail}): load "
            f"weights of the same architecture."
        )
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    follow_weights(model)


def _model_config(model: keras.Model) -> dict[str, Any]:
    try:
        inner = serialization_lib.serialize_dict(model.get_config())
    except (NotImplementedError, TypeError) as error:
        raise ModelError(
            f"the model {model.name!r} ({type(model).__name__}) cannot be described by its configuration "
            f"({_first_sentence(error)}): give its class, and its custom layers, a get_config() that returns the "
            f"arguments of __init__."
        ) from error
    except OSError as error:
        raise ModelError(
            f"the model {model.name!r} contains a lambda whose source is not at hand ({error}): use a named function "
            f"(def)."
        ) from error
    config = serialization_lib.serialize_with_public_class(type(model), _accepted(model, inner))
    build = model.get_build_config()
    if build is not None:
        config["build_config"] = serialization_lib.serialize_dict(build)
    return config


def _accepted(model: keras.Model, config: dict[str, Any]) -> dict[str, Any]:
    """Without Keras's own arguments where the model's class takes none of them: what they say is restored otherwise."""
    parameters = inspect.signature(type(model).__init__).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return config
    return {name: value for name, value in config.items() if name in parameters or name not in _OF_KERAS}


def _keras_settings(model: keras.Model) -> dict[str, Any]:
    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "policy": dtype_policies.serialize(keras.config.dtype_policy()),
        "model_policy": dtype_policies.serialize(model.dtype_policy),
        "auto_scale_loss": isinstance(getattr(model, "optimizer", None), keras.optimizers.LossScaleOptimizer),
    }


def _apply_keras_settings(settings: Mapping[str, Any]) -> None:
    keras.config.set_floatx(settings["floatx"])
    keras.config.set_epsilon(settings["epsilon"])
    keras.config.set_image_data_format(settings["image_data_format"])
    keras.config.set_dtype_policy(dtype_policies.deserialize(settings["policy"]))


def _load_objects(payload: ModelPayload) -> dict[str, Any]:
    try:
        objects = cloudpickle.loads(payload.objects)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"the model uses code of the modules {', '.join(payload.modules)}, which cannot be loaded on an executor "
            f"({error}): ship them with spark-submit --py-files or SparkContext.addPyFile."
        ) from error
    return {name: item.restore() if isinstance(item, ByState) else item for name, item in objects.items()}


def _modules(objects: Mapping[str, Any]) -> tuple[str, ...]:
    owners = (item.cls if isinstance(item, ByState) else item for item in objects.values())
    names = {str(getattr(owner, "__module__", None) or "builtins") for owner in owners}
    return tuple(sorted(name for name in names if name.split(".")[0] not in ALWAYS_THERE))


def _json(config: Mapping[str, Any], model: keras.Model) -> str:
    try:
        return json.dumps(config)
    except TypeError as error:
        raise ModelError(
            f"the configuration of the model {model.name!r} holds a value that JSON has not ({error}): let "
            f"get_config() return numbers, strings, lists and Keras objects only."
        ) from error


def _is_known(kind: type) -> bool:
    """Whether a class is Keras's or ours, which can be built from their configurations."""
    return is_keras(kind) or kind.__module__.startswith("sparkdl.")


def _cause(error: BaseException) -> str:
    """What went wrong at the bottom, without Keras's listing of the whole configuration around it."""
    text = " ".join(str(error).split())
    _, _, inner = text.rpartition("Exception encountered: ")
    return inner or _first_sentence(error)


def _first_sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
