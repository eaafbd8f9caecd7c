"""Stages in files: what a stage of Params alone needs, on any session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.ml import Pipeline, Transformer
from pyspark.ml.util import DefaultParamsReader

from sparkdl.errors import ArgumentError, MissingFileError, ModelError, StorageError
from sparkdl.ml import converters as to
from sparkdl.ml.params import StageParams, getter, param, setter
from sparkdl.ml.persistence import METADATA, Persistent


class Doubling(StageParams, Persistent, Transformer):
    """A stage with a Param."""

    times = param("times", "how often", to.whole("times", 1))
    getTimes = getter("times")
    setTimes = setter("times")
    DEFAULTS = {"times": 2}

    def _transform(self, dataset: Any) -> Any:
        return dataset


def edit(path: Path, **changes: Any) -> None:
    file = path / METADATA
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.fixture
def saved(spark_local: Any, tmp_path: Path) -> Path:
    Doubling(times=3).save(str(tmp_path / "stage"))
    return tmp_path / "stage"


def test_a_stage_is_read_as_it_was_written(saved: Path, spark_local: Any) -> None:
    again = Doubling.load(str(saved))
    assert again.getTimes() == 3 and again.uid.startswith("Doubling_")
    # Pipelines read the metadata through Spark.
    assert DefaultParamsReader.loadMetadata(str(saved), spark_local)["uid"] == again.uid
    assert again.clear(again.times) is None and again.getTimes() == 2


def test_what_is_there_is_replaced_only_on_request(saved: Path) -> None:
    stage = Doubling(times=5)
    with pytest.raises(StorageError, match="exists already: save by write"):
        stage.save(str(saved))
    (saved / "old").touch()
    stage.write().overwrite().save(f"file:{saved}")
    assert Doubling.load(str(saved)).getTimes() == 5
    assert not (saved / "old").exists()


def test_a_file_is_no_place_for_a_stage(tmp_path: Path, spark_local: Any) -> None:
    (tmp_path / "file").write_text("x")
    for writer in (Doubling().write(), Doubling().write().overwrite()):
        with pytest.raises(StorageError, match="file' is a file, or below one, expected a directory or nothing"):
            writer.save(str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "x"


def test_a_pipeline_is_named_where_a_stage_is_loaded(tmp_path: Path, spark_local: Any) -> None:
    Pipeline(stages=[Doubling()]).save(str(tmp_path / "pipe"))
    with pytest.raises(ArgumentError, match=r"holds a pyspark.ml.pipeline.Pipeline, expected .*Pipeline.load"):
        Doubling.load(str(tmp_path / "pipe"))


def test_damage_is_named(saved: Path, tmp_path: Path, spark_local: Any) -> None:
    with pytest.raises(MissingFileError, match="holds no stage of sparkdl"):
        Doubling.load(str(tmp_path / "nothing"))
    edit(saved, sparkdlFormat=2, sparkdlVersion="9.1")
    with pytest.raises(ModelError, match="was saved by sparkdl 9.1 in the format 2, and sparkdl .* reads"):
        Doubling.load(str(saved))
    edit(saved, sparkdlFormat=1, paramMap={"thrice": 3})
    with pytest.raises(ModelError, match="has the Params thrice, which sparkdl"):
        Doubling.load(str(saved))
    edit(saved, **{"class": "sparkdl.ml.Other"})
    with pytest.raises(ArgumentError, match=r"holds a sparkdl.ml.Other, expected .*Doubling: load it by .*Other.load"):
        Doubling.load(str(saved))
    (saved / METADATA).write_text("{")
    with pytest.raises(StorageError, match="is damaged"):
        Doubling.load(str(saved))
