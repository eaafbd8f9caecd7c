"""Minibatches: order, shares, threads, exceptions, class weights as Keras has them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from sparkdl.data.batches import batches, class_weights, inference_batches, prefetched
from sparkdl.data.blocks import Block
from sparkdl.data.epoch import epoch_plan
from sparkdl.data.store import PartitionStore
from sparkdl.errors import ArgumentError, DataError
from sparkdl.types import Batch, SampleSpec, TensorSpec

SPEC = SampleSpec((TensorSpec("features", (3,), "float32"),), (TensorSpec("label", (), "int64"),))


@pytest.fixture
def store() -> Iterator[PartitionStore]:
    numbers = np.arange(103)
    with PartitionStore(SPEC) as filled:
        filled.append(Block(numbers, (np.repeat(numbers[:, None], 3, axis=1), numbers)))
        filled.freeze()
        yield filled


@pytest.mark.parametrize("prefetch", [None, 0, 1, 3])
def test_an_epoch_uses_every_row_once_in_a_seeded_order(store: PartitionStore, prefetch: int | None) -> None:
    plan = epoch_plan([5, 103], 32)

    def labels(epoch: int) -> list[int]:
        found = batches(store.view(), plan, 1, seed=4, epoch=epoch, prefetch=prefetch)
        return [label for batch in found if batch for label in batch.labels[0].tolist()]

    assert sorted(labels(0)) == list(range(103))
    assert labels(0) == labels(0) != labels(1)


def test_shares_follow_the_plan_and_resume_at_a_step(store: PartitionStore) -> None:
    plan = epoch_plan([103, 900], 64)
    everything = list(batches(store.view(), plan, 0))
    assert [batch.rows if batch else 0 for batch in everything] == plan.shares(0).tolist()
    rest = list(batches(store.view(), plan, 0, start_step=10))
    assert [batch.labels[0].tolist() for batch in rest if batch] == [
        batch.labels[0].tolist() for batch in everything[10:] if batch
    ]


def test_an_empty_share_is_none(store: PartitionStore) -> None:
    found = list(batches(store.view(), epoch_plan([103, 10_000], 20), 0))
    assert sum(batch is None for batch in found) > 300
    assert sum(batch.rows for batch in found if batch) == 103


def test_without_shuffle_rows_come_in_the_order_of_their_ids(store: PartitionStore) -> None:
    found = batches(store.view(), epoch_plan([103], 50), 0, shuffle=False)
    assert [batch.labels[0].tolist() for batch in found if batch] == [
        list(range(50)),
        list(range(50, 100)),
        [100, 101, 102],
    ]


def test_batches_are_contiguous_aligned_and_keep_features_and_labels_together(store: PartitionStore) -> None:
    for batch in batches(store.view(), epoch_plan([103], 7), 0):
        assert batch is not None
        assert batch.features[0].flags.c_contiguous and batch.features[0].ctypes.data % 64 == 0
        assert (batch.features[0] == batch.labels[0][:, None]).all()


def test_inference_batches_cover_all_rows_in_order(store: PartitionStore) -> None:
    found = list(inference_batches(store.view(), 40))
    assert [batch.rows for batch in found] == [40, 40, 23]
    assert np.concatenate([batch.labels[0] for batch in found]).tolist() == list(range(103))


def test_a_plan_for_other_rows_is_refused(store: PartitionStore) -> None:
    with pytest.raises(ArgumentError, match="holds 103"):
        batches(store.view(), epoch_plan([104], 8), 0)


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("sparkdl-batches")}


def test_the_thread_ends_with_the_iterator(store: PartitionStore) -> None:
    running = batches(store.view(), epoch_plan([103], 5), 0, prefetch=2)
    next(running)
    assert _threads()
    running.close()  # type: ignore[attr-defined]
    assert not _threads()
    list(batches(store.view(), epoch_plan([103], 5), 0, prefetch=2))
    assert not _threads()


def test_a_thread_is_used_by_itself_only_for_rows_on_disk(store: PartitionStore) -> None:
    running = batches(store.view(), epoch_plan([103], 5), 0)
    next(running)
    assert not _threads()
    with PartitionStore(SPEC, memory_limit=10) as spilled:
        spilled.append(Block(np.arange(50), (np.zeros((50, 3)), np.arange(50))))
        spilled.freeze()
        running = inference_batches(spilled.view(), 5)
        next(running)
        assert len(_threads()) == 1
        assert sum(batch.rows for batch in running) == 45


def test_exceptions_arrive_at_their_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("third")

    seen = []
    with pytest.raises(KeyError, match="third"):
        for item in prefetched(items(), 5):
            seen.append(item)
    assert seen == [1, 2]
    assert not _threads()


@pytest.mark.parametrize(
    "label", [np.array([0, 2, 1, 2]), np.array([[0.0], [2.0], [1.0], [2.0]]), np.eye(3)[[0, 2, 1, 2]]]
)
def test_class_weights_are_those_of_keras(label: np.ndarray) -> None:
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    mapping = {0: 0.5, 2: 3.0}
    batch = Batch((np.zeros((4, 1)),), (label,))
    assert class_weights(batch, mapping).tolist() == class_weight_to_sample_weights(label, mapping).tolist()


def test_class_weights_multiply_the_rows_own_weights() -> None:
    batch = Batch((np.zeros((2, 1)),), (np.array([0, 1]),), np.array([2.0, 4.0], np.float32))
    assert class_weights(batch, {1: 0.5}).tolist() == [2.0, 2.0]


def test_class_weights_of_other_labels_are_refused() -> None:
    with pytest.raises(DataError, match="class_weight"):
        class_weights(Batch((np.zeros((2, 1)),), (np.zeros((2, 3, 4)),)), {1: 0.5})
