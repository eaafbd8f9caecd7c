from __future__ import annotations

import functools
import logging
from collections import Counter
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import LinearReplica, MomentumUpdater
from workers import Notes, plan_for, run_workers, stores

from sparkdl.collective.base import Solo
from sparkdl.errors import NonFiniteLossError
from sparkdl.train.hooks import Hooks
from sparkdl.train.loop import train
from sparkdl.train.run import Run, plan_epochs
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Collective, Decision, TrainingPlan

WIDTH = 5


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    x = random.normal(size=(rows, WIDTH)).astype(np.float32)
    y = (x @ np.arange(1, WIDTH + 1, dtype=np.float32)).astype(np.float32)
    return x, y


def linear(collective: Collective, learning_rate: float = 0.05) -> tuple[LinearReplica, MomentumUpdater]:
    bounds = tuple(np.linspace(0, WIDTH, collective.size + 1).astype(int).tolist())
    return LinearReplica(WIDTH), MomentumUpdater((bounds,), collective.rank, learning_rate)


@pytest.mark.parametrize("counts", [(96,), (60, 36), (1, 95, 0), (10, 20, 30, 36)])
def test_full_batches_give_the_same_weights_on_any_number_of_workers(counts: tuple[int, ...]) -> None:
    x, y = table(96)
    weights, velocity = np.zeros(WIDTH), np.zeros(WIDTH)
    for _ in range(7):
        velocity = 0.9 * velocity - 0.05 * (2 / 96 * x.T @ (x @ weights - y))
        weights = weights + velocity
    runs = run_workers(plan_for(len(counts), batch_size=96, epochs=7), stores([x, y], counts), linear)
    for run in runs:
        np.testing.assert_allclose(run.replica.weights, weights, rtol=1e-4)
        assert run.replica.weights.tobytes() == runs[0].replica.weights.tobytes()
        assert run.observer.losses == runs[0].observer.losses


@pytest.mark.parametrize("early", [(), (2, 1, 0), (1, 2)])
def test_buckets_that_leave_early_change_no_byte(early: tuple[int, ...]) -> None:
    x, y = table(96)

    def bucketed(collective: Collective) -> tuple[LinearReplica, MomentumUpdater]:
        replica = LinearReplica(WIDTH)
        replica.early = early
        buckets = ((0, 1, 1, 2), (2, 2, 3, 3), (3, 4, 4, 5))
        return replica, MomentumUpdater(buckets, collective.rank)

    plan = plan_for(3, batch_size=20, epochs=3)
    runs = [run_workers(plan, stores([x, y], (50, 0, 46)), build) for build in (linear, bucketed)]
    assert len({run.replica.weights.tobytes() for both in runs for run in both}) == 1
    assert runs[0][0].observer.losses == runs[1][0].observer.losses
    states = [both[0].observer.states[-1].arrays["optimizer/velocity"].tobytes() for both in runs]
    assert states[0] == states[1]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(any), st.integers(1, 70), st.integers(1, 3))
def test_every_row_is_trained_once_per_epoch(counts: list[int], batch_size: int, epochs: int) -> None:
    rows = sum(counts)
    x = np.zeros((rows, WIDTH), np.float32)
    x[:, 0] = np.arange(rows)
    plan = plan_for(len(counts), batch_size=batch_size, epochs=epochs)
    runs = run_workers(plan, stores([x, np.zeros(rows, np.float32)], counts), lambda c: linear(c, 0.0))
    seen = Counter(row for run in runs for row in run.replica.seen)
    assert seen == {row: epochs for row in range(rows)}


def test_validation_and_training_logs_count_all_rows_of_all_workers() -> None:
    x, y = table(50)
    runs = run_workers(
        plan_for(3, epochs=1, batch_size=50),
        stores([x, y], (20, 20, 10)),
        lambda c: linear(c, 0.0),
        validation=stores([x[:7], y[:7]], (7, 0, 0)),
    )
    logs = runs[1].observer.epochs[0]
    assert logs["loss"] == pytest.approx(float(np.mean(y**2)), rel=1e-5)
    assert logs["val_loss"] == pytest.approx(float(np.mean(y[:7] ** 2)), rel=1e-5)


@pytest.mark.parametrize("later_workers", [2, 3])
def test_going_on_from_a_state_equals_the_undisturbed_run(later_workers: int) -> None:
    x, y = table(64)
    whole = run_workers(plan_for(2, epochs=4, batch_size=64), stores([x, y], (40, 24)), linear)
    first = run_workers(plan_for(2, epochs=2, batch_size=64), stores([x, y], (40, 24)), linear)
    state = first[0].observer.states[-1]
    assert (state.info["epoch"], state.info["iteration"], state.info["workers"]) == (2, 2, 2)
    counts = (40, 24) if later_workers == 2 else (40, 20, 4)
    rest = run_workers(plan_for(later_workers, epochs=4, batch_size=64), stores([x, y], counts), linear, state=state)
    if later_workers == 2:
        assert rest[0].replica.weights.tobytes() == whole[0].replica.weights.tobytes()
        assert rest[1].replica.restored == first[1].replica.local_state()["seed"][0]
    np.testing.assert_allclose(rest[0].replica.weights, whole[0].replica.weights, rtol=1e-5)


class Averaging(MomentumUpdater):
    """Ends with other weights than those of the last step."""

    averages = True

    def finalize(self, weights: np.ndarray) -> None:
        weights[self.mine] = self.velocity


def averaging(collective: Collective) -> tuple[LinearReplica, MomentumUpdater]:
    replica, updater = linear(collective)
    return replica, Averaging(updater.buckets, collective.rank)


def test_a_longer_run_goes_on_from_the_weights_of_the_last_step() -> None:
    x, y = table(64)
    runs = [
        run_workers(plan_for(2, epochs=epochs, batch_size=64), stores([x, y], (40, 24)), averaging) for epochs in (4, 2)
    ]
    state = runs[1][0].observer.states[-1]
    np.testing.assert_array_equal(state.arrays["final_weights"], runs[1][0].replica.weights)
    for epochs, whole in zip((4, 2), runs, strict=True):  # a run that has ended ends again with the same weights
        plan = plan_for(2, epochs=epochs, batch_size=64)
        rest = run_workers(plan, stores([x, y], (40, 24)), averaging, state=state)
        assert rest[1].replica.weights.tobytes() == whole[1].replica.weights.tobytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4).filter(any), st.integers(1, 40), st.data())
def test_going_on_from_any_step_gives_the_same_bytes_and_no_row_twice(
    counts: list[int], batch_size: int, data: st.DataObject
) -> None:
    x, y = table(sum(counts))
    x[:, 0] = np.arange(len(x))
    plan = plan_for(len(counts), batch_size=batch_size, epochs=2, seed=7, capture_steps=1)
    build = functools.partial(linear, learning_rate=1e-6)
    whole = run_workers(plan, stores([x, y], counts), build)
    state = data.draw(st.sampled_from(whole[0].observer.states))
    rest = run_workers(plan, stores([x, y], counts), build, state=state)
    assert rest[0].replica.weights.tobytes() == whole[0].replica.weights.tobytes()
    assert rest[0].observer.epochs == whole[0].observer.epochs[state.info["epoch"] :]
    for before, after in zip(whole, rest, strict=True):
        assert after.replica.seen == before.replica.seen[len(before.replica.seen) - len(after.replica.seen) :]
    assert rest[0].observer.losses == whole[0].observer.losses[state.info["iteration"] :]


def test_going_on_with_workers_that_share_hosts_otherwise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(logging.getLogger("sparkdl"), "warning", told.append)
    x, y = table(16)
    plan = plan_for(2, batch_size=8, epochs=2, capture_steps=1)
    state = run_workers(plan, stores([x, y], (8, 8)), linear)[0].observer.states[0]
    run_workers(plan, stores([x, y], (8, 8)), linear, state=state)
    assert not told
    state.info["groups"] = [[0], [1]]
    run_workers(plan, stores([x, y], (8, 8)), linear, state=state)
    assert len(told) == 1 and told[0].startswith("workers share hosts in another way than before")


def test_going_on_in_the_middle_of_an_epoch_with_fewer_workers_keeps_all_sums() -> None:
    x, y = table(48)
    plan = plan_for(3, batch_size=8, epochs=1, capture_steps=1)
    whole = run_workers(plan, stores([x, y], (16, 16, 16)), lambda c: linear(c, 0.0))
    state = whole[0].observer.states[3]
    assert state.info["step"] == 4
    fewer = plan_for(2, batch_size=8, epochs=1)
    rest = run_workers(fewer, stores([x, y], (24, 24)), lambda c: linear(c, 0.0), state=state)
    before, after = whole[0].observer.losses[:4], rest[0].observer.losses
    assert len(after) == 2
    assert rest[0].observer.epochs[0]["loss"] == pytest.approx(np.mean([*before, *after]))


def test_checkpoints_are_due_when_the_plan_says() -> None:
    x, y = table(40)
    plan = plan_for(2, batch_size=8, epochs=2, capture_steps=3)
    notes = run_workers(plan, stores([x, y], (20, 20)), linear)[0].observer
    steps = [
        (state.info["epoch"], state.info["step"]) for state, due in zip(notes.states, notes.due, strict=True) if due
    ]
    assert steps == [(0, 3), (1, 1), (1, 4), (2, 0)]
    plan = plan_for(2, batch_size=8, epochs=2, capture_epochs=True)
    notes = run_workers(plan, stores([x, y], (20, 20)), linear)[0].observer
    pairs = zip(notes.states, notes.due, strict=True)
    ends = [(state.info["epoch"], state.info["finished"], due) for state, due in pairs]
    assert ends == [(1, False, True), (2, False, False), (2, True, True)]


def test_the_end_of_a_training_is_written_once() -> None:
    x, y = table(40)

    def written(plan: TrainingPlan, callbacks: Any = None) -> list[tuple[int, int, bool]]:
        run = run_workers(plan, stores([x, y], (20, 20)), linear, callbacks=callbacks)[0]
        return [(s.info["epoch"], s.info["step"], s.info["finished"]) for s, due in _states(run) if due]

    by_epochs = plan_for(2, batch_size=8, epochs=2, capture_epochs=True)
    assert written(by_epochs) == [(1, 0, False), (2, 0, True)]
    stopped = plan_for(2, batch_size=8, epochs=9, capture_epochs=True)
    assert written(stopped, lambda *_: Recorder()) == [(1, 0, False), (2, 0, True)]
    by_steps = plan_for(2, batch_size=8, epochs=2, capture_steps=5)
    assert written(by_steps) == [(0, 5, False), (2, 0, True)]


def test_a_run_that_was_stopped_stays_stopped() -> None:
    x, y = table(30)
    stores_of = functools.partial(stores, [x, y], (10, 10, 10))
    plan = plan_for(3, epochs=9, batch_size=30, capture_epochs=True)
    first = run_workers(plan, stores_of(), linear, callbacks=lambda *_: Recorder())
    state = next(state for state in first[0].observer.states if state.info["stopped"])
    rest = run_workers(plan, stores_of(), linear, callbacks=lambda *_: Recorder(), state=state)
    assert state.info["epoch"] == 2
    assert rest[0].observer.epochs == []


def test_a_loss_that_becomes_infinite_is_told_with_its_place_and_keeps_the_last_good_weights() -> None:
    x, y = table(40)
    notes = []

    def build(collective: Collective) -> tuple[LinearReplica, MomentumUpdater]:
        parts = linear(collective, 1e18)
        notes.append(parts[0])
        return parts

    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteLossError, match=r"in epoch \d+, step \d+ of 2.*learning rate"),
    ):
        run_workers(plan_for(2, epochs=9, batch_size=20), stores([x, y], (20, 20)), build)
    assert all(np.isfinite(replica.weights).all() for replica in notes)


class Recorder:
    """A callback runner that stops in the second epoch and lowers the learning rate before."""

    batch_hooks = False
    terminates_on_nan = False

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.optimizer: dict[str, np.ndarray] = {}

    def set_steps(self, steps: int) -> None:
        self.steps = steps

    def run(self, hook, index=None, logs=None):  # type: ignore[no-untyped-def]
        self.hooks.append(hook)
        if hook == "on_epoch_end":
            return Decision(stop=index == 1, learning_rate=0.01)
        return Decision()

    def saves_at(self, hook: str, index: int | None) -> bool:
        return hook == "on_epoch_end"

    def load_optimizer_state(self, merged):  # type: ignore[no-untyped-def]
        self.optimizer = dict(merged)


def test_what_rank_0_decides_everybody_follows() -> None:
    x, y = table(30)
    recorders: list[Recorder] = []

    def callbacks(replica: LinearReplica, updater: MomentumUpdater) -> Recorder:
        recorders.append(Recorder())
        return recorders[0]

    runs = run_workers(plan_for(3, epochs=9, batch_size=30), stores([x, y], (10, 10, 10)), linear, callbacks=callbacks)
    assert [len(run.observer.epochs) for run in runs] == [2, 2, 2]
    assert [run.updater.learning_rate for run in runs] == [0.01] * 3
    assert recorders[0].hooks[:2] == ["on_train_begin", "on_epoch_begin"]
    assert recorders[0].hooks[-1] == "on_train_end"
    np.testing.assert_array_equal(
        recorders[0].optimizer["optimizer/velocity"], np.concatenate([run.updater.velocity for run in runs])
    )


def test_hooks_that_decide_nothing_need_no_message_but_a_sum() -> None:
    told: list[bytes] = []

    class Counting(Solo):
        def broadcast(self, payload: bytes, root: int = 0) -> bytes:
            told.append(payload)
            return payload

    class Idle(Asking):
        def run(self, hook, index=None, logs=None):  # type: ignore[no-untyped-def]
            return Decision(stop=hook == "on_train_end")

    hooks = Hooks.agree(LinearReplica(2), MomentumUpdater(((0, 2),), 0), Counting(), PhaseClock(), Idle(False))
    del told[:]
    assert not any(hooks.batch("on_train_batch_end", step) for step in range(5)) and told == []
    assert hooks("on_train_end") and len(told) == 1


class Raising(Recorder):
    """Fails at one hook of the third epoch."""

    batch_hooks = batch_begins = True

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where, self.epoch = where, 0

    def run(self, hook, index=None, logs=None):  # type: ignore[no-untyped-def]
        self.epoch = index if hook == "on_epoch_begin" else self.epoch
        if self.epoch == 2 and hook == self.where:
            raise ValueError("the callback broke")
        return Decision()

    def saves_at(self, hook: str, index: int | None) -> bool:
        return False


@pytest.mark.parametrize(
    ("hook", "place"),
    [
        ("on_epoch_begin", "at the beginning of epoch 3"),
        ("on_train_batch_begin", "in epoch 3, step 1 of 2"),
        ("on_epoch_end", "at the end of epoch 3"),
    ],
)
def test_a_failing_callback_is_told_with_the_place_of_its_hook(hook: str, place: str) -> None:
    plan, (replica, updater) = plan_for(1, epochs=4, batch_size=20), linear(Solo())
    rows = stores(table(40), (40,))[0].view(0)
    epochs, notes = plan_epochs(Solo(), rows.rows, 20), Notes(0)
    run = Run(plan, replica, updater, Solo(), rows, epochs, None, notes, PhaseClock(), Raising(hook))
    with closing(run.exchange), pytest.raises(ValueError, match="the callback broke"):
        train(run)
    assert run.place == place


class Asking(Recorder):
    """Asks for a validation and for the state in the middle of the second epoch, and stops after the validation."""

    batch_hooks = True

    def __init__(self, asks: bool) -> None:
        super().__init__()
        self.asks, self.epoch, self.scores = asks, 0, []

    def run(self, hook, index=None, logs=None):  # type: ignore[no-untyped-def]
        self.epoch = index if hook == "on_epoch_begin" else self.epoch
        if hook == "on_test_end":
            self.scores.append(dict(logs))
            return Decision(stop=len(self.scores) == 3)
        asked = self.asks and hook == "on_train_batch_end" and self.epoch >= 1 and index == 1
        return Decision(validate=asked, capture=asked)

    def saves_at(self, hook: str, index: int | None) -> bool:
        return False


def test_callbacks_ask_for_a_validation_and_the_state_between_two_steps() -> None:
    x, y = table(30)
    runners: list[Asking] = []

    def trained(asks: bool, epochs: int) -> list:  # type: ignore[type-arg]
        def callbacks(replica: LinearReplica, updater: MomentumUpdater) -> Asking:
            runners.append(Asking(asks))
            return runners[-1]

        plan = plan_for(2, epochs=epochs, batch_size=10, validation_freq=100)
        held = stores([x[:9], y[:9]], (4, 5))
        return run_workers(plan, stores([x, y], (12, 18)), linear, held, callbacks)

    plain, asking = trained(False, 3), trained(True, 3)
    assert plain[0].observer.losses == asking[0].observer.losses
    assert plain[0].observer.epochs == asking[0].observer.epochs
    assert runners[1].steps == 3 and len(runners[1].scores) == 2 and not runners[0].scores
    assert [(s.info["epoch"], s.info["step"]) for s, due in _states(asking[0]) if due][:2] == [(1, 2), (2, 2)]
    trained(True, 9)
    assert runners[2].epoch == 3 and len(runners[2].scores) == 3


def _states(run):  # type: ignore[no-untyped-def]
    return list(zip(run.observer.states, run.observer.due, strict=True))
