"""Workers and threads that `fit` chooses by itself."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.engine.layout_speed import LayoutSpeed, LayoutTrial, time_layout
from sparkdl.errors import ModelError
from sparkdl.spark import worker_layout
from sparkdl.spark.worker_layout import (
    Executors,
    Timed,
    WorkerLayout,
    decide,
    executors_of,
    known_layout,
    possible_layouts,
)
from sparkdl.types import SampleSpec, TrainingState

pytestmark = [pytest.mark.spark, pytest.mark.tf]
FOUR, TWO, ONE = Executors(1, 4).layouts(1)
GIB = 1 << 30


def trials() -> dict[WorkerLayout, LayoutTrial]:
    return {
        layout: LayoutTrial(b"", SampleSpec(()), layout.workers, layout.cores, 8, layout.workers)
        for layout in (FOUR, TWO, ONE)
    }


def test_more_threads_are_taken_where_they_save_more_than_the_margin() -> None:
    assert decide([FOUR, TWO, ONE], {ONE: Timed(1.0, GIB), TWO: Timed(0.9, GIB), FOUR: Timed(0.94, GIB)}).chosen == FOUR
    assert decide([FOUR, TWO, ONE], {ONE: Timed(1.0, GIB), TWO: Timed(0.9, GIB), FOUR: Timed(0.96, GIB)}).chosen == TWO
    choice = decide([FOUR, TWO, ONE], {ONE: Timed(0.5, GIB), TWO: Timed(0.9, GIB), FOUR: Timed(1.2, GIB)})
    assert choice.chosen == ONE
    assert choice.seconds == {"1 x 4": 0.5, "2 x 2": 0.9, "4 x 1": 1.2}
    assert "500 ms as 1 x 4, 900 ms as 2 x 2, 1.2e+03 ms as 4 x 1" in choice.reason


def test_layouts_that_memory_does_not_hold_are_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def timed(trial: LayoutTrial) -> LayoutSpeed:
        tried.append(f"{trial.processes} x {trial.cores}")
        return LayoutSpeed(0.1, 0.0, 2 * GIB)

    monkeypatch.setattr(worker_layout, "time_layout", timed)
    for limit, expected in ((1, ["1 x 4"]), (8, ["1 x 4", "2 x 2"]), (20, ["1 x 4", "2 x 2", "4 x 1"])):
        tried.clear()
        monkeypatch.setattr(worker_layout, "memory_limit", lambda limit=limit: limit * GIB)
        found, failure = worker_layout._time_layouts(trials(), 10**6, 1, 0)
        assert [str(layout) for layout in found] == tried == expected
        assert not failure


def test_a_layout_that_fails_leaves_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(trial: LayoutTrial) -> LayoutSpeed:
        if trial.processes > 1:
            raise ModelError("it was killed")
        return LayoutSpeed(0.1, 0.0, GIB)

    monkeypatch.setattr(worker_layout, "time_layout", timed)
    found, failure = worker_layout._time_layouts(trials(), 10**6, 1, 0)
    assert list(found) == [ONE] and failure == "it was killed"
    assert "others could not be timed" in decide([FOUR, TWO, ONE], found, failure).reason


def test_small_models_and_resumed_runs_need_no_timing() -> None:
    before = TrainingState({}, {"plan": {"workers": 1, "cores_per_worker": 4}})
    elsewhere = TrainingState({}, {"plan": {"workers": 3, "cores_per_worker": 1}})
    possible = [FOUR, TWO, ONE]
    assert known_layout(None, possible, 60_000).chosen == FOUR  # type: ignore[union-attr]
    assert known_layout(None, possible, 25_000_000) is None
    assert known_layout(before, possible, 25_000_000).chosen == ONE  # type: ignore[union-attr]
    assert known_layout(elsewhere, possible, 25_000_000) is None, "the cluster has another size now"


def test_processes_that_are_late_are_ended() -> None:
    with pytest.raises(ModelError, match=r"no steps of 2 process\(es\) with 1 thread\(s\) .* could be timed \("):
        time_layout(LayoutTrial(b"", SampleSpec(()), 2, 1, 8, 2), deadline=0.2)


def test_many_slots_are_not_divided_in_every_way() -> None:
    assert [layout.cores for layout in possible_layouts(Executors(2, 48), 1)] == [1, 2, 4, 8, 48]
    assert [layout.cores for layout in possible_layouts(Executors(2, 3), 2)] == [2, 6]
    assert not possible_layouts(Executors(8, 1), 1) and not possible_layouts(None, 1)


def test_a_model_that_is_not_small_is_timed_once_and_resumed_as_it_was(
    spark_local: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert executors_of(spark_local.sparkContext) == Executors(1, 2)
    monkeypatch.setattr(worker_layout, "SMALL_MODEL", 0)
    data = frame(spark_local, *blobs(48))
    with caplog.at_level(logging.INFO, "sparkdl"):
        first = sdl.fit(
            classifier(), data, batch_size=8, verbose=0, callbacks=[sdl.Checkpoint(str(tmp_path), every="epoch")]
        )
    choice = first.choices["layout"]
    assert caplog.messages.count(choice["reason"]) == 1
    assert set(choice["seconds"]) == {"2 x 1", "1 x 2"}
    assert min(choice["memory"].values()) > 100 << 20
    assert len(first.timings) == choice["chosen"]["workers"]
    chosen = WorkerLayout(**choice["chosen"])
    assert choice["seconds"][str(chosen)] <= (1 + worker_layout.MARGIN) * min(choice["seconds"].values())

    again = sdl.fit(classifier(), data, batch_size=8, verbose=0)
    assert again.choices["layout"] == choice, "figures are kept for models that are alike"

    worker_layout._known.clear()
    path = str(tmp_path)
    resumed = sdl.fit(classifier(), data, batch_size=8, epochs=2, verbose=0, resume=path)
    assert resumed.choices["layout"]["chosen"] == choice["chosen"]
    assert not resumed.choices["layout"]["seconds"]


def test_given_numbers_are_taken_as_they_are(spark_local: SparkSession) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = sdl.fit(model, frame(spark_local, *blobs(16)), batch_size=8, workers=1, verbose=0)
    assert "layout" not in history.choices and len(history.timings) == 1


def test_a_cluster_that_times_nothing_is_asked_again(
    spark_local: SparkSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise ModelError("the process that times ended")

    two = WorkerLayout(2, 1)
    given = (spark_local.sparkContext, Executors(1, 2), {two: None}, 10_000_000)
    monkeypatch.setattr(worker_layout, "_time_layouts", fail)
    with caplog.at_level(logging.WARNING, "sparkdl"):
        assert worker_layout.choose_layout(*given, "a model that fails") is None
    assert "layouts could not be timed" in caplog.text
    monkeypatch.setattr(worker_layout, "_time_layouts", lambda *_: ({two: Timed(0.1, 1)}, ""))
    assert worker_layout.choose_layout(*given, "a model that fails").chosen == two
    monkeypatch.setattr(worker_layout, "_time_layouts", fail)
    assert worker_layout.choose_layout(*given, "a model that fails").chosen == two, "figures are kept"
