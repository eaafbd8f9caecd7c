"""Criterions by the angle between vectors, and of inputs that are tables."""

from __future__ import annotations

from sparkdl.bigdl.nn.criterions.base import Criterion, describe


class CosineDistanceCriterion(Criterion):
    """One minus the cosine of input and target, over the rows."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("CosineDistanceCriterion", locals()), bigdl_type)


class CosineEmbeddingCriterion(Criterion):
    """Of two inputs: one minus their cosine where the target is 1, what it exceeds the margin by where it is -1."""

    def __init__(self, margin: float = 0.0, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("CosineEmbeddingCriterion", locals()), bigdl_type)


class CosineProximityCriterion(Criterion):
    """Minus the mean product of input and target, both scaled to length 1 along the last dimension."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CosineProximityCriterion", locals()), bigdl_type)


class L1HingeEmbeddingCriterion(Criterion):
    """Of two inputs: their L1 distance where the target is 1, what it lacks to the margin where it is -1."""

    def __init__(self, margin: float = 1.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("L1HingeEmbeddingCriterion", locals()), bigdl_type)


class MarginRankingCriterion(Criterion):
    """Of two inputs: by how much the first fails to be above (1) or below (-1) the second by the margin."""

    def __init__(self, margin: float = 1.0, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("MarginRankingCriterion", locals()), bigdl_type)


class KLDCriterion(Criterion):
    """The divergence of normal distributions (means and logarithms of variances) from the standard one."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("KLDCriterion", locals()), bigdl_type)


class GaussianCriterion(Criterion):
    """Minus the log-density of the target; the inputs are the means and the logarithms of the variances."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("GaussianCriterion", locals()), bigdl_type)


class SmoothL1CriterionWithWeights(Criterion):
    """The smooth L1 loss of boxes; the target is a table of boxes, weights inside, and weights outside.

    Args:
        sigma: where the function becomes linear (at 1 / sigma squared).
        num: what the sum is divided by; 0 for the number of rows.
    """

    def __init__(self, sigma: float, num: int = 0, bigdl_type: str = "float") -> None:
        super().__init__(describe("SmoothL1CriterionWithWeights", locals()), bigdl_type)
