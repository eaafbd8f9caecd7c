"""Runs a tree of modules on arrays, forward and backward, as Torch does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import DataError, SparkDLError
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.initial import generator
from sparkdl.nn.torch.kinds import Call
from sparkdl.nn.torch.layout import run
from sparkdl.nn.torch.module import Module, Regularizer
from sparkdl.nn.torch.refusals import refusal

Value = Any  # an array, or a list of values


@dataclass
class Eager:
    """Applies modules to tensors at once.

    Attributes:
        tensors: the parameters, by module (its id) and name; what is differentiated against.
        on_arrays: see `Runner`.
    """

    tensors: dict[tuple[int, str], Any] = field(default_factory=dict)
    on_arrays: bool = True

    def apply(self, module: Module, value: Any) -> Any:
        """See `Runner`."""
        kind = kind_of(module.kind)
        try:
            return run(kind, Call(module, self, kind.arguments(module)), value)
        except SparkDLError:
            raise
        except (tf.errors.OpError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise DataError(refusal(module, _shapes(value), "", error)) from error

    def parameter(self, module: Module, name: str) -> Any:
        """See `Runner`."""
        return self.tensors[id(module), name]

    def state(self, module: Module, name: str) -> Any:
        """See `Runner`."""
        return tf.constant(module.states[name])

    def set_state(self, module: Module, name: str, value: Any) -> None:
        """See `Runner`."""
        module.states[name] = value.numpy()

    def training(self, module: Module) -> bool:
        """See `Runner`."""
        return module.training

    def seed(self) -> Any:
        """See `Runner`."""
        return tf.constant(generator().randint(0, 2**31 - 1, 2), tf.int32)


@dataclass
class Recording:
    """One pass forward, kept for the pass back.

    Attributes:
        inputs: what went in, as tensors.
        outputs: what came out, as tensors.
    """

    module: Module
    inputs: Any
    outputs: Any
    _runner: Eager
    _tape: tf.GradientTape

    @property
    def output(self) -> Value:
        """What came out, as arrays."""
        return to_arrays(self.outputs)

    def gradients(self, tensors: list[Any], gradient: Value) -> list[Any]:
        """The gradients for tensors that the pass went through, as arrays; see `backward`."""
        return [tensor.numpy() for tensor in self._differentiated(tensors, gradient)]

    def _differentiated(self, tensors: list[Any], gradient: Value) -> Any:
        outputs, gradients = tf.nest.flatten(self.outputs), flat_tensors(gradient)
        if [int(tf.size(g)) for g in gradients] != [int(tf.size(o)) for o in outputs]:
            raise DataError(
                f"backward of {self.module.name or self.module.kind} was given a gradient of shape "
                f"{_shapes(to_tensors(gradient))}, expected that of the output: {_shapes(self.outputs)}."
            )
        given = [tf.cast(tf.reshape(g, tf.shape(o)), o.dtype) for g, o in zip(gradients, outputs, strict=True)]
        return self._tape.gradient(outputs, tensors, given, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def is_of(self, value: Value) -> bool:
        """Whether this is what went in."""
        mine, theirs = flat_tensors(self.inputs), flat_tensors(value)
        return len(mine) == len(theirs) and all(
            one.shape == other.shape and bool(tf.reduce_all(one == other))
            for one, other in zip(mine, theirs, strict=True)
        )

    def backward(self, gradient: Value, scale: float = 1.0) -> Value:
        """The gradient for the input; those of the parameters are added to what the modules hold.

        Args:
            gradient: for the output, of its structure.
            scale: what the gradients of parameters are multiplied with.
        """
        weights = self.module.weights()
        tensors = [self._runner.tensors[id(module), name] for module, name in weights]
        inputs = flat_tensors(self.inputs)
        found = self._differentiated([*inputs, *tensors], gradient)
        for (module, name), tensor in zip(weights, found[len(inputs) :], strict=True):
            _accumulate(module, name, tf.convert_to_tensor(tensor).numpy() * scale)
        gradients = [_like(x, g) for x, g in zip(tf.nest.flatten(self.inputs), found, strict=False)]
        return to_arrays(tf.nest.pack_sequence_as(self.inputs, gradients))


def forward(module: Module, value: Value) -> Recording:
    """Runs a tree on arrays.

    Args:
        module: the tree.
        value: an array or a list of them; whole numbers and float64 become float32.

    Example:
        >>> from sparkdl.nn.torch.build import make
        >>> recording = forward(make("ReLU"), np.array([[-1.0, 2.0]]))
        >>> recording.output.tolist(), recording.backward(np.ones((1, 2))).tolist()
        ([[0.0, 2.0]], [[0.0, 1.0]])
    """
    inputs = to_tensors(value)
    runner = Eager({(id(m), name): tf.constant(m.parameters[name]) for m, name in module.weights()})
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(flat_tensors(inputs))
        tape.watch(list(runner.tensors.values()))
        outputs = tf.nest.map_structure(_dense, runner.apply(module, inputs))
    return Recording(module, inputs, outputs, runner, tape)


def to_tensors(value: Value) -> Any:
    """Arrays as float32 tensors; sparse tensors as they are."""
    if isinstance(value, (list, tuple)):
        return [to_tensors(part) for part in value]
    if isinstance(value, (tf.Tensor, tf.SparseTensor)):
        return value
    try:
        return tf.convert_to_tensor(np.asarray(value, None if value is None else np.float32))
    except (TypeError, ValueError) as error:
        raise DataError(
            "layers and criterions take numbers, arrays and tables (lists) of them, received a "
            f"{type(value).__name__}: {error}."
        ) from error


def _shapes(value: Any) -> Any:
    return [_shapes(part) for part in value] if isinstance(value, (list, tuple)) else tuple(value.shape)


def _like(tensor: Any, gradient: Any) -> Any:
    """A gradient for the values of a sparse tensor as a tensor."""
    if isinstance(tensor, tf.SparseTensor):
        return tf.SparseTensor(tensor.indices, gradient, tensor.dense_shape)
    return tf.convert_to_tensor(gradient)


def _dense(tensor: Any) -> Any:
    return tf.sparse.to_dense(tensor) if isinstance(tensor, tf.SparseTensor) else tensor


def flat_tensors(value: Value) -> list[Any]:
    """The tensors of a structure; of sparse ones their values."""
    parts = tf.nest.flatten(to_tensors(value))
    return [part.values if isinstance(part, tf.SparseTensor) else part for part in parts]


def to_arrays(value: Any) -> Value:
    """Tensors as arrays, in the same structure."""
    if isinstance(value, (list, tuple)):
        return [to_arrays(part) for part in value]
    return _dense(value).numpy()


def _accumulate(module: Module, name: str, gradient: np.ndarray[Any, Any]) -> None:
    held = module.gradients.setdefault(name, np.zeros_like(module.parameters[name]))
    if module.frozen:
        return
    regularizer = module.regularizers.get(name)
    if regularizer is not None:
        gradient = gradient + penalty_gradient(regularizer, module.parameters[name])
    module.gradients[name] = held + gradient


def penalty_gradient(regularizer: Regularizer, weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What a regularizer adds to the gradient of a weight."""
    return (regularizer.l1 * np.sign(weight) + regularizer.l2 * weight).astype(np.float32)


def zero_gradients(module: Module) -> None:
    """Forgets the gradients of the whole tree."""
    for part, name in module.weights():
        part.gradients[name] = np.zeros_like(part.parameters[name])


def gradients(module: Module) -> Mapping[tuple[int, str], np.ndarray[Any, Any]]:
    """The gradients of the whole tree, by module (its id) and name; zeros where there was no pass back."""
    return {
        (id(part), name): part.gradients.get(name, np.zeros_like(part.parameters[name]))
        for part, name in module.weights()
    }
