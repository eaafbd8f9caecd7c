"""A model's state beside its trainable weights: statistics that are averaged, seed generators that stay local."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras.src.random.seed_generator import global_seed_generator

from sparkdl.errors import ModelError, UnsupportedError


class ModelState:
    """The non-trainable variables of a built model, by kind.

    Floating-point ones (BatchNorm's) are averaged over workers; seed generators stay local; all others must
    not change. Frozen weights are no statistics.

    Args:
        model: built.
    """

    def __init__(self, model: keras.Model) -> None:
        layers = list(model._flatten_layers())
        variables = _distinct(variable for layer in layers for variable in layer._non_trainable_variables)
        generators = _distinct(generator.state for layer in layers for generator in layer._seed_generators)
        seeds = {id(variable) for variable in generators}
        others = [variable for variable in variables if id(variable) not in seeds]
        self._statistics = [variable for variable in others if "float" in str(variable.dtype)]
        self._fixed = [(variable, variable.numpy()) for variable in others if "float" not in str(variable.dtype)]
        # Keras numbers its generators per process, so that their own names mean nothing in another one.
        self._seeds = {f"seed_generator/{index}": variable for index, variable in enumerate(generators)}
        self._seeds["seed_generator/global"] = global_seed_generator().state

    def statistics(self) -> np.ndarray:
        """All floating-point statistics, float64 (n,).

        Raises:
            UnsupportedError: where a variable changed that cannot be averaged.
        """
        for variable, value in self._fixed:
            if not np.array_equal(variable.numpy(), value):
                raise UnsupportedError(
                    f"the variable {variable.path!r} ({variable.dtype}) changed during training, but only "
                    f"floating-point statistics can be averaged over workers: make it a float variable, or leave it "
                    f"constant."
                )
        parts = [variable.numpy().reshape(-1).astype(np.float64) for variable in self._statistics]
        return np.concatenate(parts) if parts else np.zeros(0)

    def set_statistics(self, values: np.ndarray) -> None:
        """Puts statistics, float64 (n,), back into the model."""
        start = 0
        for variable in self._statistics:
            size = int(np.prod(variable.shape, dtype=np.int64))
            variable.assign(values[start : start + size].reshape(variable.shape))
            start += size

    def local(self) -> dict[str, np.ndarray]:
        """The states of the seed generators, by name."""
        return {name: variable.numpy() for name, variable in self._seeds.items()}

    def set_local(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `local` gave.

        Raises:
            ModelError: for a name that the model does not have.
        """
        for name, value in state.items():
            if name not in self._seeds:
                raise ModelError(
                    f"the saved state has a seed generator {name!r}, but the model has {sorted(self._seeds)}: resume "
                    f"with the model that wrote it."
                )
            self._seeds[name].assign(value)

    def seed(self, seed: int, rank: int) -> None:
        """Sets every seed generator from (seed, rank), so that each worker draws its own masks, reproducibly."""
        for index, variable in enumerate(self._seeds.values()):
            words = np.random.SeedSequence([seed, rank, index]).generate_state(2)
            variable.assign(np.array([words[0] >> 1, 0], np.int64))


def _distinct(variables: Any) -> list[Any]:
    return list({id(variable): variable for variable in variables}.values())
