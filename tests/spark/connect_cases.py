"""What a client of Spark Connect does; `test_connect.py` runs it in a process that knows no classic session."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.errors import ArgumentError, ClusterError, DataError, UnsupportedError
from sparkdl.ml import DLClassifier
from sparkdl.spark import connect, parcels
from sparkdl.spark.connect import ConnectContext
from tests.spark.models import blobs, classifier, frame

ROWS = 200


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    session = SparkSession.builder.remote(os.environ["CONNECT_URL"]).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def data(session: Any) -> Any:
    return frame(session, *blobs(ROWS))


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client behind a firewall."""

    def cannot(host: str, port: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_arrays([pa.array([False])], names=["reached"])

    monkeypatch.setattr(connect, "_reaches", cannot)


def train(data: Any, **options: Any) -> tuple[keras.Model, sdl.History]:
    model = classifier("sgd")
    return model, sdl.fit(model, data, batch_size=ROWS, epochs=3, verbose=0, **options)


@pytest.fixture(scope="module")
def trained(data: Any) -> tuple[keras.Model, sdl.History]:
    return train(data)


def test_executors_reach_a_client_of_the_same_network(session: Any) -> None:
    assert ConnectContext(session).reachable


def test_fit_on_two_executors_is_keras_alone(trained: tuple[keras.Model, sdl.History]) -> None:
    model, history = trained
    alone = classifier("sgd")
    expected = alone.fit(*blobs(ROWS), batch_size=ROWS, epochs=3, verbose=0)
    assert len(history.timings) == 2
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    for mine, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_a_client_that_nobody_reaches_gets_the_same_bytes(
    trained: tuple[keras.Model, sdl.History], data: Any, unreachable: None, caplog: pytest.LogCaptureFixture
) -> None:
    model, history = train(data)
    assert history.history == trained[1].history and len(history.timings) == 2
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), trained[0].get_weights(), strict=True))
    assert "executors cannot open connections to this client" in caplog.text


def test_what_callbacks_wrote_and_checkpoints_come_back_as_rows(data: Any, unreachable: None, tmp_path: Path) -> None:
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model, _ = train(data, callbacks=[log, sdl.Checkpoint(str(tmp_path / "checkpoints"))])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    again = sdl.load_checkpoint(str(tmp_path / "checkpoints"))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


@pytest.mark.parametrize("network", ["open", "closed"])
def test_an_error_of_a_worker_is_one_sentence(
    session: Any, network: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    if network == "closed":
        request.getfixturevalue("unreachable")
    x, y = blobs(40)
    x[17, 2] = np.nan
    with caplog.at_level(logging.CRITICAL), pytest.raises(DataError, match="features column 'features' has a NaN"):
        train(frame(session, x, y))


def test_more_workers_than_the_configuration_promises_are_refused(data: Any) -> None:
    with pytest.raises(ClusterError, match="workers=3 .* has 2 task slot"):
        train(data, workers=3)


def test_evaluate_and_predict_are_those_of_keras(trained: tuple[keras.Model, sdl.History], data: Any) -> None:
    model, _ = trained
    x, y = blobs(ROWS)
    expected = model.evaluate(x, y, batch_size=ROWS, verbose=0, return_dict=True)
    assert sdl.evaluate(model, data) == pytest.approx(expected, rel=1e-5)
    scored = sdl.predict(model, data).select("id", "prediction").toPandas().sort_values("id")
    np.testing.assert_allclose(np.stack(scored.prediction), model.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


def streamed(scored: Any, folder: Path) -> list[Any]:
    """The rows that a stream gave until its source was empty, by `id`."""
    assert scored.isStreaming
    writer = scored.writeStream.format("parquet").option("checkpointLocation", str(folder / "checkpoint"))
    query = writer.trigger(availableNow=True).start(str(folder / "sink"))
    assert query.awaitTermination(240)
    return scored.sparkSession.read.schema(scored.schema).parquet(str(folder / "sink")).orderBy("id").collect()


@pytest.mark.parametrize("by", ["predict", "tensorflow", "large model", "sql", "stage"])
def test_a_stream_is_scored(session: Any, data: Any, tmp_path: Path, by: str) -> None:
    x, _ = blobs(ROWS)
    model = classifier() if by != "large model" else wide_classifier()
    data.write.parquet(str(tmp_path / "source"))
    stream = session.readStream.schema(data.schema).parquet(str(tmp_path / "source"))
    if by == "sql":
        sdl.register_udf(session, "scored", model)
        scored = stream.selectExpr("id", "scored(features) AS prediction")
    elif by == "stage":
        fitted = DLClassifier(model=classifier("sgd"), epochs=1, numWorkers=1).fit(data)
        model, scored = fitted.model, fitted.transform(stream).selectExpr("id", "probability AS prediction")
    else:
        scored = sdl.predict(model, stream, runtime="tensorflow" if by == "tensorflow" else "auto")
    rows = streamed(scored, tmp_path)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose([[*row.prediction] for row in rows], expected, rtol=1e-4, atol=1e-6)


def wide_classifier() -> keras.Model:
    """More weights than a function of a table has inside."""
    layers = [keras.layers.Dense(900_000, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    assert parcels.INSIDE < 4 * model.count_params() < parcels.INSIDE_STREAM
    return model


def test_a_large_model_scores_tables_and_is_refused_in_streams_where_it_cannot_go(
    session: Any, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = wide_classifier()
    stream = session.readStream.schema(data.schema).parquet(str(tmp_path))
    monkeypatch.setattr(parcels, "INSIDE_STREAM", 1 << 20)
    with pytest.raises(UnsupportedError, match="travels inside the query, up to 1 MB, but this one has .* MB: score"):
        sdl.predict(model, stream)
    sdl.register_udf(session, "wide", model)
    assert data.selectExpr("wide(features) AS p").where("p[0] >= 0").count() == ROWS
    data.write.mode("append").parquet(str(tmp_path / "source"))
    stream = session.readStream.schema(data.schema).parquet(str(tmp_path / "source"))
    with pytest.raises(Exception, match="has no file '.*' of the Spark Connect session, as those of streams have none"):
        streamed(stream.selectExpr("id", "wide(features) AS p"), tmp_path)


def test_a_name_of_spark_s_own_functions_is_refused(session: Any) -> None:
    with pytest.raises(ArgumentError, match="name='upper' is that of a function of Spark's own"):
        sdl.register_udf(session, "upper", classifier())


def test_a_pipeline_is_fitted_measured_saved_and_loaded(session: Any, tmp_path: Path) -> None:
    x, y = blobs(ROWS)
    names = np.array(["ant", "bee", "cat"])[y]
    rows = [(*map(float, features), str(name)) for features, name in zip(x, names, strict=True)]
    data = session.createDataFrame(rows, "a double, b double, c double, d double, name string")
    stages = [
        StringIndexer(inputCol="name", outputCol="label", stringOrderType="alphabetAsc"),
        VectorAssembler(inputCols=["a", "b", "c", "d"], outputCol="features"),
        DLClassifier(model=classifier("adam"), batchSize=20, epochs=8, learningRate=0.05),
    ]
    fitted = Pipeline(stages=stages).fit(data)
    scored = fitted.transform(data)
    measured = sdl.measure(scored, [sdl.metrics.Accuracy(), sdl.metrics.AUROC()], prediction="probability")
    assert measured["accuracy"] > 0.9 and measured["auroc"] > 0.95
    fitted.write().overwrite().save(str(tmp_path / "model"))
    fitted.write().overwrite().save(str(tmp_path / "model"))
    again = PipelineModel.load(str(tmp_path / "model")).transform(data)
    assert [row.prediction for row in again.collect()] == [row.prediction for row in scored.collect()]
