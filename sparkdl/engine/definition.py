"""What is trained anew for each set of hyper-parameters: a model that is copied, or a function that makes one."""

from __future__ import annotations

import importlib
import inspect
import itertools
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from sparkdl.engine.compile_arguments import find_metric
from sparkdl.engine.serialization import model_arrays, pack_model, set_model_arrays, unpack_model
from sparkdl.errors import ArgumentError, ModelError

# Keras counts the names of layers in the process, and is not safe for threads while it makes them.
_MAKING = threading.RLock()
# By argument what it holds, and what fails for a name that Keras does not know.
_KNOWN: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "optimizer": ("optimizer", keras.optimizers.get),
    "loss": ("loss", keras.losses.get),
    "metrics": ("metric", find_metric),
}
_CONFIGURED = (keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric)


def is_model(value: Any) -> bool:
    """Whether this is a Keras model."""
    return isinstance(value, keras.Model)


def make_model(model: Any, arguments: Mapping[str, Any], seed: int) -> keras.Model:
    """A new model: a copy of a Keras model, weights included, or what a function returns. Any thread may call it.

    Args:
        model: a Keras model, a function that returns one, or a function's name, "module:function".
        arguments: keyword arguments of the function.
        seed: of the weights that are drawn: the same seed gives the same weights.

    Raises:
        ArgumentError: there is no such function, or a model was given with arguments.
        ModelError: the function fails or returns something else.

    Example:
        >>> def build(units):
        ...     return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        >>> first, second = (make_model(build, {"units": 2}, seed=1) for _ in range(2))
        >>> first.output_shape, bool((first.layers[0].kernel == second.layers[0].kernel).numpy().all())
        ((None, 2), True)
    """
    with _MAKING, _seeded(seed):
        if isinstance(model, keras.Model):
            if arguments:
                raise ArgumentError(
                    f"modelParams={dict(arguments)!r} was given with a Keras model, expected none: they are the "
                    f"arguments of a function, so give model= a function that returns a model."
                )
            return _copy(model)
        return _called(find_function(model) if isinstance(model, str) else model, arguments)


def compile_model(
    model: keras.Model, *, optimizer: Any = None, loss: Any = None, metrics: Any = None, learning_rate: Any = None
) -> None:
    """Compiles a model, or compiles it anew with what is given; the rest stays as it was compiled with.

    Args:
        model: compiled or not; it is changed.
        optimizer: a name, or what `described` made of an optimizer; None for the model's own, or Keras's default.
        loss: likewise; must be given where the model is not compiled.
        metrics: a list of them, likewise.
        learning_rate: takes the place of the optimizer's own rate or schedule.

    Raises:
        ModelError: there is no loss.
        ArgumentError: something has a name that Keras does not know.
    """
    given = (optimizer, loss, metrics, learning_rate)
    if model.compiled and all(value is None for value in given):
        return
    with _MAKING:
        old = dict(model._compile_config.config) if model.compiled else {}
        if loss is None and old.get("loss") is None:
            raise ModelError(
                f"the model {model.name!r} is not compiled and no loss was given: set loss= of the stage, or call "
                f"model.compile(optimizer, loss)."
            )
        chosen = keras.optimizers.get(
            _restored("optimizer", optimizer) if optimizer is not None else _own_optimizer(model)
        )
        if learning_rate is not None:
            chosen = _with_rate(chosen, learning_rate)
        elif optimizer is None:
            chosen = _fresh(chosen)
        old.update(
            optimizer=chosen,
            loss=_restored("loss", loss) if loss is not None else old["loss"],
            metrics=_restored("metrics", metrics) if metrics is not None else old.get("metrics"),
        )
        model.compile(**old)


def early_stopping(monitor: str, mode: str, patience: int) -> keras.callbacks.Callback:
    """Keras's callback that ends a training which no longer gets better, and puts the best weights back."""
    return keras.callbacks.EarlyStopping(monitor, mode=mode, patience=patience, restore_best_weights=True)


def described(value: Any) -> Any:
    """Optimizers, losses and metrics in any structure, as Keras's configurations of them, which JSON has.

    Functions stay what they are, and so do names. Those that Keras makes up count the objects of the process ("auc_3"):
    they become what the first such object would have, so that the same program says the same each time.

    Example:
        >>> described(keras.losses.Huber(delta=2.0))["config"]["delta"]
        2.0
        >>> [item["config"]["name"] for item in described([keras.metrics.AUC(), keras.metrics.AUC()])]
        ['auc', 'auc_1']
    """
    if isinstance(value, _CONFIGURED):
        return _configuration(value)
    if isinstance(value, Mapping):
        return {str(name): described(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return _told_apart(value, [described(item) for item in value])
    if value is None or isinstance(value, (str, bool, int, float)) or callable(value):
        return value
    raise TypeError(
        f"expected a name that Keras knows, one of its objects, a function, or a list or dict of them, received a "
        f"{type(value).__name__}."
    )


def _configuration(value: Any) -> dict[str, Any]:
    """Keras's configuration, with what some of its losses and metrics forget to tell (Huber its delta)."""
    found: dict[str, Any] = keras.saving.serialize_keras_object(value)
    accepted = inspect.signature(type(value).__init__).parameters
    for name, argument in getattr(value, "_fn_kwargs", {}).items():
        if name in accepted:
            found["config"].setdefault(name, keras.saving.serialize_keras_object(argument))
    return dict(_without_counts(found))


def _without_counts(value: Any) -> Any:
    """A configuration in which objects with names of Keras's making have the name of the first of their class."""
    if isinstance(value, list):
        return [_without_counts(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _without_counts(item) for name, item in value.items()}
    config = found.get("config")
    if isinstance(config, dict) and isinstance(config.get("name"), str):
        base, _, count = config["name"].rpartition("_")
        if count.isdecimal() and base.replace("_", "") == str(found.get("class_name")).replace("_", "").lower():
            found["config"] = {**config, "name": base}
    return found


def _told_apart(objects: Sequence[Any], items: list[Any]) -> list[Any]:
    """Configurations of objects, counted again within their list, as columns of a history need names of their own."""
    taken: set[str] = set()
    for index, (given, item) in enumerate(zip(objects, items, strict=True)):
        if not isinstance(given, _CONFIGURED):
            continue
        base = name = item["config"].get("name")
        for count in itertools.count(1):
            if name not in taken or name == given.name:
                break
            name = f"{base}_{count}"
        items[index] = {**item, "config": {**item["config"], "name": name}} if name != base else item
        taken.add(name)
    return items


def function_name(function: Callable[..., Any], argument: str) -> str:
    """The name "module:function" by which another process finds a function.

    Raises:
        ModelError: there is none: lambdas, functions in functions, and those of a notebook or a script.

    Example:
        >>> import json
        >>> function_name(json.dumps, "loss")
        'json:dumps'
    """
    name = f"{getattr(function, '__module__', None)}:{getattr(function, '__qualname__', None)}"
    module, _, path = name.partition(":")
    try:
        found = None if module == "__main__" else _find(module, path)
    except (ImportError, AttributeError):
        found = None
    if found is not function:
        raise ModelError(
            f"{argument}={path!r} (of the module {module!r}) cannot be saved, as another process could not import it: "
            f"define it with def at the top of a module that is installed or shipped, or give a Keras object."
        )
    return name


def find_function(name: str) -> Callable[..., Any]:
    """The function of a name "module:function".

    Raises:
        ArgumentError: there is none.

    Example:
        >>> find_function("json:dumps")([1])
        '[1]'
    """
    module, colon, path = name.partition(":")
    try:
        found = _find(module, path) if colon else None
    except (ImportError, AttributeError) as error:
        raise ArgumentError(
            f"the function {name!r} cannot be imported ({error}): ship its module, or give the function itself."
        ) from error
    if not callable(found):
        raise ArgumentError(f"{name!r} names no function: give 'module:function', or the function itself.")
    return found


def _find(module: str, path: str) -> Any:
    item = importlib.import_module(module)
    for part in path.split("."):
        item = getattr(item, part)
    return item


def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> keras.Model:
    name = getattr(function, "__qualname__", repr(function))
    try:
        model = function(**arguments)
    except Exception as error:
        what = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ModelError(f"model={name}(**{dict(arguments)!r}) failed: {what}; correct modelParams.") from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"model={name} returned a {type(model).__name__}, expected a keras.Model: let it return one.")
    return model


def _copy(model: keras.Model) -> keras.Model:
    copy = unpack_model(pack_model(model, compiled=model.compiled))
    if model.built:
        set_model_arrays(copy, model_arrays(model))
    return copy


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras draws the seeds of initialisers that have none from Python's own generator, whose state is put back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _restored(argument: str, value: Any) -> Any:
    """What `described` described."""
    if isinstance(value, Mapping):
        if "class_name" in value:
            return keras.saving.deserialize_keras_object(dict(value))
        return {name: _restored(argument, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_restored(argument, item) for item in value]
    if isinstance(value, str) and ":" in value:
        return find_function(value)
    if isinstance(value, str):
        noun, known = _KNOWN[argument]
        try:
            known(value)
        except ValueError:
            raise ArgumentError(f"{argument}={value!r} is no {noun} that Keras knows: correct its name.") from None
    return value


def _own_optimizer(model: keras.Model) -> Any:
    return model.optimizer if model.compiled and model.optimizer is not None else "rmsprop"


def _fresh(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The same optimizer, with nothing learnt."""
    return type(optimizer).from_config(optimizer.get_config())


def _with_rate(optimizer: keras.optimizers.Optimizer, rate: float) -> keras.optimizers.Optimizer:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        config = dict(optimizer.get_config())
        config["inner_optimizer"] = _with_rate(optimizer.inner_optimizer, rate)
        return type(optimizer)(**config)
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": rate})
