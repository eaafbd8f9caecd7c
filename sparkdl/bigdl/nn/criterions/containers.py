"""Criterions made of criterions."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.criterions.base import Criterion, describe


class _Weighted(Criterion):
    """Criterions with weights."""

    def add(self, criterion: Criterion, weight: float = 1.0) -> Any:
        """Adds a criterion."""
        self.value.children.append(criterion.value)
        self.value.arguments["weights"].append(float(weight))
        return self


class MultiCriterion(_Weighted):
    """A weighted sum of criterions of the same input and target."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("MultiCriterion", {"weights": []}), bigdl_type)


class ParallelCriterion(_Weighted):
    """A weighted sum of criterions, the first of the first input and target of the tables, and so on.

    Args:
        repeat_target: whether all have the whole target.
    """

    def __init__(self, repeat_target: bool = False, bigdl_type: str = "float") -> None:
        super().__init__(describe("ParallelCriterion", {**locals(), "weights": []}), bigdl_type)


class TimeDistributedCriterion(Criterion):
    """The sum of a criterion over the steps of a sequence.

    Args:
        criterion: of one step.
        size_average: whether to divide by the number of steps.
        dimension: that of the steps; counts from 1.
    """

    def __init__(
        self,
        criterion: Criterion,
        size_average: bool = False,
        dimension: int = 2,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("TimeDistributedCriterion", locals(), [criterion]), bigdl_type)


class TimeDistributedMaskCriterion(Criterion):
    """The mean of a criterion of classes over the steps of sequences [batch, steps] whose label is no padding."""

    def __init__(self, criterion: Criterion, padding_value: int = 0, bigdl_type: str = "float") -> None:
        super().__init__(describe("TimeDistributedMaskCriterion", locals(), [criterion]), bigdl_type)


class TransformerCriterion(Criterion):
    """A criterion of what two layers make of the input and the target; neither is trained."""

    def __init__(
        self,
        criterion: Criterion,
        input_transformer: Any = None,
        target_transformer: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        layers = {"input": input_transformer, "target": target_transformer}
        given = {name: layer for name, layer in layers.items() if layer is not None}
        arguments = {"transforms": list(given)}
        super().__init__(describe("TransformerCriterion", arguments, [criterion, *given.values()]), bigdl_type)
