"""Minibatches of one worker, in the order of the epoch's plan, gathered ahead of time by a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import numpy as np

from sparkdl.data.augment import BatchTransform
from sparkdl.data.epoch import EpochPlan, permutation
from sparkdl.data.store import RowsView
from sparkdl.errors import ArgumentError, DataError
from sparkdl.types import Batch

Item = TypeVar("Item")
_END = object()


def batches(
    view: RowsView,
    plan: EpochPlan,
    rank: int,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    start_step: int = 0,
    prefetch: int | None = None,
    transform: BatchTransform | None = None,
) -> Iterator[Batch | None]:
    """This worker's share of each batch of an epoch.

    Args:
        view: the worker's training rows.
        plan: the plan of the epoch; must count `view.rows` rows for `rank`.
        rank: number of this worker.
        seed: with `epoch` and `rank` decides the order of the rows.
        epoch: number of the epoch.
        shuffle: whether to permute the rows; otherwise they come in the order of their ids.
        start_step: the first step to yield (to go on within an epoch).
        prefetch: batches to have ready in advance; 0 gathers each when it is asked for, without a thread;
            None has one ready where the rows lie on disk or are images to transform. (Else from memory a batch is
            gathered in 0.1 ms, which is less than what a thread costs where every core computes.)
        transform: what is done to images, fresh in every epoch.

    Yields:
        for each step from `start_step` a batch, or None where this worker's share is empty.

    Raises:
        ArgumentError: the plan was made for another number of rows.
    """
    if plan.rows[rank] != view.rows:
        raise ArgumentError(f"the plan gives worker {rank} {plan.rows[rank]} rows, but it holds {view.rows}.")
    order = permutation(seed, epoch, rank, view.rows) if shuffle else np.arange(view.rows)
    offsets = plan.offsets(rank).tolist()

    def take(rows: np.ndarray) -> Batch:
        batch = view.take(rows)
        return batch if transform is None else transform.training(batch, view.ids(rows), epoch)

    steps = range(start_step, len(offsets) - 1)
    shares = (order[offsets[step] : offsets[step + 1]] for step in steps)
    return prefetched((take(rows) if len(rows) else None for rows in shares), _depth(view, prefetch, transform))


def inference_batches(
    view: RowsView, batch_size: int, prefetch: int | None = None, transform: BatchTransform | None = None
) -> Iterator[Batch]:
    """All rows of a view once, in the order of their ids, `batch_size` at a time, transformed without chance.

    `prefetch` as in `batches`.
    """

    def take(start: int) -> Batch:
        rows = np.arange(start, min(start + batch_size, view.rows))
        batch = view.take(rows)
        return batch if transform is None else transform.inference(batch, view.ids(rows))

    return prefetched(map(take, range(0, view.rows, batch_size)), _depth(view, prefetch, transform))


def _depth(view: RowsView, prefetch: int | None, transform: BatchTransform | None) -> int:
    return int(view.on_disk or transform is not None) if prefetch is None else prefetch


def prefetched(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Iterates in a thread, at most `depth` items ahead; the thread ends with the iterator.

    An exception of `items` is raised at its place in the sequence.

    Example:
        >>> list(prefetched(range(4), 2))
        [0, 1, 2, 3]
    """
    return _ahead(iter(items), depth) if depth > 0 else iter(items)


def _ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    with ThreadPoolExecutor(1, "sparkdl-batches") as thread:
        pending = deque(thread.submit(next, items, _END) for _ in range(depth))
        try:
            while (item := pending.popleft().result()) is not _END:
                pending.append(thread.submit(next, items, _END))
                yield cast(Item, item)
        finally:
            for future in pending:
                future.cancel()


def class_weights(batch: Batch, mapping: Mapping[int, float]) -> np.ndarray:
    """What each row counts by Keras's `class_weight`, times its own weight if it has one.

    Args:
        batch: its first label holds class numbers (rows,) or (rows, 1), or one-hot rows (rows, classes).
        mapping: weight of each class; classes that are not in it count 1.

    Returns:
        float32 (rows,).

    Raises:
        DataError: the label has another form.

    Example:
        >>> import numpy as np
        >>> class_weights(Batch((np.zeros((3, 1)),), (np.array([0, 1, 2]),)), {1: 5.0}).tolist()
        [1.0, 5.0, 1.0]
    """
    label = batch.labels[0] if batch.labels else np.empty((0, 0, 0))
    if label.ndim not in (1, 2):
        raise DataError(
            f"class_weight needs one class number or one-hot vector per row, received labels of shape {label.shape}."
        )
    if label.ndim == 2:
        label = label[:, 0] if label.shape[1] == 1 else label.argmax(axis=1)
    classes = np.rint(label).astype(np.int64)
    weights = np.ones(len(classes), np.float32)
    for number, weight in mapping.items():
        weights[classes == number] = weight
    return weights if batch.weights is None else weights * batch.weights
