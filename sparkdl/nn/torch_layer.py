"""A tree of Torch-like modules as one Keras layer."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.kinds import Call
from sparkdl.nn.torch.layout import run
from sparkdl.nn.torch.module import Module


@keras.saving.register_keras_serializable("sparkdl")
class GradientPenalty(keras.regularizers.Regularizer):
    """Adds `l1 * sign(w) + l2 * w` to a gradient and nothing to the loss, as Torch's regularizers do."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1), float(l2)

    def __call__(self, weight: Any) -> Any:
        """A zero with that gradient."""
        weight = tf.convert_to_tensor(weight)
        penalty = self.l1 * tf.reduce_sum(tf.abs(weight)) + 0.5 * self.l2 * tf.reduce_sum(tf.square(weight))
        return penalty - tf.stop_gradient(penalty)

    def get_config(self) -> dict[str, Any]:
        """See `keras.regularizers.Regularizer`."""
        return {"l1": self.l1, "l2": self.l2}


@keras.saving.register_keras_serializable("sparkdl")
class TorchLayer(keras.layers.Layer):
    """Computes what a tree of modules computes, with the tree's weights as its own.

    Args:
        module: the tree, whose values are copied, or its description.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> layer = TorchLayer(make("Linear", input_size=4, output_size=3))
        >>> layer(tf.zeros([2, 4])).shape.as_list()
        [2, 3]
    """

    def __init__(self, module: Module | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self._module = module if isinstance(module, Module) else Module.from_description(module)
        self._seeds = keras.random.SeedGenerator(zlib.crc32(self.name.encode()))
        self._held: dict[tuple[int, str], Any] = {}
        for place, part in enumerate(self._module.walk()):
            self._add_variables(place, part)
        self.built = True

    def _add_variables(self, place: int, part: Module) -> None:
        prefix = "" if part is self._module else f"{part.name or part.kind.lower()}_{place}_"
        for name, value in part.parameters.items():
            penalty = part.regularizers.get(name)
            self._held[id(part), name] = self.add_weight(
                name=prefix + name,
                shape=value.shape,
                initializer=_value(value),
                trainable=not part.frozen,
                regularizer=GradientPenalty(penalty.l1, penalty.l2) if penalty is not None else None,
            )
        for name, value in part.states.items():
            self._held[id(part), name] = self.add_weight(
                name=prefix + name, shape=value.shape, initializer=_value(value), trainable=False
            )

    def call(self, inputs: Any, training: bool | None = None, channels_last: bool = False) -> Any:
        """The output of the tree.

        Args:
            inputs: a tensor or a list of them.
            training: whether to behave as in training.
            channels_last: whether inputs and outputs have their channels last, whatever the module's own order is.
        """
        runner = _InLayer(self, bool(training))
        return runner.apply_last(self._module, inputs) if channels_last else runner.apply(self._module, inputs)

    def read_back(self, module: Module) -> None:
        """Copies the weights and states of this layer into a tree of the same description."""
        for mine, theirs in zip(self._module.walk(), module.walk(), strict=True):
            for values in (theirs.parameters, theirs.states):
                for name in values:
                    values[name] = keras.ops.convert_to_numpy(self._held[id(mine), name])

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {**super().get_config(), "module": self._module.description()}


class _InLayer:
    """Runs modules with the variables of a layer; see `Runner`."""

    on_arrays = False

    def __init__(self, layer: TorchLayer, training: bool) -> None:
        self._layer, self._training = layer, training

    def apply(self, module: Module, value: Any) -> Any:
        kind = kind_of(module.kind)
        return run(kind, Call(module, self, kind.arguments(module)), value)

    def apply_last(self, module: Module, value: Any) -> Any:
        """The output for a value whose channels are last, in the same order."""
        kind = kind_of(module.kind)
        return kind.call(Call(module, self, kind.arguments(module), channels_last=True), value)

    def parameter(self, module: Module, name: str) -> Any:
        return tf.convert_to_tensor(self._layer._held[id(module), name])

    state = parameter

    def set_state(self, module: Module, name: str, value: Any) -> None:
        self._layer._held[id(module), name].assign(value)

    def training(self, module: Module) -> bool:
        return self._training

    def seed(self) -> Any:
        return tf.cast(self._layer._seeds.next(), tf.int32)


def _value(value: Any) -> Any:
    return lambda shape, dtype=None: tf.convert_to_tensor(value, dtype)
