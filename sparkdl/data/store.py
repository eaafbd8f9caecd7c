"""The rows of one worker: drained once from Spark, then addressed at random for every batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from sparkdl.data.blocks import POSITION_BITS, Block, describe_row
from sparkdl.data.epoch import split_rows
from sparkdl.data.growing import GrowingArray
from sparkdl.data.pictures import PICTURE, GrowingPictures, Pictures, picture_hashes
from sparkdl.errors import DataError
from sparkdl.memory import aligned_rows
from sparkdl.types import Batch, SampleSpec

TRAIN, VALIDATION = 0, 1
_HASH_ROWS = 2048


class RowsView:
    """Some rows of a frozen store, in the order of their ids."""

    def __init__(self, store: PartitionStore, order: np.ndarray) -> None:
        """`order` int64 (rows,) says where in the store each row lies."""
        self._store = store
        self._order = order

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._order)

    @property
    def on_disk(self) -> bool:
        """Whether the rows lie in files."""
        return self._store.on_disk

    def ids(self, rows: np.ndarray) -> np.ndarray:
        """The ids of rows, int64 (n,), numbered as in `take`."""
        return self._store.ids(self._order[rows])

    def take(self, rows: np.ndarray, out: Batch | None = None) -> Batch:
        """Copies rows into contiguous arrays, which begin at 64-byte boundaries; images of any size stay views.

        Args:
            rows: int (n,), numbers from 0 to `self.rows` - 1.
            out: a batch of n rows to write into; None makes a new one.
        """
        return self._store.gather(self._order[rows], out)

    def fingerprint(self) -> dict[int, int]:
        """A 64-bit number for each source partition that has rows here.

        It depends on the ids and the values of the rows, and not on where or in which order they lie; the
        numbers of several workers add up (modulo 2**64) to that of the whole partition.
        """
        return self._store.hash_rows(self._order)


class PartitionStore:
    """Columns of rows in memory, or beyond `memory_limit` in unlinked files on local disk.

    Append blocks in any order, `freeze`, then take rows: they are numbered by role and id, so the order of
    arrival does not matter.

    Example:
        >>> import numpy as np
        >>> from sparkdl.types import TensorSpec
        >>> spec = SampleSpec((TensorSpec("features", (2,), "float32"),))
        >>> with PartitionStore(spec) as store:
        ...     store.append(Block(np.array([1, 0]), (np.array([[3.0, 4.0], [1.0, 2.0]]),)))
        ...     store.freeze()
        ...     store.view().take(np.array([0])).features[0].tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, spec: SampleSpec, memory_limit: int | None = None, directory: str | None = None) -> None:
        """Starts empty.

        Args:
            spec: the columns of every block.
            memory_limit: bytes of columns to keep in memory; None keeps all there.
            directory: where to put the files beyond the limit; None takes the system's temporary directory.
        """
        self.spec = spec
        self._limit = memory_limit
        self._directory = directory
        self._columns = [
            GrowingPictures() if tensor.dtype == PICTURE else GrowingArray(tensor.shape, tensor.dtype)
            for tensor in spec.columns
        ]
        self._ids = GrowingArray((), "int64")
        self._roles = GrowingArray((), "int8")
        self._vocabularies: dict[int, dict[str, int]] = {}
        self._arrays: tuple[np.ndarray | Pictures, ...] | None = None
        self._order = np.empty(0, np.int64)

    @property
    def rows(self) -> int:
        """Number of rows, whatever their role."""
        return self._ids.rows

    @property
    def nbytes(self) -> int:
        """Bytes of all columns, in memory or on disk."""
        return sum(column.nbytes for column in self._columns)

    @property
    def on_disk(self) -> bool:
        """Whether the columns were moved to files."""
        return any(column.on_disk for column in self._columns)

    def append(self, block: Block) -> None:
        """Copies a block's rows in.

        Raises:
            RuntimeError: the store is frozen.
            DataError: the disk is full.
        """
        if self._arrays is not None:
            raise RuntimeError("a frozen store takes no more rows: append all blocks before freeze().")
        self._ids.append(block.ids)
        self._roles.append(np.zeros(block.rows, np.int8) if block.role is None else block.role)
        for index, (column, values) in enumerate(zip(self._columns, block.columns, strict=True)):
            vocabulary = block.vocabularies[index] if block.vocabularies else None
            column.append(values if vocabulary is None else self._encode(index, values, vocabulary))
        if self._limit is not None and self.nbytes > self._limit and not self.on_disk:
            for column in self._columns:
                column.spill(self._directory)

    def _encode(self, index: int, codes: np.ndarray, vocabulary: tuple[str, ...]) -> np.ndarray:
        known = self._vocabularies.setdefault(index, {})
        return np.array([known.setdefault(word, len(known)) for word in vocabulary], np.int32)[codes]

    def freeze(self) -> None:
        """Ends the filling: from now on rows can be taken."""
        for column in self._columns:
            column.trim()
        self._arrays = tuple(column.array() for column in self._columns)
        self._sort()

    def _sort(self) -> None:
        ids, roles = self._ids.array(), self._roles.array()
        ordered = np.all(ids[1:] > ids[:-1]) and not roles.any()
        self._order = np.arange(len(ids)) if ordered else np.lexsort((ids, roles))

    def split(self, fraction: float, seed: int) -> None:
        """Makes a seeded random part of the training rows validation rows (see `split_rows`)."""
        self._frozen()
        roles = self._roles.array()
        roles[(roles == TRAIN) & split_rows(fraction, seed, self._ids.array())] = VALIDATION
        self._sort()

    def view(self, role: int | None = None) -> RowsView:
        """The rows of one role (0 training, 1 validation), or all; nothing is copied."""
        self._frozen()
        if role is None:
            return RowsView(self, self._order)
        return RowsView(self, self._order[self._roles.array()[self._order] == role])

    def take(self, rows: np.ndarray, out: Batch | None = None) -> Batch:
        """Copies rows of any role; see `RowsView.take`."""
        return self.gather(self._order[rows], out)

    def gather(self, places: np.ndarray, out: Batch | None = None) -> Batch:
        """Copies the rows at `places` (numbers in the order of arrival) into contiguous arrays."""
        arrays = self._frozen()
        targets = _empty(arrays, len(places)) if out is None else _columns_of(out)
        for array, target in zip(arrays, targets, strict=True):
            array.take(places, axis=0, out=target, mode="clip")  # "raise" would go through a buffer
        return self._batch(targets)

    def _batch(self, columns: list[np.ndarray]) -> Batch:
        inputs, outputs = len(self.spec.features), len(self.spec.labels)
        weights = columns[-1] if self.spec.weighted else None
        return Batch(tuple(columns[:inputs]), tuple(columns[inputs : inputs + outputs]), weights)

    def label_range(self, index: int = 0) -> tuple[float, float] | None:
        """Smallest and largest value of label column `index` over all roles; None without rows."""
        column = self._frozen()[len(self.spec.features) + index]
        return (column.min().item(), column.max().item()) if column.size else None

    def counting(self, role: int = TRAIN) -> int:
        """Number of rows of one role whose weight is not 0."""
        chosen = self._roles.array() == role
        return int(np.count_nonzero(self._frozen()[-1][chosen]) if self.spec.weighted else chosen.sum())

    def vocabulary(self, column: int, role: int = TRAIN) -> tuple[str, ...]:
        """The strings that rows of one role hold in column number `column`, sorted.

        A worker knows its own rows only: join the vocabularies of all workers, then `recode` with the result.
        """
        words = list(self._vocabularies.get(column, {}))
        codes = np.unique(self._frozen()[column][self._roles.array() == role])
        return tuple(sorted(words[code] for code in codes.tolist()))

    def recode(self, column: int, mapping: Mapping[str, int]) -> None:
        """Replaces the codes of a string column by those all workers agreed on.

        Raises:
            DataError: a row holds a string that the mapping does not know.
        """
        codes = self._frozen()[column]
        words = self._vocabularies.pop(column, {})
        table = np.array([mapping.get(word, -1) for word in words], np.int32)
        if (table < 0).any():
            self._refuse_word(column, list(words), table, mapping)
        if len(codes):
            codes[:] = table[codes]

    def _refuse_word(self, column: int, words: list[str], table: np.ndarray, mapping: Mapping[str, int]) -> None:
        places = np.flatnonzero(table[self._frozen()[column]] < 0)
        place = int(places[np.argmin(self._ids.array()[places])])
        word = words[int(self._frozen()[column][place])]
        known = ", ".join(repr(name) for name in list(mapping)[:10]) + (", ..." if len(mapping) > 10 else "")
        where = describe_row(int(self._ids.array()[place]), int(self._roles.array()[place]))
        raise DataError(
            f"label column {self.spec.columns[column].name!r} holds {word!r} in {where}; expected one of the "
            f"{len(mapping)} labels seen in training: {known}."
        )

    def ids(self, places: np.ndarray) -> np.ndarray:
        """The ids of the rows at `places` (numbers in the order of arrival)."""
        return self._ids.array()[places]

    def hash_rows(self, places: np.ndarray) -> dict[int, int]:
        """See `RowsView.fingerprint`; `places` are numbers in the order of arrival."""
        arrays = self._frozen()
        factors = [_factors(index, array) for index, array in enumerate(arrays)]
        sums: dict[int, int] = {}
        for start in range(0, len(places), _HASH_ROWS):
            part = places[start : start + _HASH_ROWS]
            ids = self._ids.array()[part]
            hashes = _scramble(ids.astype(np.uint64))
            for array, factor in zip(arrays, factors, strict=True):
                hashes = _scramble(hashes + _row_numbers(array.take(part, axis=0), factor))
            partitions, inverse = np.unique(ids >> POSITION_BITS, return_inverse=True)
            totals = np.zeros(len(partitions), np.uint64)
            np.add.at(totals, inverse, hashes)
            for partition, total in zip(partitions.tolist(), totals.tolist(), strict=True):
                sums[partition] = (sums.get(partition, 0) + total) % 2**64
        return sums

    def _frozen(self) -> tuple[Any, ...]:
        if self._arrays is None:
            raise RuntimeError("the store is not frozen (or closed already): call freeze() once after the last append.")
        return self._arrays

    def close(self) -> None:
        """Frees memory and files; safe to call twice."""
        self._arrays = None
        self._order = np.empty(0, np.int64)
        for column in (*self._columns, self._ids, self._roles):
            column.close()

    def __enter__(self) -> PartitionStore:
        """Returns itself; the end of the `with` block closes the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the store."""
        self.close()


def _columns_of(batch: Batch) -> list[np.ndarray]:
    weights = () if batch.weights is None else (batch.weights,)
    return [*batch.features, *batch.labels, *weights]


def _empty(arrays: Sequence[np.ndarray | Pictures], rows: int) -> list[np.ndarray]:
    """New arrays of `rows` rows."""
    return [
        np.empty(rows, PICTURE) if isinstance(array, Pictures) else aligned_rows(rows, array.shape[1:], array.dtype)
        for array in arrays
    ]


def _row_numbers(rows: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """A number for the values of each row: uint64 (rows,)."""
    return picture_hashes(rows) if rows.dtype == PICTURE else _words(rows) @ factor


def _words(rows: np.ndarray) -> np.ndarray:
    """The bytes of each row as uint64 numbers of at most 32 bits: (rows, words)."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    width = flat.dtype.itemsize * flat.shape[1]
    word = np.uint32 if width % 4 == 0 else np.uint8
    return flat.view(word).astype(np.uint64) if width else np.zeros((len(rows), 0), np.uint64)


def _factors(index: int, array: np.ndarray | Pictures) -> np.ndarray:
    if isinstance(array, Pictures):
        return np.empty(0, np.uint64)
    words = _words(array[:1] if len(array) else np.zeros((1, *array.shape[1:]), array.dtype)).shape[1]
    random = np.random.default_rng(np.random.SeedSequence((0x5DA7A, index)))
    return random.integers(0, 2**64, words, np.uint64) | np.uint64(1)


def _scramble(values: np.ndarray) -> np.ndarray:
    mixed = (values ^ (values >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
