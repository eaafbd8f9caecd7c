"""Samples for ranking texts: pairs of a text that belongs and one that does not, or all texts of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.feature.relations import Relation, by_first, pairs
from sparkdl.bigdl.feature.text.text_feature import TextFeature
from sparkdl.bigdl.util.sample import Sample
from sparkdl.errors import ArgumentError, DataError

Numbers = Mapping[str, Sequence[float]]


def numbers_of(features: Iterable[TextFeature], what: str) -> dict[str, Sequence[float]]:
    """The word numbers of each text, by its id.

    Raises:
        DataError: a text has none, or their numbers differ.
    """
    found = {}
    for feature in features:
        if feature["indexedTokens"] is None:
            raise DataError(f"the text {feature.get_uri()} of {what} has no word numbers yet: word2idx it first.")
        found[str(feature.get_uri())] = feature["indexedTokens"]
    if len({len(numbers) for numbers in found.values()}) > 1:
        raise DataError(f"the texts of {what} have different lengths: shape_sequence them first.")
    return found


def of_pairs(relations: Iterable[Relation], first: Numbers, second: Numbers) -> list[TextFeature]:
    """For each pair a sample of two rows: (text, text that belongs) with label 1, (text, other) with label 0."""
    made = []
    for one, positive, negative in pairs(relations):
        rows = [[*_text(first, one), *_text(second, other)] for other in (positive, negative)]
        made.append(_feature(one + positive + negative, rows, [1.0, 0.0]))
    return made


def of_lists(relations: Iterable[Relation], first: Numbers, second: Numbers) -> list[TextFeature]:
    """For each text a sample with a row for each of its others, and their labels."""
    made = []
    for one, others in by_first(relations).items():
        rows = [[*_text(first, one), *_text(second, other)] for other, _ in others]
        made.append(_feature(one + "".join(other for other, _ in others), rows, [float(label) for _, label in others]))
    return made


def _text(texts: Numbers, name: str) -> Sequence[float]:
    if name not in texts:
        raise DataError(f"a relation names the text {name!r}, which the corpus does not hold.")
    return texts[name]


def _feature(uri: str, rows: list[list[float]], labels: list[float]) -> TextFeature:
    feature = TextFeature(uri=uri)
    feature["sample"] = Sample.from_ndarray(np.array(rows, np.float32), np.array(labels, np.float32)[:, None])
    return feature


def check_same(relations: Any, corpus1: Any, corpus2: Any) -> bool:
    """Whether all are on the driver.

    Raises:
        ArgumentError: some are, and some are in RDDs.
    """
    local = [isinstance(relations, (list, tuple)), corpus1.is_local(), corpus2.is_local()]
    if len(set(local)) > 1:
        raise ArgumentError(
            "relations and both corpora must all be local (a list and LocalTextSets) or all be distributed (RDDs)."
        )
    return local[0]
