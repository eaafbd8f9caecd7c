"""Brings values to the order of axes that a kernel is called with, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.kinds import Call, Kind, Layout

_FIRST = frozenset({"NCHW", "CHANNEL_FIRST", "CHANNELS_FIRST"})
_LAST = frozenset({"NHWC", "CHANNEL_LAST", "CHANNELS_LAST"})


def is_last(arguments: SimpleNamespace) -> bool:
    """Whether a module's own order has the channels last, as its argument `data_format` or `format` tells.

    Raises:
        ArgumentError: if the argument is no order.

    Example:
        >>> is_last(SimpleNamespace(data_format="NHWC")), is_last(SimpleNamespace())
        (True, False)
    """
    given = str(getattr(arguments, "data_format", None) or getattr(arguments, "format", None) or "NCHW").upper()
    if given not in _FIRST | _LAST:
        raise ArgumentError(f"the order of axes is {given!r}, expected NCHW (channels first) or NHWC (channels last).")
    return given in _LAST


def takes_last(kind: Kind, arguments: SimpleNamespace, ranks: Sequence[int], carried: bool) -> bool:
    """Whether a module had better be called with channels last, though its own order has them behind the batch.

    Args:
        kind: of the module.
        arguments: of the module.
        ranks: of the tensors that it is called with.
        carried: whether one of them has its channels last already.
    """
    if kind.layout is Layout.LAST:
        return kind.space > 0 and not is_last(arguments) and set(ranks) == {kind.space + 2}
    return kind.layout is Layout.ANY and carried and len(set(ranks)) == 1


def run(kind: Kind, call: Call, value: Any) -> Any:
    """The output of a kernel, where value and output are in the module's own order."""
    if kind.layout is not Layout.LAST:
        return kind.call(call, value)
    ranks = {part.shape.rank for part in tf.nest.flatten(value)}
    batched, single = ranks == {kind.space + 2}, ranks == {kind.space + 1}
    if not batched and not single:
        shapes = [tuple(part.shape) for part in tf.nest.flatten(value)]
        raise DataError(
            f"{call.name} takes {kind.space + 2} axes (batch, channels and {kind.space} of "
            f"space), or one less without the batch, but was given the shape {shapes}."
        )
    turned = kind.space > 0 and not is_last(call.a)
    value = _each(value, lambda x: _to_last(x if batched else x[None], turned))
    output = kind.call(call, value)
    return _each(output, lambda y: _to_own(y, turned) if batched else _to_own(y, turned)[0])


def _each(value: Any, function: Callable[[Any], Any]) -> Any:
    return [_each(part, function) for part in value] if isinstance(value, list) else function(value)


def _to_last(x: Any, turned: bool) -> Any:
    return tf.transpose(x, [0, *range(2, x.shape.rank), 1]) if turned else x


def _to_own(y: Any, turned: bool) -> Any:
    return tf.transpose(y, [0, y.shape.rank - 1, *range(1, y.shape.rank - 1)]) if turned else y
