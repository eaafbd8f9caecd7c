"""The user's Keras optimizer over the part of the weights that this worker owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sparkdl.collective.buckets import spans
from sparkdl.engine.calls import CompiledStep
from sparkdl.engine.optimizer_state import build_slots, load_part, merge_states, part_state
from sparkdl.engine.shards import (
    clone_optimizer,
    excluded_variables,
    inner_optimizer,
    is_elementwise,
    pieces_of,
    shard_buckets,
    variable_like,
)
from sparkdl.nn.torch_optim import halve_in_place
from sparkdl.types import WeightLayout

__all__ = ["KerasUpdater", "excluded_variables", "shard_buckets"]


def _only_mine(values: np.ndarray) -> np.ndarray:
    return values


class KerasUpdater:
    """Implements `sparkdl.types.Updater` with any Keras optimizer.

    The result is what `optimizer.apply` on all variables in one process gives: norms over all
    gradients (`global_clipnorm`) and the finite test of loss scaling are summed over all workers.

    Args:
        optimizer: the user's optimizer (it is cloned, not changed) or its serialised configuration.
        variables: the model's trainable variables, in the order of the layout; only names, dtypes and
            constraints are taken from them.
        layout: where the variables lie in the flat vector.
        buckets: who owns what, from `shard_buckets`; workers + 1 offsets for each bucket.
        rank: this worker's number.
        weights: float32 (layout.length,), the flat vector with the initial values.
        excluded: positions of the variables without weight decay, from `excluded_variables`.
        sum_over_workers: sums a small float64 array over all workers (`Collective.all_sum`).
        unreached: positions of the variables that no gradient reaches: they are never changed.
        jit_compile: whether XLA compiles the update.

    Raises:
        UnsupportedError: if the optimizer cannot be divided.

    Example:
        >>> from sparkdl.types import VariableSpec
        >>> layout = WeightLayout((VariableSpec("w", (2,), 0),), 2)
        >>> weights = np.array([1.0, 2.0], "float32")
        >>> updater = KerasUpdater(keras.optimizers.SGD(0.5), [keras.Variable(weights)], layout, ((0, 2),), 0, weights)
        >>> updater.apply(np.array([1.0, -1.0], "float32"), weights)
        >>> weights.tolist()
        [0.5, 2.5]
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer | Mapping[str, Any],
        variables: Sequence[keras.Variable],
        layout: WeightLayout,
        buckets: Sequence[Sequence[int]],
        rank: int,
        weights: np.ndarray,
        excluded: Sequence[int] = (),
        sum_over_workers: Callable[[np.ndarray], np.ndarray] = _only_mine,
        unreached: Sequence[int] = (),
        jit_compile: bool = False,
    ) -> None:
        self.buckets = tuple(map(tuple, buckets))
        self._layout = layout
        self._spans = spans(self.buckets, rank)
        self._sum_over_workers = sum_over_workers
        self._optimizer = clone_optimizer(optimizer)
        self._inner = inner_optimizer(self._optimizer)
        no_decay = frozenset(excluded)
        self._flat = is_elementwise(self._optimizer, variables)
        self._pieces = pieces_of(
            layout,
            self._spans,
            self._flat,
            [(variable.dtype, index in no_decay) for index, variable in enumerate(variables)],
        )
        self._gaps = self._find_gaps()
        self._kept = self._find_kept(frozenset(unreached))
        self._variables = self._make_variables(variables, weights)
        if no_decay:
            self._inner.exclude_from_weight_decay(
                var_list=[
                    variable
                    for piece, variable in zip(self._pieces, self._variables, strict=False)
                    if piece.cuts[0][0] in no_decay
                ]
            )
        self._slots = build_slots(self._optimizer, self._variables)
        self._scaled = self._inner is not self._optimizer
        self._clipped = bool(self._inner.global_clipnorm)
        self._halved = bool(getattr(self._inner, "halved", False))
        self.exact_weights = self._halved or any(variable.constraint is not None for variable in variables)
        self.averages = bool(self._inner.use_ema)
        self._totals = tf.zeros(2, tf.float64)
        self._share_tests()
        mine = tf.TensorSpec((sum(high - low for low, high in self._spans),), tf.float32)
        whole = tf.TensorSpec((layout.length,), tf.float32)
        self._run_measure = CompiledStep(self._measure, [mine])
        numbers = tf.TensorSpec((2,), tf.float64)
        self._run_step = CompiledStep(self._step, [mine, whole, numbers], jit_compile=jit_compile)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; setting it while a schedule is in use raises Keras's TypeError."""
        return float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._optimizer.learning_rate = value

    @property
    def iterations(self) -> int:
        """Steps taken, as Keras counts them (updates, with gradient accumulation)."""
        return int(self._optimizer.iterations)

    @property
    def steps(self) -> int:
        """Gradients applied so far; more than `iterations` with gradient accumulation."""
        return int(self._inner._iterations)

    @property
    def loss_scale(self) -> float:
        """Factor for the gradients of the next step (1.0 without loss scaling)."""
        if self._scaled:
            return float(self._optimizer.dynamic_scale.numpy())
        return float(self._inner.loss_scale_factor or 1.0)

    def apply(self, gradient: np.ndarray, weights: np.ndarray) -> None:
        """Updates my part of the weights in place.

        Args:
            gradient: float32, my part of the summed gradient, times `loss_scale`; it may be overwritten.
            weights: float32 (layout.length,), the flat vector; the present values of my part are what is updated.
        """
        if self._halved:
            halve_in_place(gradient)
        totals = np.zeros(2)
        if self._scaled or self._clipped:
            totals = self._sum_over_workers(np.array(self._run_measure([gradient])[0]))
        kept = weights[self._kept]
        self._collect(self._run_step([gradient, weights, totals]), weights)
        weights[self._kept] = kept

    def finalize(self, weights: np.ndarray) -> None:
        """Writes the final values (the moving average, where the optimizer keeps one) into my part of the vector."""
        if self.averages:
            self._assign(tf.convert_to_tensor(weights))
            self._optimizer.finalize_variable_values(self._variables)
            self._collect(self._values(), weights)

    def state(self) -> dict[str, np.ndarray]:
        """My part of the state, for `merge_state`."""
        return part_state(self._slots, self._pieces)

    def merge_state(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Joins what `state` gave on every worker, in rank order; see `merge_states`."""
        return merge_states(parts, self._layout, self.buckets, self._flat)

    def load_state(self, merged: Mapping[str, np.ndarray]) -> None:
        """Takes my part out of a merged state of any number of workers; an empty one changes nothing.

        Raises:
            ModelError: if the state is of another optimizer or another model.
        """
        if merged:
            load_part(self._slots, self._pieces, self._layout, merged)

    def _assign(self, weights: tf.Tensor) -> None:
        # Each step begins with the weights as they are: callbacks and restored checkpoints may have changed them.
        for variable, piece in zip(self._variables, self._pieces, strict=False):
            part = tf.reshape(weights[piece.whole], piece.shape)
            variable.value.assign(tf.cast(part, variable.dtype))

    def _values(self) -> list[tf.Tensor]:
        return [variable.value.read_value() for variable in self._variables]

    def _collect(self, values: Sequence[tf.Tensor], weights: np.ndarray) -> None:
        for piece, value in zip(self._pieces, values, strict=False):
            np.copyto(weights[piece.whole], np.asarray(value).reshape(-1), casting="same_kind")
        if self._gaps.size:
            weights[self._gaps] = 0.0  # 0 / 0 of an optimizer with epsilon=0 must not stay in the padding

    def _find_gaps(self) -> np.ndarray:
        gap = np.zeros(self._layout.length, bool)
        for low, high in self._spans:
            gap[low:high] = True
        for piece in self._pieces:
            for _, start, stop in piece.cuts:
                gap[piece.place + start : piece.place + stop] = False
        return np.flatnonzero(gap)

    def _find_kept(self, unreached: frozenset[int]) -> np.ndarray:
        places = [
            np.arange(piece.place + start, piece.place + stop)
            for piece in self._pieces
            for index, start, stop in piece.cuts
            if index in unreached
        ]
        return np.concatenate([np.empty(0, np.int64), *places])

    def _make_variables(self, variables: Sequence[keras.Variable], weights: np.ndarray) -> list[keras.Variable]:
        if not self._pieces:
            # Keras does not count a step without gradients, and iterations must be equal everywhere.
            return [keras.Variable(np.ones(1, "float32"), name="none_owned")]
        made = []
        for piece in self._pieces:
            twin = variable_like(variables[piece.cuts[0][0]], weights[piece.whole].reshape(piece.shape))
            made.append(twin)
        return made

    def _share_tests(self) -> None:
        # Past Keras's __setattr__, which would track the functions as parts of the optimizer.
        if self._clipped:
            self._inner.__dict__["_clip_gradients"] = self._clip
        if self._scaled:
            self._optimizer.__dict__["check_finite"] = lambda _: tf.equal(self._totals[0], 0.0)

    def _clip(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        # keras.src.optimizers.base_optimizer.clip_by_global_norm, with the norm over all workers.
        limit = self._inner.global_clipnorm
        norm = tf.cast(tf.sqrt(self._totals[1]), tf.float32)
        scale = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
        return [gradient * tf.cast(scale, gradient.dtype) for gradient in gradients]

    def _measure(self, gradient: tf.Tensor) -> list[tf.Tensor]:
        """Non-finite elements of my gradient, and the sum of squares where Keras would clip it, float64 (2,)."""
        gradients = self._split(gradient)
        nonfinite = squares = tf.zeros((), tf.float64)
        if self._scaled:
            counts = [tf.reduce_sum(tf.cast(~tf.math.is_finite(part), tf.float64)) for part in gradients]
            nonfinite = tf.add_n(counts)
        if self._clipped:
            parts = [tf.reduce_sum(tf.square(part)) for part in self._unscaled(gradients)]
            squares = tf.add_n([tf.cast(part, tf.float64) for part in parts])
        return [tf.stack([nonfinite, squares])]

    def _unscaled(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        factor = self._optimizer.dynamic_scale if self._scaled else self._inner.loss_scale_factor
        if factor is not None:
            gradients = [part / tf.cast(factor, part.dtype) for part in gradients]
        steps = self._inner.gradient_accumulation_steps
        if steps:
            sums = self._inner._accumulated_gradients
            gradients = [(part + sums[index]) / steps for index, part in enumerate(gradients)]
        return gradients

    def _step(self, gradient: tf.Tensor, weights: tf.Tensor, totals: tf.Tensor) -> list[tf.Tensor]:
        self._totals = totals
        self._assign(weights)
        self._optimizer.apply(self._split(gradient), self._variables)
        return self._values()

    def _split(self, flat: tf.Tensor) -> list[tf.Tensor]:
        if not self._pieces:
            return [tf.zeros(1)]
        return [
            tf.cast(tf.reshape(flat[piece.start : piece.stop], piece.shape), variable.dtype)
            for piece, variable in zip(self._pieces, self._variables, strict=True)
        ]
