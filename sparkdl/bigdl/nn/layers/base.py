"""What all layers of BigDL can do, and how their arguments become modules."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.nn.layers.imported import parameters_by_layer
from sparkdl.bigdl.nn.layers.inference import Inference
from sparkdl.bigdl.nn.layers.nodes import Node
from sparkdl.bigdl.nn.layers.printing import text
from sparkdl.bigdl.nn.layers.saving import Saving
from sparkdl.bigdl.nn.layers.values import arrays, outcome
from sparkdl.bigdl.util.arguments import is_number
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError, SparkDLError
from sparkdl.importers.bigdl.load import read_module
from sparkdl.nn.torch.build import kind_of, make, reset
from sparkdl.nn.torch.eager import Recording, forward, zero_gradients
from sparkdl.nn.torch.initial import seed
from sparkdl.nn.torch.kernels import keras_model
from sparkdl.nn.torch.module import Array, Module, Regularizer

# Arguments that are no part of what a module computes.
_PLUMBING = frozenset({"self", "__class__", "bigdl_type", "jvalue"})
_INITIAL = {"init_weight": "weight", "init_bias": "bias"}
_INITIAL_GRADIENTS = {"init_grad_weight": "weight", "init_grad_bias": "bias"}
_WITHOUT_GRADIENTS = frozenset({"SReLU"})  # kinds whose `parameters()` are the weights alone
_NUMBERED = frozenset({"SpatialSeparableConvolution"})  # kinds whose weights have numbers for names
_STATES = {"running_mean": "runningMean", "running_variance": "runningVar"}
# BigDL spells a regularizer's argument in several ways; the first letter tells what it is for.
_REGULARIZER = "regularizer"


def describe(kind: str, arguments: Mapping[str, Any], children: Sequence[Layer] = ()) -> Module:
    """A new module of what a layer's constructor was given.

    Args:
        kind: the name of the module's kind.
        arguments: `locals()` of the constructor. Initial values, regularizers and layers among them become what they
            mean; the others are the module's arguments.
        children: the layers inside it, in the order that its kind expects.
    """
    given = {name: value for name, value in arguments.items() if name not in _PLUMBING}
    literal = {name: plain(value) for name, value in given.items() if _is_plain(name, value)}
    try:
        module = make(kind, [child.value for child in children], **literal)
    except SparkDLError:
        raise
    except (TypeError, ValueError, ZeroDivisionError) as error:
        told = ", ".join(f"{name}={value!r}" for name, value in literal.items())
        raise ArgumentError(f"{kind} cannot be made with {told}: {error}.") from error
    for name, parameter in _INITIAL.items():
        if given.get(name) is not None:
            module.parameters[parameter] = _reshaped(kind, name, given[name], module.parameters[parameter].shape)
    for name, parameter in _INITIAL_GRADIENTS.items():
        if given.get(name) is not None:
            module.gradients[parameter] = _reshaped(kind, name, given[name], module.parameters[parameter].shape)
    for name, regularizer in given.items():
        if name.lower().endswith(_REGULARIZER) and regularizer is not None:
            regularize(module, name[0].lower(), regularizer)
    return module


def regularize(module: Module, role: str, regularizer: Any) -> None:
    """Puts one of BigDL's regularizers on the parameters of a module that have the role "w", "b" or "u"."""
    for parameter in kind_of(module.kind).regularized.get(role, ()):
        if parameter in module.parameters:
            module.regularizers[parameter] = Regularizer(regularizer.l1, regularizer.l2)


def _is_plain(name: str, value: Any) -> bool:
    special = name in _INITIAL or name in _INITIAL_GRADIENTS or name.lower().endswith(_REGULARIZER)
    nested = value if isinstance(value, (list, tuple)) else [value]
    return not special and not any(isinstance(part, Layer) for part in nested)


def plain(value: Any) -> Any:
    """The value in JSON's types."""
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def _reshaped(kind: str, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, np.float32)
    if array.size != int(np.prod(shape)):
        raise ArgumentError(f"{kind}: {name} has shape {array.shape}, expected {shape}.")
    return array.reshape(shape)


def check(right: bool, kind: str, problem: str) -> None:
    """Raises ArgumentError where an argument of a layer is not right."""
    if not right:
        raise ArgumentError(f"{kind}: {problem}.")


def layer_of(module: Module) -> Layer:
    """The layer of the class that a module's kind says, with those of the modules inside it."""
    cls = _CLASSES.get({"Graph": "Model"}.get(module.kind, module.kind), Layer)
    layer = cls.__new__(cls)
    layer._hold(module, "float")
    return layer


_HOME = __name__.rpartition(".")[0] + "."
_CLASSES: dict[str, type[Layer]] = {}  # of this package's layers, by their names


class SharedStaticUtils:
    """What layers have in common with other things of BigDL that wrap an object of Java."""

    @staticmethod
    def of(jvalue: Any, bigdl_type: str = "float") -> Layer:
        """The layer of a module."""
        return layer_of(jvalue)

    @staticmethod
    def load(path: str, bigdl_type: str = "float") -> Layer:
        """Reads a model file of BigDL."""
        return layer_of(read_module(path))


class Layer(JavaValue, SharedStaticUtils, Saving, Inference):
    """A module with its weights, run forward and backward on arrays, and trained by an `Optimizer`.

    Attributes:
        value: the module.

    Example:
        >>> import numpy as np
        >>> from sparkdl.bigdl.nn.layer import Linear
        >>> layer = Linear(2, 1, init_weight=np.array([[1.0, 2.0]]), init_bias=np.zeros(1))
        >>> layer.forward(np.array([[3.0, 4.0]])).tolist()
        [[11.0]]
        >>> layer.backward(np.array([[3.0, 4.0]]), np.array([[1.0]])).tolist()
        [[1.0, 2.0]]
    """

    value: Module
    bigdl_type: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith(_HOME):
            _CLASSES[cls.__name__] = cls

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        if not isinstance(jvalue, Module):
            raise ArgumentError(
                f"{type(self).__name__} was given a {type(jvalue).__name__} for its module: a layer of your own is "
                "built from layers (a Sequential or Model), as there is no class in Java behind it."
            )
        self._hold(jvalue, bigdl_type)

    def _hold(self, module: Module, bigdl_type: str) -> None:
        """Makes this the layer of a module."""
        self.value = module
        self.bigdl_type = bigdl_type
        self._recording: Recording | None = None
        if module.name is None:
            module.name = f"{module.kind}{uuid.uuid4().hex[:8]}"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_recording": None}

    def __call__(self, x: Any = None) -> Node:
        """A node of a graph: this layer, applied to the outputs of other nodes (one, or a list of them)."""
        before = [] if x is None else list(x) if isinstance(x, (list, tuple)) else [x]
        for node in before:
            if not isinstance(node, Node):
                raise ArgumentError(
                    f"{self.name()} was called with a {type(node).__name__}, expected nodes (what Input() and other "
                    "calls of layers give); for arrays there is forward()."
                )
        return Node(self, self.bigdl_type, *before)

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Layer:
        """The layer of a module."""
        return layer_of(jvalue)

    def __str__(self) -> str:
        return text(self.value)

    def name(self) -> str:
        """The layer's name, made up where none was set."""
        return str(self.value.name)

    def set_name(self, name: str) -> Layer:
        """Names the layer."""
        self.value.name = name
        return self

    def set_seed(self, seed: int = 123) -> Layer:
        """Starts the random numbers of new layers and of dropout anew, for all layers."""
        _seed(seed)
        return self

    def get_dtype(self) -> str:
        """The type of the weights."""
        return "float32"

    @staticmethod
    def check_input(input: Any) -> tuple[list[Any], bool]:
        """The arrays of an input, and whether it is a table."""
        table = isinstance(input, (list, tuple))
        return (list(input) if table else [input]), table

    @staticmethod
    def convert_output(output: Any) -> Any:
        """What a layer gives, as arrays; a table of one value is that value."""
        return outcome(output)

    def forward(self, input: Any) -> Any:
        """The output for an array, or a list (table) of them; kept for `backward`."""
        self._recording = forward(self.value, arrays(input))
        return outcome(self._recording.output)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """The gradient for the input; those of the weights are added to what the layer holds."""
        given = arrays(input)
        if self._recording is None or not self._recording.is_of(given):
            self._recording = forward(self.value, given)
        return outcome(self._recording.backward(arrays(grad_output)))

    def zero_grad_parameters(self) -> None:
        """Sets the gradients of all weights to zero."""
        zero_gradients(self.value)

    def update_parameters(self, learning_rate: float) -> None:
        """Subtracts the gradients times the rate from the weights.

        Raises:
            ArgumentError: the rate is no number.
        """
        if not is_number(learning_rate):
            raise ArgumentError(
                f"{self.name()}.update_parameters(learning_rate=) must be a number, received {learning_rate!r}."
            )
        for module, name in self.value.weights():
            if name in module.gradients:
                module.parameters[name] = module.parameters[name] - learning_rate * module.gradients[name]

    def reset(self) -> Layer:
        """Gives all weights the values that new ones start with, and sets their gradients to zero."""
        for module in self.value.walk():
            reset(module)
        zero_gradients(self.value)
        return self

    def parameters(self) -> dict[str, dict[str, Array]]:
        """By the name of each layer with weights: weight, bias, gradWeight, gradBias (and what else it has)."""
        found: dict[str, dict[str, Array]] = {}
        for module in self.value.walk():
            if module.kind == keras_model.KIND:
                found.update(parameters_by_layer(module))
                continue
            entry = _with_gradients(module)
            entry.update({_STATES[name]: value for name, value in module.states.items() if name in _STATES})
            if entry:
                found.setdefault(str(module.name), {}).update(entry)
        return found

    def get_weights(self) -> list[Array] | None:
        """The weights of the whole tree in their order, or None where there are none."""
        return [module.parameters[name] for module, name in self.value.weights()] or None

    def set_weights(self, weights: Any) -> None:
        """Sets the weights, in the order of `get_weights`.

        Raises:
            ArgumentError: if their number or a size differs.
        """
        weights = weights if isinstance(weights, (list, tuple)) else [weights]
        places = self.value.weights()
        if len(places) != len(weights):
            raise ArgumentError(f"{self.name()} has {len(places)} weights and was given {len(weights)}.")
        for (module, name), weight in zip(places, weights, strict=True):
            array = weight.to_ndarray() if hasattr(weight, "to_ndarray") else weight
            module.parameters[name] = _reshaped(str(module.name), name, array, module.parameters[name].shape)

    def is_with_weights(self) -> bool:
        """Whether there are any weights."""
        return bool(self.value.weights())

    def set_init_method(self, weight_init_method: Any = None, bias_init_method: Any = None) -> Layer:
        """Draws weight and bias anew by initialization methods."""
        kind = kind_of(self.value.kind)
        parameters = kind.parameters(kind.arguments(self.value))
        for name, method in (("weight", weight_init_method), ("bias", bias_init_method)):
            if method is not None and not hasattr(method, "initial"):
                raise ArgumentError(
                    f"{self.name()}.set_init_method takes methods such as Xavier(), received a {type(method).__name__}."
                )
            if method is not None and name in parameters:
                self.value.initials[name] = method.initial
        if weight_init_method is not None or bias_init_method is not None:
            reset(self.value)
        return self

    def setWRegularizer(self, wRegularizer: Any) -> None:
        """Sets what is added to the gradient of the weights."""
        regularize(self.value, "w", wRegularizer)

    def setBRegularizer(self, bRegularizer: Any) -> None:
        """Sets what is added to the gradient of the biases."""
        regularize(self.value, "b", bRegularizer)

    def freeze(self, names: Any = None) -> Layer:
        """Keeps this layer, or those inside it with these names, from training."""
        return self._set_frozen(names, True)

    def unfreeze(self, names: Any = None) -> Layer:
        """Lets this layer, or those inside it with these names, be trained again."""
        return self._set_frozen(names, False)

    def _set_frozen(self, names: Any, frozen: bool) -> Layer:
        wanted = None if names is None else [names] if isinstance(names, str) else list(names)
        own = [str(module.name) for module in self.value.walk()]
        imported = {
            name: module
            for module in self.value.walk()
            if module.kind == keras_model.KIND
            for name in keras_model.layer_names(module)
        }
        for name in wanted or []:
            inner = name.replace("/", "_")  # as importers name layers, since Keras allows no slash
            if inner in imported and name not in own:
                keras_model.freeze(imported[inner], inner, frozen)
            elif name not in own:
                known = ", ".join([*own, *imported])
                raise ArgumentError(f"{self.name()} has no layer named {name!r}; its layers are {known}.")
        for module in self.value.walk():
            if wanted is None or module.name in wanted:
                for part in module.walk():
                    part.frozen = frozen
        return self

    def training(self, is_training: bool = True) -> Layer:
        """Behaves as in training, or not."""
        for module in self.value.walk():
            module.training = is_training
        return self

    def is_training(self) -> bool:
        """Whether it behaves as in training."""
        return self.value.training

    def set_running_mean(self, running_mean: Any) -> Layer:
        """Sets the moving average of a batch normalization."""
        self.value.states["running_mean"] = np.asarray(running_mean, np.float32)
        return self

    def set_running_std(self, running_std: Any) -> Layer:
        """Sets the moving variance of a batch normalization (BigDL's name says deviation)."""
        self.value.states["running_variance"] = np.asarray(running_std, np.float32)
        return self


def _seed(value: int) -> None:
    seed(value)


def _with_gradients(module: Module) -> dict[str, Array]:
    """The parameters of a module (not of those inside it) and their gradients, by BigDL's names."""
    entry: dict[str, Array] = {}
    for place, (name, value) in enumerate(module.parameters.items()):
        numbered = module.kind in _NUMBERED
        entry[f"weight{place}" if numbered else name] = value
        if module.kind not in _WITHOUT_GRADIENTS:
            key = f"gradient{place}" if numbered else "grad" + name[0].upper() + name[1:]
            entry[key] = module.gradients.get(name, np.zeros_like(value))
    return entry
