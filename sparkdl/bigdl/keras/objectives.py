"""The losses of BigDL's Keras-style models."""

import sys  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras.base import ZooKerasCreator
from sparkdl.bigdl.nn.criterion import Criterion
from sparkdl.bigdl.nn.criterions.base import describe
from sparkdl.bigdl.util.common import JTensor  # noqa: F401


class LossFunction(ZooKerasCreator, Criterion):
    """A criterion of a Keras-style model."""

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        Criterion.__init__(self, jvalue, bigdl_type, *args)

    @classmethod
    def of(cls, jloss: Any, bigdl_type: str = "float") -> "LossFunction":
        """A loss of a module."""
        return LossFunction(jloss, bigdl_type)


class SparseCategoricalCrossEntropy(LossFunction):
    """The negative log-likelihood of labels [batch] by probabilities [batch, classes].

    Args:
        log_prob_as_input: whether the input are log-probabilities.
        zero_based_label: whether labels count from 0.
        weights: of the classes.
        size_average: whether to divide by the sum of the weights.
        padding_value: a label whose rows are left out. BigDL compares it with labels that count from 1.
    """

    def __init__(
        self,
        log_prob_as_input: bool = False,
        zero_based_label: bool = True,
        weights: Any = None,
        size_average: bool = True,
        padding_value: int = -1,
        bigdl_type: str = "float",
    ) -> None:
        arguments = {
            "logProbAsInput": log_prob_as_input,
            "zero_based_label": zero_based_label,
            "weights": weights,
            "size_average": size_average,
            "padding_value": padding_value,
        }
        super().__init__(describe("SparseCategoricalCrossEntropy", arguments), bigdl_type)


class MeanAbsoluteError(LossFunction):
    """The mean absolute difference, or the sum."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("AbsCriterion", locals()), bigdl_type)


mae = MAE = MeanAbsoluteError


class BinaryCrossEntropy(LossFunction):
    """The cross-entropy of probabilities and targets between 0 and 1, weighted by element or column."""

    def __init__(self, weights: Any = None, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("BCECriterion", locals()), bigdl_type)


class CategoricalCrossEntropy(LossFunction):
    """The cross-entropy of one-hot targets by probabilities [batch, classes], which may be 0."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CategoricalCrossEntropy", {"clipped": True}), bigdl_type)


class CosineProximity(LossFunction):
    """Minus the mean product of input and target, both scaled to length 1 along the last dimension."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("CosineProximityCriterion", locals()), bigdl_type)


class Hinge(LossFunction):
    """The hinge loss of targets 1 and -1."""

    def __init__(self, margin: float = 1.0, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("MarginCriterion", locals()), bigdl_type)


class KullbackLeiblerDivergence(LossFunction):
    """The Kullback-Leibler divergence of target probabilities from those of the input, over the rows."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("KullbackLeiblerDivergenceCriterion", locals()), bigdl_type)


class MeanAbsolutePercentageError(LossFunction):
    """The mean absolute difference in percent of the target."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MeanAbsolutePercentageCriterion", locals()), bigdl_type)


mape = MAPE = MeanAbsolutePercentageError


class MeanSquaredError(LossFunction):
    """The mean squared difference, whatever `size_average` says, as in BigDL."""

    def __init__(self, size_average: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(describe("MSECriterion", {}), bigdl_type)


mse = MSE = MeanSquaredError


class MeanSquaredLogarithmicError(LossFunction):
    """The mean squared difference of the logarithms of 1 plus each."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MeanSquaredLogarithmicCriterion", locals()), bigdl_type)


msle = MSLE = MeanSquaredLogarithmicError


class Poisson(LossFunction):
    """The mean of the input minus the target times the input's logarithm."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("PoissonCriterion", locals()), bigdl_type)


class SquaredHinge(LossFunction):
    """The squared hinge loss of targets 1 and -1."""

    def __init__(self, margin: float = 1.0, size_average: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("MarginCriterion", {**locals(), "squared": True}), bigdl_type)


class RankHinge(LossFunction):
    """The mean of what the second of each pair [batch, 2, ...] exceeds the first minus the margin by."""

    def __init__(self, margin: float = 1.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("RankHinge", locals()), bigdl_type)
