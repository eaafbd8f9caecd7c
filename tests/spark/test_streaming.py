"""Structured Streaming: the same call, and neither lost nor doubled rows where a query is started again."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl import ml
from sparkdl.errors import ArgumentError, DataError

pytestmark = [pytest.mark.spark, pytest.mark.tf]


def test_a_stream_is_scored_and_goes_on_after_a_restart(spark_local: SparkSession, tmp_path: Path) -> None:
    x, y = blobs(60)
    data, model = frame(spark_local, x, y).coalesce(1), classifier()
    source, sink, checkpoint = (str(tmp_path / name) for name in ("source", "sink", "checkpoint"))

    def arrive(start: int, end: int) -> None:
        data.where(f"id >= {start} AND id < {end}").write.mode("append").parquet(source)

    def run() -> None:
        stream = spark_local.readStream.schema(data.schema).option("maxFilesPerTrigger", 1).parquet(source)
        scored = sdl.predict(model, stream, batch_size=7)
        assert scored.isStreaming
        writer = scored.writeStream.format("parquet").option("path", sink).option("checkpointLocation", checkpoint)
        query = writer.trigger(availableNow=True).start()
        assert query.awaitTermination(240)

    arrive(0, 20)
    arrive(20, 30)
    run()
    assert spark_local.read.parquet(sink).count() == 30
    arrive(30, 60)
    run()
    rows = spark_local.read.parquet(sink).orderBy("id").collect()
    assert [row.id for row in rows] == list(range(60))
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose([row.prediction for row in rows], expected, rtol=1e-4, atol=1e-6)


def test_the_shape_of_a_stream_must_be_known(spark_local: SparkSession, tmp_path: Path) -> None:
    stream = spark_local.readStream.schema("x array<float>").parquet(str(tmp_path))
    inputs = keras.Input((None,))
    model = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs))
    with pytest.raises(DataError, match="no row of a streaming DataFrame can be looked at.*shapes="):
        sdl.predict(model, stream, features="x")
    assert sdl.predict(model, stream, features="x", shapes={"x": (3,)}).isStreaming


VERBS = {
    "fit takes": lambda model, rows, stream: sdl.fit(model, stream),
    "fit takes.* as validation_data": lambda model, rows, stream: sdl.fit(model, rows, validation_data=stream),
    "evaluate takes": lambda model, rows, stream: sdl.evaluate(model, stream),
    "quantize takes": lambda model, rows, stream: sdl.quantize(model, stream),
    "measure takes": lambda model, rows, stream: sdl.measure(stream, sdl.metrics.AUROC()),
    "DLEstimator.fit takes": lambda model, rows, stream: ml.DLEstimator(model=model).fit(stream),
    "DLClassifier.fit takes": lambda model, rows, stream: ml.DLClassifier(model=model).fit(stream),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_needs_all_rows_refuses_a_stream(spark_local: SparkSession, tmp_path: Path, verb: str) -> None:
    rows = frame(spark_local, *blobs(5))
    stream = spark_local.readStream.schema(rows.schema).parquet(str(tmp_path))
    with pytest.raises(ArgumentError, match=f"^{verb}.*, received a stream: "):
        VERBS[verb](classifier(), rows, stream)
