"""Data sets are read from the files that BigDL used; what is missing is told, and nothing strange is unpacked."""

from __future__ import annotations

import gzip
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.dataset import base, mnist, movielens, news20, sentence
from sparkdl.bigdl.keras.datasets import boston_housing, imdb, reuters
from sparkdl.bigdl.keras.datasets import mnist as keras_mnist
from sparkdl.errors import DataError, MissingFileError

IMAGES = np.arange(2 * 28 * 28, dtype="int64").astype("uint8").reshape(2, 28, 28)


def _mnist(folder: Path, packed: bool) -> None:
    for stem in ("train", "t10k"):
        images = struct.pack(">4I", 2051, 2, 28, 28) + IMAGES.tobytes()
        labels = struct.pack(">2I", 2049, 2) + bytes([7, 0])
        for name, content in ((f"{stem}-images-idx3-ubyte", images), (f"{stem}-labels-idx1-ubyte", labels)):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_mnist(packed: bool, tmp_path: Path) -> None:
    _mnist(tmp_path, packed)
    images, labels = mnist.read_data_sets(str(tmp_path), "test")
    assert images.shape == (2, 28, 28, 1) and np.array_equal(images[..., 0], IMAGES) and labels.tolist() == [7, 0]
    (train, train_labels), _ = mnist.load_data(str(tmp_path))
    np.testing.assert_allclose(train, (images - mnist.TRAIN_MEAN) / mnist.TRAIN_STD)
    assert train_labels.tolist() == [8, 1]
    assert keras_mnist.load_data(str(tmp_path))[1][1].tolist() == [7, 0]


def test_another_or_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, message in (
        (struct.pack(">2I", 2049, 1) + b"\x01", "must begin with the number 2051, received 2049"),
        (struct.pack(">4I", 2051, 2, 28, 28) + b"\x01", "promises .2, 28, 28. bytes and holds 1"),
        (b"", "received 0"),
        (gzip.compress(b"x" * 100)[:18], "is damaged"),
    ):
        path.write_bytes(content)
        with path.open("rb") as file, pytest.raises(DataError, match=message):
            mnist.extract_images(file)


LOADERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "mnist": (mnist.read_data_sets, "train-images-idx3-ubyte.gz"),
    "movielens": (movielens.get_id_pairs, "ml-1m.zip"),
    "news20": (news20.get_news20, "20news-18828.tar.gz"),
    "glove": (news20.get_glove_w2v, "glove.6B.zip"),
    "imdb": (imdb.load_data, "imdb_full.pkl"),
    "imdb words": (imdb.get_word_index, "imdb_word_index.pkl"),
    "reuters": (reuters.load_data, "reuters.pkl"),
    "boston": (lambda folder: boston_housing.load_data(dest_dir=folder), "boston_housing.npz"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_file_is_named_with_its_place_and_its_source(name: str, tmp_path: Path) -> None:
    load, file = LOADERS[name]
    with pytest.raises(MissingFileError, match=f"there is no file {tmp_path}/{file}: .* get http"):
        load(str(tmp_path))


def test_movielens(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
        archive.writestr("ml-1m/ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n")
    assert movielens.get_id_ratings(str(tmp_path)).tolist() == [[1, 1193, 5], [1, 661, 3]]
    assert movielens.get_id_pairs(str(tmp_path)).tolist() == [[1, 1193], [1, 661]]


def test_newsgroups_and_vectors(tmp_path: Path) -> None:
    for group, number in (("alt.atheism", "11"), ("sci.space", "5"), ("sci.space", "notes")):
        (tmp_path / "20news-18828" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "20news-18828" / group / number).write_text(f"text {number}")
    with tarfile.open(tmp_path / "20news-18828.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "20news-18828", "20news-18828")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "20news-18828.tar.gz").rename(elsewhere / "20news-18828.tar.gz")
    expected = [("text 11", 1), ("text 5", 2)]
    assert news20.get_news20(str(elsewhere)) == news20.get_news20(str(tmp_path)) == expected
    with zipfile.ZipFile(tmp_path / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.50d.txt", "the 0.5 -1\nof 1 2\n")
    assert news20.get_glove_w2v(str(tmp_path), dim=50) == {"the": [0.5, -1.0], "of": [1.0, 2.0]}


def test_an_archive_leaves_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "20news-18828.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "evil", "../../evil")
    with pytest.raises(DataError, match="cannot be unpacked"):
        news20.get_news20(str(tmp_path))


def test_texts_of_word_numbers(tmp_path: Path) -> None:
    train, test = ([[1, 5, 9], [2, 3]], [0, 1]), ([[7]], [1])
    (tmp_path / "imdb_full.pkl").write_bytes(pickle.dumps((train, test)))
    (x, y), (x_test, _) = imdb.load_data(str(tmp_path), nb_words=6)
    assert {tuple(text): label for text, label in zip(x, y, strict=True)} == {(1, 5, 2): 0, (2, 3): 1}
    assert x_test.tolist() == [[2]] and imdb.load_data(str(tmp_path), 6, None)[1][0].tolist() == [[]]
    (tmp_path / "reuters.pkl").write_bytes(pickle.dumps(([[1], [2], [3], [4], [5], [9]], [1, 2, 3, 4, 5, 2])))
    (x, y), (x_test, y_test) = reuters.load_data(str(tmp_path))
    assert len(x) == 4 and [[label] for label in y_test] == x_test and [[label] for label in y] == x
    np.savez(tmp_path / "boston_housing.npz", x=np.arange(10.0).reshape(5, 2), y=np.arange(5.0))
    (x, y), (x_test, y_test) = boston_housing.load_data(dest_dir=str(tmp_path))
    assert x.shape == (4, 2) and np.array_equal(x[:, 0], 2 * y) and y_test.shape == (1,)


class _Runs:
    def __reduce__(self) -> Any:
        return print, ("ran",)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "imdb_full.pkl").write_bytes(pickle.dumps(_Runs()))
    with pytest.raises(DataError, match="it names builtins.print"):
        imdb.load_data(str(tmp_path))


def test_sentences(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("First line.\nSecond.\n")
    assert sentence.read_localfile(str(tmp_path / "text")) == ["First line.\n", "Second.\n"]
    assert sentence.sentence_tokenizer(sentence.sentences_bipadding("No more.")) == [
        "SENTENCESTART",
        "No",
        "more",
        ".",
        "SENTENCEEND",
    ]


def test_the_bar_and_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    bar = base.Progbar(4, width=4)
    bar.add(2, [("loss", 1.0)])
    bar.add(2, [("loss", 0.0)])
    base.display_table([["name", 3]], [6, 8])
    said = capsys.readouterr().out
    assert "4/4 [====] - 0s - loss: 0.5000" in said and said.endswith("name  3 \n")
