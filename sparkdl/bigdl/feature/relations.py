"""Which texts belong to which: pairs of ids with a label."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pyspark.sql import SparkSession

from sparkdl.errors import DataError


class Relation:
    """Two ids, and how they are related: 1 or 0, or a rank."""

    def __init__(self, id1: str, id2: str, label: int, bigdl_type: str = "float") -> None:
        self.id1 = id1
        self.id2 = id2
        self.label = int(label)
        self.bigdl_type = bigdl_type

    def to_tuple(self) -> tuple[str, str, int]:
        """Both ids and the label."""
        return self.id1, self.id2, self.label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relation) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __reduce__(self) -> Any:
        return Relation, self.to_tuple()

    def __str__(self) -> str:
        return f"Relation [id1: {self.id1}, id2: {self.id2}, label: {self.label}]"

    __repr__ = __str__


class Relations:
    """Reads relations."""

    @staticmethod
    def read(path: str, sc: Any = None, min_partitions: int = 1, bigdl_type: str = "float") -> Any:
        """The relations of a text file with a line "id1,id2,label" for each: a list, or an RDD where `sc` is given.

        Raises:
            DataError: a line has another form.
        """
        if sc is not None:
            return sc.textFile(path, min_partitions).map(_of_line)
        with open(path, encoding="utf-8") as file:
            return [_of_line(line) for line in file if line.strip()]

    @staticmethod
    def read_parquet(path: str, sc: Any, bigdl_type: str = "float") -> Any:
        """An RDD of the relations of a Parquet file with the columns id1, id2 and label."""
        session = getattr(sc, "sparkSession", sc)
        session = session if isinstance(session, SparkSession) else SparkSession(sc)
        return session.read.parquet(path).select("id1", "id2", "label").rdd.map(lambda row: Relation(*row))


def _of_line(line: str) -> Relation:
    fields = next(csv.reader([line.strip()]), [])
    if len(fields) != 3 or not fields[2].strip().lstrip("-").isdigit():
        raise DataError(f"a line of relations has the form id1,id2,label, received {line.strip()[:80]!r}.")
    return Relation(fields[0], fields[1], int(fields[2]))


def by_first(relations: Iterable[Relation]) -> dict[str, list[tuple[str, int]]]:
    """For each first id the second ids and their labels, in their order."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for relation in relations:
        found[relation.id1].append((relation.id2, relation.label))
    return dict(found)


def pairs(relations: Iterable[Relation]) -> list[tuple[str, str, str]]:
    """(first id, a second one that belongs to it, one that does not), in all combinations."""
    return [
        (first, positive, negative)
        for first, seconds in by_first(relations).items()
        for positive, label in seconds
        if label > 0
        for negative, other in seconds
        if other == 0
    ]
