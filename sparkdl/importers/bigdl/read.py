"""BigDL's messages to trees of modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparkdl.errors import ImporterError, UnsupportedError
from sparkdl.importers.bigdl import recurrent
from sparkdl.importers.bigdl.attributes import ATTRIBUTES, Attribute
from sparkdl.importers.bigdl.schema import ENUMS
from sparkdl.importers.bigdl.tensors import Storages
from sparkdl.nn.torch.build import kind_of, make
from sparkdl.nn.torch.kernels import KINDS
from sparkdl.nn.torch.module import Module, Regularizer
from sparkdl.nn.torch.order import running_order

# Modules that only hold others: their own list of parameters repeats what stands inside.
CONTAINERS = frozenset({"Sequential", "Concat", "ConcatTable", "ParallelTable", "MapTable", "Bottle", "Graph"})
_PACKAGES = (
    "com.intel.analytics.bigdl.nn.",
    "com.intel.analytics.bigdl.dllib.nn.",
    "com.intel.analytics.bigdl.dllib.keras.layers.internal.",
)
_REFUSED = frozenset({"ConvLSTMPeephole", "ConvLSTMPeephole3D", "MultiRNNCell", "BinaryTreeLSTM", "Transformer"})
_NAMES = {
    "StaticGraph": "Graph",
    "DynamicGraph": "Graph",
    "Input": "Identity",
    "InternalRecurrent": "Recurrent",
    "InternalTimeDistributed": "TimeDistributed",
}
STOPPED = "stopGradientLayers"
KERAS_STYLE = "is_keras_module"  # the attribute that layers of BigDL's Keras style have
_REGULARIZERS: Mapping[str, Callable[..., Regularizer]] = {
    "L1L2Regularizer": lambda l1=0.0, l2=0.0: Regularizer(l1, l2),
    "L1Regularizer": lambda l1=0.0, *_: Regularizer(l1, 0.0),
    "L2Regularizer": lambda l2=0.0, *more: Regularizer(0.0, more[0] if more else l2),
}
_BATCH_MODES = (None, False, True)  # of Reshape: not said, no, yes
FULL_CONVOLUTION = (
    "n_input_plane n_output_plane kw kh dw dh pad_w pad_h adj_w adj_h n_group".split()  # the order in the file
)


@dataclass
class Reader:
    """Makes modules of messages; one that stands twice in the file is one module.

    Attributes:
        storages: the numbers of the file.
        path: for messages.
    """

    storages: Storages
    path: str
    _modules: dict[int, Module] = field(default_factory=dict)

    def module(self, message: Any) -> Module:
        """The tree of a message.

        Raises:
            ImporterError: if the message is damaged.
            UnsupportedError: if it has a kind of module that does not exist here.
        """
        if message.id and message.id in self._modules:
            return self._modules[message.id]
        kind = self._kind(message)
        module = SPECIAL.get(kind, Reader._plain)(self, kind, message)
        module.name = _name(message) or None
        module.training = message.train
        if kind not in CONTAINERS and kind not in recurrent.CELLS:
            self._set_parameters(module, message)
        if message.id:
            self._modules[message.id] = module
        return module

    def _kind(self, message: Any) -> str:
        if KERAS_STYLE in message.attr or message.moduleType.endswith(".keras.Model"):
            if message.moduleType.endswith(".WordEmbedding"):
                return "FixedLookup"
            if message.subModules:  # what the layer is made of
                return "Sequential"
        for package in _PACKAGES:
            if message.moduleType.startswith(package):
                name = message.moduleType.removeprefix(package)
                name = _NAMES.get(name, name)
                if name in KINDS and name not in _REFUSED:
                    return name
        raise UnsupportedError(
            f"{self.path} has a module {message.moduleType} (named {message.name or message.namePostfix!r}), which "
            "does not exist here."
        )

    def _plain(self, kind: str, message: Any) -> Module:
        return self._made(kind, message, self._arguments(kind, message))

    def _made(self, kind: str, message: Any, arguments: Mapping[str, Any]) -> Module:
        children = [self.module(child) for child in message.subModules] or self._parts(kind, message)
        module = make(kind, children, **arguments)
        for attribute in ATTRIBUTES.get(kind, ()):
            if attribute.type == "regularizer" and message.attr[attribute.name].HasField("regularizerValue"):
                self._regularize(module, attribute, message.attr[attribute.name].regularizerValue)
        return module

    def _parts(self, kind: str, message: Any) -> list[Module]:
        """The modules that stand in attributes: activations and the like, in their order."""
        names = [attribute.name for attribute in ATTRIBUTES.get(kind, ()) if attribute.type == "module"]
        return [self.part(message, name) for name in names if self.has_part(message, name)]

    def has_part(self, message: Any, name: str) -> bool:
        """Whether an attribute holds a module."""
        return name in message.attr and message.attr[name].HasField("bigDLModuleValue")

    def part(self, message: Any, name: str) -> Module:
        """The module in an attribute.

        Raises:
            ImporterError: if there is none.
        """
        if not self.has_part(message, name):
            raise ImporterError(f"{self.path}: a {message.moduleType} lacks its {name}; the file is damaged.")
        return self.module(message.attr[name].bigDLModuleValue)

    def _arguments(self, kind: str, message: Any) -> dict[str, Any]:
        found = {}
        for attribute in ATTRIBUTES.get(kind, ()):
            if attribute.argument and attribute.name in message.attr:
                found[attribute.argument] = self.value(message.attr[attribute.name])
        return found

    def value(self, attribute: Any) -> Any:
        """The value of an attribute in Python's types; None where it has none."""
        which = attribute.WhichOneof("value")
        if which is None:
            return None
        value = getattr(attribute, which)
        if which == "dataFormatValue":
            return ENUMS["InputDataFormat"].split()[value]
        if which == "tensorValue":
            return self.storages.tensor(value)
        return self._array(value) if which == "arrayValue" else value

    def _array(self, array: Any) -> list[Any] | None:
        if array.size < 0:  # null in Scala
            return None
        for name in ("i32", "i64", "flt", "dbl", "str", "boolean"):
            if len(getattr(array, name)):
                return list(getattr(array, name))
        return [self.storages.tensor(tensor) for tensor in array.tensor]

    def _regularize(self, module: Module, attribute: Attribute, message: Any) -> None:
        name = ENUMS["RegularizerType"].split()[message.regularizerType]
        for parameter in kind_of(module.kind).regularized.get(attribute.name[0], ()):
            if parameter in module.parameters:
                module.regularizers[parameter] = _REGULARIZERS[name](*message.regularData)

    def _set_parameters(self, module: Module, message: Any) -> None:
        given = list(message.parameters)
        if not given and not message.hasParameters:  # files of BigDL 0.5 and before
            given = [tensor for tensor in (message.weight, message.bias) if tensor.nElements]
        arrays = [array for array in map(self.storages.tensor, given) if array is not None]
        places = module.weights()
        if arrays and [a.size for a in arrays] != [owner.parameters[name].size for owner, name in places]:
            raise ImporterError(
                f"{self.path}: {module.name} has parameters of the shapes {[a.shape for a in arrays]}, expected "
                f"{[owner.parameters[name].shape for owner, name in places]}."
            )
        for (owner, name), array in zip(places, arrays, strict=False):
            owner.parameters[name] = array.reshape(owner.parameters[name].shape)


def _name(message: Any) -> str:
    """The name of a module; without one of its own it is that of its class and a few characters."""
    made_up = f"{message.moduleType.rpartition('.')[2]}{message.namePostfix}" if message.namePostfix else ""
    return str(message.name or made_up)


def _graph(reader: Reader, kind: str, message: Any) -> Module:
    """The nodes stand in the file in any order, and are told by the names of their modules."""
    parts = {_name(part): part for part in message.subModules}
    before = {name: [other for other in part.preModules if other in parts] for name, part in parts.items()}
    inputs, outputs = (reader.value(message.attr[key]) for key in ("inputNames", "outputNames"))
    order = running_order(outputs, before.__getitem__)
    places = {name: place for place, name in enumerate([*(name for name in inputs if name not in order), *order])}
    children: list[Module] = []
    nodes: list[Any] = []
    for name in places:
        edges = message.attr[f"{name}_edges"].nameAttrListValue.attr
        taken = [_edge(edges, other, places[other]) for other in before[name]]
        if parts[name].moduleType.endswith(".Input"):
            nodes.append([-1, taken])
        else:
            nodes.append([len(children), taken])
            children.append(reader.module(parts[name]))
    stopped = reader.value(message.attr[STOPPED]) if STOPPED in message.attr else []
    arguments = {"inputs": inputs, "outputs": outputs, "stopped": stopped}
    ends = {key: [places[name] for name in names] for key, names in arguments.items()}
    return make("Graph", children, None, nodes=nodes, **ends)


def _edge(edges: Any, name: str, place: int) -> Any:
    """The place of the node before, with the position in its table where only one value is taken."""
    index = edges[name].int32Value if name in edges else -1
    return place if index < 0 else [place, index - 1]


def _reshape(reader: Reader, kind: str, message: Any) -> Module:
    mode = _BATCH_MODES[message.attr["batchMode"].int32Value]
    return make(kind, size=reader.value(message.attr["size"]), batch_mode=mode)


def _transpose(reader: Reader, kind: str, message: Any) -> Module:
    count = message.attr["size"].int32Value
    return make(kind, permutations=[reader.value(message.attr[f"permutation_{i}"]) for i in range(count)])


def _full_convolution(reader: Reader, kind: str, message: Any) -> Module:
    numbers = dict(zip(FULL_CONVOLUTION, reader.value(message.attr["intParams"]), strict=True))
    return reader._made(kind, message, {**numbers, "no_bias": message.attr["noBias"].boolValue})


def _max_pooling(reader: Reader, kind: str, message: Any) -> Module:
    ceil = message.attr["ceil_mode"].boolValue or message.attr["ceilMode"].boolValue
    return reader._made(kind, message, {**reader._arguments(kind, message), "to_ceil": ceil})


def _batch_normalization(reader: Reader, kind: str, message: Any) -> Module:
    module = reader._plain(kind, message)
    for name, attribute in {"running_mean": "runningMean", "running_variance": "runningVar"}.items():
        array = reader.value(message.attr[attribute])
        if array is not None:
            module.states[name] = np.asarray(array, np.float32).reshape(module.states[name].shape)
    return module


def _word_embedding(reader: Reader, kind: str, message: Any) -> Module:
    module = make(kind, n_index=message.attr["inputDim"].int32Value, n_output=message.attr["outputDim"].int32Value)
    table = reader.value(message.attr["embeddingMatrix"].nameAttrListValue.attr["weight"])
    if table is None:
        raise ImporterError(f"{reader.path}: a {message.moduleType} lacks its embeddingMatrix; the file is damaged.")
    module.states["weight"] = np.asarray(table, np.float32).reshape(module.states["weight"].shape)
    return module


def _keras_model(reader: Reader, kind: str, message: Any) -> Module:
    module = Module(kind, {"config": message.attr["config"].stringValue})
    tensors = [reader.storages.tensor(tensor) for tensor in message.parameters]
    names = reader.value(message.attr["parameter_names"])
    module.parameters = {name: _array(tensor) for name, tensor in zip(names, tensors, strict=True)}
    for index, name in enumerate(reader.value(message.attr["state_names"])):
        module.states[name] = _array(reader.value(message.attr[f"state_{index}"]))
    return module


def _array(tensor: Any) -> Any:
    return np.zeros(0, np.float32) if tensor is None else tensor


SPECIAL: Mapping[str, Callable[[Reader, str, Any], Module]] = {
    "Graph": _graph,
    "FixedLookup": _word_embedding,
    "KerasModel": _keras_model,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "SpatialFullConvolution": _full_convolution,
    "SpatialMaxPooling": _max_pooling,
    "BatchNormalization": _batch_normalization,
    "SpatialBatchNormalization": _batch_normalization,
    "Recurrent": recurrent.read_recurrent,
    "RecurrentDecoder": recurrent.read_recurrent,
    "BiRecurrent": recurrent.read_both_ways,
    "TimeDistributed": recurrent.read_time_distributed,
    **dict.fromkeys(recurrent.CELLS, recurrent.read_cell),
}
