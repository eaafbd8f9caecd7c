"""Criterions made of criterions."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.elements import ELEMENTWISE
from sparkdl.nn.torch.criterions.kinds import Call, Kind, always

_OF_CLASSES = ("ClassNLLCriterion", "CrossEntropyCriterion")


def _multi(call: Call, output: Any, target: Any) -> Any:
    return tf.add_n([weight * call.child(i, output, target) for i, weight in enumerate(call.a.weights)])


def _parallel(call: Call, output: Any, target: Any) -> Any:
    tables = [("output", output)] + ([] if call.a.repeat_target else [("target", target)])
    for name, table in tables:
        if not isinstance(table, (list, tuple)) or len(table) < len(call.children):
            found = f"a table of {len(table)}" if isinstance(table, (list, tuple)) else "one array"
            raise DataError(
                f"{call.name} of {len(call.children)} criterions got {found} for its {name}, expected a table (list) "
                "with one entry for each."
            )
    losses = [
        weight * call.child(i, output[i], target if call.a.repeat_target else target[i])
        for i, weight in enumerate(call.a.weights)
    ]
    return tf.add_n(losses)


def _steps_first(call: Call, output: Any, target: Any, dimension: int) -> tuple[Any, Any]:
    """Outputs and targets with the steps, which are in a dimension that counts from 1, in front."""
    axis = dimension - 1
    if axis >= min(output.shape.rank, target.shape.rank):
        shapes = f"{tuple(output.shape)} and {tuple(target.shape)}"
        raise DataError(
            f"{call.name} needs steps in dimension {dimension} of output and target, whose shapes are {shapes}."
        )
    if None not in (output.shape[axis], target.shape[axis]) and output.shape[axis] != target.shape[axis]:
        raise DataError(
            f"{call.name} got a target of shape {tuple(target.shape)} for an output of shape {tuple(output.shape)}: "
            f"give both the same number of steps in dimension {dimension}."
        )
    return _moved(output, axis), _moved(target, axis)


def _moved(x: Any, axis: int) -> Any:
    return x if axis == 0 else tf.transpose(x, [axis, *(i for i in range(x.shape.rank) if i != axis)])


def _time_distributed(call: Call, output: Any, target: Any) -> Any:
    output, target = _steps_first(call, output, target, call.a.dimension)
    inner = call.children[0]
    if inner.kind in ELEMENTWISE:  # The loss of all elements follows from those of steps, which are of one size.
        loss, steps = call.child(0, output, target), tf.cast(tf.shape(output)[0], output.dtype)
        total = loss * steps if inner.arguments.get("size_average", True) else loss
        return total / steps if call.a.size_average else total
    losses = call.child_steps(0, output, target)
    return tf.reduce_mean(losses) if call.a.size_average else tf.reduce_sum(losses)


def _time_distributed_mask(call: Call, output: Any, target: Any) -> Any:
    """The mean over the steps whose target is no padding.

    As in BigDL, a padding that is the label of a class too is only left out of the count: the criterion inside sees it.
    """
    inner = call.children[0]
    if inner.kind not in _OF_CLASSES:
        raise DataError(f"{call.name} works with ClassNLLCriterion and CrossEntropyCriterion, and has {inner.kind}.")
    output, target = _steps_first(call, output, tf.cast(target, output.dtype), 2)
    real = tf.not_equal(target, call.a.padding_value)
    # What is the label of no class is left out by those criterions too, where it is -1.
    first = 0 if inner.arguments.get("zero_based_label") else 1
    known = (target >= first) & (target < first + output.shape[-1])
    losses = call.child_steps(0, output, tf.where(real | known, target, -tf.ones_like(target)))
    counts = tf.reduce_sum(tf.cast(real, output.dtype), list(range(1, real.shape.rank)))
    total = losses * counts if inner.arguments.get("size_average", True) else losses
    return tf.reduce_sum(total) / tf.reduce_sum(counts)


def _real(call: Call, output: Any, target: Any) -> Any:
    return tf.reduce_sum(tf.cast(tf.not_equal(tf.cast(target, output.dtype), call.a.padding_value), output.dtype))


def _transformer(call: Call, output: Any, target: Any) -> Any:
    """Children: the criterion, then the modules for the output and the target, as far as `transforms` names them."""
    modules = dict(zip(call.a.transforms, call.children[1:], strict=True))
    if "target" in modules:
        target = tf.nest.map_structure(tf.stop_gradient, call.runner.apply(modules["target"], target))
    if "input" in modules:
        output = call.runner.apply(modules["input"], output)
    return call.child(0, output, target)


KINDS = {
    "MultiCriterion": Kind(_multi, {"weights": []}, always(None)),
    "ParallelCriterion": Kind(_parallel, {"weights": [], "repeat_target": False}, always(None)),
    "TimeDistributedCriterion": Kind(_time_distributed, {"size_average": False, "dimension": 2}, always(None)),
    "TimeDistributedMaskCriterion": Kind(_time_distributed_mask, {"padding_value": 0}, always("weighted"), _real),
    "TransformerCriterion": Kind(_transformer, {"transforms": []}, always(None)),
}
