"""Rows of tables by their numbers."""

from __future__ import annotations

import sys  # noqa: F401
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparkdl.bigdl.keras.base import ZooKerasLayer, callZooFunc  # noqa: F401
from sparkdl.bigdl.keras.parts import initial, nn, stacked
from sparkdl.bigdl.nn.layers.base import Layer
from sparkdl.bigdl.util.common import JTensor  # noqa: F401
from sparkdl.errors import ArgumentError, DataError, MissingFileError
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.initial import generator
from sparkdl.nn.torch.module import Array


class Embedding(ZooKerasLayer):
    """The rows of a trained table at numbers, from 0 as a rule: [batch, n] to [batch, n, output_dim]."""

    RANKS = (2,)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        init: Any = "uniform",
        weights: Any = None,
        trainable: bool = True,
        input_length: int | None = None,
        W_regularizer: Any = None,
        input_shape: Any = None,
        mask_zero: bool = False,
        padding_value: int = 0,
        zero_based_id: bool = True,
        **kwargs: Any,
    ) -> None:
        self.refuse(input_dim <= 0 or output_dim <= 0, "needs sizes (input_dim, output_dim) above 0")
        self.begin({**locals(), "input_shape": (input_length,) if input_length else input_shape})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        table = nn.LookupTable(
            a.input_dim, a.output_dim, padding_value=float(a.padding_value), wRegularizer=a.W_regularizer
        )
        if a.weights is None:
            table.set_init_method(initial(a.init))
        else:
            given = np.asarray(a.weights, np.float32)
            expected = (a.input_dim, a.output_dim)
            self.refuse(given.shape != expected, f"has weights of shape {given.shape}, expected {expected}")
            table.value.parameters["weight"] = given
        if not a.trainable:
            table.freeze()
        return stacked(nn.AddConstant(1.0) if a.zero_based_id else None, table)


class SparseEmbedding(ZooKerasLayer):
    """Sums or means of the rows of a trained table whose numbers (from 1) stand in the rows of a sparse value."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        combiner: str = "sum",
        max_norm: float = -1.0,
        init: Any = "uniform",
        W_regularizer: Any = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.begin(locals())

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        a = self.a
        table = nn.LookupTableSparse(a.input_dim, a.output_dim, a.combiner, float(a.max_norm), a.W_regularizer)
        return stacked(table.set_init_method(initial(a.init)))


class WordEmbedding(ZooKerasLayer):
    """Vectors of words from a file of GloVe, which are not trained: [batch, n] numbers to [batch, n, size]."""

    RANKS = (2,)

    def __init__(
        self,
        embedding_file: str,
        word_index: Mapping[str, int] | None = None,
        trainable: bool = False,
        input_length: int | None = None,
        input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self.refuse(trainable, "cannot be trained; give Embedding(weights=prepare_embedding(...)) its vectors")
        self._table = prepare_embedding(embedding_file, word_index)
        self.begin({**locals(), "input_shape": (input_length,) if input_length else input_shape})

    def build(self, shape: Any) -> Layer:
        """See `ZooKerasLayer`."""
        size, width = self._table.shape
        module = make("FixedLookup", n_index=size, n_output=width)
        module.states["weight"] = self._table
        return Layer(module, "float")

    @staticmethod
    def get_word_index(embedding_file: str, bigdl_type: str = "float") -> dict[str, int]:
        """The number, from 1, of each word in a file of GloVe."""
        return {word: place for place, (word, _) in enumerate(_vectors(embedding_file), 1)}


def prepare_embedding(
    embedding_file: str,
    word_index: Mapping[str, int] | None = None,
    randomize_unknown: bool = False,
    normalize: bool = False,
) -> Array:
    """A table of the vectors in a file of GloVe.

    Args:
        embedding_file: lines of a word and numbers.
        word_index: the row of each word, from 1; row 0 is for unknown ones. Without it, the rows are the lines.
        randomize_unknown: whether words without a vector get random ones instead of zeros.
        normalize: whether vectors become 1 long.

    Returns:
        Array [rows, size].
    """
    if word_index is not None and any(place < 1 for place in word_index.values()):
        raise ArgumentError("word_index has numbers below 1: they count from 1, and 0 is for unknown words.")
    found: dict[int, Array] = {}
    for place, (word, vector) in enumerate(_vectors(embedding_file), 1):
        row = place if word_index is None else word_index.get(word)
        if row is not None:
            found[row] = np.asarray(vector, np.float32)
    if not found:
        raise DataError(f"{embedding_file} has no vector of a word that is asked for.")
    size = len(next(iter(found.values())))
    rows = max(found) if word_index is None else max(word_index.values())
    table = np.zeros((rows + 1, size), np.float32)
    for row in range(1, rows + 1):
        if row in found or randomize_unknown:
            drawn = found.get(row, generator().uniform(-1.0, 1.0, size).astype(np.float32))
            table[row] = drawn / np.linalg.norm(drawn) if normalize else drawn
    return table


def _vectors(path: str) -> Iterator[tuple[str, list[str]]]:
    if not Path(path).is_file():
        raise MissingFileError(f"there is no file {path!r} of word vectors: download it, for example glove.6B.50d.txt.")
    with open(path, encoding="latin-1") as lines:
        for line in lines:
            word, *vector = line.rstrip("\n").split(" ")
            if vector:
                yield word, vector
