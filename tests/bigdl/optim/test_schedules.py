"""Learning rates, iteration by iteration, and methods as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.optim import optimizer as surface
from sparkdl.bigdl.optim.method_files import describe_method, method_of
from sparkdl.bigdl.optim.optimizer import (
    LBFGS,
    SGD,
    EpochDecay,
    EpochDecayWithWarmUp,
    EpochSchedule,
    EpochStep,
    Fixed,
    Ftrl,
    NaturalExp,
    OptimMethod,
    Plateau,
    Poly,
    Regime,
    SequentialSchedule,
    Step,
    Warmup,
)
from sparkdl.errors import ArgumentError, UnsupportedError

GOLDEN = Path(__file__).parents[2] / "golden/bigdl"
ITEMS = [item for item in json.loads((GOLDEN / "optim.json").read_text())["items"] if not item["variant"]]

REGIMES = [Regime(1, 1, {"learningRate": 0.5}), Regime(3, 9, {"learningRate": 0.1})]


def sequence(iterations: int, *parts: tuple[Any, int]) -> SequentialSchedule:
    schedule = SequentialSchedule(iterations)
    for part, length in parts:
        schedule.add(part, length)
    return schedule


def rates(method: OptimMethod, steps: int, steps_per_epoch: int | None = None) -> list[float]:
    rate = method.optimizer(steps_per_epoch)._learning_rate
    return [float(rate(step)) if callable(rate) else float(rate) for step in range(steps)]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["optim"])
def test_rates_are_bigdls_and_survive_a_file(item: dict) -> None:  # type: ignore[type-arg]
    method = eval(item["optim"], {**vars(surface), "seq": sequence, "np": np})
    again = method_of(describe_method(method), OptimMethod)
    assert type(again.optimizer()) is type(method.optimizer())
    logged = item["lr_logged"]
    if logged[0] and "Plateau" not in item["optim"]:
        for one in (method, again):
            np.testing.assert_allclose(rates(one, 20), logged, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Fixed(), [1, 1, 1, 1, 1, 1]),
        (NaturalExp(2, np.log(2)), [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (EpochStep(2, 0.5), [1, 1, 0.5, 0.5, 0.5, 0.5]),
        (EpochDecay(lambda epoch: epoch - 1), [1, 1, 0.1, 0.1, 0.01, 0.01]),
        (EpochDecayWithWarmUp(1, 1.0, lambda epoch: epoch - 1), [1, 2, 0.2, 0.2, 0.02, 0.02]),
        (
            EpochSchedule([Regime(1, 1, {"learningRate": 0.5}), Regime(3, 9, {"learningRate": 0.1})]),
            [0.5] * 4 + [0.1] * 2,
        ),
        (sequence(2, (Warmup(1.0), 1), (Poly(1.0, 4), 9)), [1, 2, 1, 0.5, 0, 0]),
        (sequence(2, (Step(9, 0.5), 3), (EpochStep(1, 0.5), 9)), [1, 1, 1, 1, 0.25, 0.25]),
    ],
)
def test_rates_of_other_schedules(schedule: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(rates(SGD(1.0, leaningrate_schedule=schedule), 6, 2), expected, rtol=1e-5, atol=1e-7)


def test_plateau_waits_lowers_and_cools_down() -> None:
    plateau, rate, found = Plateau("Loss", 0.5, 1, "min", 0.1, 1, 0.2), 1.0, []
    for loss in (1.0, 0.95, 0.95, 0.95, 0.95, 0.95):
        rate = plateau.next_rate(rate, loss)
        found.append(rate)
    assert found == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert plateau.next_rate(0.25, 0.95) == 0.2 == plateau.next_rate(0.2, 0.95)
    assert Plateau("score", mode="max").next_rate(1.0, 0.5) == 1.0


def test_mistakes_are_told() -> None:
    with pytest.raises(ArgumentError, match="dampening=0.0"):
        SGD(0.1, momentum=0.9, nesterov=True)
    with pytest.raises(ArgumentError, match="below 0"):
        Ftrl(-1.0)
    with pytest.raises(UnsupportedError, match="linesearch"):
        LBFGS(linesearch=object())
    with pytest.raises(ArgumentError, match="Plateau"):
        SequentialSchedule(2).add(Plateau("Loss"), 3)
    with pytest.raises(UnsupportedError, match="cannot be saved"):
        describe_method(SGD(leaningrate_schedule=EpochDecay(lambda epoch: 0.0)))
