"""How callbacks get from the driver to worker 0: checked, then pickled without the model they look at."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle
import keras

from sparkdl.engine.callback_files import existing_contents, read_local, unwritable
from sparkdl.errors import ArgumentError, UnsupportedError

_PICKLING_ERRORS = (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError, OSError)
# Handles that Keras makes anew at the start of every training.
_HANDLES: tuple[tuple[type, dict[str, Any]], ...] = (
    (keras.callbacks.Callback, {"_model": None}),
    (keras.callbacks.CSVLogger, {"csv_file": None, "writer": None}),
    (keras.callbacks.TensorBoard, {"_writers": {}, "_summary_module": None, "_prev_summary_state": []}),
)
_REFUSED: tuple[tuple[str, str], ...] = (
    ("BackupAndRestore", "an interrupted run goes on by itself from the driver's latest state; leave it out"),
    ("OrbaxCheckpoint", "it saves from every process of a JAX run; use keras.callbacks.ModelCheckpoint"),
    (
        "SwapEMAWeights",
        "the moving averages are divided between the workers; with use_ema=True the trained model ends with them",
    ),
)
# What nobody calls: each worker validates its own rows, in batches that no other worker sees.
_NEVER_CALLED = ("on_test_batch_begin", "on_test_batch_end")


def check_callbacks(callbacks: Sequence[Any], model: keras.Model | None = None) -> None:
    """Refuses, before anything starts, callbacks that cannot run on worker 0.

    Args:
        callbacks: what the user gave.
        model: the model to be trained, so that callbacks may refer to it.

    Raises:
        ArgumentError: for what is no callback, does not pickle, or writes where the driver cannot write.
        UnsupportedError: for callbacks that do not fit training on several workers.

    Example:
        >>> check_callbacks([keras.callbacks.EarlyStopping()])
        >>> check_callbacks([print])
        Traceback (most recent call last):
            ...
        sparkdl.errors.ArgumentError: callbacks[0] is <built-in function print>, expected a keras.callbacks.Callback
    """
    for number, callback in enumerate(callbacks):
        name = type(callback).__name__
        if not isinstance(callback, keras.callbacks.Callback):
            hint = "; make an instance of the class" if isinstance(callback, type) else ""
            raise ArgumentError(f"callbacks[{number}] is {callback!r}, expected a keras.callbacks.Callback{hint}")
        for refused, reason in _REFUSED:
            if isinstance(callback, getattr(keras.callbacks, refused, ())):
                raise UnsupportedError(f"callback {name} cannot be used here: {reason}")
        _check_hooks(callback)
        path = unwritable(callback)
        if path is not None:
            raise ArgumentError(f"callback {name} writes {path}, which the driver cannot write; choose another path")
        _check_pickles(callback, model)


def _check_hooks(callback: Any) -> None:
    """Those of Keras's own classes do without: TensorBoard traces graphs there, ProgbarLogger draws."""
    for name in _NEVER_CALLED:
        hook = getattr(callback, name)
        if not getattr(hook, "_is_default", False) and not str(hook.__module__).startswith("keras."):
            raise UnsupportedError(
                f"callback {type(callback).__name__} has {name}, which is never called here: every worker validates "
                "rows of its own, so no place sees all batches; use on_test_begin, on_test_end or on_epoch_end"
            )


def _check_pickles(callback: Any, model: keras.Model | None) -> None:
    try:
        pack_callbacks([callback], model, lambda path: None)
    except _PICKLING_ERRORS as error:
        with _without_handles([callback]):
            culprit = _culprit(callback, model)
        where = f"its attribute {culprit} does not pickle" if culprit else "it does not pickle"
        raise ArgumentError(
            f"callback {type(callback).__name__} cannot be sent to worker 0: {where} ({type(error).__name__}: "
            f"{_first_line(error)}); make it in on_train_begin"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _culprit(callback: Any, model: keras.Model | None) -> str | None:
    for attribute, value in vars(callback).items():
        try:
            _dump(value, model)
        except _PICKLING_ERRORS:
            return f"{attribute!r} of type {type(value).__name__}"
    return None


def pack_callbacks(
    callbacks: Sequence[Any],
    model: keras.Model | None = None,
    read: Callable[[str], bytes | None] = read_local,
) -> bytes:
    """Bytes of the callbacks for worker 0; empty if there are none. To be called on the driver.

    References to the model that is trained, its optimizer, its layers and variables (in attributes, in
    the closures of functions) are not copied: on worker 0 they mean that worker's own. Files that
    callbacks go on with (CSVLogger with append=True) travel too.

    Args:
        callbacks: checked callbacks; they are not changed.
        model: the model to be trained.
        read: gives the content of a file, or None where there is none.
    """
    if not callbacks:
        return b""
    with _without_handles(callbacks):
        return _dump((list(callbacks), existing_contents(callbacks, read)), model)


def unpack_callbacks(payload: bytes, model: keras.Model) -> tuple[list[Any], dict[int, bytes]]:
    """Worker 0's callbacks and the content of their files.

    Args:
        payload: what `pack_callbacks` gave, from this run's own task closure.
        model: worker 0's model.
    """
    unpickler = _Unpickler(io.BytesIO(payload))
    unpickler.parts = _parts(model)
    return unpickler.load()


@contextmanager
def _without_handles(callbacks: Sequence[Any]) -> Iterator[None]:
    kept: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for callback in callbacks:
        for kind, handles in _HANDLES:
            if isinstance(callback, kind):
                attributes = vars(callback)
                kept.append((attributes, {name: attributes[name] for name in handles if name in attributes}))
                attributes.update({name: value for name, value in handles.items() if name in attributes})
    try:
        yield
    finally:
        for attributes, values in kept:
            attributes.update(values)


def _parts(model: keras.Model | None) -> dict[str, Any]:
    if model is None:
        return {}
    parts: dict[str, Any] = {"model": model}
    if getattr(model, "optimizer", None) is not None:
        parts["optimizer"] = model.optimizer
    layers = model._flatten_layers(include_self=False, recursive=True)
    parts |= {f"layer {number}": layer for number, layer in enumerate(layers)}
    return parts | {f"variable {number}": variable for number, variable in enumerate(model.variables)}


def _dump(value: Any, model: keras.Model | None) -> bytes:
    buffer = io.BytesIO()
    pickler = _Pickler(buffer)
    pickler.names = {id(part): name for name, part in _parts(model).items()}
    pickler.dump(value)
    return buffer.getvalue()


class _Pickler(cloudpickle.Pickler):
    names: dict[int, str]

    def persistent_id(self, obj: Any) -> str | None:
        return self.names.get(id(obj))


class _Unpickler(pickle.Unpickler):
    parts: dict[str, Any]

    def persistent_load(self, pid: str) -> Any:
        return self.parts[pid]
