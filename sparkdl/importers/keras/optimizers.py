"""The state of optimizers, as Keras 2 and tf.keras kept it, given to those of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from sparkdl.importers.keras import hdf5
from sparkdl.importers.keras.nodes import Origin
from sparkdl.importers.keras.sources import Weights

_ADAM = (("_momentums", ("m",)), ("_velocities", ("v",)), ("_velocity_hats", ("vhat", "velocity_hat")))
# What each optimizer keeps per weight: where Keras 3 has it, and the names in files, in the order of Keras 2.
SLOTS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "SGD": (("momentums", ("momentum", "m")),),
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Nadam": _ADAM[:2],
    "Adamax": (("_m", ("m",)), ("_u", ("v", "u"))),
    "RMSprop": (
        ("_velocities", ("rms", "velocity")),
        ("_momentums", ("momentum",)),
        ("_average_gradients", ("mg", "average_gradient")),
    ),
    "Adagrad": (("_accumulators", ("accumulator",)),),
    "Adadelta": (
        ("_accumulated_grads", ("accum_grad", "accumulated_grad")),
        ("_accumulated_delta_vars", ("accum_var", "accumulated_delta_var")),
    ),
    "Ftrl": (("_accumulators", ("accumulator",)), ("_linears", ("linear",))),
}


def fill_from_model(model: keras.Model, weights: Weights, origin: Origin) -> None:
    """Gives the optimizer of a compiled model the state in a whole-model HDF5 file, if it has one.

    Raises:
        ValueError: where it does not fit (or ImporterError).
    """
    with hdf5.opened(weights.content, weights.path) as file:
        if "optimizer_weights" not in file:
            return
        group = hdf5.child(file, "optimizer_weights", weights.path)
        arrays = {
            name: hdf5.array_of(hdf5.child(group, name, weights.path), weights.size, weights.path)
            for name in hdf5.names(group, "weight_names", weights.path)
        }
    if origin.old:
        _fill_by_name(model.optimizer, arrays, len(model.trainable_variables))
    else:
        _fill_in_order(model.optimizer.variables, list(arrays.values()))


def fill_from_archive(model: keras.Model, weights: Weights) -> None:
    """Gives the optimizer of a compiled model the state in a `.keras` archive of tf.keras, if it has one.

    Raises:
        ValueError: where it does not fit (or ImporterError).
    """
    with hdf5.opened(weights.content, weights.path) as file:
        if "optimizer" not in file or "vars" not in file["optimizer"]:
            return
        group = hdf5.child(file, "optimizer/vars", weights.path)
        arrays = [
            hdf5.array_of(hdf5.child(group, str(index), weights.path), weights.size, weights.path)
            for index in range(len(group))
        ]
    optimizer = model.optimizer
    others = {"iteration", "learning_rate", getattr(getattr(optimizer, "_u_product", None), "name", None)}
    slots = [item for item in optimizer.variables if item.name not in others]
    if not arrays or len(arrays) - len(slots) not in (1, 2):
        raise ValueError(f"the state of {optimizer.name} has {len(arrays)} arrays, expected {len(slots) + 1}")
    _fill_in_order(slots, arrays[len(arrays) - len(slots) :])
    _set_steps(optimizer, int(arrays[0]))


def _fill_in_order(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    if [tuple(item.shape) for item in variables] != [value.shape for value in values]:
        raise ValueError("the arrays of its state do not fit the weights of the model")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _fill_by_name(optimizer: Any, arrays: Mapping[str, np.ndarray], count: int) -> None:
    """The number of steps, then for each weight what is kept of it: weight by weight, or kind by kind."""
    slots = SLOTS.get(type(optimizer).__name__)
    if slots is None:
        raise ValueError(f"the state of {type(optimizer).__name__} was kept in another way")
    steps, unnamed = 0, list[np.ndarray]()
    found: dict[str, list[np.ndarray]] = {attribute: [] for attribute, _ in slots}
    for name, value in arrays.items():
        parts = name.partition(":")[0].split("/")
        kind = next((slot for slot, known in slots for part in (parts[-1], *parts[1:2]) if part in known), None)
        if kind is not None:
            found[kind].append(value)
        elif "iter" in parts[-1]:
            steps = int(value)
        elif "learning_rate" not in parts[-1]:
            unnamed.append(value)
    if not any(found.values()):  # Keras before tf.keras numbered them
        found = {slot: unnamed[index * count : (index + 1) * count] for index, (slot, _) in enumerate(slots)}
    for attribute, values in found.items():
        variables = getattr(optimizer, attribute, None)
        if variables:
            _fill_in_order(variables, values)
    _set_steps(optimizer, steps)


def _set_steps(optimizer: Any, steps: int) -> None:
    optimizer.iterations.assign(steps)
    if isinstance(optimizer, keras.optimizers.Nadam):  # a product over all steps, which older Keras did not save
        factors = optimizer.beta_1 * (1 - 0.5 * 0.96 ** np.arange(1, steps + 1, dtype=np.float64))
        optimizer._u_product.assign(np.prod(factors))
