"""The objective of Keras on a whole global batch, in parts that add up over workers.

Keras computes, for each loss, a sum over the elements of the batch over a count: of elements, of unmasked
steps, or of weights. A worker knows its part of both. The sums of the parts give Keras's value exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf
from keras.src.backend import get_keras_mask
from keras.src.losses.loss import squeeze_or_expand_to_same_rank

from sparkdl.errors import UnsupportedError

Kind = Literal["elements", "mean", "sum", "own"]
Count = Literal["one", "rows", "data"]

COUPLED = {
    keras.losses.Dice: "Dice",
    keras.losses.Tversky: "Tversky",
    keras.losses.Circle: "Circle",
    keras.losses.dice: "Dice",
    keras.losses.tversky: "Tversky",
    keras.losses.circle: "Circle",
}


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One loss of a compiled model.

    Attributes:
        name: the output's name (the loss's own for a single output).
        loss: the Keras loss.
        weight: its factor in the objective (`loss_weights`).
        kind: "elements" where the loss gives a value per row or element, as Keras's own do; for a loss that
            gives one number: whether that is a "mean" over rows or a "sum".
    """

    name: str
    loss: Any
    weight: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Part:
    """One loss over some rows: scalars that add up over any split of a batch into rows.

    Attributes:
        numerator: the sum over elements, weighted and masked.
        denominator: what the sum is divided by, float64.
        count: how the denominator of the whole batch follows: it is "one", it grows with the "rows",
            or it depends on the "data" (weights, masks) and must be summed.
    """

    numerator: tf.Tensor
    denominator: tf.Tensor
    count: Count


@dataclass(frozen=True, slots=True)
class LossCall:
    """What Keras would call a loss with."""

    y_true: Any
    y_pred: Any
    weights: Any


def loss_terms(compile_loss: Any, kinds: Sequence[Kind] = ()) -> tuple[LossTerm, ...]:
    """The losses of a built `CompileLoss` in Keras's order.

    Args:
        compile_loss: `model._compile_loss`, built, or None.
        kinds: what each loss is; "elements" where shorter.

    Raises:
        UnsupportedError: for a loss that does not split over the rows of a batch, or has no reduction.
    """
    if compile_loss is None:
        return ()
    flat = compile_loss._flat_losses
    terms = []
    for index, entry in enumerate(flat):
        refuse_unsplittable(entry.loss)
        kind: Kind = kinds[index] if index < len(kinds) else "elements"
        kind = "own" if tells_parts(entry.loss) else kind
        terms.append(LossTerm(str(entry.name), entry.loss, _constant_weight(entry), kind))
    if len(terms) > 1 and not _has_loss_per_output(compile_loss):
        raise UnsupportedError(
            f"the model was compiled with {len(terms)} losses for a single output, of which Keras uses only the "
            f"first: give one loss (a function that adds them up)."
        )
    return tuple(terms)


def tells_parts(loss: Any) -> bool:
    """Whether a loss says itself what a part of a batch adds to numerator and denominator."""
    return hasattr(loss, "part")


def _has_loss_per_output(compile_loss: Any) -> bool:
    return keras.tree.is_nested(compile_loss._y_pred_build_structure)


def _constant_weight(entry: Any) -> float:
    if entry.loss_weights is None:
        return 1.0
    if not isinstance(entry.loss_weights, (int, float)):
        raise UnsupportedError(
            f"the loss weight of output {entry.name!r} is a {type(entry.loss_weights).__name__}, but workers need the "
            f"same constant: give a Python number in compile(loss_weights=...)."
        )
    return float(entry.loss_weights)


def refuse_unsplittable(loss: Any) -> None:
    """Raises UnsupportedError for losses whose value couples the rows of a batch, or that are not reduced.

    Example:
        >>> refuse_unsplittable(keras.losses.MeanSquaredError())
        >>> refuse_unsplittable(keras.losses.Dice())
        Traceback (most recent call last):
        ...
        sparkdl.errors.UnsupportedError: the loss 'dice' (Dice) couples the rows of a batch, so that workers ...
    """
    coupled = next((COUPLED[cls] for cls in type(loss).__mro__ if cls in COUPLED), None)
    function = getattr(loss, "fn", None)
    if coupled is None and callable(function):
        coupled = next((name for known, name in COUPLED.items() if known is function), None)
    if coupled is not None:
        raise UnsupportedError(
            f"the loss {loss.name!r} ({coupled}) couples the rows of a batch, so that workers cannot compute it in "
            f"parts: use a loss that gives one value per row (crossentropy, focal crossentropy, ...)."
        )
    if loss.reduction in (None, "none"):
        raise UnsupportedError(
            f"the loss {loss.name!r} has reduction={loss.reduction!r}, which leaves no single number to minimise: use "
            f"'sum_over_batch_size', 'mean', 'mean_with_sample_weight' or 'sum'."
        )


def loss_calls(compile_loss: Any, y_true: Any, y_pred: Any, weights: Any) -> list[LossCall]:
    """Which loss Keras would call with which tensors, in the order of `loss_terms`.

    Keras itself matches labels with outputs: its own code runs, with recorders in the place of the losses.
    """
    calls: list[LossCall] = []

    def record(y_true: Any, y_pred: Any, weights: Any = None) -> tf.Tensor:
        calls.append(LossCall(y_true, y_pred, weights))
        return tf.zeros(())

    with _losses_replaced(compile_loss, record):
        compile_loss(y_true, y_pred, weights)
    return calls


@contextmanager
def _losses_replaced(compile_loss: Any, function: Any) -> Iterator[None]:
    losses, metrics = compile_loss._flat_losses, compile_loss._metrics
    compile_loss._flat_losses = [entry._replace(loss=function, loss_weights=None) for entry in losses]
    compile_loss._metrics = [None] * len(losses)
    try:
        yield
    finally:
        compile_loss._flat_losses, compile_loss._metrics = losses, metrics


def compute_part(term: LossTerm, call: LossCall, rows: tf.Tensor) -> Part:
    """One loss over these rows, as numerator and denominator.

    Args:
        rows: number of rows, float64 scalar.
    """
    if term.kind == "own":
        return _own(term, call, rows)
    if term.kind != "elements" and type(term.loss).__call__ is not keras.losses.Loss.__call__:
        return _whole(term, term.loss(call.y_true, call.y_pred, call.weights), rows)
    values, mask = loss_values(term.loss, call)
    if term.kind == "elements":
        return weighted_part(term, values, call.weights, mask)
    _refuse_weights(term, call, mask)
    return _whole(term, values, rows)


def _own(term: LossTerm, call: LossCall, rows: tf.Tensor) -> Part:
    _refuse_weights(term, call, None)
    return Part(*term.loss.part(call.y_true, call.y_pred, rows))


def _refuse_weights(term: LossTerm, call: LossCall, mask: tf.Tensor | None) -> None:
    if call.weights is not None or mask is not None:
        raise UnsupportedError(
            f"the loss {term.name!r} gives a single number, so that sample weights, class weights and masks cannot "
            f"apply to its rows: let it return one value per row."
        )


def _whole(term: LossTerm, value: Any, rows: tf.Tensor) -> Part:
    value = tf.convert_to_tensor(value)
    if term.kind == "sum":
        return Part(value, tf.ones((), tf.float64), "one")
    return Part(value * tf.cast(rows, value.dtype), rows, "rows")


def loss_values(loss: Any, call: LossCall) -> tuple[tf.Tensor, tf.Tensor | None]:
    """The values of `loss.call` and their mask, as `keras.losses.Loss.__call__` computes them before it reduces."""
    in_mask = get_keras_mask(call.y_pred)
    y_pred = keras.tree.map_structure(lambda x: keras.ops.convert_to_tensor(x, dtype=loss.dtype), call.y_pred)
    y_true = keras.tree.map_structure(lambda x: keras.ops.convert_to_tensor(x, dtype=loss.dtype), call.y_true)
    values = loss.call(y_true, y_pred)
    out_mask = get_keras_mask(values)
    masks = [mask for mask in (in_mask, out_mask) if mask is not None]
    mask = masks[0] & masks[1] if len(masks) == 2 else (masks[0] if masks else None)
    return keras.ops.convert_to_tensor(values, dtype=loss.dtype), mask


def weighted_part(term: LossTerm, values: tf.Tensor, weights: Any, mask: tf.Tensor | None) -> Part:
    """Numerator and denominator as Keras's `reduce_weighted_values` would divide them.

    Args:
        values: (rows, ...) losses.
        weights: (rows,) sample weights or None.
        mask: boolean, or None.
    """
    elements_per_step = tf.ones((), tf.float64)
    valid = None
    weight = None if weights is None else keras.ops.convert_to_tensor(weights, dtype=values.dtype)
    if mask is not None:
        valid = tf.reduce_sum(tf.cast(mask, tf.float64))
        elements_per_step = _size(values) / _size(mask)
        weight = _merge(term, tf.cast(mask, values.dtype), weight)
    if weight is not None:
        values, weight = squeeze_or_expand_to_same_rank(values, weight)
        _check_weightable(term, values, weight)
        values = values * weight
    numerator = tf.reduce_sum(values)
    if term.loss.reduction == "sum":
        return Part(numerator, tf.ones((), tf.float64), "one")
    if term.loss.reduction == "mean_with_sample_weight" and weight is not None:
        return Part(numerator, tf.reduce_sum(tf.cast(weight, tf.float64)), "data")
    if valid is not None:
        return Part(numerator, valid * elements_per_step, "data")
    return Part(numerator, _size(values), "rows")


def _merge(term: LossTerm, mask: tf.Tensor, weight: tf.Tensor | None) -> tf.Tensor:
    if weight is None:
        return mask
    mask, weight = squeeze_or_expand_to_same_rank(mask, weight)
    _check_weightable(term, mask, weight)
    return weight * mask


def _check_weightable(term: LossTerm, values: tf.Tensor, weight: tf.Tensor) -> None:
    if weight.shape.rank == 1 and values.shape.rank > 1:
        raise UnsupportedError(
            f"the loss {term.name!r} gives values of shape {tuple(values.shape)}, which one sample weight per row of "
            f"shape {tuple(weight.shape)} cannot weight (Keras cannot either): let the loss average over the other "
            f"axes, or give the model an output without them."
        )


def _size(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.size(tensor, out_type=tf.int64), tf.float64)


def divide(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """The quotient in the numerator's dtype, 0 where the denominator is 0 (everything masked), as in Keras."""
    return tf.math.divide_no_nan(numerator, tf.cast(denominator, numerator.dtype))
