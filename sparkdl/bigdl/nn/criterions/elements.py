"""Criterions between an input and a target of the same shape."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.criterions.base import Criterion, describe


class MSECriterion(Criterion):
    """The mean squared difference."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MSECriterion", locals()), bigdl_type)


class AbsCriterion(Criterion):
    """The mean absolute difference, or the sum."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("AbsCriterion", locals()), bigdl_type)


class SmoothL1Criterion(Criterion):
    """Half the squared difference where that is below 1, else the absolute difference minus a half."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("SmoothL1Criterion", locals()), bigdl_type)


class BCECriterion(Criterion):
    """The cross-entropy of probabilities and targets between 0 and 1, weighted by element or column."""

    def __init__(self, weights: Any = None, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("BCECriterion", locals()), bigdl_type)


class MultiLabelSoftMarginCriterion(Criterion):
    """A sigmoid, then `BCECriterion`. It averages whatever `size_average` says, as BigDL's does."""

    def __init__(self, weights: Any = None, size_average: bool = True, bigdl_type: str = "float") -> None:
        arguments = {"weights": weights, "size_average": True}
        super().__init__(describe("MultiLabelSoftMarginCriterion", arguments), bigdl_type)


class DistKLDivCriterion(Criterion):
    """The Kullback-Leibler divergence of probabilities from log-probabilities, over the number of elements."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("DistKLDivCriterion", locals()), bigdl_type)


class KullbackLeiblerDivergenceCriterion(Criterion):
    """The Kullback-Leibler divergence of target probabilities from those of the input, over the rows."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("KullbackLeiblerDivergenceCriterion", locals()), bigdl_type)


class DotProductCriterion(Criterion):
    """The dot product. It sums whatever `size_average` says, as BigDL's does."""

    def __init__(self, size_average: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("DotProductCriterion", locals()), bigdl_type)


class PGCriterion(Criterion):
    """The policy gradient: minus the dot product of rewards and log-probabilities.

    It sums whatever `sizeAverage` says, as BigDL's does.
    """

    def __init__(self, sizeAverage: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("PGCriterion", locals()), bigdl_type)


class HingeEmbeddingCriterion(Criterion):
    """The input where the target is 1, and what it lacks to the margin where the target is -1."""

    def __init__(self, margin: float = 1.0, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("HingeEmbeddingCriterion", locals()), bigdl_type)


class MarginCriterion(Criterion):
    """The hinge loss of targets 1 and -1, or its square."""

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool = True,
        squared: bool = False,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("MarginCriterion", locals()), bigdl_type)


class SoftMarginCriterion(Criterion):
    """The logistic loss of targets 1 and -1."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("SoftMarginCriterion", locals()), bigdl_type)


class DiceCoefficientCriterion(Criterion):
    """One minus the Dice coefficient of each row."""

    def __init__(self, size_average: bool = True, epsilon: float = 1.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("DiceCoefficientCriterion", locals()), bigdl_type)


class L1Cost(Criterion):
    """The sum of the absolute values of the input; there is no target."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("L1Cost", locals()), bigdl_type)


class MeanAbsolutePercentageCriterion(Criterion):
    """The mean absolute difference in percent of the target."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MeanAbsolutePercentageCriterion", locals()), bigdl_type)


class MeanSquaredLogarithmicCriterion(Criterion):
    """The mean squared difference of the logarithms of 1 plus each."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MeanSquaredLogarithmicCriterion", locals()), bigdl_type)


class PoissonCriterion(Criterion):
    """The mean of the input minus the target times the input's logarithm."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("PoissonCriterion", locals()), bigdl_type)
