"""BigDL's validation methods: what they make of minibatches, and how that adds up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.util.arguments import told
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.bigdl.util.results import EvaluatedResult
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.module import Module

Arrays = Any  # an array (rows, ...), or a list of them (a table)
State = list[np.ndarray]


class ValidationMethod(JavaValue):
    """What all validation methods have in common.

    Attributes:
        name: what its results are called.
    """

    name = ""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)

    def measure(self, output: Arrays, target: Arrays) -> State:
        """What a minibatch says: here a sum, and the number it is divided by in the end.

        Args:
            output: of the model.
            target: the labels.

        Raises:
            DataError: it cannot be measured.
        """
        raise NotImplementedError

    def check(self, output: tuple[int | None, ...]) -> None:
        """Raises DataError where outputs of this shape of a row can never be measured."""

    def merge(self, first: State, second: State) -> State:
        """What two parts say together."""
        return [one + other for one, other in zip(first, second, strict=True)]

    def number(self, state: State) -> tuple[float, int]:
        """The result, and the number that it is a mean over."""
        total, count = state
        return float(np.float32(total) / np.float32(count)), int(count)

    def result(self, state: State) -> EvaluatedResult:
        """The result as an object."""
        return EvaluatedResult(*self.number(state), self.name)

    def text(self, value: float, count: int) -> str:
        """A result and what it is a mean over, as BigDL logs them while a model is trained."""
        return (
            f"({self.name}: {np.float32(value * count)!s}, count: {count}, Average {self.name}: {np.float32(value)!s})"
        )

    def __str__(self) -> str:
        return self.name


def mean(total: float, count: int) -> State:
    """A sum in float32, as BigDL adds up, and a count."""
    return [np.array(total, np.float32), np.array(count)]


class _Accuracy(ValidationMethod):
    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        scores, labels = self.pairs(np.asarray(output), np.asarray(target))
        if len(scores) != len(labels):
            raise DataError(f"{self.name} got {len(scores)} outputs and {len(labels)} labels: give one label per row.")
        return mean(float(np.sum(self.correct(scores, labels))), len(scores))

    def text(self, value: float, count: int) -> str:
        """See `ValidationMethod`."""
        correct = round(value * count)
        return f"Accuracy(correct: {correct}, count: {count}, accuracy: {correct / max(count, 1)})"

    def pairs(self, output: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (rows, classes), and labels (rows,)."""
        labels = target.reshape(-1)
        rows = output[None] if output.ndim == 1 else output[: len(target)]
        if rows.ndim != 2:
            raise DataError(f"{self.name} got an output of the shape {output.shape}, expected (rows, classes).")
        return rows, labels

    def correct(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Which rows are right: labels are classes from 1; with a single score, 1 from 0.5 on, else 0."""
        if scores.shape[1] == 1:
            return ~(scores[:, 0] < 0.5) == labels
        return scores.argmax(1) + 1 == labels


class Top1Accuracy(_Accuracy):
    """The share of rows whose greatest output is that of their class; classes count from 1."""

    name = "Top1Accuracy"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)


class Top5Accuracy(_Accuracy):
    """The share of rows whose class is among the five greatest outputs; classes count from 1."""

    name = "Top5Accuracy"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def check(self, output: tuple[int | None, ...]) -> None:
        """See `ValidationMethod`."""
        if output and output[-1] is not None and output[-1] < 5:
            raise DataError(f"Top5Accuracy needs at least 5 classes, and the output has {output[-1]}.")

    def correct(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `Top1Accuracy`."""
        self.check(scores.shape[1:])
        best = np.argsort(-scores, 1, "stable")[:, :5] + 1
        return (best == labels[:, None]).any(1)


class TreeNNAccuracy(_Accuracy):
    """The share of trees whose first node is right: outputs (rows, nodes, classes), labels (rows, nodes)."""

    name = "TreeNNAccuracy()"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def pairs(self, output: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Top1Accuracy`."""
        if output.ndim not in (2, 3) or target.ndim != 2:
            raise DataError(
                f"TreeNNAccuracy got outputs of the shape {output.shape} and labels of {target.shape}, expected (rows, "
                "nodes, classes) and (rows, nodes)."
            )
        return (output[:, 0] if output.ndim == 3 else output[:1]), target[:, 0]


class Loss(ValidationMethod):
    """The mean of a criterion, by default ClassNLLCriterion."""

    name = "Loss"

    def __init__(self, cri: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.criterion = Module("ClassNLLCriterion") if cri is None else cri.value

    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        from sparkdl.nn.torch.criterions.loss import loss
        from sparkdl.nn.torch.eager import to_tensors

        table = isinstance(target, (list, tuple))
        rows = len(target[0]) if table else len(target)
        found = float(loss(self.criterion, to_tensors(output), to_tensors(target)))
        return mean(float(np.float32(found) * np.float32(rows)), rows)


class MAE(ValidationMethod):
    """The mean distance between the number of the greatest output (from 1) and the label, over minibatches.

    Where a row has several labels, their distances add up.
    """

    name = "MAE"

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        best = np.asarray(output).argmax(1).reshape(-1, 1) + 1
        distances = np.abs(best - np.asarray(target, np.float32).reshape(len(best), -1)).sum(1)
        return mean(float(np.mean(distances, dtype=np.float32)), 1)


class _Ranking(ValidationMethod):
    """Methods over minibatches that hold one positive item (label 1) and `neg_num` others."""

    def __init__(self, k: int, neg_num: int, bigdl_type: str) -> None:
        super().__init__(bigdl_type)
        self.k, self.neg_num = k, neg_num

    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        scores, labels = np.asarray(output).reshape(-1), np.asarray(target).reshape(-1)
        if len(scores) != self.neg_num + 1 or len(labels) != self.neg_num + 1:
            raise DataError(
                f"{self.name} with neg_num={self.neg_num} got a minibatch of {len(scores)} outputs and {len(labels)} "
                f"labels: give each partition batches of {self.neg_num + 1} rows."
            )
        positives = np.flatnonzero(labels == 1)
        if len(positives) != 1:
            raise DataError(f"{self.name} got a minibatch with {len(positives)} positive items (label 1), expected 1.")
        # BigDL does not look at the last one.
        rank = 1 + int(np.sum(scores[:-1] > scores[positives[0]]))
        return mean(self.gain(rank) if rank <= self.k else 0.0, 1)

    def gain(self, rank: int) -> float:
        """What a positive item on that place gives."""
        raise NotImplementedError


class HitRatio(_Ranking):
    """The share of minibatches (a positive item and `neg_num` others) whose positive item is among the first k."""

    name = "HitRate@10"  # whatever k is, as in BigDL

    def __init__(self, k: int = 10, neg_num: int = 100, bigdl_type: str = "float") -> None:
        super().__init__(k, neg_num, bigdl_type)

    def gain(self, rank: int) -> float:
        """See `NDCG`."""
        return 1.0


class NDCG(_Ranking):
    """The mean of log(2) / log(1 + place of the positive item), 0 behind the first k, over minibatches."""

    name = "NDCG"

    def __init__(self, k: int = 10, neg_num: int = 100, bigdl_type: str = "float") -> None:
        super().__init__(k, neg_num, bigdl_type)

    def gain(self, rank: int) -> float:
        """What a positive item on that place gives."""
        return math.log(2) / math.log(rank + 1)


def checked(methods: Any) -> list[ValidationMethod]:
    """A list of validation methods; names like "Top1Accuracy" are those methods.

    Raises:
        ArgumentError: something else is among them.
    """
    named = {cls.__name__: cls for cls in (Top1Accuracy, Top5Accuracy, Loss, MAE)}
    found = []
    for method in methods if isinstance(methods, (list, tuple)) else [methods]:
        if isinstance(method, str) and method in named:
            method = named[method]()
        if not isinstance(method, ValidationMethod):
            raise ArgumentError(
                f"a validation method is {told(method)}, expected Top1Accuracy(), Loss(), ... of bigdl.optim.optimizer."
            )
        found.append(method)
    return found


def unique_names(methods: Sequence[ValidationMethod]) -> list[str]:
    """A name for each: those that come again get a number.

    Example:
        >>> unique_names([NDCG(), NDCG(5)])
        ['NDCG', 'NDCG_2']
    """
    names: list[str] = []
    for method in methods:
        before = sum(other.name == method.name for other in methods[: len(names)])
        names.append(method.name if not before else f"{method.name}_{before + 1}")
    return names
