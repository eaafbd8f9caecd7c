"""Trees of modules to BigDL's messages, with the attributes that BigDL's own files have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparkdl.errors import UnsupportedError
from sparkdl.importers.bigdl import recurrent
from sparkdl.importers.bigdl.attributes import ATTRIBUTES, Attribute
from sparkdl.importers.bigdl.read import CONTAINERS, FULL_CONVOLUTION, KERAS_STYLE, STOPPED
from sparkdl.importers.bigdl.schema import enum_number, message_class
from sparkdl.importers.bigdl.tensors import Written
from sparkdl.nn.torch.build import kind_of
from sparkdl.nn.torch.module import Module, Regularizer

_PACKAGE = "com.intel.analytics.bigdl.dllib."
_CLASSES = {"Graph": "nn.StaticGraph", "FixedLookup": "keras.layers.WordEmbedding"}
_TABLE_OF_WORDS = _PACKAGE + "keras.layers.WordEmbedding.EmbeddingMatrixHolder[T]"
_VERSION = "2.1.0-SNAPSHOT"  # what BigDL 2.4 writes, and accepts
# Of simple types: the data type, the field of a value, and that of an array.
_SCALARS = {
    "int": ("INT32", "int32Value", "i32"),
    "double": ("DOUBLE", "doubleValue", "dbl"),
    "float": ("FLOAT", "floatValue", "flt"),
    "bool": ("BOOL", "boolValue", "boolean"),
    "string": ("STRING", "stringValue", "str"),
}
_ARRAYS = {"ints": "int", "floats": "float", "strings": "string"}
# Scala names the two element types of these classes, and one of all others.
_TWO_TYPES = frozenset({"CAddTable"})
# Those that say so of themselves in every file.
_INT8 = frozenset(
    "Linear ReLU Sequential SpatialConvolution SpatialShareConvolution BatchNormalization SpatialBatchNormalization "
    "CAddTable ConcatTable StaticGraph".split()
)


@dataclass
class Writer:
    """Makes messages of modules; a module that stands twice in the tree has one id.

    Attributes:
        tensors: the arrays of the file.
    """

    tensors: Written = field(default_factory=Written)
    _ids: dict[int, int] = field(default_factory=dict)

    def message(self, module: Module) -> Any:
        """The message of a tree.

        Raises:
            UnsupportedError: for a kind of module that BigDL's files do not know.
        """
        if module.kind not in ATTRIBUTES and module.kind not in SPECIAL:
            raise UnsupportedError(f"a {module.kind} ({module.name}) cannot be written into a file of BigDL's.")
        path = _CLASSES.get(module.kind, f"nn.{module.kind}")
        name = path.rpartition(".")[2]
        identity = self._ids.setdefault(id(module), next(self.tensors.ids))
        message = message_class("BigDLModule")(moduleType=_PACKAGE + path, version=_VERSION, id=identity)
        message.train = module.training
        # A name that was made up is stored as what stands behind the kind.
        made_up = re.fullmatch(f"{name}([0-9a-f]+)", module.name or "")
        message.namePostfix, message.name = (made_up[1], "") if made_up else ("", module.name or "")
        message.isMklInt8Enabled = name in _INT8
        types = ["Float"] * (2 if module.kind in _TWO_TYPES else 1)
        for key in ("module_tags", "module_numerics"):
            self.set(message, key, "strings", types)
        SPECIAL.get(module.kind, Writer.plain)(self, module, message)
        parameters = [owner.parameters[key] for owner, key in module.weights()]
        message.hasParameters = bool(parameters)
        message.parameters.extend(self.tensors.tensor(array) for array in parameters)
        return message

    def plain(self, module: Module, message: Any) -> None:
        """Writes the attributes of the table, and the modules inside."""
        arguments = vars(kind_of(module.kind).arguments(module))
        parts = iter(module.children)
        for attribute in ATTRIBUTES.get(module.kind, ()):
            if attribute.type == "module":
                part = next(parts, None)
                if part is not None:
                    self.set_module(message, attribute.name, part)
            elif attribute.type == "regularizer":
                self._set_regularizer(module, attribute, message)
            else:
                self.set(message, attribute.name, attribute.type, arguments.get(attribute.argument))
        if module.kind in CONTAINERS:
            message.subModules.extend(self.message(child) for child in module.children)

    def set(self, message: Any, name: str, kind: str, value: Any) -> None:
        """Sets an attribute; None leaves the place of a value empty, as BigDL does."""
        attribute = message.attr[name]
        if kind in _SCALARS:
            data_type, key, _ = _SCALARS[kind]
            attribute.dataType = enum_number("DataType", data_type)
            if value is not None:
                setattr(attribute, key, value)
        elif kind in _ARRAYS:
            data_type, _, key = _SCALARS[_ARRAYS[kind]]
            attribute.dataType = enum_number("DataType", "ARRAY_VALUE")
            attribute.arrayValue.datatype = enum_number("DataType", data_type)
            attribute.arrayValue.size = -1 if value is None else len(value)
            getattr(attribute.arrayValue, key).extend(value or [])
        elif kind == "format":
            attribute.dataType = enum_number("DataType", "DATA_FORMAT")
            attribute.dataFormatValue = enum_number("InputDataFormat", str(value or "NCHW").upper())
        else:
            attribute.dataType = enum_number("DataType", "TENSOR")
            if value is not None:
                attribute.tensorValue.CopyFrom(self.tensors.tensor(np.asarray(value, np.float32)))

    def set_module(self, message: Any, name: str, module: Module) -> None:
        """Puts a module into an attribute."""
        message.attr[name].dataType = enum_number("DataType", "MODULE")
        message.attr[name].bigDLModuleValue.CopyFrom(self.message(module))

    def _set_regularizer(self, module: Module, attribute: Attribute, message: Any) -> None:
        target = message.attr[attribute.name]
        target.dataType = enum_number("DataType", "REGULARIZER")
        names = kind_of(module.kind).regularized.get(attribute.name[0], ())
        found = next((module.regularizers[name] for name in names if name in module.regularizers), None)
        if found is not None and found != Regularizer():
            target.regularizerValue.regularizerType = enum_number("RegularizerType", "L1L2Regularizer")
            target.regularizerValue.regularData.extend([found.l1, found.l2])


def _graph(writer: Writer, module: Module, message: Any) -> None:
    """Nodes are told by the names of their modules, so every module needs one, and stands at one node."""
    nodes = module.arguments["nodes"]
    inputs = [_input_message(writer, place) for place in module.arguments["inputs"]]
    names: list[str] = []
    for place, (child, before) in enumerate(nodes):
        part = inputs[module.arguments["inputs"].index(place)] if child < 0 else writer.message(module.children[child])
        name = part.name or f"{part.moduleType.rpartition('.')[2]}{part.namePostfix}"
        if not (part.name or part.namePostfix) or name in names:
            raise UnsupportedError(
                f"a graph with {name!r} at two nodes cannot be written into a file "
                "of BigDL's, where nodes are told by the names of their modules: give each node a layer of its own."
            )
        edges = message.attr[f"{name}_edges"]
        edges.dataType = enum_number("DataType", "NAME_ATTR_LIST")
        edges.nameAttrListValue.name = name
        for other in before:
            source, index = (other, -1) if isinstance(other, int) else (other[0], other[1] + 1)
            edges.nameAttrListValue.attr[names[source]].int32Value = index
            part.preModules.append(names[source])
            part.nextModules.append(names[source])
        names.append(name)
        message.subModules.append(part)
    for key in ("inputs", "outputs"):
        writer.set(message, f"{key[:-1]}Names", "strings", [names[place] for place in module.arguments[key]])
    if module.arguments.get("stopped"):
        writer.set(message, STOPPED, "strings", [names[place] for place in module.arguments["stopped"]])


def _input_message(writer: Writer, place: int) -> Any:
    return writer.message(Module("Input", name=f"Input{place}"))


def _reshape(writer: Writer, module: Module, message: Any) -> None:
    writer.set(message, "size", "ints", module.arguments["size"])
    mode = module.arguments.get("batch_mode")
    writer.set(message, "batchMode", "int", 0 if mode is None else 2 if mode else 1)


def _transpose(writer: Writer, module: Module, message: Any) -> None:
    pairs = module.arguments["permutations"]
    writer.set(message, "size", "int", len(pairs))
    for index, pair in enumerate(pairs):
        writer.set(message, f"permutation_{index}", "ints", list(pair))


def _full_convolution(writer: Writer, module: Module, message: Any) -> None:
    arguments = kind_of(module.kind).arguments(module)
    writer.set(message, "intParams", "ints", [getattr(arguments, name) for name in FULL_CONVOLUTION])
    writer.plain(module, message)


def _max_pooling(writer: Writer, module: Module, message: Any) -> None:
    writer.plain(module, message)
    writer.set(message, "ceil_mode", "bool", kind_of(module.kind).arguments(module).to_ceil)


def _batch_normalization(writer: Writer, module: Module, message: Any) -> None:
    writer.plain(module, message)
    writer.set(message, "runningMean", "tensor", module.states["running_mean"])
    writer.set(message, "runningVar", "tensor", module.states["running_variance"])
    for name in ("saveMean", "saveStd"):
        writer.set(message, name, "tensor", np.zeros_like(module.states["running_mean"]))


def _word_embedding(writer: Writer, module: Module, message: Any) -> None:
    """A layer of BigDL's Keras style, in whose files the table has a type, and a name, of its own."""
    for key, value in (("inputDim", module.arguments["n_index"]), ("outputDim", module.arguments["n_output"])):
        writer.set(message, key, "int", value)
    for key, value in (("trainable", False), (KERAS_STYLE, True)):
        writer.set(message, key, "bool", value)
    message.attr["inputShape"].dataType = enum_number("DataType", "SHAPE")
    holder = message.attr["embeddingMatrix"]
    holder.dataType, holder.subType = enum_number("DataType", "CUSTOM"), _TABLE_OF_WORDS
    held = holder.nameAttrListValue
    held.attr["id"].dataType = enum_number("DataType", "STRING")
    held.attr["id"].stringValue = str(module.name)
    held.attr["weight"].dataType = enum_number("DataType", "TENSOR")
    held.attr["weight"].tensorValue.CopyFrom(writer.tensors.tensor(module.states["weight"]))


def _keras_model(writer: Writer, module: Module, message: Any) -> None:
    """A model of another importer's: BigDL has nothing like it, so such a file is read here only."""
    writer.set(message, "config", "string", module.arguments["config"])
    writer.set(message, "parameter_names", "strings", list(module.parameters))
    writer.set(message, "state_names", "strings", list(module.states))
    for index, array in enumerate(module.states.values()):
        writer.set(message, f"state_{index}", "tensor", array)


SPECIAL: Mapping[str, Callable[[Writer, Module, Any], None]] = {
    "Input": lambda writer, module, message: None,
    "Sequential": Writer.plain,
    "Graph": _graph,
    "FixedLookup": _word_embedding,
    "KerasModel": _keras_model,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "SpatialFullConvolution": _full_convolution,
    "SpatialMaxPooling": _max_pooling,
    "BatchNormalization": _batch_normalization,
    "SpatialBatchNormalization": _batch_normalization,
    "Recurrent": recurrent.write_recurrent,
    "RecurrentDecoder": recurrent.write_recurrent,
    "BiRecurrent": recurrent.write_both_ways,
    "TimeDistributed": recurrent.write_time_distributed,
    **dict.fromkeys(recurrent.CELLS, recurrent.write_cell),
}
