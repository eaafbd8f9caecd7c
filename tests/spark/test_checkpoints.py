"""Checkpoints of real runs: what is kept, what goes on from it, and what is refused."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError, ModelError, WorkerError
from sparkdl.spark.resuming import description_of
from sparkdl.spark.storage import storage_for
from sparkdl.storage.local import LocalStorage
from sparkdl.train.checkpoint import encode_state
from sparkdl.train.checkpoint_folder import CheckpointFolder
from sparkdl.types import TrainingState
from tests.servers.preloaded import preloaded_python

pytestmark = [pytest.mark.spark, pytest.mark.tf]
ARGUMENTS: dict[str, Any] = {"batch_size": 8, "verbose": 0, "max_failures": 0}


def everything() -> keras.Model:
    """A model with state of every kind: BatchNorm, Dropout, Adam's moments, a metric."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Dies(keras.callbacks.Callback):
    """Ends its worker with an error at a step of the run."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.steps = 0
        self.step = step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.steps += 1
        if self.steps == self.step:
            raise RuntimeError("the power went out")


def callbacks(path: Path, every: object, watcher: Dies) -> list[object]:
    return [
        sdl.Checkpoint(str(path), every=every, keep=None),  # type: ignore[arg-type]
        watcher,
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, factor=0.5, min_delta=1.0),
        keras.callbacks.EarlyStopping(monitor="loss", patience=3, restore_best_weights=True),
    ]


@pytest.mark.parametrize("every", [1, "epoch"])
def test_a_run_that_ended_in_the_middle_goes_on_to_the_same_bytes(
    spark_local: SparkSession, tmp_path: Path, every: object
) -> None:
    data = frame(spark_local, *blobs(44))
    arguments = ARGUMENTS | {"epochs": 4}
    undisturbed, died, resumed = everything(), everything(), everything()
    whole = sdl.fit(undisturbed, data, callbacks=callbacks(tmp_path / "whole", every, Dies(-1)), **arguments)
    with pytest.raises(WorkerError, match="the power went out"):
        sdl.fit(died, data, callbacks=callbacks(tmp_path / "run", every, Dies(9)), **arguments)
    history = sdl.fit(
        resumed,
        data,
        callbacks=callbacks(tmp_path / "run", every, Dies(-1)),
        resume=str(tmp_path / "run"),
        **arguments,
    )
    for ours, theirs in zip(resumed.get_weights(), undisturbed.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    for ours, theirs in zip(resumed.optimizer.variables, undisturbed.optimizer.variables, strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
    assert history.history == whole.history and history.epoch == whole.epoch


class RunsOutOfMemory(Dies):
    """Raises what may pass, at a step of the run, once."""

    def __init__(self, step: int, marker: Path) -> None:
        super().__init__(step)
        self.marker = str(marker)

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.steps += 1
        if self.steps == self.step and not Path(self.marker).exists():
            Path(self.marker).touch()
            raise MemoryError("no room")


def test_an_attempt_after_a_resumed_one_begins_with_nothing_of_its_past(
    spark_local: SparkSession, tmp_path: Path
) -> None:
    """What the middle of an epoch has and its end has not (each worker's own statistics) is of that middle alone."""
    data, arguments = frame(spark_local, *blobs(44)), ARGUMENTS | {"epochs": 4}
    undisturbed, died, resumed = everything(), everything(), everything()
    sdl.fit(undisturbed, data, **arguments)
    first = [sdl.Checkpoint(str(tmp_path / "run"), every=4), RunsOutOfMemory(9, tmp_path / "first")]
    with pytest.raises(WorkerError, match="no room"):
        sdl.fit(died, data, callbacks=first, **arguments)
    second = [sdl.Checkpoint(str(tmp_path / "again")), RunsOutOfMemory(15, tmp_path / "second")]
    arguments["max_failures"] = 1
    history = sdl.fit(resumed, data, callbacks=second, resume=str(tmp_path / "run"), **arguments)
    assert history.attempts == 2
    for ours, theirs in zip(resumed.get_weights(), undisturbed.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.fixture(scope="module")
def trained(spark_local: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of two epochs of six steps, one every four steps."""
    path = tmp_path_factory.mktemp("trained")
    checkpoint = sdl.Checkpoint(str(path), every=4, keep=None)
    sdl.fit(everything(), frame(spark_local, *blobs(44)), epochs=2, callbacks=[checkpoint], **ARGUMENTS)
    return path


def test_what_a_checkpoint_says_of_itself(trained: Path) -> None:
    newest, *_, oldest = CheckpointFolder(LocalStorage(trained)).names()
    state = CheckpointFolder(LocalStorage(trained)).read(oldest)
    assert (state.info["epoch"], state.info["step"], state.info["iteration"]) == (0, 4, 4)
    assert state.info["plan"]["batch_size"] == 8 and state.info["workers"] == 2
    assert [shape for _, shape in state.info["variables"]] == [[4, 6], [6], [6], [6], [6, 3], [3]]
    assert CheckpointFolder(LocalStorage(trained)).read(newest).info["finished"]


def test_the_model_of_a_checkpoint_is_the_one_that_was_trained(spark_local: SparkSession, tmp_path: Path) -> None:
    model, data = everything(), frame(spark_local, *blobs(44))
    sdl.fit(model, data, epochs=1, callbacks=[sdl.Checkpoint(str(tmp_path))], **ARGUMENTS)
    loaded = sdl.load_checkpoint(str(tmp_path))
    filled = sdl.load_checkpoint(str(tmp_path), everything())
    for other in (loaded, filled):
        for ours, theirs in zip(other.weights, model.weights, strict=True):
            if "seed" not in ours.path:
                np.testing.assert_array_equal(ours, theirs)
        assert other.optimizer.iterations == model.optimizer.iterations
    assert sdl.evaluate(loaded, data) == sdl.evaluate(model, data)


def test_every_epoch_has_one_checkpoint_the_last_one_too(
    spark_local: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = sdl.Checkpoint(str(tmp_path), keep=3)
    sdl.fit(classifier(), frame(spark_local, *blobs(20)), epochs=2, callbacks=[checkpoint], **ARGUMENTS)
    folder = CheckpointFolder(LocalStorage(tmp_path))
    assert [folder.read(name).info["epoch"] for name in folder.names()] == [2, 1]
    assert "left out" not in caplog.text


def averaged() -> keras.Model:
    model = classifier()
    model.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9), "sparse_categorical_crossentropy")
    return model


def test_moving_averages_are_for_the_model_and_not_for_the_run_that_goes_on(
    spark_local: SparkSession, tmp_path: Path
) -> None:
    data, callbacks = frame(spark_local, *blobs(20)), [sdl.Checkpoint(str(tmp_path))]
    whole, first, again, longer = (averaged() for _ in range(4))
    sdl.fit(whole, data, epochs=4, **ARGUMENTS)
    sdl.fit(first, data, epochs=2, callbacks=callbacks, **ARGUMENTS)
    sdl.fit(again, data, epochs=2, resume=str(tmp_path), **ARGUMENTS)
    sdl.fit(longer, data, epochs=4, resume=str(tmp_path), **ARGUMENTS)
    loaded = sdl.load_checkpoint(str(tmp_path))
    for model, expected in ((again, first), (loaded, first), (longer, whole)):
        for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
            assert ours.tobytes() == theirs.tobytes()


READ_ELSEWHERE = """
import sys, numpy as np, sparkdl as sdl
model = sdl.load_checkpoint(sys.argv[1])
np.save(sys.argv[2], model(np.ones((1, 4), "float32")))
"""


def test_a_checkpoint_is_read_in_a_fresh_process(trained: Path, tmp_path: Path) -> None:
    program = [preloaded_python(), "-c", READ_ELSEWHERE, str(trained), str(tmp_path / "out.npy")]
    subprocess.run(program, check=True, capture_output=True, timeout=120)
    expected = sdl.load_checkpoint(str(trained))(np.ones((1, 4), "float32"))
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-6)


def test_a_lambda_of_a_stranger_is_not_run(spark_local: SparkSession, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    payload = encode_state(TrainingState({"weights": np.zeros(16, np.float32)}, {"epoch": 0}))
    CheckpointFolder(LocalStorage(tmp_path)).write(payload, generation="0", **description_of(model))
    with pytest.raises(ModelError, match="safe_mode=False"):
        sdl.load_checkpoint(str(tmp_path))


def test_a_damaged_newest_checkpoint_costs_what_came_after_the_one_before(
    spark_local: SparkSession, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    newest = CheckpointFolder(LocalStorage(tmp_path / "run")).names()[0]
    (tmp_path / "run" / newest).write_bytes((trained / newest).read_bytes()[:1000])
    model, data = everything(), frame(spark_local, *blobs(44))
    with caplog.at_level(logging.WARNING, "sparkdl"):
        sdl.fit(model, data, epochs=2, resume=str(tmp_path / "run"), **ARGUMENTS)
    assert f"checkpoint {newest} in" in caplog.text and "passed over" in caplog.text
    for ours, theirs in zip(model.get_weights(), sdl.load_checkpoint(str(trained)).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fewer_workers_go_on_from_the_same_step_and_say_so(
    spark_local: SparkSession, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = CheckpointFolder(LocalStorage(trained)).names()
    path = str(trained / names[-1])  # step 4 of epoch 1
    with caplog.at_level(logging.WARNING, "sparkdl"):
        history = sdl.fit(everything(), frame(spark_local, *blobs(44)), epochs=1, resume=path, workers=1, **ARGUMENTS)
    assert "going on with 1 workers in the middle of an epoch that began with 2" in caplog.text
    assert sum(timing["steps"] for timing in history.timings) == 2


@pytest.mark.parametrize("middle", [True, False])
def test_other_rows_than_before_are_noticed_in_the_middle_of_an_epoch(
    spark_local: SparkSession, trained: Path, caplog: pytest.LogCaptureFixture, middle: bool
) -> None:
    folder, data = CheckpointFolder(LocalStorage(trained)), frame(spark_local, *blobs(44, seed=9))
    name = next(name for name in folder.names() if bool(folder.read(name).info["step"]) is middle)
    with caplog.at_level(logging.WARNING, "sparkdl"):
        sdl.fit(everything(), data, epochs=3, resume=trained / name, **ARGUMENTS)
    assert ("are not those that the run began with" in caplog.text) is middle


def test_classes_keep_their_numbers(spark_local: SparkSession, tmp_path: Path) -> None:
    schema, (x, y) = "id int, features array<float>, label string", blobs(24)

    def named(*words: str) -> Any:
        rows = [(i, values.tolist(), words[label]) for i, (values, label) in enumerate(zip(x, y, strict=True))]
        return spark_local.createDataFrame(rows, schema).repartition(2, "id").sortWithinPartitions("id")

    callbacks = [sdl.Checkpoint(str(tmp_path))]
    sdl.fit(classifier(), named("ash", "elm", "oak"), epochs=1, callbacks=callbacks, **ARGUMENTS)
    again = sdl.fit(classifier(), named("ash", "elm", "oak"), epochs=2, resume=str(tmp_path), **ARGUMENTS)
    assert again.epoch == [0, 1]
    with pytest.raises(DataError, match="label column 'label' has the values .*'fir'.* and had .*'oak'"):
        sdl.fit(classifier(), named("ash", "elm", "fir"), epochs=2, resume=str(tmp_path), **ARGUMENTS)


def test_a_run_that_has_ended_says_that_nothing_is_left(
    spark_local: SparkSession, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest = CheckpointFolder(LocalStorage(trained)).newest()
    assert newest is not None
    epochs = newest[1].info["epoch"]
    with caplog.at_level(logging.WARNING, "sparkdl"):
        history = sdl.fit(everything(), frame(spark_local, *blobs(44)), epochs=epochs, resume=str(trained), **ARGUMENTS)
    assert f"has trained {epochs} epochs already, and epochs={epochs}: nothing is left to train" in caplog.text
    assert history.epoch == list(range(epochs))


def wider() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = everything()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_whose_learning_rate_goes_on_is_told(
    spark_local: SparkSession, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = frame(spark_local, *blobs(44))
    with caplog.at_level(logging.WARNING, "sparkdl"):
        sdl.fit(everything(), data, epochs=1, resume=str(trained), **ARGUMENTS)
    assert "learning rate" not in caplog.text
    model = with_optimizer(keras.optimizers.Adam(0.1))
    with caplog.at_level(logging.WARNING, "sparkdl"):
        sdl.fit(model, data, epochs=1, resume=str(trained), **ARGUMENTS)
    assert "goes on with the checkpoint's learning rate 0.001, not 0.1 with which the model is compiled" in caplog.text
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


MISTAKES: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "an empty directory": (everything, {"resume": "{empty}"}, ArgumentError, "holds no checkpoint"),
    "a file": (everything, {"resume": "{file}"}, ArgumentError, "is a file and no checkpoint"),
    "another model": (
        wider,
        {"resume": "{trained}"},
        ModelError,
        r"of another model \(it|of another model \(.* here and",
    ),
    "another optimizer": (
        lambda: with_optimizer(keras.optimizers.SGD(0.1)),
        {"resume": "{trained}"},
        ModelError,
        "a run with Adam, and the model is compiled with SGD",
    ),
    "another batch size": (everything, {"resume": "{middle}", "batch_size": 9}, ArgumentError, "batch_size=8"),
    "another seed": (everything, {"resume": "{middle}", "seed": 1}, ArgumentError, "seed=0"),
    "a first epoch": (everything, {"resume": "{trained}", "initial_epoch": 1}, ArgumentError, "leave initial_epoch="),
    "two checkpoints": (
        everything,
        {"callbacks": [sdl.Checkpoint("a"), sdl.Checkpoint("b")]},
        ArgumentError,
        "2 Checkpoint objects",
    ),
    "a directory that is a file": (
        everything,
        {"callbacks": [sdl.Checkpoint("/dev/null/runs")]},
        ArgumentError,
        "cannot be written",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_before_anything_starts(
    spark_local: SparkSession, trained: Path, tmp_path: Path, mistake: str
) -> None:
    build, arguments, error, words = MISTAKES[mistake]
    middle = trained / CheckpointFolder(LocalStorage(trained)).names()[-1]
    (tmp_path / "notes.txt").write_text("no checkpoint")
    (empty := tmp_path / "empty").mkdir()
    places = {"empty": empty, "trained": trained, "middle": middle, "file": tmp_path / "notes.txt"}
    given = {name: value.format(**places) if name == "resume" else value for name, value in arguments.items()}
    with pytest.raises(error, match=words):
        sdl.fit(build(), frame(spark_local, *blobs(44)), epochs=2, **(ARGUMENTS | given))


def test_checkpoints_on_hdfs(spark_local: SparkSession, hdfs: str) -> None:
    data, path = frame(spark_local, *blobs(20)), f"{hdfs}/models/a run"
    model = classifier()
    sdl.fit(model, data, epochs=1, callbacks=[sdl.Checkpoint(path, keep=1)], **ARGUMENTS)
    assert len(storage_for(path, spark_local).list()) == 1
    resumed = classifier(seed=5)
    assert sdl.fit(resumed, data, epochs=1, resume=path, **ARGUMENTS).epoch == [0]
    for other in (resumed, sdl.load_checkpoint(path)):
        for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_command_that_resumes_from_where_it_writes_may_begin_with_nothing(
    spark_local: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "new")
    history = sdl.fit(
        classifier(),
        frame(spark_local, *blobs(20)),
        epochs=1,
        callbacks=[sdl.Checkpoint(path)],
        resume=path,
        **ARGUMENTS,
    )
    assert history.epoch == [0]


@pytest.mark.parametrize(
    ("writes", "resumes"),
    [("new/", "new"), ("new", "./new/"), (Path("new"), "new"), ("new", Path("new")), ("other/../new", Path("new"))],
)
def test_and_may_write_the_same_directory_in_another_way(
    spark_local: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: str | Path, resumes: str | Path
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {"epochs": 1, "callbacks": [sdl.Checkpoint(writes)], "resume": resumes, **ARGUMENTS}
    assert sdl.fit(classifier(), frame(spark_local, *blobs(20)), **arguments).epoch == [0]
    assert sdl.load_checkpoint(resumes).optimizer.iterations == sdl.load_checkpoint(writes).optimizer.iterations > 0


def test_a_resume_that_is_no_path_is_refused(spark_local: SparkSession) -> None:
    with pytest.raises(ArgumentError, match="resume must be the path or URL of a Checkpoint, received 5"):
        sdl.fit(classifier(), frame(spark_local, *blobs(20)), epochs=1, resume=5, **ARGUMENTS)  # type: ignore[arg-type]
