"""What `sparkdl.plan` says, and what it refuses before it measures anything."""

from __future__ import annotations

from typing import Any

import keras
import pytest

import sparkdl as sdl
from sparkdl.errors import ArgumentError, ModelError
from sparkdl.spark.plan import bytes_per_second

pytestmark = pytest.mark.tf


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = [keras.Input((20,)), keras.layers.Dense(300, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_with_given_seconds_the_parts_are_as_computed_by_hand(model: keras.Model) -> None:
    found = sdl.plan(model, batch_size=64, executors=[1, 4], step_seconds=0.8, network="1 Mbit/s", noise=0.0)
    one, four = found.forecasts
    assert one.step.total == pytest.approx(0.8)
    assert one.rows_per_second == pytest.approx(80.0)
    assert four.step.compute == pytest.approx(0.2)
    bits = 2 * 32 * (20 * 300 + 300 + 300 * 3 + 3) * 3 / 4
    assert four.step.exchange == pytest.approx(bits / 1e6, rel=0.2)
    assert four.efficiency == pytest.approx(0.2 / four.step.total)


def test_rounded_numbers_take_half_the_cable_s_time(model: keras.Model) -> None:
    given = {"batch_size": 64, "executors": 4, "step_seconds": 0.1, "network": "100 Kbit/s", "latency": 0.0}
    whole, rounded = (sdl.plan(model, **given, exchange_precision=name) for name in ("float32", "fp16"))
    parts = [found.forecasts[0].step.exchange for found in (whole, rounded)]
    assert parts[1] == pytest.approx(parts[0] / 2, rel=0.01)
    assert str(rounded).splitlines()[0].endswith("noise 5%, fp16 between hosts")


def test_rows_per_worker_grow_with_the_workers(model: keras.Model) -> None:
    found = sdl.plan(model, rows_per_worker=8, executors=3, workers_per_executor=2, step_seconds=0.1)
    assert [(part.executors, part.workers, part.rows) for part in found.forecasts] == [(3, 6, 48)]


def test_it_prints_a_table(model: keras.Model) -> None:
    lines = str(sdl.plan(model, rows_per_worker=8, executors=[1, 512], step_seconds=0.1)).splitlines()
    assert lines[0].startswith(f"{model.name}: 7,203 parameters, 8 rows per worker, 10 Gbit/s")
    assert lines[1].split()[:4] == ["executors", "workers", "rows/s", "efficiency"]
    assert len({len(line) for line in lines[1:]}) == 1
    assert lines[3].split()[0] == "512"


def test_steps_are_timed_in_a_process_of_their_own(model: keras.Model) -> None:
    """Its compute is what a step takes: more rows take longer, and the model is left alone."""
    before = [weight.numpy().copy() for weight in model.weights]
    found = sdl.plan(model, batch_size=4096, executors=[1, 64])
    assert all((weight.numpy() == old).all() for weight, old in zip(model.weights, before, strict=True))
    assert not model.optimizer.built
    one, many = found.forecasts
    assert one.step.compute > many.step.compute > 0.0
    assert one.step.update >= many.step.update > 0.0
    assert 200 << 20 < one.memory < 4 << 30


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "either batch_size= .* or rows_per_worker="),
    ({"batch_size": 8, "rows_per_worker": 8}, "either batch_size= .* or rows_per_worker="),
    ({"batch_size": 0}, "batch_size must be a whole number of at least 1, received 0"),
    ({"batch_size": 4, "executors": 8}, "batch_size=4 leaves some of 8 workers without a row"),
    ({"batch_size": 64, "executors": []}, "executors must be .* received none"),
    ({"batch_size": 64, "executors": [2, "4"]}, "executors must be a whole number of at least 1, received '4'"),
    ({"batch_size": 64, "workers_per_executor": 0}, "workers_per_executor must be"),
    ({"batch_size": 64, "cores_per_worker": 1.5}, "cores_per_worker must be"),
    ({"batch_size": 64, "network": "fast"}, "network must be a rate .* received 'fast'"),
    ({"batch_size": 64, "network": 10}, "network must be a rate .* received 10"),
    ({"batch_size": 64, "network": "0 Gbit/s"}, "network must be a rate"),
    ({"batch_size": 64, "latency": -1}, "latency must be a number of at least zero, received -1"),
    ({"batch_size": 64, "noise": float("nan")}, "noise must be a number of at least zero"),
    ({"batch_size": 64, "exchange_precision": "int8"}, "exchange_precision must be one of 'float32', 'bf16', 'fp16'"),
    ({"batch_size": 64, "step_seconds": 0}, "step_seconds must be a number above zero, received 0"),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_refused_in_a_sentence(
    model: keras.Model, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        sdl.plan(model, **arguments)


@pytest.mark.parametrize(
    ("network", "rate"), [("1Gbit/s", 1.25e8), ("25 gbit/s", 3.125e9), ("100 Mbps", 1.25e7), ("2.5 Gb/s", 3.125e8)]
)
def test_rates_in_words(network: str, rate: float) -> None:
    assert bytes_per_second(network) == pytest.approx(rate)


def test_models_that_cannot_be_planned_are_refused() -> None:
    with pytest.raises(ModelError, match=r"must be a keras.Model, received builtins.str"):
        sdl.plan("resnet", batch_size=8)
    unbuilt = keras.Sequential([keras.layers.Dense(2)], name="unbuilt")
    with pytest.raises(ModelError, match="'unbuilt' has no weights to train"):
        sdl.plan(unbuilt, batch_size=8)
    anything = keras.Sequential([keras.Input((None, 4)), keras.layers.Dense(1)], name="anything")
    anything.compile("sgd", "mse")
    with pytest.raises(ModelError, match="'anything' takes or gives rows of any size"):
        sdl.plan(anything, batch_size=8)
    sdl.plan(anything, batch_size=8, step_seconds=1.0)
