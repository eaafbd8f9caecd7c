"""The training loop of one worker: what synchronous SGD does here, from top to bottom."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np

from sparkdl.data.batches import batches, class_weights, inference_batches
from sparkdl.errors import NonFiniteLossError
from sparkdl.train.evaluation import average_statistics, evaluate
from sparkdl.train.hooks import Hooks
from sparkdl.train.run import Run
from sparkdl.train.state import Position, capture_state, restore_state
from sparkdl.train.step import train_step
from sparkdl.types import Batch, TrainingState


def train(run: Run, state: TrainingState | None = None) -> None:
    """Trains until the last epoch or until a callback says stop.

    The final weights are in `run.replica`; the complete final state goes to the observer of rank 0.

    Args:
        state: where to go on from; None to begin with the replica as it is.

    Raises:
        NonFiniteLossError: with epoch and step, after the last good state went to the observer.
        CollectiveError: if another worker is lost.
    """
    position = restore_state(run, state) if state is not None else Position(run.plan.initial_epoch)
    if run.callbacks is not None:
        run.callbacks.set_steps(run.steps)
    hooks = Hooks.agree(run.replica, run.updater, run.collective, run.clock, run.callbacks)
    hooks("on_train_begin")
    logs: dict[str, float] = {}
    while position.epoch < run.plan.epochs and not position.stopped:
        started = time.perf_counter()
        if position.step == 0:  # a run that goes on in the middle of an epoch has begun it before
            run.place = f"at the beginning of epoch {position.epoch + 1}"
            run.replica.reset_sums()
            position.stopped = hooks("on_epoch_begin", position.epoch)
        try:
            position.stopped |= run_epoch(run, hooks, position)
        except NonFiniteLossError:
            _capture(run, position)
            raise
        logs = end_of_epoch(run, hooks, position)
        position.stopped |= hooks("on_epoch_end", position.epoch, logs)
        run.observer.epoch(position.epoch, logs, time.perf_counter() - started, run.updater.learning_rate)
        position.next_epoch()
        position.stopped |= do_wanted(run, hooks, position)
        # The end of the last epoch is due once: when callbacks have ended the training too.
        due = run.plan.capture_epochs and position.epoch < run.plan.epochs and not position.stopped
        if _rank0_wants_state(run) or due:
            _capture(run, position, due=due)
    raw = finalize(run)
    hooks("on_train_end", None, logs)
    _capture(run, position, due=True, finished=True, raw=raw)


def finalize(run: Run) -> np.ndarray | None:
    """Gives the model its final weights; returns those of the last step where they are others (moving averages)."""
    raw = run.replica.weights.copy() if run.updater.averages else None
    run.updater.finalize(run.replica.weights)
    run.exchange.gather(run.replica.weights)
    run.replica.weights_written()
    return raw


def run_epoch(run: Run, hooks: Hooks, position: Position) -> bool:
    """Runs the steps of one epoch from `position.step` on; returns True where a callback says stop."""
    steps = run.steps
    source = batches(
        run.training,
        run.epochs,
        run.collective.rank,
        seed=run.plan.seed,
        epoch=position.epoch,
        shuffle=run.plan.shuffle,
        start_step=position.step,
        transform=run.transform,
    )
    for step in range(position.step, steps):
        run.place = f"in epoch {position.epoch + 1}, step {step + 1} of {steps}"
        started = time.perf_counter()
        batch = _weighted(run, next(source))
        run.clock.add("waiting", time.perf_counter() - started)
        hooks.batch("on_train_batch_begin", step)
        rows = run.epochs.batch_rows(step)
        wanted = run.collective.rank == 0 and run.observer.wants_state(in_epoch=True)
        try:
            scalars, wanted = train_step(run.replica, run.updater, run.exchange, batch, rows, run.clock, signal=wanted)
        except NonFiniteLossError as error:
            if hooks.terminates_on_nan:
                return True
            raise NonFiniteLossError(_non_finite_sentence(str(error), run.place, run.updater.learning_rate)) from None
        position.advance()
        run.clock.add("training", time.perf_counter() - started)
        run.clock.add("steps", 1)
        run.clock.add("rows", batch.rows if batch is not None else 0)
        run.observer.step(position.epoch, step + 1, steps, rows, float(scalars[0]))
        told = zip(run.replica.scalar_names, scalars.tolist(), strict=True)
        stop = hooks.batch("on_train_batch_end", step, dict(told))
        if step + 1 < steps:
            stop |= do_wanted(run, hooks, position)
        if stop or position.stopped:  # by a callback before the first batch: as in Keras, one is trained on
            return True
        due = _is_due(run, position, last=step + 1 == steps)
        if due or wanted:
            _capture(run, position, due=due)
    return False


def _is_due(run: Run, position: Position, last: bool) -> bool:
    """Whether the plan wants a checkpoint after this step, unless it is the very last: the end is one anyway."""
    if run.plan.capture_steps is None or (last and position.epoch + 1 >= run.plan.epochs):
        return False
    return position.iteration % run.plan.capture_steps == 0


def do_wanted(run: Run, hooks: Hooks, position: Position) -> bool:
    """Validates, and captures the state, where callbacks asked for it; returns True where they say stop then.

    What was asked for in the last step of an epoch is done when the epoch is over.
    """
    stop = False
    if hooks.take("validate") and run.validation is not None:
        sums, statistics = run.replica.epoch_state(), run.replica.statistics()
        average_statistics(run.replica, run.collective, _rows_so_far(run, position))
        stop = validate(run, hooks)[1]
        run.replica.set_statistics(statistics)
        run.replica.set_epoch_state(sums)
    if hooks.take("capture"):
        _capture(run, position, due=True)
    return stop


def _weighted(run: Run, batch: Batch | None) -> Batch | None:
    if batch is None or run.plan.class_weight is None:
        return batch
    return replace(batch, weights=class_weights(batch, run.plan.class_weight))


def end_of_epoch(run: Run, hooks: Hooks, position: Position) -> dict[str, float]:
    """Averages statistics, merges the metrics of all workers and, where it is due, validates."""
    run.place = f"at the end of epoch {position.epoch + 1}"
    average_statistics(run.replica, run.collective, _rows_so_far(run, position))
    logs = run.replica.results(run.collective.all_sum(run.replica.sums()))
    run.replica.reset_sums()
    due = (position.epoch + 1) % run.plan.validation_freq == 0
    if run.validation is not None and due:
        scores = validate(run, hooks)[0]
        logs |= {f"val_{name}": value for name, value in scores.items()}
    return logs


def validate(run: Run, hooks: Hooks) -> tuple[dict[str, float], bool]:
    """Loss and metrics over the validation rows, and whether callbacks say stop then."""
    if run.validation is None:
        return {}, False
    hooks("on_test_begin")
    size = run.plan.validation_batch_size or run.plan.batch_size
    share = max(1, size // run.collective.size)
    source = inference_batches(run.validation, share, transform=run.transform)
    source = map(run.weighted, itertools.islice(source, run.plan.validation_steps))
    with run.clock("validation"):
        scores = evaluate(run.replica, run.collective, source, run.measured)
    return scores, hooks("on_test_end", None, scores)


def _non_finite_sentence(what: str, place: str, learning_rate: float) -> str:
    return (
        f"{what} {place} (learning rate {learning_rate:.3g}); the model keeps the weights of the step before: lower "
        "the learning rate, clip the gradients (clipnorm=) or look for extreme values in the features."
    )


def _rank0_wants_state(run: Run) -> bool:
    wanted = run.collective.rank == 0 and run.observer.wants_state(in_epoch=False)
    return run.collective.broadcast(b"1" if wanted else b"0") == b"1"


def _rows_so_far(run: Run, position: Position) -> int:
    return int(np.sum(run.epochs.shares(run.collective.rank)[: position.step]))


def _capture(
    run: Run, position: Position, *, due: bool = False, finished: bool = False, raw: np.ndarray | None = None
) -> None:
    with run.clock("checkpoint"):
        started = time.perf_counter()
        state = capture_state(run, position, _rows_so_far(run, position), finished=finished, raw=raw)
        if state is not None:
            run.observer.state(state, due, time.perf_counter() - started)
