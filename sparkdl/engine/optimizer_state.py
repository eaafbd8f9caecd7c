"""The state of optimizers as named arrays: divided between workers, joined, and put into a whole Keras optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sparkdl.collective.buckets import spans
from sparkdl.engine.shards import (
    Piece,
    clone_optimizer,
    inner_optimizer,
    update_scope,
    variable_like,
)
from sparkdl.errors import ModelError, UnsupportedError
from sparkdl.types import WeightLayout

PREFIX = "optimizer/"
_NOT_SLOTS = frozenset({"_variables", "_trainable_variables"})


@dataclass(frozen=True, slots=True)
class Slot:
    """One variable of an optimizer: `name`, and the position of the model variable it belongs to (or None)."""

    name: str
    index: int | None
    variable: keras.Variable


def build_slots(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> tuple[Slot, ...]:
    """Builds an unbuilt optimizer on the variables and tells what each of its variables is.

    Slots that were made by `add_variable_from_reference` are known from the call; others that
    stand in a list with one entry per model variable (Adafactor's rows and columns) from the list. All
    the rest (iterations, learning rate, loss scale, Nadam's product) belongs to no variable.

    Example:
        >>> optimizer = keras.optimizers.SGD(momentum=0.9)
        >>> [(slot.name, slot.index) for slot in build_slots(optimizer, [keras.Variable([1.0])])]
        [('iterations', None), ('learning_rate', None), ('momentum', 0)]
    """
    inner = inner_optimizer(optimizer)
    found: dict[int, tuple[str, int]] = {}
    with _recording(inner, variables, found):
        optimizer.build(list(variables))
    _find_listed(inner, len(variables), found)
    outer = [] if inner is optimizer else [(slot, "scale.") for slot in optimizer._variables]
    slots, unnamed = [], 0
    for variable, prefix in [*outer, *((slot, "") for slot in inner._variables)]:
        name, index = found.get(id(variable), (None, None))
        name = name or _attribute(optimizer if prefix else inner, variable)
        if name is None:
            name, unnamed = f"unnamed.{unnamed}", unnamed + 1
        slots.append(Slot(prefix + name, index, variable))
    return tuple(slots)


@contextmanager
def _recording(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    found: dict[int, tuple[str, int]],
) -> Iterator[None]:
    owner = {id(variable): index for index, variable in enumerate(variables)}
    seen: dict[tuple[str, int], int] = {}
    original: Callable[..., keras.Variable] = optimizer.add_variable_from_reference

    def record(reference_variable: Any, name: str | None = None, initializer: Any = "zeros") -> keras.Variable:
        slot = original(reference_variable, name=name, initializer=initializer)
        index = owner.get(id(reference_variable))
        if index is not None:
            key = (name or "var", index)
            times = seen[key] = seen.get(key, 0) + 1
            found[id(slot)] = (key[0] if times == 1 else f"{key[0]}.{times}", index)
            owner[id(slot)] = index  # a slot of a slot belongs to the same variable
        return slot

    # Past Keras's __setattr__, which would track the function as a part of the optimizer.
    optimizer.__dict__["add_variable_from_reference"] = record
    try:
        yield
    finally:
        del optimizer.__dict__["add_variable_from_reference"]


def _find_listed(optimizer: keras.optimizers.Optimizer, count: int, found: dict[int, tuple[str, int]]) -> None:
    own = {id(variable) for variable in optimizer._variables}
    for attribute, values in vars(optimizer).items():
        if attribute in _NOT_SLOTS or not isinstance(values, (list, tuple)) or len(values) != count:
            continue
        for index, value in enumerate(values):
            if id(value) in own and id(value) not in found:
                found[id(value)] = (attribute.lstrip("_"), index)


def _attribute(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> str | None:
    names = (name for name, value in vars(optimizer).items() if value is variable)
    return next((name.lstrip("_") for name in names), None)


def part_state(slots: Sequence[Slot], pieces: Sequence[Piece]) -> dict[str, np.ndarray]:
    """The state of an optimizer over pieces: `optimizer/<slot>/<variable>` and `optimizer/<name>`."""
    state: dict[str, np.ndarray] = {}
    for slot in slots:
        value = _value(slot.variable)
        if slot.index is None:
            state[PREFIX + slot.name] = value
        elif slot.index < len(pieces):
            piece = pieces[slot.index]
            for index, start, stop in piece.cuts:
                state[f"{PREFIX}{slot.name}/{index}"] = value[start:stop] if piece.flat else value
    return state


def load_part(
    slots: Sequence[Slot], pieces: Sequence[Piece], layout: WeightLayout, merged: Mapping[str, np.ndarray]
) -> None:
    """Puts a merged state into the slots of an optimizer over pieces.

    Raises:
        ModelError: if the state is of another optimizer or another model.
    """
    values = []
    for slot in slots:
        if slot.index is None:
            values.append((slot.name, slot.variable, _entry(merged, PREFIX + slot.name)))
        elif slot.index < len(pieces):
            piece = pieces[slot.index]
            values.append((slot.name, slot.variable, _piece_value(slot.name, piece, layout, merged)))
    _assign_all(values)


def _piece_value(name: str, piece: Piece, layout: WeightLayout, merged: Mapping[str, np.ndarray]) -> np.ndarray:
    parts = []
    for index, start, stop in piece.cuts:
        value = _entry(merged, f"{PREFIX}{name}/{index}")
        if not piece.flat:
            return value
        if value.size != layout.variables[index].size:
            raise _misshapen(name, value.shape, layout.variables[index].shape)
        skipped = piece.place + start - layout.variables[index].offset
        parts.append(value.reshape(-1)[skipped : skipped + stop - start])
    value = np.zeros(piece.shape, parts[0].dtype)
    for (_, start, stop), part in zip(piece.cuts, parts, strict=True):
        value[start:stop] = part
    return value


def merge_states(
    states: Sequence[Mapping[str, np.ndarray]], layout: WeightLayout, buckets: Sequence[Sequence[int]], flat: bool
) -> dict[str, np.ndarray]:
    """Joins the parts of all workers, in rank order, into the state of the whole optimizer.

    Args:
        states: what each worker's `Updater.state()` gave.
        layout: where the variables lie.
        buckets: who owned what, workers + 1 offsets for each bucket; no variable lies in two of them.
        flat: whether parts are cut from a flat vector; otherwise each is the whole slot of a variable, in its own shape
            (which may have as many elements as the variable without having its shape).

    Returns:
        `optimizer/<slot>/<variable index>` arrays of the variables' shapes (or the slot's own, where it
        differs) and `optimizer/<name>` for what belongs to no variable.

    Raises:
        UnsupportedError: if something that belongs to no variable differs between workers.
    """
    owners = [rank for rank in range(len(states)) if spans(buckets, rank)] or [0]
    parts: dict[str, list[np.ndarray]] = {}
    merged: dict[str, np.ndarray] = {}
    for rank in owners:
        for key, value in states[rank].items():
            if key.count("/") > 1:
                parts.setdefault(key, []).append(value)
            elif key not in merged:
                merged[key] = value
            elif not np.array_equal(merged[key], value, equal_nan=value.dtype.kind == "f"):
                raise UnsupportedError(
                    f"the optimizer's variable {key.removeprefix(PREFIX)!r} belongs to no model variable and differs "
                    f"between worker {owners[0]} and worker {rank}; give it one value for each variable with "
                    "add_variable_from_reference, or train with workers=1"
                )
    for key, values in parts.items():
        spec = layout.variables[int(key.rpartition("/")[2])]
        merged[key] = np.concatenate(values).reshape(spec.shape) if flat else values[0]
    return merged


def state_of_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> dict[str, np.ndarray]:
    """The state of an ordinary Keras optimizer in the merged form.

    Args:
        optimizer: a model's optimizer.
        variables: the model's trainable variables, in the order of the layout.

    Returns:
        the merged state; empty if the optimizer is not built yet (there is nothing to continue).

    Raises:
        ModelError: if the optimizer was built on other variables.

    Example:
        >>> weights = keras.Variable([1.0, 2.0])
        >>> optimizer = keras.optimizers.SGD(momentum=0.9)
        >>> optimizer.build([weights])
        >>> sorted(state_of_optimizer(optimizer, [weights]))
        ['optimizer/iterations', 'optimizer/learning_rate', 'optimizer/momentum/0']
    """
    if not optimizer.built:
        return {}
    return {key: _value(variable) for key, variable in _named(optimizer, variables)}


def load_into_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], merged: Mapping[str, np.ndarray]
) -> None:
    """Makes an ordinary Keras optimizer continue from a merged state; builds it first if needed.

    Raises:
        ModelError: if the optimizer was built on other variables, or the state is of another optimizer.
    """
    if not optimizer.built:
        optimizer.build(list(variables))
    _assign_all([(key, variable, _entry(merged, key)) for key, variable in _named(optimizer, variables)])


def _named(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> list[tuple[str, keras.Variable]]:
    inner = inner_optimizer(optimizer)
    built_on = list(inner._trainable_variables)
    position = {id(variable): index for index, variable in enumerate(variables)}
    known = {id(variable) for variable in built_on}
    for variable in variables:
        if id(variable) not in known:
            raise ModelError(
                f"optimizer {inner.name} was built on other variables than the model trains now ({variable.path} is "
                "unknown to it); call model.compile(...) again"
            )
    named = []
    for slot, variable in zip(_blueprint(optimizer, built_on), optimizer.variables, strict=True):
        index = None if slot.index is None else position.get(id(built_on[slot.index]))
        if slot.index is None:
            named.append((PREFIX + slot.name, variable))
        elif index is not None:
            named.append((f"{PREFIX}{slot.name}/{index}", variable))
    return named


def _blueprint(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> tuple[Slot, ...]:
    # A built optimizer does not tell what its variables are; a clone that is built now makes them in the same order.
    # What built-in optimizers make depends on names and numbers of axes only: save the memory there.
    small = update_scope(optimizer) in ("element", "variable")
    twins = [
        variable_like(variable, np.zeros([1] * len(variable.shape) if small else tuple(variable.shape), "float32"))
        for variable in variables
    ]
    slots = build_slots(clone_optimizer(optimizer), twins)
    if len(slots) != len(optimizer.variables):
        raise ModelError(
            f"optimizer {optimizer.name} has {len(optimizer.variables)} variables, but a new one of its configuration "
            f"has {len(slots)}; make its get_config complete"
        )
    return slots


def _value(variable: keras.Variable) -> np.ndarray:
    return np.asarray(variable.value.numpy())


def _entry(merged: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    if key not in merged:
        raise ModelError(
            f"the optimizer state has no {key.removeprefix(PREFIX)!r}: it is of another optimizer or another model; "
            "compile the model with the optimizer that the state was saved from"
        )
    return merged[key]


def _assign_all(values: Sequence[tuple[str, keras.Variable, np.ndarray]]) -> None:
    # All are checked before the first is written, so that a wrong state leaves the optimizer as it was.
    for name, variable, value in values:
        if tuple(variable.shape) != value.shape:
            raise _misshapen(name, value.shape, tuple(variable.shape))
    for _, variable, value in values:
        variable.assign(value)


def _misshapen(name: str, received: tuple[int, ...], expected: tuple[int, ...]) -> ModelError:
    return ModelError(
        f"the optimizer state {name.removeprefix(PREFIX)!r} has shape {received}, but this model needs {expected}; "
        "use the model that the state was saved from"
    )
