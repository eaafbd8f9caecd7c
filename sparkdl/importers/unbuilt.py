"""Models whose weights are described and not made: for looking at their sizes before memory is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras
from keras.src.backend.common import global_state

_WAITING = "uninitialized_variables"
_NEEDS_VALUES = "stateless scope"


class Unbuilt(keras.StatelessScope):
    """Where weights are described only; they are made at its end if they are accepted."""

    def __init__(self) -> None:
        super().__init__(initialize_variables=False)

    def accept(self, awaiting: Iterable[keras.Variable] = ()) -> None:
        """Has the weights made; those whose values come from a file begin with zeros, which is soon done."""
        self.initialize_variables = True
        zeros = keras.initializers.Zeros()
        for variable in awaiting:
            if variable._initializer is not None:
                variable._initializer = zeros


@contextmanager
def unbuilt() -> Iterator[Unbuilt]:
    """Within the block, new weights have shapes and no values; what is not accepted is forgotten.

    Example:
        >>> with unbuilt():
        ...     model = keras.Sequential([keras.Input((10**5,)), keras.layers.Dense(10**9)])
        >>> model.count_params()
        100001000000000
    """
    scope = Unbuilt()
    before = list(global_state.get_global_attribute(_WAITING, [], set_to_default=True))
    try:
        with scope:
            yield scope
    except BaseException:
        scope.initialize_variables = False
        raise
    finally:
        if not scope.initialize_variables:
            global_state.set_global_attribute(_WAITING, before)


def needs_values(error: Exception) -> bool:
    """Whether an error says that a layer makes weights of values at once, which cannot be described only."""
    return _NEEDS_VALUES in str(error)
