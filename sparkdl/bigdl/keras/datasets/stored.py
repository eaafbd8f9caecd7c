"""Pickles of plain lists, as text data sets came in; nothing else in a pickle is read."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import IO, Any, NoReturn

import numpy as np

from sparkdl.errors import DataError


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}, and a data set holds only lists, numbers and text")


def read_plain(file: IO[bytes]) -> Any:
    """What a pickle of lists, tuples, dicts, numbers and text holds. Nothing in it is run.

    Raises:
        DataError: it holds anything else, or is damaged.
    """
    try:
        return _Plain(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the file {getattr(file, 'name', '')} cannot be read as a data set: {error}.") from error


def shuffle_by_seed(arr_list: Sequence[Any], seed: int = 0) -> None:
    """Shuffles several lists in place, all in the same order.

    Example:
        >>> names, numbers = ["a", "b", "c"], [0, 1, 2]
        >>> shuffle_by_seed([names, numbers])
        >>> [names[place] == "abc"[number] for place, number in enumerate(numbers)]
        [True, True, True]
    """
    for values in arr_list:
        np.random.RandomState(seed).shuffle(values)


def frequent(texts: Sequence[Sequence[int]], nb_words: int | None, oov_char: int | None) -> list[list[int]]:
    """Texts of word numbers, where rare words (high numbers) become `oov_char`, or are left out where that is None."""
    if not nb_words:
        nb_words = max(max(text) for text in texts)
    if oov_char is None:
        return [[word for word in text if word < nb_words] for text in texts]
    return [[word if word < nb_words else oov_char for word in text] for text in texts]
