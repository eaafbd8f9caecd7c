"""Torch's optimization methods: twenty steps of each against golden numbers, on one process and cut into slices."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.optimizers import schedules

from sparkdl.engine.optimizer_state import load_into_optimizer, state_of_optimizer
from sparkdl.engine.shards import couples_variables, is_elementwise, shard_buckets, update_scope
from sparkdl.engine.updater import KerasUpdater
from sparkdl.nn.torch_optim import (
    LinearWarmup,
    PerEpoch,
    ScheduleSequence,
    TorchAdadelta,
    TorchAdagrad,
    TorchAdam,
    TorchAdamax,
    TorchFtrl,
    TorchLARS,
    TorchLBFGS,
    TorchRMSprop,
    TorchSGD,
    halve_in_place,
)
from sparkdl.types import VariableSpec, WeightLayout

GOLDEN = Path(__file__).parents[1] / "golden/bigdl"
ITEMS = {item["id"]: item for item in json.loads((GOLDEN / "optim.json").read_text())["items"]}
ARRAYS = np.load(GOLDEN / "optim.npz")
DECAYED = schedules.InverseTimeDecay(0.1, 1, 0.1)
CHAIN = ScheduleSequence(
    [schedules.ExponentialDecay(0.05, 3, 0.5, staircase=True), schedules.ExponentialDecay(0.025, 4, 0.5)],
    lasts=[3],
    starts=[0, 3],
)
FACTORS = np.concatenate([np.full(12, 1.0), np.full(3, 0.1), np.full(12, 0.5)])
# BigDL's workers exchanged the upper halves of numbers, and its numbers show it.
HALVED = {"halved": True}
METHODS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "000": lambda: TorchSGD(0.1, **HALVED),
    "004": lambda: TorchSGD(0.1, momentum=0.9, **HALVED),
    "005": lambda: TorchSGD(0.1, momentum=0.9, nesterov=True, **HALVED),
    "006": lambda: TorchSGD(DECAYED, momentum=0.5, dampening=0.2, l2=0.05, **HALVED),
    "007": lambda: TorchSGD(schedules.PolynomialDecay(0.1, 20, 0.0, 0.5), **HALVED),
    "011": lambda: TorchSGD(schedules.ExponentialDecay(0.1, 5, 0.3, staircase=True), **HALVED),
    "014": lambda: TorchSGD(schedules.PiecewiseConstantDecay([2, 8], [0.1, 0.03, 0.009]), **HALVED),
    "015": lambda: TorchSGD(PerEpoch([0.1] * 17 + [0.05], 1), **HALVED),
    "016": lambda: TorchSGD(LinearWarmup(0.01, 0.02), **HALVED),
    "018": lambda: TorchSGD(CHAIN, **HALVED),
    "019": lambda: TorchSGD(0.1, factors=True, **HALVED),
    "024": lambda: TorchAdam(0.05, **HALVED),
    "025": lambda: TorchAdagrad(0.1, **HALVED),
    "026": lambda: TorchAdagrad(schedules.InverseTimeDecay(0.1, 1, 0.05), l2=0.01, **HALVED),
    "027": lambda: TorchAdadelta(**HALVED),
    "030": lambda: TorchAdamax(0.05, 0.8, 0.9, 1e-8, **HALVED),
    "032": lambda: TorchRMSprop(schedules.InverseTimeDecay(0.02, 1, 0.05), 0.9, 1e-6, **HALVED),
    "033": lambda: TorchFtrl(0.1, **HALVED),
    "034": lambda: TorchFtrl(0.1, -0.5, 0.2, 0.01, 0.02, 0.03, **HALVED),
    "035": lambda: TorchFtrl(0.1, -0.7, **HALVED),
    "036": lambda: TorchLBFGS(**HALVED),
    "038": lambda: TorchLBFGS(0.5, history=2, **HALVED),
}


class Problem:
    """The two layers of the golden runs, with Torch's weights (outputs, inputs), and their steps."""

    def __init__(self) -> None:
        self.weights = [keras.Variable(ARRAYS[name]) for name in ("W0", "b0", "W1", "b1")]

    def gradients(self) -> tuple[float, list[np.ndarray]]:
        """The loss of the full batch and its gradient."""
        import tensorflow as tf

        values = [weight.value for weight in self.weights]
        with tf.GradientTape() as tape:
            hidden = tf.tanh(ARRAYS["X"] @ tf.transpose(values[0]) + values[1])
            loss = tf.reduce_mean(tf.square(hidden @ tf.transpose(values[2]) + values[3] - ARRAYS["Y"]))
        gradients = [np.array(gradient) for gradient in tape.gradient(loss, values)]
        for gradient in gradients:
            halve_in_place(gradient)
        return float(loss), gradients


def assert_golden(case: str, losses: list[float], weights: list[np.ndarray]) -> None:
    np.testing.assert_allclose(losses, ARRAYS[f"{case}/loss"], rtol=1e-5, atol=1e-6)
    for index, value in enumerate(weights):
        np.testing.assert_allclose(value, ARRAYS[f"{case}/w{index}"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", METHODS)
def test_twenty_steps_of_one_process(case: str) -> None:
    problem, optimizer, losses = Problem(), METHODS[case](), []
    optimizer.halve(problem.weights)
    if case == "019":
        bounds = np.cumsum([weight.value.shape.num_elements() for weight in problem.weights])[:-1]
        parts = [part.reshape(w.shape) for part, w in zip(np.split(FACTORS, bounds), problem.weights, strict=True)]
        optimizer.set_factors(parts)
    for _ in range(20):
        loss, gradients = problem.gradients()
        losses.append(loss)
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], problem.weights)
    optimizer.make_whole(problem.weights)
    assert_golden(case, losses, [np.asarray(weight) for weight in problem.weights])


@pytest.mark.parametrize("jit_compile", [False, True], ids=["kernels", "xla"])
@pytest.mark.parametrize("case", ["006", "024", "030", "034", "036"])
def test_twenty_steps_cut_into_three_slices_whose_state_moves_on(case: str, jit_compile: bool) -> None:
    problem, optimizer = Problem(), METHODS[case]()
    optimizer.halve(problem.weights)
    specs, offset = [], 0
    for index, weight in enumerate(problem.weights):
        specs.append(VariableSpec(f"w{index}", tuple(weight.shape), offset))
        offset += -(-specs[-1].size // 16) * 16
    layout = WeightLayout(tuple(specs), offset)
    flat = np.zeros(layout.length, "float32")
    for spec, weight in zip(specs, problem.weights, strict=True):
        flat[spec.offset : spec.offset + spec.size] = np.asarray(weight).reshape(-1)
    assert is_elementwise(optimizer, problem.weights) == (case != "036")
    assert couples_variables(optimizer, problem.weights) == (case == "036")
    buckets = shard_buckets(layout, 3, optimizer, problem.weights)

    def updaters() -> list[KerasUpdater]:
        config = keras.optimizers.serialize(optimizer)
        shared = (config, problem.weights, layout, buckets)
        return [KerasUpdater(*shared, rank, flat, jit_compile=jit_compile) for rank in range(3)]

    workers, losses, merged = updaters(), [], state_of_optimizer(optimizer, problem.weights)
    for step in range(20):
        if step % 10 == 0:
            workers = updaters()
            for worker in workers:
                worker.load_state(merged)
        loss, gradients = problem.gradients()
        losses.append(loss)
        joined = np.zeros_like(flat)
        for spec, gradient in zip(specs, gradients, strict=True):
            joined[spec.offset : spec.offset + spec.size] = gradient.reshape(-1)
        for rank, worker in enumerate(workers):
            mine = slice(buckets[0][rank], buckets[0][rank + 1])
            worker.apply(joined[mine].copy(), flat)
        for spec, weight in zip(specs, problem.weights, strict=True):
            weight.assign(flat[spec.offset : spec.offset + spec.size].reshape(spec.shape))
        merged = workers[0].merge_state([worker.state() for worker in workers])
    load_into_optimizer(optimizer, problem.weights, merged)
    optimizer.make_whole(problem.weights)
    assert_golden(case, losses, [np.asarray(weight) for weight in problem.weights])


@pytest.mark.parametrize("schedule", ["006", "007", "014", "018"])
def test_rates_of_the_schedules(schedule: str) -> None:
    optimizer = METHODS[schedule]()
    again = type(optimizer).from_config(optimizer.get_config())
    for rate in (optimizer._learning_rate, again._learning_rate):
        rates = [float(rate(step)) for step in range(20)]
        np.testing.assert_allclose(rates, ITEMS[schedule]["lr_logged"], rtol=1e-5)


def test_gradients_are_clipped_to_any_range() -> None:
    weights = keras.Variable([0.0, 0.0, 0.0])
    gradient = keras.ops.convert_to_tensor([-5.0, 0.125, 5.0])
    TorchSGD(1.0, clip_range=(-0.5, 0.25)).apply([gradient], [weights])
    assert weights.numpy().tolist() == [0.5, -0.125, -0.25]


def test_a_subclass_says_for_itself_what_it_looks_at() -> None:
    class Mine(TorchSGD):
        """Something else."""

    assert update_scope(TorchSGD()) == "element" and update_scope(TorchLARS()) == "variable"
    assert update_scope(Mine()) is None
