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
from sparkdl.errors import DataError

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
