"""One step of synchronous all-reduce SGD, with the update sharded over the workers."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from sparkdl.errors import NonFiniteLossError
from sparkdl.train.gradient_exchange import GradientExchange
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Batch, Replica, Updater


def train_step(
    replica: Replica,
    updater: Updater,
    exchange: GradientExchange,
    batch: Batch | None,
    global_rows: int,
    clock: PhaseClock,
    signal: bool = False,
) -> tuple[np.ndarray, bool]:
    """Gradient and (beside it, where it has several buckets) reduce-scatter, update of what is owned here, all-gather.

    Args:
        batch: this worker's share of the minibatch; None where it has no row in it.
        global_rows: rows of the minibatch over all workers.
        signal: whether this worker has something to tell the others; it costs no message of its own.

    Returns:
        the step's scalars (`replica.scalar_names`), summed over all workers, float64; and whether any worker
        gave the signal.

    Raises:
        NonFiniteLossError: on every worker at once, before any weight is touched.
    """
    start = perf_counter()
    loss_scale = updater.loss_scale
    gradient, scalars = replica.gradients(batch, global_rows, loss_scale, exchange.arrived)
    # One more scalar tells everybody whether anybody's gradient is not finite, another one carries the signal.
    scalars = np.append(scalars, [gradient.sum() if loss_scale == 1.0 else 0.0, float(signal)])
    computed = perf_counter()
    mine, scalars = exchange.reduce(gradient, scalars)
    reduced = perf_counter()
    if not (np.isfinite(scalars[0]) and np.isfinite(scalars[-2])):
        raise NonFiniteLossError(describe_non_finite(float(scalars[0])))
    with exchange.sharing(replica.weights, exact=updater.exact_weights):
        updater.apply(mine, replica.weights)
        updated = perf_counter()
    replica.weights_written()
    clock.add("compute", computed - start)
    clock.add("update", updated - reduced)
    clock.add("exchange", perf_counter() - updated + reduced - computed)
    return scalars[:-2], bool(scalars[-1] > 0)


def describe_non_finite(loss: float) -> str:
    """What became NaN or infinite, without its place, which the loop knows."""
    return f"the loss became {loss}" if not np.isfinite(loss) else f"the gradient is not finite at a loss of {loss:.6g}"
