"""What a job cannot do ends it with one line, and with no traceback."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any

import keras
import pytest
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.tf]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--model": "nowhere.keras"}, "nowhere.keras"),
        ({"--data": "nowhere"}, "nowhere"),
        ({"--features": "word"}, "features column 'word' has the type string, expected numbers"),
        ({"--features": "x"}, "features column 'x' has a NaN"),
        ({"--batch-size": "0"}, "batch_size must be"),
        ({"--invalid": "keep"}, None),
    ],
)
def test_what_was_given_is_refused_in_one_line(
    spark_local: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    said: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).save("net.keras")
    spark_local.sql("SELECT double('NaN') AS x, 'a' AS word").write.parquet(str(tmp_path / "rows"))
    given = {
        "--model": "net.keras",
        "--data": f"file:{tmp_path}/rows",
        "--features": "x",
        "--to": f"file:{tmp_path}/to",
    }
    words = [word for pair in (given | changed).items() for word in pair]
    monkeypatch.setattr("sys.argv", ["score.py", *words])
    monkeypatch.setattr("sparkdl.spark.session.local_session", lambda *_, **__: contextlib.nullcontext(spark_local))
    job: Any = importlib.import_module("score")
    if said is None:
        job.main()
        return
    with pytest.raises(SystemExit) as end:
        job.main()
    sentence = str(end.value.code)
    assert sentence.startswith("score.py: error: ") and said in sentence and "\n" not in sentence
