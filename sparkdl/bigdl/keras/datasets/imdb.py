"""Reviews of films, as lists of word numbers by frequency, and whether they are positive."""

import pickle as cPickle  # noqa: F401
from typing import Any

import numpy as np

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.keras.datasets.stored import frequent, read_plain, shuffle_by_seed

_URL = "https://s3.amazonaws.com/text-datasets/"


def download_imdb(dest_dir: str) -> str:
    """The path of `imdb_full.pkl`; nothing is downloaded.

    Raises:
        MissingFileError: it is not there.
    """
    return base.maybe_download("imdb_full.pkl", dest_dir, f"{_URL}imdb_full.pkl")


def load_data(dest_dir: str = "/tmp/.bigdl/dataset", nb_words: int | None = None, oov_char: int | None = 2) -> Any:
    """((training texts, labels), (test texts, labels)).

    Args:
        dest_dir: the folder with `imdb_full.pkl`.
        nb_words: how many words are kept; None for nearly all.
        oov_char: what other words become; None to leave them out.
    """
    with open(download_imdb(dest_dir), "rb") as file:
        (x_train, y_train), (x_test, y_test) = read_plain(file)
    shuffle_by_seed([x_train, y_train, x_test, y_test])
    texts = frequent([*x_train, *x_test], nb_words, oov_char)
    train, test = texts[: len(x_train)], texts[len(x_train) :]
    return (_ragged(train), np.array(y_train)), (_ragged(test), np.array(y_test))


def get_word_index(dest_dir: str = "/tmp/.bigdl/dataset", filename: str = "imdb_word_index.pkl") -> dict[str, int]:
    """The number of each word."""
    with open(base.maybe_download(filename, dest_dir, f"{_URL}imdb_word_index.pkl"), "rb") as file:
        return read_plain(file)


def _ragged(texts: list[list[int]]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


__all__ = ["base", "cPickle", "download_imdb", "get_word_index", "load_data", "np", "shuffle_by_seed"]
