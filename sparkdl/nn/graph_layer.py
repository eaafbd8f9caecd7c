"""A graph of TensorFlow's format as a Keras layer."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.compat import v1
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import func_graph

from sparkdl.errors import ArgumentError, ImporterError
from sparkdl.nn.graph.arrays import ARRAYS
from sparkdl.nn.graph.check import check
from sparkdl.nn.graph.cut import Part, ancestors, cut, dtype_of
from sparkdl.nn.graph.lookup import LOOKUPS
from sparkdl.nn.graph.program import Node, Program, TensorName, graph_of, library_of, parse_tensor, program_of
from sparkdl.nn.graph.replay import FUNCTIONAL, Replay
from sparkdl.nn.graph.structure import CONTROL_FLOW, Structure
from sparkdl.nn.graph.variables import VARIABLES

# A config comes from a file that need not be ours: what it unpacks to is bounded.
_MAXIMAL_GRAPH = 1 << 30


@dataclass(frozen=True)
class WeightSpec:
    """A weight of a graph: the name of its node, and whether it is trained; `frozen` ones were taken from training."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool = True
    frozen: bool = False


@keras.saving.register_keras_serializable("sparkdl")
class GraphLayer(keras.layers.Layer):
    """Runs a graph of TensorFlow's, as it stands in a file, with the layer's weights as its variables.

    Each node is applied again whenever the layer is traced, so everything that Keras does with a layer works: tapes,
    saving, export. Loops and branches of TensorFlow 1 become functions, and TensorArrays lists, because these have
    gradients. Control edges are not followed, but for assignments to variables (moving averages), which happen in
    training only, after the outputs have been computed.

    Args:
        graph: the graph, as a message, its bytes, or the text of a config; its variables are the layer's weights.
        inputs: the names of the nodes (placeholders) that the inputs stand for.
        outputs: the names of the tensors that come out.
        weights: of each variable of the graph, as `WeightSpec` or its fields.
        training: the names of boolean nodes that have the value of the argument `training`.
        effects: the names of the nodes that assign variables in training.
        values: the values to start with, by the names of variables; the others start with zeros.

    Example:
        >>> import tensorflow as tf
        >>> with tf.Graph().as_default() as graph:
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="x")
        ...     y = tf.nn.relu(x - 1.0, name="y")
        >>> layer = GraphLayer(graph.as_graph_def(), ["x"], ["y"])
        >>> layer(tf.constant([[0.0, 3.0]])).numpy().tolist()
        [[0.0, 2.0]]
    """

    def __init__(
        self,
        graph: graph_pb2.GraphDef | bytes | str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        weights: Sequence[WeightSpec | Mapping[str, Any]] = (),
        training: Sequence[str] = (),
        effects: Sequence[str] = (),
        values: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        self._graph_def = read_graph(graph)
        check(self._graph_def)
        self._library = library_of(self._graph_def)
        self._program = program_of(self._graph_def)
        self._structure = Structure(self._program)
        self._structures: dict[Any, tuple[Program, Structure]] = {}
        self._names = [self._known(name) for name in inputs], [self._known(name) for name in outputs]
        self._training, self._effects = tuple(training), tuple(effects)
        self._specs = {spec.name: spec for spec in map(_spec, weights)}
        self._frozen = {name for name, spec in self._specs.items() if spec.frozen}
        self._eager = _Compiled(self)
        # XLA knows neither strings nor lists that grow.
        self.supports_jit = not any(_defies_jit(node) for node in self._program.nodes.values())
        missing = {n for n, node in self._program.nodes.items() if node.op in VARIABLES} - set(self._specs)
        if missing:
            raise ImporterError(f"the graph has variables without weights: {', '.join(sorted(missing))}.")
        if values is not _SHARED:
            values = values or {}
            self._adopt({name: self._variable(spec, values.get(name)) for name, spec in self._specs.items()})
            for name in self._frozen:
                self._variables_by_name[name].trainable = False
        self.built = True

    def _adopt(self, variables: dict[str, Any]) -> None:
        """Takes variables as weights. Keras lists those first that are trainable when it meets them, and the order of
        weights must not depend on what is frozen."""
        frozen = [variables[name] for name, spec in self._specs.items() if spec.trainable != variables[name].trainable]
        for variable in frozen:
            variable.trainable = True
        self._variables_by_name = variables
        for variable in frozen:
            variable.trainable = False

    def _variable(self, spec: WeightSpec, value: Any) -> Any:
        """A weight whose path is the layer's name and the node's."""
        *scopes, last = [part or "_" for part in spec.name.split("/")]
        with ExitStack() as stack:
            for scope in (self.name, *scopes):
                stack.enter_context(keras.name_scope(scope))
            return keras.Variable(
                keras.initializers.Zeros()
                if value is None
                else lambda shape, dtype: tf.convert_to_tensor(value, dtype),
                shape=spec.shape,
                dtype=spec.dtype,
                trainable=spec.trainable,
                autocast=False,
                name=last,
            )

    def _known(self, name: str) -> TensorName:
        tensor = self._program.resolve(parse_tensor(name))
        if tensor.node not in self._program.nodes:
            raise ArgumentError(f"layer {self.name!r} has no tensor {name!r}; see its tensor_names.")
        return tensor

    @property
    def variables_by_name(self) -> Mapping[str, Any]:
        """The weights by the names of their nodes."""
        return dict(self._variables_by_name)

    @property
    def tensor_names(self) -> list[str]:
        """The names of all nodes that compute something; the further outputs of a node are `name:1` and so on."""
        return list(self._program.nodes)

    @property
    def input_tensors(self) -> list[str]:
        """The names of the tensors that go in."""
        return [_short(name) for name in self._names[0]]

    @property
    def output_tensors(self) -> list[str]:
        """The names of the tensors that come out."""
        return [_short(name) for name in self._names[1]]

    def set_trainable(self, variables: Iterable[Any], trainable: bool) -> None:
        """Freezes weights of this layer, or lets them be trained again; frozen moving averages are not updated."""
        chosen = {id(variable) for variable in variables}
        for name, variable in self._variables_by_name.items():
            if id(variable) not in chosen:
                continue
            (self._frozen.discard if trainable else self._frozen.add)(name)
            if self._specs[name].trainable:
                variable.trainable = trainable

    def ancestors(self, name: str) -> list[Any]:
        """The weights that a tensor is computed from, and the moving averages of what it is computed from."""
        found = ancestors(self._program, self._known(name), self._names[1], self._effects)
        return [self._variables_by_name[weight] for weight in found]

    def with_outputs(
        self, names: Sequence[str], inputs: Sequence[str] | None = None, name: str | None = None
    ) -> GraphLayer:
        """A layer that ends at other tensors, or also begins at others; it shares the weights of this one.

        Args:
            names: the tensors that come out.
            inputs: the tensors that go in; None takes those inputs of this layer that are needed.
            name: of the new layer.
        """
        given = [self._known(text) for text in inputs] if inputs is not None else self._names[0]
        wanted = [self._known(text) for text in names]
        part = cut(self._program, [*given, *map(TensorName, self._training)], wanted)
        count = len(given)
        starts = [
            start
            for start, tensor in zip(part.inputs[:count], given, strict=True)
            if inputs is not None or _read_by(part, start)
        ]
        kept = {n: node for n, node in part.program.nodes.items() if n in starts or n not in part.inputs[:count]}
        specs = [spec for spec in self._current_specs() if spec.name in kept]
        layer = GraphLayer(
            graph_of(kept.values(), self._library),
            starts,
            [str(tensor) for tensor in part.outputs],
            specs,
            [name for name in part.inputs[count:] if name in kept],
            part.effects,
            values=_SHARED,
            name=name,
        )
        layer._adopt({spec.name: self._variables_by_name[spec.name] for spec in specs})
        return layer

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The tensors that come out."""
        given = [tf.convert_to_tensor(value) for value in _listed(inputs)]
        if len(given) != len(self._names[0]):
            raise ArgumentError(f"layer {self.name!r} takes {self.input_tensors}, and was given {len(given)} tensors.")
        # As in Keras's own normalisation: what is frozen works as in inference.
        training = bool(training) and self.trainable
        if tf.executing_eagerly():
            weights = [tf.convert_to_tensor(variable.value) for variable in self._variables_by_name.values()]
            outputs, updates = self._eager(given, weights, training)
        else:
            outputs, updates = self.replay(given, lambda name: self._variables_by_name[name].value, training)
        for name, value in updates.items():
            if name not in self._frozen:
                self._variables_by_name[name].assign(value)
        return outputs[0] if len(outputs) == 1 else outputs

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """The shapes and types of what comes out."""
        with func_graph.FuncGraph("shapes").as_default():
            given = [v1.placeholder(tensor.dtype, tensor.shape) for tensor in _listed(inputs)]
            outputs, _ = self.replay(given, lambda name: self._variables_by_name[name].value, False)
        for name, tensor in zip(self.output_tensors, outputs, strict=True):
            if not isinstance(tensor, tf.Tensor) or tensor.shape.rank is None:
                raise ImporterError(f"the tensor {name!r} has no known number of axes, and cannot come out of a layer.")
        made = [keras.KerasTensor(tensor.shape.as_list(), tensor.dtype.name) for tensor in outputs]
        return made[0] if len(made) == 1 else made

    def replay(self, given: Sequence[Any], weight: Any, training: bool) -> tuple[list[Any], dict[str, Any]]:
        """The outputs, and the new values of variables, as a function of inputs and weights."""
        run = Replay(self._library, weight, self._structures)
        values = {name: tf.constant(training) for name in self._training}
        values.update({tensor.node: value for tensor, value in zip(self._names[0], given, strict=True)})
        outputs = run.run(self._program, self._structure, values, self._names[1], self._effects if training else ())
        return outputs, run.updates

    def save_own_variables(self, store: Any) -> None:
        """Weights by their numbers, whether they are frozen or not."""
        for index, variable in enumerate(self._variables_by_name.values()):
            store[str(index)] = variable

    def load_own_variables(self, store: Any) -> None:
        """See `save_own_variables`."""
        if len(store.keys()) != len(self._variables_by_name):
            raise ImporterError(
                f"layer {self.name!r} has {len(self._variables_by_name)} weights; the file has {len(store.keys())}."
            )
        for index, variable in enumerate(self._variables_by_name.values()):
            variable.assign(store[str(index)])

    def _current_specs(self) -> list[WeightSpec]:
        """The weights, with what has been frozen since."""
        return [replace(spec, frozen=self._is_frozen(spec)) for spec in self._specs.values()]

    def _is_frozen(self, spec: WeightSpec) -> bool:
        """Whether a weight is frozen by itself, and not with the whole layer."""
        if spec.trainable and self.trainable:  # Keras's own `trainable` may have changed it since
            return not self._variables_by_name[spec.name].trainable
        return spec.name in self._frozen

    def get_config(self) -> dict[str, Any]:
        """The graph without the values of its weights."""
        packed = zlib.compress(self._graph_def.SerializeToString(deterministic=True), 6)
        return {
            **super().get_config(),
            "graph": base64.b64encode(packed).decode("ascii"),
            "inputs": self.input_tensors,
            "outputs": self.output_tensors,
            "weights": [asdict(spec) for spec in self._current_specs()],
            "training": list(self._training),
            "effects": list(self._effects),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> GraphLayer:
        """The layer of a config, with errors that say what is wrong with its graph."""
        return cls(**config)


# In the place of values: the weights are those of another layer.
_SHARED: Mapping[str, Any] = {}


class _Compiled:
    """The replay as a function of TensorFlow, for calls outside of any; hidden from Keras, which tracks attributes."""

    def __init__(self, layer: GraphLayer) -> None:
        def run(given: list[Any], weights: list[Any], training: bool) -> Any:
            by_name = dict(zip(layer.variables_by_name, weights, strict=True))
            return layer.replay(given, by_name.__getitem__, training)

        self._function = tf.function(run, autograph=False, reduce_retracing=True)

    def __call__(self, given: list[Any], weights: list[Any], training: bool) -> Any:
        return self._function(given, weights, training)


def read_graph(graph: graph_pb2.GraphDef | bytes | str) -> graph_pb2.GraphDef:
    """A graph from its message, the bytes of one, or the text of a config.

    Raises:
        ImporterError: where it is none.
    """
    if isinstance(graph, graph_pb2.GraphDef):
        return graph
    try:
        if isinstance(graph, str):
            unpacking = zlib.decompressobj()
            graph = unpacking.decompress(base64.b64decode(graph, validate=True), _MAXIMAL_GRAPH)
        return graph_pb2.GraphDef.FromString(graph)
    except (ValueError, zlib.error, DecodeError) as error:
        raise ImporterError(f"no graph can be read: {error}.") from error


def _defies_jit(node: Node) -> bool:
    kind = dtype_of(node)
    return (
        node.op in CONTROL_FLOW | FUNCTIONAL | ARRAYS.keys() | LOOKUPS
        or node.op.startswith("TensorList")
        or kind == tf.string
    )


def _spec(spec: WeightSpec | Mapping[str, Any]) -> WeightSpec:
    made = spec if isinstance(spec, WeightSpec) else WeightSpec(**spec)
    return WeightSpec(made.name, tuple(made.shape), made.dtype, made.trainable, made.frozen)


def _short(name: TensorName) -> str:
    return str(name) if name.index else name.node


def _listed(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def _read_by(part: Part, start: str) -> bool:
    read = any(tensor.node == start for node in part.program.nodes.values() for tensor in node.inputs)
    return read or any(tensor.node == start for tensor in part.outputs)
