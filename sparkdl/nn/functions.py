"""Functions that models of older Keras hold and that Keras 3 lacks, or means differently by the same name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from google.protobuf import json_format
from keras import ops
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

from sparkdl.errors import UnsupportedError
from sparkdl.nn.graph.check import check
from sparkdl.nn.graph.operation import apply
from sparkdl.nn.graph.program import Node, ranges_of


@keras.saving.register_keras_serializable("sparkdl")
def hard_sigmoid_of_keras2(inputs: Any) -> Any:
    """max(0, min(1, 0.2 * x + 0.5)), as Keras and TensorFlow had it up to Keras 2.15.

    Keras 3 means max(0, min(1, x / 6 + 0.5)) by "hard_sigmoid".

    Example:
        >>> hard_sigmoid_of_keras2(keras.ops.array([-3.0, 0.0, 1.0])).numpy().tolist()
        [0.0, 0.5, 0.699999988079071]
    """
    return ops.clip(0.2 * inputs + 0.5, 0.0, 1.0)


# Functions of tensors and nothing else: no files, no state, no chance, no Python functions as arguments.
_NAMES = {
    "": "abs add argmax argmin boolean_mask broadcast_to cast clip_by_value concat cos divide einsum equal exp "
    "expand_dims fill gather gather_nd greater greater_equal identity less less_equal logical_and logical_not "
    "logical_or matmul maximum meshgrid minimum multiply norm not_equal one_hot ones ones_like pad pow range rank "
    "realdiv reduce_all reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse "
    "roll round shape sigmoid sign sin size slice split sqrt square squeeze stack stop_gradient strided_slice "
    "subtract tanh tensordot tile transpose truediv unstack where zeros zeros_like",
    "math": "abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh ceil cos cosh count_nonzero "
    "cumprod cumsum divide divide_no_nan equal erf erfc exp expm1 floor floordiv floormod greater greater_equal "
    "is_finite is_inf is_nan l2_normalize less less_equal log log1p log_sigmoid log_softmax logical_and logical_not "
    "logical_or logical_xor maximum minimum mod multiply multiply_no_nan negative not_equal pow reciprocal "
    "reciprocal_no_nan reduce_all reduce_any reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min "
    "reduce_prod reduce_std reduce_sum reduce_variance rint round rsqrt segment_max segment_mean segment_sum sigmoid "
    "sign sin sinh softmax softplus softsign sqrt square squared_difference subtract tan tanh top_k truediv "
    "unsorted_segment_max unsorted_segment_mean unsorted_segment_sum xdivy xlogy",
    "nn": "avg_pool avg_pool2d bias_add crelu depth_to_space elu embedding_lookup gelu in_top_k l2_normalize "
    "leaky_relu local_response_normalization log_softmax lrn max_pool max_pool2d moments relu relu6 selu sigmoid "
    "silu softmax softplus softsign space_to_depth swish tanh top_k",
    "linalg": "band_part diag diag_part einsum l2_normalize matmul matrix_transpose matvec norm tensordot trace",
    "image": "adjust_brightness adjust_contrast central_crop convert_image_dtype crop_and_resize "
    "crop_to_bounding_box extract_patches flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb pad_to_bounding_box "
    "per_image_standardization resize resize_with_crop_or_pad resize_with_pad rgb_to_grayscale rgb_to_hsv rot90 "
    "transpose",
    "__operators__": "add eq getitem ne",
}
FUNCTIONS = frozenset(f"{space}.{name}".lstrip(".") for space, names in _NAMES.items() for name in names.split())
_OLD = "compat.v1."


def tensorflow_function(name: str) -> Any:
    """The function of TensorFlow with this name, or None where it is not one of those that only compute.

    Example:
        >>> tensorflow_function("nn.relu")(keras.ops.array([-1.0, 2.0])).numpy().tolist()
        [0.0, 2.0]
        >>> tensorflow_function("io.read_file") is None
        True
    """
    if name.removeprefix(_OLD) not in FUNCTIONS:
        return None
    return functools.reduce(lambda place, part: getattr(place, part, None), name.split("."), tf)


@keras.saving.register_keras_serializable("sparkdl")
class TensorFlowFunction(keras.Operation):
    """A function of TensorFlow in a functional model, as tf.keras kept calls like `tf.reshape(x, ...)`.

    Args:
        function: its name below `tf`, e.g. "math.add".
        name: the name of this operation.

    Example:
        >>> TensorFlowFunction("math.multiply")(keras.Input((3,)), y=2.0).shape
        (None, 3)
    """

    def __init__(self, function: str, name: str | None = None) -> None:
        super().__init__(name=name)
        self.function = function
        self._run = tensorflow_function(function)
        if self._run is None:
            raise ValueError(f"tf.{function} is not a function that can be part of a model")

    def get_config(self) -> dict[str, Any]:
        return {"function": self.function, "name": self.name}

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return keras.src.backend.compute_output_spec(self.call, *args, **kwargs)


@keras.saving.register_keras_serializable("sparkdl")
class TensorFlowNode(keras.Operation):
    """One op of TensorFlow in a functional model, as tf.keras up to 2.3 kept calls of TensorFlow's functions.

    Args:
        node: the op and its attributes, as a NodeDef in JSON.
        constants: values of inputs that are no tensors of the model, by their positions.
        name: the name of this operation.

    Example:
        >>> node = {"name": "add", "op": "AddV2", "input": ["x", "y"], "attr": {"T": {"type": "DT_FLOAT"}}}
        >>> TensorFlowNode(node, {"1": 2.0})(keras.ops.array([1.0])).numpy().tolist()
        [3.0]
    """

    def __init__(self, node: Mapping[str, Any], constants: Mapping[str, Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self.node, self.constants = dict(node), dict(constants)
        self._node = json_format.ParseDict(self.node, node_def_pb2.NodeDef())
        check_node(self._node)
        applied = Node(self._node.name, self._node.op, (), (), dict(self._node.attr))
        self._run = tf.function(lambda tensors: apply(applied, tensors), reduce_retracing=True)

    def get_config(self) -> dict[str, Any]:
        return {"node": self.node, "constants": self.constants, "name": self.name}

    def call(self, inputs: Any) -> Any:
        tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        for position, value in sorted((int(key), value) for key, value in self.constants.items()):
            tensors.insert(position, tf.constant(value, _type_of(self._node, position)))
        outputs = self._run(tensors)
        return outputs[0] if len(outputs) == 1 else list(outputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.src.backend.compute_output_spec(self.call, inputs)


def check_node(node: node_def_pb2.NodeDef) -> None:
    """Refuses a node that does more than compute.

    Raises:
        UnsupportedError: where its op is unknown or reaches outside.
        ImporterError: where its attributes contradict the op.
    """
    graph = graph_pb2.GraphDef()
    graph.node.add().CopyFrom(node)
    check(graph)
    if op_def_registry.get(node.op).is_stateful:
        raise UnsupportedError(f"the op {node.op} keeps a state; one that computes was expected.")


def _type_of(node: node_def_pb2.NodeDef, position: int) -> tf.DType | None:
    """The type that an op takes at a position; None where it does not tell."""
    arguments = op_def_registry.get(node.op).input_arg
    for argument, (_, first, count) in zip(arguments, ranges_of(arguments, node.attr), strict=True):
        if first <= position < first + count:
            kind = node.attr[argument.type_attr].type if argument.type_attr in node.attr else argument.type
            return tf.as_dtype(kind) if kind else None
    return None
