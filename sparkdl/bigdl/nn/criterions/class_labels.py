"""Criterions whose targets are classes, which count from 1."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.criterions.base import Criterion, describe
from sparkdl.errors import ArgumentError


class ClassNLLCriterion(Criterion):
    """The negative log-likelihood of labels [batch] by log-probabilities [batch, classes]; -1 leaves a row out.

    Args:
        weights: of the classes.
        size_average: whether to divide by the sum of the weights.
        logProbAsInput: False where the input are probabilities.
    """

    def __init__(
        self,
        weights: Any = None,
        size_average: bool = True,
        logProbAsInput: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("ClassNLLCriterion", locals()), bigdl_type)


class CrossEntropyCriterion(Criterion):
    """`LogSoftMax`, then `ClassNLLCriterion`."""

    def __init__(self, weights: Any = None, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("CrossEntropyCriterion", locals()), bigdl_type)


class CategoricalCrossEntropy(Criterion):
    """The cross-entropy of one-hot targets by probabilities [batch, classes]."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CategoricalCrossEntropy", locals()), bigdl_type)


class ClassSimplexCriterion(Criterion):
    """The mean squared distance of [batch, n_classes] from the corner of a simplex that stands for each label."""

    def __init__(self, n_classes: int, bigdl_type: str = "float") -> None:
        if n_classes <= 1:
            raise ArgumentError(f"ClassSimplexCriterion: n_classes is {n_classes}, expected at least 2.")
        super().__init__(describe("ClassSimplexCriterion", locals()), bigdl_type)


class MultiLabelMarginCriterion(Criterion):
    """The hinge loss of [batch, classes] and rows of labels, which end with the first 0."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("MultiLabelMarginCriterion", locals()), bigdl_type)


class MultiMarginCriterion(Criterion):
    """The hinge loss of [batch, classes] and labels [batch].

    Args:
        p: 1, or 2 for its square.
        weights: of the classes.
        margin: of the hinge.
        size_average: whether to divide by the number of rows.
    """

    def __init__(
        self,
        p: int = 1,
        weights: Any = None,
        margin: float = 1.0,
        size_average: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginCriterion: p is {p}, expected 1 or 2.")
        super().__init__(describe("MultiMarginCriterion", locals()), bigdl_type)


class SoftmaxWithCriterion(Criterion):
    """The cross-entropy of [batch, classes, ...] and one label for each place, as Caffe's SoftmaxWithLoss.

    Args:
        ignore_label: places with this label are left out.
        normalize_mode: what is divided by: "FULL" all places, "VALID" those not left out, "BATCH_SIZE", or "NONE".
    """

    def __init__(self, ignore_label: Any = None, normalize_mode: str = "VALID", bigdl_type: str = "float") -> None:
        if normalize_mode not in ("FULL", "VALID", "BATCH_SIZE", "NONE"):
            raise ArgumentError(
                f"SoftmaxWithCriterion: normalize_mode is {normalize_mode!r}, expected FULL, VALID, BATCH_SIZE or NONE."
            )
        super().__init__(describe("SoftmaxWithCriterion", locals()), bigdl_type)
