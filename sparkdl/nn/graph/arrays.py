"""TensorArrays of TensorFlow 1 as lists of tensors, which have gradients inside of functions.

Such an array has a handle and a *flow*, a number that is handed from op to op to order them. Here the flow is the list
itself, and the handle only tells of what the list consists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import list_ops

from sparkdl.nn.graph.program import Node


@dataclass(frozen=True, eq=False)
class ArrayHandle:
    """What the elements of an array are."""

    dtype: tf.DType
    shape: tf.TensorShape
    dynamic: bool


def _new(node: Node, size: Any) -> tuple[Any, ...]:
    shape = tf.TensorShape(node.attr["element_shape"].shape) if "element_shape" in node.attr else tf.TensorShape(None)
    dynamic = node.attr["dynamic_size"].b if "dynamic_size" in node.attr else False
    handle = ArrayHandle(tf.as_dtype(node.attr["dtype"].type), shape, dynamic)
    return handle, list_ops.tensor_list_reserve(shape, size, handle.dtype)


def _shape(shape: tf.TensorShape) -> Any:
    """A shape as raw ops of lists take it, -1 where it is unknown."""
    return -1 if shape.rank is None else [-1 if size is None else size for size in shape.as_list()]


def _element(node: Node, handle: ArrayHandle) -> tf.TensorShape:
    given = tf.TensorShape(node.attr["element_shape"].shape) if "element_shape" in node.attr else tf.TensorShape(None)
    return given.merge_with(handle.shape) if given.is_compatible_with(handle.shape) else given


def _read(node: Node, handle: ArrayHandle, index: Any, flow: Any) -> tuple[Any, ...]:
    return (list_ops.tensor_list_get_item(flow, index, handle.dtype, element_shape=handle.shape),)


def _write(node: Node, handle: ArrayHandle, index: Any, value: Any, flow: Any) -> tuple[Any, ...]:
    return (list_ops.tensor_list_set_item(flow, index, value, resize_if_index_out_of_bounds=handle.dynamic),)


def _gather(node: Node, handle: ArrayHandle, indices: Any, flow: Any) -> tuple[Any, ...]:
    shape = _element(node, handle)
    return (list_ops.tensor_list_gather(flow, indices, handle.dtype, element_shape=shape),)


def _scatter(node: Node, handle: ArrayHandle, indices: Any, value: Any, flow: Any) -> tuple[Any, ...]:
    return (list_ops.tensor_list_scatter(value, indices, handle.shape, flow),)


def _size(node: Node, handle: ArrayHandle, flow: Any) -> tuple[Any, ...]:
    return (tf.raw_ops.TensorListLength(input_handle=flow),)


def _concat(node: Node, handle: ArrayHandle, flow: Any) -> tuple[Any, ...]:
    rest = node.attr["element_shape_except0"].shape if "element_shape_except0" in node.attr else None
    known = rest is not None and not rest.unknown_rank
    shape = tf.TensorShape([None]).concatenate(tf.TensorShape(rest)) if known else handle.shape
    made = tf.raw_ops.TensorListConcatV2(
        input_handle=flow,
        element_shape=_shape(shape),
        leading_dims=tf.constant([], tf.int64),
        element_dtype=handle.dtype,
    )
    return made.tensor, made.lengths


def _split(node: Node, handle: ArrayHandle, value: Any, lengths: Any, flow: Any) -> tuple[Any, ...]:
    # Splitting fills the whole array; only parts of one shape may be told to have one.
    return (list_ops.tensor_list_split(value, tf.TensorShape([None]).concatenate(value.shape[1:]), lengths),)


_TABLE: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    "TensorArray": _new,
    "TensorArrayRead": _read,
    "TensorArrayWrite": _write,
    "TensorArrayGather": _gather,
    "TensorArrayPack": lambda node, handle, flow: _packed(handle, flow),
    "TensorArrayScatter": _scatter,
    "TensorArrayUnpack": lambda node, handle, value, flow: (
        list_ops.tensor_list_from_tensor(value, tf.TensorShape(value.shape[1:])),
    ),
    "TensorArraySize": _size,
    "TensorArrayConcat": _concat,
    "TensorArraySplit": _split,
    "TensorArrayClose": lambda node, handle: (),
}


def _packed(handle: ArrayHandle, flow: Any) -> tuple[Any, ...]:
    return (list_ops.tensor_list_stack(flow, handle.dtype, element_shape=handle.shape),)


# The three generations of these ops differ in the type of their handle alone.
ARRAYS: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    name + version: function for name, function in _TABLE.items() for version in ("", "V2", "V3")
}


def apply_to_array(node: Node, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The outputs of an op of arrays."""
    return ARRAYS[node.op](node, *inputs)
