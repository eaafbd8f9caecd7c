"""What callbacks remember, as values that need no pickle."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from sparkdl.engine.callback_files import path_attribute
from sparkdl.engine.tree import decode_tree, encode_tree, is_tree
from sparkdl.errors import ModelError
from sparkdl.types import TrainingState

_OPERATIONS = {"less": keras.ops.less, "greater": keras.ops.greater}
_NOT_STATE = frozenset({"_model", "params"})
_CONTAINERS = (list, dict, set)


Attributes = list[dict[str, bytes]]  # of each callback, by name


def attributes_of_callbacks(callbacks: Sequence[Any]) -> Attributes:
    """What each callback's attributes are now, encoded: to tell later which have changed."""
    return [
        {
            name: encode_tree(value)
            for name, value in vars(callback).items()
            if name not in _NOT_STATE and is_tree(value)
        }
        for callback in callbacks
    ]


def state_of_callbacks(
    callbacks: Sequence[Any], hidden: str = "", settings: Sequence[Attributes] = ()
) -> dict[str, Any]:
    """The attributes of callbacks that are plain values or arrays, and lists their functions collect into.

    Args:
        callbacks: Keras callbacks.
        hidden: a path; text that contains it is of this machine only and left out.
        settings: `attributes_of_callbacks` of earlier moments; what is as it was at all of them (the `patience` of an
            EarlyStopping) is no state, but the choice of whoever made the callback, and left out.

    Returns:
        a tree for `encode_tree`.

    Example:
        >>> state_of_callbacks([keras.callbacks.EarlyStopping(patience=3)])["callbacks"][0]["attributes"]["patience"]
        3
    """
    states = [_state_of(callback, hidden) for callback in callbacks]
    for number, state in enumerate(states):
        chosen = [moment[number] for moment in settings]
        state["attributes"] = {
            name: value for name, value in state["attributes"].items() if not _unchanged(name, value, chosen)
        }
    return {"callbacks": states}


def _unchanged(name: str, value: Any, settings: Sequence[Mapping[str, bytes]]) -> bool:
    # Arrays are never settings, and slow to encode.
    if not settings or not all(name in moment for moment in settings) or _holds_arrays(value):
        return False
    encoded = encode_tree(value)
    return all(moment[name] == encoded for moment in settings)


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, list) and any(map(_holds_arrays, value)))


def _state_of(callback: Any, hidden: str) -> dict[str, Any]:
    path = path_attribute(callback)
    left_out = _NOT_STATE | ({path[0]} if path else set())
    attributes, operations, collected = {}, {}, {}
    for name, value in vars(callback).items():
        if name in left_out or (hidden and isinstance(value, str) and hidden in value):
            continue
        if is_tree(value):
            attributes[name] = value
        elif any(value is operation for operation in _OPERATIONS.values()):
            operations[name] = value.__name__
        elif isinstance(value, types.FunctionType):
            collected[name] = {key: item for key, item in _containers(value).items() if is_tree(item)}
    entry = {"class": type(callback).__name__, "attributes": attributes, "operations": operations}
    return entry | {"collected": collected, "file": _written(callback)}


def _containers(function: types.FunctionType) -> dict[str, Any]:
    """Lists, dicts and sets that a function given to a LambdaCallback may fill: of its closure and its notebook."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = {name: _content(cell) for name, cell in cells}
    if function.__module__ == "__main__":
        found |= {name: function.__globals__.get(name) for name in function.__code__.co_names}
    return {name: value for name, value in found.items() if type(value) in _CONTAINERS}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return None


def _written(callback: Any) -> str | None:
    if not isinstance(callback, keras.callbacks.CSVLogger) or callback.csv_file is None:
        return None
    if not callback.csv_file.closed:
        callback.csv_file.flush()
    with open(callback.filename, encoding="utf-8") as file:
        return file.read()


def set_state_of_callbacks(callbacks: Sequence[Any], state: Mapping[str, Any], files: bool) -> None:
    """Puts back what `state_of_callbacks` gave.

    Args:
        callbacks: callbacks of the same classes in the same order.
        state: the tree.
        files: whether open files (CSVLogger's) get back their content too.

    Raises:
        ModelError: if the state is of other callbacks.
    """
    entries = state["callbacks"]
    names = [type(callback).__name__ for callback in callbacks]
    if names != [entry["class"] for entry in entries]:
        raise ModelError(
            f"the saved state is of callbacks {[entry['class'] for entry in entries]}, but this run has {names}; "
            "use the same callbacks in the same order"
        )
    for callback, entry in zip(callbacks, entries, strict=True):
        _restore(callback, entry)
        if files and entry["file"] and isinstance(callback, keras.callbacks.CSVLogger) and callback.csv_file:
            callback.csv_file.seek(0)
            callback.csv_file.truncate()
            callback.csv_file.write(entry["file"])
            callback.csv_file.flush()
            callback.append_header = False


def _restore(callback: Any, entry: Mapping[str, Any]) -> None:
    attributes = vars(callback)
    for name, value in entry["attributes"].items():
        # The user may hold the same list: fill it, rather than put another in its place.
        if not _fill(attributes.get(name), value):
            attributes[name] = value
    for name, operation in entry["operations"].items():
        attributes[name] = _OPERATIONS[operation]
    for name, collected in entry["collected"].items():
        function = attributes.get(name)
        present = _containers(function) if isinstance(function, types.FunctionType) else {}
        for key, value in collected.items():
            _fill(present.get(key), value)


def _fill(present: Any, value: Any) -> bool:
    if type(present) not in _CONTAINERS or type(present) is not type(value):
        return False
    if isinstance(present, list):
        present[:] = value
    else:
        present.clear()
        present.update(value)
    return True


def apply_states(callbacks: Sequence[Any], state: TrainingState) -> None:
    """Puts what worker 0's callbacks remember onto the driver's own objects.

    Args:
        callbacks: the callbacks the user gave.
        state: a training state; its array `callbacks` (uint8) holds the encoded tree, if there were any.
    """
    if callbacks and "callbacks" in state.arrays:
        tree = decode_tree(np.asarray(state.arrays["callbacks"]).tobytes())
        set_state_of_callbacks(callbacks, tree, files=False)
