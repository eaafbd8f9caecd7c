"""Which part of the flat weight vector a worker owns, and the variables its optimizer works on."""

from __future__ import annotations

import contextlib
import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sparkdl.errors import UnsupportedError
from sparkdl.types import VariableSpec, WeightLayout

# Their update_step was read: new values depend on the same element only (and on scalars equal everywhere).
ELEMENTWISE: frozenset[type] = frozenset(
    {
        keras.optimizers.SGD,
        keras.optimizers.Adam,
        keras.optimizers.AdamW,
        keras.optimizers.RMSprop,
        keras.optimizers.Adagrad,
        keras.optimizers.Adadelta,
        keras.optimizers.Adamax,
        keras.optimizers.Ftrl,
        keras.optimizers.Nadam,
        keras.optimizers.Lion,
        *(getattr(keras.optimizers, name) for name in ("ScheduleFreeAdamW",) if hasattr(keras.optimizers, name)),
    }
)
# They look at a variable as a whole (norms, matrices), but never at two variables together.
PER_VARIABLE: frozenset[type] = frozenset({keras.optimizers.Lamb, keras.optimizers.Muon, keras.optimizers.Adafactor})
# How those of `sparkdl.nn` say it: an attribute of the very class, since a subclass may do more.
_SCOPE = "scope"
_ALIGNMENT = 16
_PROBE_STEPS = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of my part of the flat vector that is one variable of my optimizer.

    Attributes:
        start: first element, counted from the start of my part (of all buckets).
        stop: one past the last element.
        place: where it begins in the flat vector.
        shape: the piece's shape: one axis, or the shape of the one variable it is.
        cuts: for each variable in it: its index in the layout, and the range of the piece it has.
        flat: whether the optimizer works element by element here.
    """

    start: int
    stop: int
    place: int
    shape: tuple[int, ...]
    cuts: tuple[tuple[int, int, int], ...]
    flat: bool

    @property
    def whole(self) -> slice:
        """Where it lies in the flat vector."""
        return slice(self.place, self.place + self.stop - self.start)


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that updates weights: the one inside a LossScaleOptimizer, or the optimizer itself.

    Raises:
        UnsupportedError: for MultiOptimizer and subclasses of LossScaleOptimizer.
    """
    if type(optimizer) is keras.optimizers.LossScaleOptimizer:
        optimizer = optimizer.inner_optimizer
    multi = getattr(keras.optimizers, "MultiOptimizer", ())
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or (multi and isinstance(optimizer, multi)):
        raise UnsupportedError(
            f"optimizer {type(optimizer).__name__} holds other optimizers in a way that cannot be divided between "
            "workers; compile the model with one optimizer (or one keras.optimizers.LossScaleOptimizer around it)"
        )
    return optimizer


def clone_optimizer(optimizer: keras.optimizers.Optimizer | Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """A new, unbuilt optimizer of the same configuration (exclusions from weight decay are not carried over).

    Args:
        optimizer: an optimizer, or what `keras.optimizers.serialize` gave for one.

    Example:
        >>> clone_optimizer(keras.optimizers.SGD(0.5, momentum=0.9)).momentum
        0.9
    """
    if isinstance(optimizer, Mapping):
        return keras.optimizers.deserialize(dict(optimizer))
    if type(optimizer) is keras.optimizers.LossScaleOptimizer:
        return keras.optimizers.LossScaleOptimizer(
            clone_optimizer(optimizer.inner_optimizer),
            initial_scale=optimizer.initial_scale,
            dynamic_growth_steps=optimizer.dynamic_growth_steps,
            name=optimizer.name,
        )
    config = optimizer.get_config()
    rate = getattr(optimizer, "_learning_rate", None)
    if "learning_rate" in config and not isinstance(rate, keras.Variable):
        config["learning_rate"] = rate  # schedules and callables hold no state: no need to serialise them
    return type(optimizer).from_config(config)


def update_scope(optimizer: keras.optimizers.Optimizer) -> str | None:
    """What the new value of an element depends on: its "element", its "variable" or "all"; None if it is not known.

    Example:
        >>> update_scope(keras.optimizers.Adam()), update_scope(keras.optimizers.Lamb())
        ('element', 'variable')
    """
    kind = type(inner_optimizer(optimizer))
    if kind in ELEMENTWISE:
        return "element"
    return "variable" if kind in PER_VARIABLE else vars(kind).get(_SCOPE)


def is_elementwise(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> bool:
    """Whether the optimizer may be given any cut of the flat vector.

    Example:
        >>> is_elementwise(keras.optimizers.Adam(), []), is_elementwise(keras.optimizers.Adam(clipnorm=1.0), [])
        (True, False)
    """
    inner = inner_optimizer(optimizer)
    return (
        update_scope(inner) == "element"
        and not inner.clipnorm
        and all(variable.constraint is None for variable in variables)
    )


def shard_buckets(
    layout: WeightLayout,
    workers: int,
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    coupled: bool | None = None,
    bucket_size: int | None = None,
) -> tuple[tuple[int, ...], ...]:
    """Who owns what: worker r updates the elements `[bounds[r], bounds[r + 1])` of the flat vector, in each bucket.

    Element-wise optimizers own equal slices (at 64-byte boundaries) of each bucket. Others own whole variables, in
    runs balanced by size, of a single bucket. An optimizer of the user's that couples variables is found by trying
    it, and then worker 0 owns everything.

    Args:
        layout: where the variables lie.
        workers: how many workers.
        optimizer: the user's optimizer; it is not changed.
        variables: the model's trainable variables, in the order of the layout.
        coupled: what `couples_variables` found on the driver; None to try here.
        bucket_size: about how many elements to exchange at a time while gradients are still being computed; None
            for all at once.

    Returns:
        workers + 1 offsets for each bucket, from 0 to `layout.length`.

    Raises:
        UnsupportedError: for optimizers and variables that cannot be divided.
    """
    for variable in variables:
        if getattr(variable, "overwrite_with_gradient", False):
            raise UnsupportedError(
                f"variable {variable.path} is overwritten with its gradient (float8 training), which is not a sum "
                "over workers; use float32, bfloat16 or mixed_float16"
            )
    if is_elementwise(optimizer, variables):
        cuts = bucket_cuts(layout, bucket_size or layout.length)
        return tuple(_equal_slices(low, high, workers) for low, high in itertools.pairwise(cuts))
    if workers > 1 and (couples_variables(optimizer, variables) if coupled is None else coupled):
        return ((0,) + (layout.length,) * workers,)
    starts = [spec.offset for spec in layout.variables] + [layout.length]
    inside = [_nearest(starts, layout.length * rank / workers) for rank in range(1, workers)]
    return ((0, *inside, layout.length),)


def bucket_cuts(layout: WeightLayout, size: int) -> list[int]:
    """Cuts the flat vector between variables into buckets of at least `size` elements, counted from its end.

    Example:
        >>> specs = [VariableSpec("a", (8,), 0), VariableSpec("b", (32,), 16), VariableSpec("c", (8,), 48)]
        >>> bucket_cuts(WeightLayout(tuple(specs), 64), 40)
        [0, 16, 64]
    """
    cuts = [layout.length]
    for spec in reversed(layout.variables):
        if spec.offset and cuts[-1] - spec.offset >= size:
            cuts.append(spec.offset)
    return [0, *reversed(cuts)]


def _equal_slices(low: int, high: int, workers: int) -> tuple[int, ...]:
    share = -(-(high - low) // (workers * _ALIGNMENT)) * _ALIGNMENT
    return tuple(min(low + rank * share, high) for rank in range(workers)) + (high,)


def _nearest(starts: Sequence[int], target: float) -> int:
    after = min(bisect_left(starts, target), len(starts) - 1)
    before = max(after - 1, 0)
    return min(starts[before], starts[after], key=lambda start: abs(start - target))


def pieces_of(
    layout: WeightLayout,
    spans: Sequence[tuple[int, int]],
    elementwise: bool,
    keys: Sequence[Any],
) -> tuple[Piece, ...]:
    """Divides my part of the flat vector, which may lie in several spans of it, into pieces.

    Element-wise: the longest runs of variables of equal `keys` (dtype, exclusion from weight decay), with
    the padding between them, because few large variables are faster than many small ones. Else one
    piece for each variable.
    """
    pieces: list[Piece] = []
    before = 0
    for low, high in spans:
        owned = [
            (index, spec)
            for index, spec in enumerate(layout.variables)
            if spec.size and spec.offset < high and spec.offset + spec.size > low
        ]
        runs: list[list[tuple[int, VariableSpec]]] = []
        for index, spec in owned:
            if elementwise and runs and keys[runs[-1][-1][0]] == keys[index]:
                runs[-1].append((index, spec))
            else:
                runs.append([(index, spec)])
        pieces += [_run_piece(run, low, high, before, elementwise) for run in runs]
        before += high - low
    return tuple(pieces)


def _run_piece(run: Sequence[tuple[int, VariableSpec]], low: int, high: int, before: int, elementwise: bool) -> Piece:
    """The piece of some variables in the span [low, high) of the flat vector, which has `before` elements before it."""
    first, last = run[0][1], run[-1][1]
    begin, end = max(first.offset, low), min(last.offset + last.size, high)
    cuts = tuple((index, max(spec.offset - begin, 0), min(spec.offset + spec.size, end) - begin) for index, spec in run)
    start = before + begin - low
    return Piece(start, start + end - begin, begin, (end - begin,) if elementwise else first.shape, cuts, elementwise)


def variable_like(variable: keras.Variable, value: np.ndarray) -> keras.Variable:
    """A new variable with another's name, path, dtype and constraint, and this value (of any shape)."""
    with contextlib.ExitStack() as scopes:
        for part in variable.path.split("/")[:-1]:
            scopes.enter_context(keras.name_scope(part))
        twin = keras.Variable(value, dtype=variable.dtype, trainable=True, name=variable.name)
    twin.constraint = variable.constraint
    return twin


def excluded_variables(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> tuple[int, ...]:
    """Positions of the variables that `exclude_from_weight_decay` excludes; Keras's config loses them.

    Example:
        >>> kernel, bias = keras.Variable([1.0], name="kernel"), keras.Variable([1.0], name="bias")
        >>> optimizer = keras.optimizers.AdamW()
        >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        >>> excluded_variables(optimizer, [kernel, bias])
        (1,)
    """
    inner = inner_optimizer(optimizer)
    # Keras's own weight decay looks at the TensorFlow variable (its name has the path), overriding ones at Keras's.
    native = type(inner)._apply_weight_decay is keras.optimizers.Adam._apply_weight_decay
    return tuple(
        index
        for index, variable in enumerate(variables)
        if not inner._use_weight_decay(variable.value if native else variable)
    )


def couples_variables(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> bool:
    """Whether the update of a variable depends on another variable (or is random): tried, not guessed.

    Args:
        optimizer: built-in optimizers are known, others take three steps on copies of the variables.
        variables: the model's trainable variables.
    """
    inner = inner_optimizer(optimizer)
    scope = update_scope(inner)
    if scope is not None or len(variables) < 2:
        return scope == "all" and len(variables) > 1
    random = np.random.default_rng(0)
    values = [random.normal(size=tuple(variable.shape)).astype("float32") for variable in variables]
    steps = [[random.normal(size=value.shape).astype("float32") for value in values] for _ in range(_PROBE_STEPS)]
    together = _probe(inner, variables, values, steps)
    for index, variable in enumerate(variables):
        alone = _probe(inner, [variable], [values[index]], [[step[index]] for step in steps])
        if not np.allclose(alone[0], together[index], rtol=1e-5, atol=1e-6, equal_nan=True):
            return True
    return False


def _probe(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    values: Sequence[np.ndarray],
    steps: Iterable[Sequence[np.ndarray]],
) -> list[np.ndarray]:
    trial = clone_optimizer(optimizer)
    trial.global_clipnorm = trial.gradient_accumulation_steps = None  # these are handled over all workers
    trial.use_ema = False
    twins = [variable_like(variable, value) for variable, value in zip(variables, values, strict=True)]
    trial.build(twins)
    for gradients in steps:
        trial.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], twins)
    return [np.asarray(twin) for twin in twins]
