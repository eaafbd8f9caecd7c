"""`sdl.images.read` and `decode`: folders with good and bad files, labels, laziness, a real HDFS."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyspark.ml.image import ImageSchema
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError, MissingFileError
from sparkdl.spark.failures import own_errors
from sparkdl.spark.image_decoder import ImageDecoder

pytestmark = pytest.mark.spark


def png(value: int, height: int = 6, width: int = 9, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (value, 0, 200)).save(buffer, format)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good images in two folders, and four files that are none."""
    root = tmp_path_factory.mktemp("some images")
    files = {
        "golden retriever/a.png": png(10),
        "golden retriever/b.JPG": png(20, format="JPEG"),
        "tabby/deep/c.png": png(30, 4, 4),
        "tabby/empty.png": b"",
        "tabby/text.png": b"no image at all",
        "tabby/cut.jpg": png(40, format="JPEG")[:-20],
        "tabby/notes.txt": b"is no image by its name",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def test_a_folder_becomes_rows_of_sparks_image_struct(spark_local: SparkSession, folder: Path) -> None:
    frame = sdl.images.read(spark_local, str(folder), labels="folder", invalid="keep")
    assert frame.columns == ["path", "label", "image", "reason"]
    assert frame.schema["image"].dataType == ImageSchema.imageSchema["image"].dataType
    rows = {name_of(row.path): row for row in frame.collect()}
    assert {name: row.label for name, row in rows.items()} == {
        "a.png": "golden retriever",
        "b.JPG": "golden retriever",
        "c.png": "deep",
        "empty.png": "tabby",
        "text.png": "tabby",
        "cut.jpg": "tabby",
    }
    assert {name for name, row in rows.items() if row.reason} == {"empty.png", "text.png", "cut.jpg"}
    assert {row.reason is None for row in rows.values() if row.image is not None} == {True}
    assert rows["empty.png"].reason == "it is empty"
    image = rows["a.png"].image
    assert (image.origin, image.height, image.width, image.nChannels, image.mode) == (rows["a.png"].path, 6, 9, 3, 16)
    assert sdl.images.to_array(image)[0, 0].tolist() == [200, 0, 10]  # blue, green, red
    # Spark's own source gives the same bytes.
    own = spark_local.read.format("image").load(f"file:{folder}/golden retriever/a.png").first()
    assert own is not None and tuple(own.image)[1:] == tuple(image)[1:]


def test_bad_files_are_fatal_or_skipped_as_the_user_says(
    spark_local: SparkSession, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=r"file:/.*tabby/\w+\.\w+ cannot be decoded: it .*invalid='skip'"), own_errors():
        sdl.images.read(spark_local, str(folder)).collect()
    rows = sdl.images.read(spark_local, f"file://{folder}", size=(3, 5), channels=1, invalid="skip").collect()
    assert sorted(name_of(row.path) for row in rows) == ["a.png", "b.JPG", "c.png"]
    assert {(row.image.height, row.image.width, row.image.nChannels, row.image.mode) for row in rows} == {(3, 5, 1, 0)}
    flat = sdl.images.read(spark_local, f"{folder}/golden*", recursive=False, size=2).collect()
    assert [row.image.height for row in flat] == [2, 2]
    assert sdl.images.read(spark_local, str(folder), pattern="*.JPG").count() == 1


def test_the_skipped_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    import pyarrow as pa

    batch = pa.record_batch({"content": pa.array([b"", png(1), None, b"?"] * 4, pa.binary())})
    task = ImageDecoder("content", None, ("content",), ("image",), None, 3, "skip", 1 << 20)
    with caplog.at_level(logging.WARNING, "sparkdl"):
        (made,) = task([batch])
    assert made.num_rows == 4
    assert "12 of 16 images cannot be decoded and are skipped: the image in row 0 of partition 0" in caplog.text
    assert "it is null" in caplog.text and "; ..." in caplog.text


def test_labels_come_from_a_table(spark_local: SparkSession, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("label,path,more\n007,golden retriever/a.png,1\ncat,./tabby/deep/c.png,2\nx,not/there.png,3\n")
    frame = sdl.images.read(spark_local, f"{folder}/", labels=str(table), invalid="skip")
    assert {name_of(row.path): row.label for row in frame.collect()} == {"a.png": "007", "b.JPG": None, "c.png": "cat"}
    given = spark_local.createDataFrame([("golden retriever/b.JPG", 3)], "path string, label int")
    frame = sdl.images.read(spark_local, str(folder), labels=given, pattern="*.JPG")
    assert [row.label for row in frame.collect()] == [3]
    twice = given.union(spark_local.createDataFrame([("golden retriever/b.JPG", 4)], given.schema))
    with pytest.raises(Exception, match="gives several labels to the image golden retriever/b.JPG"):
        sdl.images.read(spark_local, str(folder), labels=twice, pattern="*.JPG").collect()
    with pytest.raises(DataError, match="no column 'label'.*did you mean 'labels'"):
        sdl.images.read(spark_local, str(folder), labels=given.withColumnRenamed("label", "labels"))


def test_a_plan_starts_no_job(spark_local: SparkSession, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\ntabby/deep/c.png,cat\n")
    context = spark_local.sparkContext
    context.setJobGroup("plan", "building a plan")
    try:
        sdl.images.read(spark_local, str(folder), labels=str(table), invalid="skip").drop("label")
        assert not context.statusTracker().getJobIdsForGroup("plan")
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)


def test_a_binary_column_is_decoded_beside_the_others(spark_local: SparkSession) -> None:
    rows = [(1, bytearray(png(5)), {"a": 1}), (2, None, {}), (3, bytearray(b"?"), {"b": 2})]
    frame = spark_local.createDataFrame(rows, "id int, content binary, more map<string,int>")
    kept = sdl.images.decode(frame, "Content", output="picture", origin=None, invalid="keep").collect()
    assert [(row.id, row.more, row.picture is None, row.reason is None) for row in kept] == [
        (1, {"a": 1}, False, True),
        (2, {}, True, False),
        (3, {"b": 2}, True, False),
    ]
    with pytest.raises(DataError, match=r"the image in row \d of partition \d .* cannot be decoded"), own_errors():
        sdl.images.decode(frame, "content").collect()


def test_a_folder_without_images_is_refused(spark_local: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(
        MissingFileError, match=r"^the folder '.*' has no images: no file of it is named \*.jpg, \*.jpeg"
    ):
        sdl.images.read(spark_local, str(tmp_path))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "empty.png").touch()
    with pytest.raises(
        MissingFileError, match=r"no file of it is named \*.bmp; correct path=, pattern= or recursive=."
    ):
        sdl.images.read(spark_local, str(tmp_path), pattern="*.bmp")
    with pytest.raises(MissingFileError, match="has no images"):
        sdl.images.read(spark_local, str(tmp_path), recursive=False)
    assert sdl.images.read(spark_local, str(tmp_path), invalid="keep").count() == 1


def test_mistakes_are_told_on_the_driver(spark_local: SparkSession, folder: Path) -> None:
    frame = spark_local.createDataFrame([(1, bytearray(b""))], "image int, content binary")
    cases: list[tuple[type[Exception], str, Any]] = [
        (ArgumentError, "'image' exists already", lambda: sdl.images.decode(frame, "content")),
        (DataError, "has the type int, expected binary", lambda: sdl.images.decode(frame, "image")),
        (DataError, "did you mean 'content'", lambda: sdl.images.decode(frame, "contents")),
        (ArgumentError, "size must be", lambda: sdl.images.read(spark_local, str(folder), size=(3, 0))),
        (ArgumentError, "channels must be", lambda: sdl.images.read(spark_local, str(folder), channels=4)),
        (ArgumentError, "invalid must be", lambda: sdl.images.read(spark_local, str(folder), invalid="drop")),
        (ArgumentError, "wildcards", lambda: sdl.images.read(spark_local, f"{folder}/*", labels="labels.csv")),
        (ArgumentError, "received int", lambda: sdl.images.read(spark_local, str(folder), labels=3)),
        (MissingFileError, "there is no folder '/not/there'", lambda: sdl.images.read(spark_local, "/not/there")),
        (MissingFileError, "labels.csv", lambda: sdl.images.read(spark_local, str(folder), labels="/not/labels.csv")),
    ]
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


def test_the_images_of_scikit_learn_are_read(spark_local: SparkSession) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    root = Path(datasets.__file__).parent / "images"
    frame = sdl.images.read(spark_local, str(root)).sort("path")
    for row, expected in zip(frame.collect(), datasets.load_sample_images().images, strict=True):
        found = sdl.images.to_array(row.image)[:, :, ::-1]
        assert found.shape == (427, 640, 3)
        assert np.abs(found.astype(int) - expected).mean() < 1


def test_images_on_hdfs(spark_local: SparkSession, folder: Path, hdfs: str) -> None:
    hadoop = spark_local.sparkContext._jvm.org.apache.hadoop
    target = hadoop.fs.Path(f"{hdfs}/pictures")
    system = target.getFileSystem(spark_local.sparkContext._jsc.hadoopConfiguration())
    system.copyFromLocalFile(hadoop.fs.Path(f"file:{folder}"), target)
    given = spark_local.createDataFrame([("tabby/deep/c.png", "cat")], "path string, label string")
    frame = sdl.images.read(spark_local, f"{hdfs}/pictures", labels=given, invalid="skip")
    assert {name_of(row.path): row.label for row in frame.collect()} == {"a.png": None, "b.JPG": None, "c.png": "cat"}
