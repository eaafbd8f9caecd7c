"""Optimizers over Spark: BigDL's numbers, triggers, checkpoints and curves."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.nn.criterion import ClassNLLCriterion, MSECriterion, ParallelCriterion
from sparkdl.bigdl.nn.layer import ConcatTable, Linear, LogSoftMax, Model, Sequential, Tanh
from sparkdl.bigdl.optim import optimizer as surface
from sparkdl.bigdl.optim import training
from sparkdl.bigdl.optim.optimizer import (
    SGD,
    Adam,
    EveryEpoch,
    L1Regularizer,
    L2Regularizer,
    LocalOptimizer,
    Loss,
    MaxEpoch,
    MaxIteration,
    Optimizer,
    OptimMethod,
    SequentialSchedule,
    SeveralIteration,
    Top1Accuracy,
    Top5Accuracy,
    TrainSummary,
    TriggerOr,
    ValidationSummary,
)
from sparkdl.bigdl.util.common import Sample
from sparkdl.errors import ArgumentError, DataError, UnsupportedError

GOLDEN = Path(__file__).parents[2] / "golden/bigdl"
ITEMS = {item["id"]: item for item in json.loads((GOLDEN / "optim.json").read_text())["items"]}
ARRAYS = np.load(GOLDEN / "optim.npz")


def sequence(iterations: int, *parts: tuple[Any, int]) -> SequentialSchedule:
    schedule = SequentialSchedule(iterations)
    for part, length in parts:
        schedule.add(part, length)
    return schedule


def method(case: str) -> OptimMethod:
    return eval(ITEMS[case]["optim"], {**vars(surface), "seq": sequence, "np": np})


def golden_model(**regularizers: Any) -> Sequential:
    first = Linear(4, 3, init_weight=ARRAYS["W0"], init_bias=ARRAYS["b0"], **regularizers)
    second = Linear(3, 3, init_weight=ARRAYS["W1"], init_bias=ARRAYS["b1"])
    return Sequential().add(first).add(Tanh()).add(second)


def golden_samples(spark: Any) -> Any:
    made = [Sample.from_ndarray(x, y) for x, y in zip(ARRAYS["X"], ARRAYS["Y"], strict=True)]
    return spark.sparkContext.parallelize(made, 2)


# One gradient of 039 once lies where the last bits decide what its upper half is: test_methods.py shows it.
@pytest.mark.parametrize(
    ("case", "tolerance"), [("015", 1e-5), ("019", 1e-5), ("036", 1e-5), ("039", 4e-5), ("041", 1e-5)]
)
def test_twenty_iterations_are_bigdls(case: str, tolerance: float, spark_local: Any, tmp_path: Path) -> None:
    penalties = {"wRegularizer": L2Regularizer(0.1), "bRegularizer": L1Regularizer(0.05)} if case == "041" else {}
    model = golden_model(**penalties)
    optimizer = Optimizer.create(model, golden_samples(spark_local), MSECriterion(), MaxIteration(20), 8, method(case))
    if case == "039":
        optimizer.set_gradclip_l2norm(0.2)
    summary = TrainSummary(str(tmp_path), "golden").set_summary_trigger("LearningRate", SeveralIteration(1))
    optimizer.set_train_summary(summary)
    assert optimizer.optimize() is model
    losses = np.array(summary.read_scalar("Loss"))
    assert losses[:, 0].tolist() == list(range(1, 21))
    np.testing.assert_allclose(losses[:, 1], ARRAYS[f"{case}/loss"], rtol=1e-5, atol=tolerance / 10)
    if ITEMS[case]["lr_logged"][0]:
        np.testing.assert_allclose(
            np.array(summary.read_scalar("LearningRate"))[:, 1], ITEMS[case]["lr_logged"], rtol=1e-6
        )
    for index, weight in enumerate(model.get_weights() or []):
        np.testing.assert_allclose(weight, ARRAYS[f"{case}/w{index}"], rtol=1e-5, atol=tolerance)


def spots(spark: Any, rows: int = 90) -> Any:
    random = np.random.default_rng(0)
    labels = random.integers(1, 4, rows)
    points = random.normal(size=(rows, 2)) + 4 * np.stack([np.cos(2 * labels), np.sin(2 * labels)], 1)
    made = [Sample.from_ndarray(point, float(label)) for point, label in zip(points, labels, strict=True)]
    return spark.sparkContext.parallelize(made, 3)


def classifier() -> Sequential:
    return Sequential().add(Linear(2, 8)).add(Tanh()).add(Linear(8, 3)).add(LogSoftMax())


def test_triggers_checkpoints_and_curves_and_a_training_that_goes_on(spark_local: Any, tmp_path: Path) -> None:
    data, model, adam = spots(spark_local), classifier(), Adam(0.1)
    model.set_name("spots")
    optimizer = Optimizer(
        model=model,
        training_rdd=data,
        criterion=ClassNLLCriterion(),
        optim_method=adam,
        end_trigger=TriggerOr(MaxEpoch(3), MaxIteration(100)),
        batch_size=30,
    )
    optimizer.set_validation(40, data, SeveralIteration(2), [Top1Accuracy(), Loss()])
    optimizer.set_checkpoint(EveryEpoch(), str(tmp_path / "checkpoints"))
    train = TrainSummary(str(tmp_path / "logs"), "spots").set_summary_trigger("Parameters", SeveralIteration(4))
    validation = ValidationSummary(str(tmp_path / "logs"), "spots")
    optimizer.set_train_summary(train)
    optimizer.set_val_summary(validation)
    optimizer.optimize()
    assert (adam.state["epoch"], adam.state["neval"]) == (4, 10)
    # The number of the iteration that comes next is even after the first, third, ... one.
    accuracies = validation.read_scalar("Top1Accuracy")
    assert [point[0] for point in accuracies] == [1, 3, 5, 7, 9] and accuracies[-1][1] > 0.9
    assert [[type(number) for number in point] for point in validation.read_scalar("Loss")] == [[float] * 3] * 5
    assert np.shape(train.read_scalar("Throughput")) == (9, 3)
    assert train.read_scalar("LearningRate") == []
    # The first epoch ends with the third iteration; EveryEpoch counts from the first that it has seen.
    folder = next((tmp_path / "checkpoints").iterdir())
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{kind}.{number}" for kind in ("model", "optimMethod-spots") for number in (10, 4, 7)]
    again, loaded = OptimMethod.load(str(folder / "optimMethod-spots.7")), Model.loadModel(str(folder / "model.7"))
    assert (again.method.state["epoch"], again.method.state["neval"]) == (3, 7)
    Optimizer.create(loaded, data, ClassNLLCriterion(), MaxEpoch(3), 30, again).optimize()
    for weight, other in zip(model.get_weights() or [], loaded.get_weights() or [], strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-4)


def test_iterations_and_validations_are_logged_as_bigdl_does(
    spark_local: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sparkdl")
    model = classifier().set_name("spots")
    optimizer = Optimizer.create(model, spots(spark_local), ClassNLLCriterion(), MaxEpoch(2), 30, SGD(0.5))
    optimizer.set_validation(40, spots(spark_local), EveryEpoch(), [Top1Accuracy(), Loss()])
    optimizer.set_checkpoint(EveryEpoch(), str(tmp_path))
    optimizer.optimize()
    lines = [record.getMessage() for record in caplog.records]
    number = r"[0-9.e+-]+"
    trained = (
        rf"\[Epoch (\d) (\d+)/90\]\[Iteration (\d)\]\[Wall Clock {number}s\] Trained 30.0 records in {number} seconds. "
        rf"Throughput is {number} records/second. Loss is {number}. spots's hyper parameters: Current learning rate is "
        "0.5."
    )
    places = [match.groups() for line in lines if (match := re.fullmatch(trained, line))]
    assert places == [(str(1 + i // 3), str(30 + i % 3 * 30), str(i + 1)) for i in range(6)]
    found = {result.method: result for result in model.evaluate(spots(spark_local), 40, [Top1Accuracy(), Loss()])}
    accuracy = found["Top1Accuracy"].result
    place = rf"\[Epoch 2 90/90\]\[Iteration 6\]\[Wall Clock {number}s\]"
    right = (
        f"Top1Accuracy is Accuracy(correct: {round(90 * accuracy)}, count: 90, accuracy: {round(90 * accuracy) / 90})"
    )
    assert sum(bool(re.fullmatch(place + " " + re.escape(right), line)) for line in lines) == 1
    (average,) = (
        match[1]
        for line in lines
        if (match := re.fullmatch(rf"{place} Loss is \(Loss: {number}, count: 90, Average Loss: ({number})\)", line))
    )
    assert float(average) == pytest.approx(found["Loss"].result, rel=0.02)  # of the rounded weights
    assert sum("Epoch finished." in line for line in lines) == 2
    assert sum(line.startswith("checkpoint ") and "/model.7 " in line for line in lines) == 1


def test_results_of_validations_are_shown_without_a_log(spark_local: Any, capfd: pytest.CaptureFixture[str]) -> None:
    optimizer = Optimizer.create(classifier(), spots(spark_local), ClassNLLCriterion(), MaxEpoch(2), 30, SGD(0.5))
    optimizer.set_validation(40, spots(spark_local), SeveralIteration(4), [Top1Accuracy()])
    optimizer.optimize()
    shown = capfd.readouterr().out
    assert re.search(
        r"\[Epoch 1 90/90\]\[Iteration 3\]\[Wall Clock [0-9.]+s\] Top1Accuracy is Accuracy\(correct", shown
    )
    assert "Trained" not in shown


def test_arrays_and_a_method_that_remembers(spark_local: Any, tmp_path: Path) -> None:
    model, sgd = golden_model(), SGD(0.1, momentum=0.9, dampening=0.0)
    optimizer = LocalOptimizer(ARRAYS["X"], ARRAYS["Y"], model, MSECriterion(), MaxEpoch(4), 8, sgd, cores=1)
    optimizer.set_gradclip_const(-0.01, 0.02)
    optimizer.set_validation(8, ARRAYS["X"], ARRAYS["Y"], EveryEpoch(), [Loss(MSECriterion())])
    optimizer.optimize()
    assert 0 < sgd.state["score"] < 1
    sgd.save(str(tmp_path / "sgd"), overWrite=False)
    with pytest.raises(ArgumentError, match="overWrite"):
        sgd.save(str(tmp_path / "sgd"), overWrite=False)
    loaded = OptimMethod.load(str(tmp_path / "sgd"))
    assert loaded.method.state["epoch"] == 5 and loaded.momentum() == 0.9
    assert {name: array.tolist() for name, array in loaded.method.arrays.items()} == {
        name: array.tolist() for name, array in sgd.arrays.items()
    }


def test_arrays_are_given_no_more_workers_than_cores(spark_local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(training, "fit", lambda *_, **arguments: asked.append(arguments["workers"]))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    for cores in (1, 8, None):
        LocalOptimizer(ARRAYS["X"], ARRAYS["Y"], golden_model(), MSECriterion(), MaxEpoch(1), 8, cores=cores).optimize()
    Optimizer.create(golden_model(), golden_samples(spark_local), MSECriterion(), MaxEpoch(1), 8).optimize()
    assert asked == [1, 2, 1, None]


def test_mistakes_are_told_before_a_job_starts(spark_local: Any) -> None:
    model, data = golden_model(), golden_samples(spark_local)
    with pytest.raises(ArgumentError, match="takes an RDD of Sample"):
        Optimizer(model, ARRAYS["X"], MSECriterion(), MaxEpoch(1), 8)
    with pytest.raises(ArgumentError, match="needs a trigger"):
        Optimizer.create(model, data, MSECriterion(), 5, 8).optimize()
    with pytest.raises(ArgumentError, match="optim_method="):
        Optimizer.create(model, data, MSECriterion(), MaxEpoch(1), 8, "SGD")
    with pytest.raises(UnsupportedError, match="2 optim methods"):
        Optimizer.create(model, data, MSECriterion(), MaxEpoch(1), 8, {"a": SGD(), "b": SGD()})
    with pytest.raises(ArgumentError, match="single weights"):
        Optimizer.create(model, data, MSECriterion(), MaxEpoch(1), 8, SGD(learningrates=np.ones(3))).optimize()
    assert Optimizer.create(model, data, MSECriterion(), MaxEpoch(0), 8).optimize() is model


def test_labels_that_count_from_0_are_told_in_a_sentence(spark_local: Any) -> None:
    shifted = spots(spark_local).map(lambda s: Sample.from_ndarray(s.feature.to_ndarray(), s.label.to_ndarray() - 1))
    with pytest.raises(DataError, match="^ClassNLLCriterion got a label .* add 1 to labels that count from 0.$"):
        Optimizer.create(classifier(), shifted, ClassNLLCriterion(), MaxEpoch(1), 30).optimize()


def test_labels_that_do_not_fit_the_criterion_are_told_before_a_job_starts(
    spark_local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("a job was started"))
    wide = spots(spark_local).map(lambda s: Sample.from_ndarray(s.feature.to_ndarray(), np.ones(4)))
    for last, criterion, sentence in (
        (
            Linear(2, 3),
            MSECriterion(),
            r"^MSECriterion got a target of shape \(30, 4\) for an output of shape \(30, 3\)",
        ),
        (classifier(), ClassNLLCriterion(), "give one label per row, not one-hot vectors.$"),
    ):
        with pytest.raises(DataError, match=sentence):
            Optimizer.create(last, wide, criterion, MaxEpoch(1), 30).optimize()


def test_methods_that_cannot_measure_the_output_are_told_before_a_job_starts(
    spark_local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("a job was started"))
    optimizer = Optimizer.create(classifier(), spots(spark_local), ClassNLLCriterion(), MaxEpoch(1), 30)
    optimizer.set_validation(30, spots(spark_local), EveryEpoch(), [Top1Accuracy(), Top5Accuracy()])
    with pytest.raises(DataError, match="^Top5Accuracy needs at least 5 classes, and the output has 3.$"):
        optimizer.optimize()


def test_validation_of_arrays_takes_arrays(spark_local: Any) -> None:
    optimizer = Optimizer.create(golden_model(), (ARRAYS["X"], ARRAYS["Y"]), MSECriterion(), MaxEpoch(1), 8)
    with pytest.raises(ArgumentError, match="must be an ndarray, received a [A-Za-z]*RDD: give set_validation"):
        optimizer.set_validation(4, golden_samples(spark_local), EveryEpoch(), [Loss()])
    with pytest.raises(ArgumentError, match=r"received \[<sparkdl.bigdl.optim.validation.Loss>\].$"):
        optimizer.set_validation(4, ARRAYS["X"], ARRAYS["Y"], [Loss()])


def test_tables_of_outputs_and_of_labels(spark_local: Any) -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(40, 3)).astype(np.float32)
    made = [Sample.from_ndarray(row, [row[:1] * 2, np.array([1.0 + (row[1] > 0)])]) for row in rows]
    heads = ConcatTable().add(Linear(3, 1)).add(Sequential().add(Linear(3, 2)).add(LogSoftMax()))
    criterion = ParallelCriterion().add(MSECriterion()).add(ClassNLLCriterion(), 0.5)
    optimizer = Optimizer.create(
        heads, spark_local.sparkContext.parallelize(made, 2), criterion, MaxIteration(60), 40, Adam(0.1)
    )
    optimizer.optimize()
    first, second = heads.evaluate().forward(rows)
    np.testing.assert_allclose(first, rows[:, :1] * 2, atol=0.3)
    assert (np.argmax(second, 1) == (rows[:, 1] > 0)).mean() > 0.9
