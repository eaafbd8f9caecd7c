"""What an estimator asks of the training, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pyspark.sql import functions as F

from sparkdl import ml
from sparkdl.errors import ArgumentError, DataError, ImporterError, MissingFileError, ModelError
from sparkdl.spark.fit import fit
from tests.ml.networks import classify, regress


@pytest.fixture(scope="module")
def rows(spark_local: Any) -> Any:
    frame = spark_local.range(200).select("id", (F.rand(1) * 2 - 1).alias("x"), (F.rand(2) * 2 - 1).alias("y"))
    frame = frame.withColumn("label", (F.col("x") * F.col("y") > 0).cast("int"))
    frame = frame.withColumn("holds", F.col("id") % 4 == 0).withColumn("weight", F.lit(2.0))
    return spark_local.createDataFrame(frame.collect(), frame.schema).repartition(2).cache()


def test_the_best_weights_are_kept_and_the_given_model_is_not_touched(rows: Any, tmp_path: Path) -> None:
    model = classify(4)
    model.compile("sgd", "binary_crossentropy")
    before = [np.array(weight) for weight in model.weights]
    estimator = ml.DLClassifier(
        model=model,
        featuresCols=["x", "y"],
        weightCol="weight",
        validationIndicatorCol="holds",
        optimizer="adam",
        learningRate=0.9,
        metrics=["accuracy"],
        earlyStopping=2,
        epochs=12,
        batchSize=20,
        checkpointPath=str(tmp_path / "states"),
    )
    fitted = estimator.fit(rows)
    logs = fitted.summary.history
    assert 3 <= len(logs["val_loss"]) and set(logs) >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    held = rows.where("holds").toPandas()
    best = fitted.model.evaluate(held[["x", "y"]].to_numpy(), held["label"].to_numpy(), verbose=0)[0]
    # val_loss is weighted by a constant; its least value belongs to the weights that were kept.
    assert best * (2 if min(logs["val_loss"]) > 1.5 * best else 1) == pytest.approx(min(logs["val_loss"]), rel=1e-4)
    assert all((weight == old).all() for weight, old in zip(map(np.array, model.weights), before, strict=True))
    assert type(model.optimizer) is keras.optimizers.SGD and type(fitted.model.optimizer) is keras.optimizers.Adam
    assert list((tmp_path / "states").iterdir()) == []


class Subclassed(keras.Model):
    """Says nothing of inputs and outputs, and is known to Keras only once it is registered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hidden, self.head = keras.layers.Dense(4, "tanh"), keras.layers.Dense(1, "sigmoid")

    def call(self, x: Any) -> Any:
        return self.head(self.hidden(x))


def test_a_stage_of_a_subclassed_model_scores_and_is_loaded_where_its_class_is_registered(
    rows: Any, tmp_path: Path
) -> None:
    model, place = Subclassed(), str(tmp_path / "stage")
    model.compile("sgd", "binary_crossentropy")
    fitted = ml.DLClassifier(model=model, featuresCols=["x", "y"], batchSize=100).fit(rows)
    found = fitted.transform(rows).orderBy("id").toPandas()
    expected = fitted.model.predict(found[["x", "y"]].to_numpy(), verbose=0).ravel()
    np.testing.assert_allclose([one[1] for one in found["probability"]], expected, rtol=1e-4, atol=1e-6)
    fitted.save(place)
    with pytest.raises(ImporterError, match="class 'Subclassed'.*register it"):
        ml.DLClassificationModel.load(place).transform(rows)
    with keras.saving.custom_object_scope({"Subclassed": Subclassed}):
        again = ml.DLClassificationModel.load(place).transform(rows).orderBy("id").toPandas()
    assert again["prediction"].tolist() == found["prediction"].tolist()


def test_an_empty_name_is_no_indicator(rows: Any) -> None:
    estimator = ml.DLClassifier(model=classify, featuresCols=["x", "y"], validationIndicatorCol="", weightCol="")
    assert list(estimator.setEarlyStopping(1).setBatchSize(100).fit(rows).summary.history) == ["loss"]


def test_precisions_are_those_of_fit(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def noted(*arguments: Any, **options: Any) -> Any:
        asked.update(options)
        return fit(*arguments, **options)

    monkeypatch.setattr("sparkdl.ml.training.fit", noted)
    estimator = ml.DLClassifier(model=classify, featuresCols=["x", "y"], batchSize=50, exchangePrecision="fp16")
    fitted = estimator.setTrainingPrecision("auto").fit(rows)
    assert fitted.summary.choices["precision"]["chosen"] in ("float32", "bf16")
    assert (asked["precision"], asked["exchange_precision"]) == ("auto", "fp16")


def test_rows_that_lack_a_value(rows: Any) -> None:
    odd = rows.withColumn("x", F.when(F.col("id") % 2 == 0, F.col("x")))
    estimator = ml.DLClassifier(model=classify, featuresCols=["x", "y"], batchSize=50)
    with pytest.raises(DataError, match="null"):
        estimator.fit(odd)
    fitted = estimator.setHandleInvalid("skip").fit(odd)
    assert fitted.summary.timings[0]["rows"] + fitted.summary.timings[-1]["rows"] == 100
    assert fitted.transform(odd).count() == 100
    kept = fitted.setHandleInvalid("keep").transform(odd).toPandas()
    assert kept["prediction"].isna().sum() == 100 and len(kept) == 200
    assert kept["probability"].isna().sum() == 100


@pytest.mark.parametrize("element", ["NULL", "double('nan')"])
def test_training_leaves_out_the_rows_that_scoring_leaves_out(rows: Any, element: str) -> None:
    lists = f"if(id % 4 = 0, array(x, {element}), if(id % 4 = 1, array(x), array(x, y)))"
    odd = rows.withColumn("features", F.expr(lists))
    fitted = ml.DLClassifier(model=classify, batchSize=50, handleInvalid="skip").fit(odd)
    assert sum(timing["rows"] for timing in fitted.summary.timings) == fitted.transform(odd).count() == 100


def test_the_states_of_a_fit_have_the_same_place_when_the_program_runs_again() -> None:
    def digest(**names: str) -> str:
        return ml.DLClassifier(
            model=classify,
            optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1)),
            metrics=[keras.metrics.AUC(**names), keras.metrics.AUC(curve="PR"), "accuracy"],
            checkpointPath="/states",
        )._digest()

    first = digest()
    assert digest() == first
    assert digest(name="area") != first


def distance(truth: Any, guess: Any) -> Any:
    flat = keras.ops.reshape(keras.ops.cast(truth, "float32"), (-1,))
    return keras.ops.abs(flat - keras.ops.reshape(guess, (-1,)))


@pytest.mark.parametrize(("mode", "better"), [("min", min), ("max", max)])
def test_a_metric_of_which_keras_knows_no_direction_can_be_watched(rows: Any, mode: str, better: Any) -> None:
    estimator = ml.DLClassifier(model=classify, featuresCols=["x", "y"], metrics=[distance], epochs=6, batchSize=50)
    estimator.setEarlyStopping(1).setMonitor("val_distance").setMonitorMode(mode).setValidationIndicatorCol("holds")
    watched = estimator.setOptimizer("sgd").setLearningRate(1e-3).fit(rows).summary.history["val_distance"]
    assert watched[-1] != better(watched) or len(watched) == 6
    assert all(better(pair) == pair[1] for pair in zip(watched[:-2], watched[1:-1], strict=True))


def test_strings_are_labels(rows: Any, tmp_path: Path) -> None:
    words = rows.withColumn("label", F.when(F.col("label") == 1, "same").otherwise("other"))
    estimator = ml.DLClassifier(model=classify, featuresCols=["x", "y"], predictedLabelCol="said", batchSize=50)
    estimator.setAbstainBelow(0.55).setThresholds([0.5, 0.5]).setValidationIndicatorCol("holds")
    strange = words.withColumn("label", F.when(F.col("id") == 4, "strange").otherwise(F.col("label")))
    with pytest.raises(DataError, match="'strange'"):
        estimator.fit(strange)
    fitted = estimator.fit(words)
    assert fitted.labels == ("other", "same") and fitted.numClasses == 2
    fitted.save(str(tmp_path / "stage"))
    again = ml.DLClassificationModel.load(str(tmp_path / "stage"))
    scored = again.transform(words)
    assert scored.schema["prediction"].metadata["ml_attr"]["vals"] == ["other", "same"]
    table = scored.toPandas()
    sure = table["probability"].map(lambda vector: max(vector)) >= 0.55
    assert 0 < sure.sum() < len(table)
    assert (table["prediction"].isna() == ~sure).all() and (table["said"].isna() == ~sure).all()
    assert (table["said"][sure] == table["prediction"][sure].map({0.0: "other", 1.0: "same"})).all()
    point = np.array([0.5, 0.5])
    assert again.predictProbability(point).toArray().sum() == pytest.approx(1)
    (tmp_path / "stage" / "model.keras").unlink()
    with pytest.raises(MissingFileError, match=r"has no model.keras, which the stage needs"):
        ml.DLClassificationModel.load(str(tmp_path / "stage"))


def test_what_cannot_be_saved(tmp_path: Path, spark_local: Any) -> None:
    def inner() -> keras.Model:
        return classify()

    for function, shown in ((lambda: classify(), "lambda"), (inner, "inner")):
        with pytest.raises(ModelError, match=f"model='.*{shown}.*' .* cannot be saved, as another process could not"):
            ml.DLEstimator(model=function).save(str(tmp_path / "a"))
    layers = [keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(1)]
    with pytest.raises(ModelError, match="contains a lambda, which could be saved as code only"):
        ml.DLEstimator(model=keras.Sequential(layers)).save(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    ml.DLEstimator(model=regress(), loss=keras.losses.Huber(delta=2.0)).save(str(tmp_path / "b"))
    again = ml.DLEstimator.load(str(tmp_path / "b"))
    assert again.getModel().output_shape == (None, 1) and again.getLoss()["config"]["delta"] == 2.0


def test_a_model_from_elsewhere_is_a_stage(rows: Any) -> None:
    stage = ml.DLRegressionModel.from_keras(regress(), featuresCols=["x", "y"], predictionCol="estimate")
    assert stage.transform(rows).where("estimate IS NULL").count() == 0
    assert not stage.hasSummary and stage.numFeatures == 2
    assert stage.predict([[1, 2]]) == stage.predict([1, 2])
    with pytest.raises(ArgumentError, match="takes 2 numbers per row, received 3"):
        stage.predict([1, 2, 3])
    open_size = keras.Sequential([keras.Input((None, 2)), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    assert ml.DLRegressionModel.from_keras(open_size).numFeatures == -1
    with pytest.raises(ModelError, match="has no summary"):
        _ = stage.summary
    with pytest.raises(ModelError, match="has no model: a DLModel is made by fit, load or from_keras"):
        ml.DLModel().transform(rows)


def test_fractions_where_whole_numbers_were_learnt(rows: Any) -> None:
    whole = rows.selectExpr("array(int(x * 9), int(y * 9)) AS features", "label")
    points = rows.selectExpr("array(double(int(x * 9)), double(int(y * 9))) AS features")
    fitted = ml.DLRegressor(model=regress, batchSize=100).fit(whole)
    expected = [row.prediction for row in fitted.transform(whole).collect()]
    np.testing.assert_allclose([row.prediction for row in fitted.transform(points).collect()], expected, rtol=1e-5)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), keras.layers.Embedding(10, 1), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1))
    numbers = ml.DLRegressor(model=model, batchSize=100).fit(
        whole.selectExpr("transform(features, i -> abs(i)) AS features", "label")
    )
    with pytest.raises(DataError, match=r"has the type array<double>, but the model takes whole numbers there \(int32"):
        numbers.transform(points)


def test_a_stage_is_saved_over_itself(tmp_path: Path, spark_local: Any) -> None:
    path, stage = str(tmp_path / "stage"), ml.DLModel.from_keras(regress(), featuresCols=["x", "y"])
    expected = stage.predict(np.array([0.1, 0.2]))
    stage.save(path)
    for _ in range(2):
        ml.DLModel.load(path).write().overwrite().save(path)
    again = ml.DLModel.load(path)
    again.copy({again.predictionCol: "other"}).write().overwrite().save(path)
    np.testing.assert_array_equal(ml.DLModel.load(path).predict(np.array([0.1, 0.2])), expected)
    with pytest.raises(ModelError, match="has no model"):
        ml.DLModel().write().overwrite().save(path)
    (tmp_path / "stage" / "model.keras").write_bytes(b"PK")
    with pytest.raises(ImporterError, match=f"{path}/model.keras"):
        _ = ml.DLModel.load(path).model
