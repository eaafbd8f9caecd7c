"""BigDL's mean average precision, of classes and of detected objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparkdl.bigdl.optim.validation import Arrays, State, ValidationMethod
from sparkdl.errors import ArgumentError, DataError

_RECALLS = 11  # of the challenge of 2007, from 0 to 1


class _AveragePrecision(ValidationMethod):
    """A state holds one row (class, score, hit) per prediction, and the number of positives of each class."""

    k = -1
    voc2007 = False
    skip_class = -1
    classes: int

    def merge(self, first: State, second: State) -> State:
        """See `ValidationMethod`."""
        return [np.concatenate([first[0], second[0]]), first[1] + second[1]]

    def number(self, state: State) -> tuple[float, int]:
        """See `ValidationMethod`; the number is 1."""
        table, positives = state
        counted = [label for label in range(self.classes) if label != self.skip_class]
        total = np.float32(0)
        for label in counted:
            total += self._of_class(table[table[:, 0] == label], int(positives[label]))
        return float(total / np.float32(len(counted))), 1

    def _of_class(self, table: np.ndarray, positives: int) -> np.float32:
        order = np.argsort(-table[:, 1], kind="stable")[: self.k if self.k > 0 else None]
        hits = table[order, 2] > 0
        found = np.cumsum(hits)[hits].astype(np.float32)
        precisions = found / (np.flatnonzero(hits) + 1).astype(np.float32)
        recalls = found / np.float32(max(positives, 1))
        if self.voc2007:
            wanted = np.arange(_RECALLS, dtype=np.float32) * np.float32(0.1)
        else:
            wanted = np.arange(1, positives + 1, dtype=np.float32) / np.float32(max(positives, 1))
        total = np.float32(0)
        for recall in wanted:
            total += np.max(precisions[recalls >= recall], initial=np.float32(0))
        return total / np.float32(max(len(wanted), 1))


class MeanAveragePrecision(_AveragePrecision):
    """The mean over classes of the average precision of the k rows with the greatest output for a class.

    Labels are class numbers from 0, unlike elsewhere in BigDL.
    """

    def __init__(self, k: int, classes: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        if k < 1 or classes < 1:
            raise ArgumentError(f"MeanAveragePrecision takes numbers of at least 1, received {k!r} and {classes!r}.")
        self.k, self.classes = k, classes
        self.name = f"MAP@{k}"

    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        scores, labels = np.atleast_2d(np.asarray(output)), np.asarray(target).reshape(-1)
        wrong = (labels != np.ceil(labels)) | (labels < 0) | (labels >= self.classes)
        if wrong.any():
            raise DataError(
                f"{self.name} takes class numbers from 0 to {self.classes - 1} as labels, and got {labels[wrong][0]:g}."
            )
        rows, classes = np.indices((len(labels), self.classes)).reshape(2, -1)
        hits = labels[rows] == classes
        table = np.stack([classes, scores[rows, classes], hits], 1).astype(np.float32)
        return [table, np.bincount(labels.astype(int), minlength=self.classes)]


class MeanAveragePrecisionObjectDetection(_AveragePrecision):
    """The mean over classes of the average precision of detected boxes.

    An output row holds the number of detections, and for each of them label, score, x1, y1, x2, y2. A target row is
    (boxes, 6): label, difficult (0 or 1), x1, y1, x2, y2; a negative label stands for no box.
    """

    name = "MAPObjectDetection"

    def __init__(
        self,
        classes: int,
        iou: float = 0.5,
        use_voc2007: bool = False,
        skip_class: int = -1,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.classes, self.iou, self.voc2007, self.skip_class = classes, iou, use_voc2007, skip_class

    def measure(self, output: Arrays, target: Arrays) -> State:
        """See `ValidationMethod`."""
        table: list[tuple[float, float, float]] = []
        positives = np.zeros(self.classes, np.int64)
        for row, boxes in zip(np.asarray(output), np.asarray(target), strict=True):
            truth = boxes.reshape(-1, 6)
            truth = truth[truth[:, 0] >= 0]
            detections = row[1 : 1 + 6 * int(row[0])].reshape(-1, 6)
            for label in (*truth[:, 0], *detections[:, 0]):
                if not 0 <= label < self.classes:
                    raise DataError(f"{self.name} of {self.classes} classes got a box of class {label:g}.")
            np.add.at(positives, truth[truth[:, 1] == 0, 0].astype(int), 1)
            table += self._matches(detections, truth)
        return [np.array(table, np.float32).reshape(-1, 3), positives]

    def _matches(self, detections: np.ndarray, truth: np.ndarray) -> list[tuple[float, float, float]]:
        """A row for each detection of an image that counts: a box is found once, and difficult ones do not count."""
        found, taken = [], np.zeros(len(truth), bool)
        for label, score, *box in detections:
            overlaps = _overlaps(np.array(box), truth[:, 2:])
            free = (truth[:, 0] == label) & ~taken & (overlaps >= self.iou)
            best: Any = None
            if free.any():
                # Boxes that are not difficult come first, then the one that overlaps most.
                best = min(np.flatnonzero(free), key=lambda index: (truth[index, 1], -overlaps[index]))
                taken[best] = True
            if best is None or truth[best, 1] == 0:
                found.append((float(label), float(score), float(best is not None)))
        return found


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union, in pixels: a box from x to x is one pixel wide."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low + 1, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2] + 1, axis=1)
    return shared / (np.prod(box[2:] - box[:2] + 1) + areas - shared)
