"""The choice between precisions, with replicas that only pretend to compute."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from linear import LinearReplica, MomentumUpdater
from workers import Notes, plan_for, stores

from sparkdl.train.precision import PrecisionChoice, Turns, choose_precision, decide
from sparkdl.train.run import Run, plan_epochs
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Batch, Collective, Precision
from tests.collective.threads import threads

WIDTH = 3


class Pretending(LinearReplica):
    """Takes so long in each precision, and multiplies the losses of bfloat16."""

    def __init__(self, seconds: dict[str, float], factor: float = 1.0, error: Exception | None = None) -> None:
        super().__init__(WIDTH)
        self.pretended, self.factor, self.error = seconds, factor, error
        self.precision: Precision = "float32"
        self.used: list[Precision] = []

    def compute_in(self, precision: Precision) -> None:
        self.precision = precision

    def forget_other_precisions(self) -> None:
        self.used.append(self.precision)

    def gradients(self, batch: Batch | None, global_rows: int, loss_scale: float) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(self.pretended[self.precision])
        gradient, scalars = super().gradients(batch, global_rows, loss_scale)
        self.seconds_statistics = self.seconds_statistics + 1
        if self.precision == "bf16" and self.error is not None:
            raise self.error
        return gradient, scalars * (self.factor if self.precision == "bf16" else 1.0)


def choose(replicas: list[Pretending], able: tuple[bool, ...]) -> list[PrecisionChoice]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, WIDTH)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    filled = stores([x, y], (24, 16))

    def work(collective: Collective) -> PrecisionChoice:
        rank, replica = collective.rank, replicas[collective.rank]
        updater: Any = MomentumUpdater(((0, 1, WIDTH),), rank)
        plan = plan_for(2, batch_size=10, precision="auto")
        training = filled[rank].view(0)
        epochs = plan_epochs(collective, training.rows, plan.batch_size)
        run = Run(plan, replica, updater, collective, training, epochs, None, Notes(rank), PhaseClock())
        try:
            return choose_precision(run, replica, able[rank])
        finally:
            collective.close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, threads(2, deadline=60)))


@pytest.mark.parametrize(
    ("bf16", "factor", "able", "chosen"),
    [
        (0.002, 1.01, (True, True), "bf16"),
        (0.002, 1.05, (True, True), "float32"),
        (0.002, math.nan, (True, True), "float32"),
        (0.010, 1.0, (True, True), "float32"),
        (0.002, 1.0, (True, False), "float32"),
    ],
)
def test_all_workers_take_what_is_faster_where_the_losses_agree(
    bf16: float, factor: float, able: tuple[bool, ...], chosen: str
) -> None:
    replicas = [Pretending({"float32": 0.006, "bf16": bf16}, factor) for _ in able]
    first, second = choose(replicas, able)
    assert first == second
    assert first.chosen == chosen, first.reason
    for replica in replicas:
        np.testing.assert_array_equal(replica.seconds_statistics, [0.0])
        np.testing.assert_array_equal(replica.sums(), [0.0, 0.0])
        assert replica.used == ([chosen] if all(able) else [])
    if all(able):
        assert first.seconds["float32"] > 0.006 and first.seconds["bf16"] > bf16
        assert set(first.losses) == {"float32", "bf16"} - ({"bf16"} if math.isnan(factor) else set())


def test_the_slowest_worker_counts() -> None:
    fast, slow = {"float32": 0.006, "bf16": 0.002}, {"float32": 0.012, "bf16": 0.012}
    assert choose([Pretending(fast), Pretending(slow)], (True, True))[0].chosen == "float32"


def test_an_operation_that_bfloat16_lacks_is_no_failure_of_the_run() -> None:
    failing = Pretending({"float32": 0.001, "bf16": 0.001}, error=TypeError("no kernel for bfloat16"))
    first, second = choose([failing, Pretending(failing.pretended)], (True, True))
    assert (first.chosen, second.chosen) == ("float32", "float32")
    assert "no kernel for bfloat16" in first.reason


def test_losses_may_differ_as_much_as_those_of_float32_do() -> None:
    quick = [0.5] * 3
    assert decide(Turns([1.0] * 3, [0.60, 0.70, 0.65]), Turns(quick, [0.70] * 3)).chosen == "bf16"
    assert decide(Turns([1.0] * 3, [0.65, 0.65, 0.65]), Turns(quick, [0.70] * 3)).chosen == "float32"
