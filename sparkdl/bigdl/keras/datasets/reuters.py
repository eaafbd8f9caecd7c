"""Newswires, as lists of word numbers by frequency, and their topics."""

import pickle as cPickle  # noqa: F401
from typing import Any

import numpy as np  # noqa: F401

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.keras.datasets.stored import frequent, read_plain, shuffle_by_seed

_URL = "https://s3.amazonaws.com/text-datasets/"


def download_reuters(dest_dir: str) -> str:
    """The path of `reuters.pkl`; nothing is downloaded.

    Raises:
        MissingFileError: it is not there.
    """
    return base.maybe_download("reuters.pkl", dest_dir, f"{_URL}reuters.pkl")


def load_data(
    dest_dir: str = "/tmp/.zoo/dataset", nb_words: int | None = None, oov_char: int | None = 2, test_split: float = 0.2
) -> Any:
    """((training texts, labels), (test texts, labels)).

    Args:
        dest_dir: the folder with `reuters.pkl`.
        nb_words: how many words are kept; None for nearly all.
        oov_char: what other words become; None to leave them out.
        test_split: which part of the texts is for the test.
    """
    with open(download_reuters(dest_dir), "rb") as file:
        x, y = read_plain(file)
    shuffle_by_seed([x, y])
    x = frequent(x, nb_words, oov_char)
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])


def get_word_index(dest_dir: str = "/tmp/.zoo/dataset", filename: str = "reuters_word_index.pkl") -> dict[str, int]:
    """The number of each word."""
    with open(base.maybe_download(filename, dest_dir, f"{_URL}reuters_word_index.pkl"), "rb") as file:
        return read_plain(file)


__all__ = ["base", "cPickle", "download_reuters", "get_word_index", "load_data", "np", "shuffle_by_seed"]
