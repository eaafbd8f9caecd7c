"""Where the trainable weights lie in one flat float32 vector, and a live one that the model itself reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import UnsupportedError
from sparkdl.memory import aligned_rows
from sparkdl.types import VariableSpec, WeightLayout

ALIGNMENT = 16
WIRE_DTYPES = ("float32", "float16", "bfloat16")


def layout_of(variables: Sequence[Any]) -> WeightLayout:
    """The flat layout of trainable variables, each at a multiple of 16 elements (64 bytes).

    Args:
        variables: Keras variables, in the order of `model.trainable_variables`.

    Raises:
        UnsupportedError: for a dtype that float32 cannot carry.

    Example:
        >>> import keras
        >>> layout = layout_of([keras.Variable(np.zeros((3, 2), "float32"), name="kernel"), keras.Variable([0.0])])
        >>> [(spec.shape, spec.offset) for spec in layout.variables], layout.length
        ([((3, 2), 0), ((1,), 16)], 32)
    """
    specs = []
    offset = 0
    for variable, name in zip(variables, unique_names(variables), strict=True):
        dtype = str(variable.dtype)
        if dtype not in WIRE_DTYPES:
            raise UnsupportedError(
                f"the trainable variable {name!r} has dtype {dtype}, but workers exchange float32: use float32, "
                f"float16 or bfloat16 variables (the layer's dtype argument)."
            )
        spec = VariableSpec(name, tuple(int(size) for size in variable.shape), offset)
        specs.append(spec)
        offset += -(-spec.size // ALIGNMENT) * ALIGNMENT
    return WeightLayout(tuple(specs), offset)


def unique_names(variables: Sequence[Any]) -> list[str]:
    """The variables' paths, told apart by `#2`, `#3` where several have the same.

    Example:
        >>> import keras
        >>> unique_names([keras.Variable([0.0], name="a"), keras.Variable([0.0], name="a")])
        ['a', 'a#2']
    """
    seen: dict[str, int] = {}
    names = []
    for variable in variables:
        path = variable.path
        seen[path] = seen.get(path, 0) + 1
        names.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return names


class FlatWeights:
    """The flat vector that the model's trainable variables live in.

    A write into `weights` is a write into the model where TensorFlow lets a variable share its memory;
    the other variables (float16, or where sharing does not work) are assigned by `written`.

    Args:
        variables: Keras variables, in the order of `model.trainable_variables`; their values are kept.

    Attributes:
        layout: where each variable lies.
        weights: float32 (layout.length,), zeros between the variables.

    Example:
        >>> import keras
        >>> variable = keras.Variable(np.ones((2, 2), "float32"))
        >>> flat = FlatWeights([variable])
        >>> flat.weights[:4] = 3.0
        >>> flat.written()
        >>> float(variable.numpy().sum())
        12.0
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self.layout = layout_of(self._variables)
        # TensorFlow aborts where a variable's memory begins elsewhere.
        self.weights = aligned_rows(self.layout.length, (), np.dtype(np.float32))
        self.weights[:] = 0.0
        self._views = [_view(self.weights, spec) for spec in self.layout.variables]
        self._assigned: set[int] = set()
        for index, variable in enumerate(self._variables):
            self._views[index][...] = variable.numpy().astype(np.float32)
            if not self._alias(index):
                self._assigned.add(index)

    @property
    def shared(self) -> tuple[str, ...]:
        """Names of the variables that live in the vector itself."""
        return tuple(spec.name for index, spec in enumerate(self.layout.variables) if index not in self._assigned)

    def written(self) -> None:
        """Tells that `weights` was written: assigns the variables that do not share its memory."""
        for index in self._assigned:
            self._variables[index].assign(tf.constant(self._views[index]))

    def check_in_place(self) -> None:
        """Refuses models that assign their own weights.

        Raises:
            UnsupportedError: somebody assigned a variable.
        """
        moved = self.moved()
        if moved:
            raise UnsupportedError(
                f"the trainable variable {moved[0]!r} is assigned while the model is called, which cannot be shared "
                f"between workers: remove the layer that does it (SpectralNormalization, ...)."
            )

    def moved(self) -> tuple[str, ...]:
        """Names of the variables that somebody assigned since, so that they left the vector (or differ from it)."""
        return tuple(self.layout.variables[index].name for index in self._moved())

    def refresh(self) -> bool:
        """Copies variables that somebody assigned into the vector, and puts them back in it; True if there were any."""
        moved = self._moved()
        for index in moved:
            self._views[index][...] = self._variables[index].numpy().astype(np.float32)
            if index not in self._assigned:
                self._alias(index)
        return bool(moved)

    def _moved(self) -> list[int]:
        return [index for index in range(len(self._variables)) if not self._in_place(index)]

    def _in_place(self, index: int) -> bool:
        view = self._views[index]
        if index not in self._assigned:
            return view.size == 0 or _address(self._variables[index]) == view.ctypes.data
        current = self._variables[index].numpy()
        return bool(np.array_equal(current, view.astype(current.dtype), equal_nan=True))

    def _alias(self, index: int) -> bool:
        variable, view = self._variables[index], self._views[index]
        if str(variable.dtype) != "float32" or view.size == 0:
            return False
        try:
            shared = tf.experimental.dlpack.from_dlpack(view.__dlpack__())
        except (tf.errors.OpError, BufferError, ValueError):
            return False
        variable.value.assign(shared)
        del shared
        return _address(variable) == view.ctypes.data and _follows(variable, view)


def _view(weights: np.ndarray, spec: VariableSpec) -> np.ndarray:
    return weights[spec.offset : spec.offset + spec.size].reshape(spec.shape)


def _address(variable: Any) -> int:
    return int(np.asarray(variable.value.read_value()).ctypes.data)


def _follows(variable: Any, view: np.ndarray) -> bool:
    """Whether a value written into `view` is what the variable then holds."""
    flat = view.reshape(-1)
    before = flat[0]
    flat[0] = 1.25 if before != 1.25 else 2.5
    follows = bool(variable.value.numpy().reshape(-1)[0] == flat[0])
    flat[0] = before
    return follows
