"""The store: any order of arrival, memory or disk, roles, fingerprints, vocabularies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.data.blocks import Block
from sparkdl.data.store import PartitionStore
from sparkdl.errors import DataError
from sparkdl.types import SampleSpec, TensorSpec

SPEC = SampleSpec(
    (TensorSpec("image", (2, 3), "uint8"), TensorSpec("extra", (), "float32")),
    (TensorSpec("label", (), "int64"),),
    weighted=True,
)
WORDS = SampleSpec((TensorSpec("x", (), "float32"),), (TensorSpec("kind", (), "int32"),))


def rows_of(ids: np.ndarray, role: np.ndarray | None = None) -> Block:
    values = ids % 251
    image = np.repeat(values, 6).reshape(-1, 2, 3).astype("uint8")
    return Block(ids, (image, values * 0.5, values, values * 2.0), role)


def filled(ids: list[int], cuts: list[int], limit: int | None = None, directory: str | None = None) -> PartitionStore:
    store = PartitionStore(SPEC, limit, directory)
    for part in np.split(np.array(ids, np.int64), sorted(cuts)):
        store.append(rows_of(part))
    store.freeze()
    return store


ids_of = st.lists(st.integers(0, 5000), max_size=200, unique=True)


@settings(deadline=None)
@given(ids=ids_of, cuts=st.lists(st.integers(0, 200), max_size=4), limit=st.sampled_from([None, 0, 500]))
def test_rows_come_in_the_order_of_ids_however_they_arrive(ids: list[int], cuts: list[int], limit: int | None) -> None:
    with filled(ids, cuts, limit) as store:
        batch = store.take(np.arange(len(ids)))
        expected = np.sort(np.array(ids, np.int64)) % 251
        assert batch.labels[0].tolist() == expected.tolist()
        assert (batch.features[0] == expected[:, None, None]).all()
        assert batch.weights is not None and batch.weights.tolist() == (expected * 2.0).tolist()
        assert [array.dtype for array in (*batch.features, *batch.labels)] == ["uint8", "float32", "int64"]


@settings(deadline=None)
@given(ids=ids_of, cut=st.integers(0, 200))
def test_fingerprints_add_up_over_workers_and_ignore_the_order(ids: list[int], cut: int) -> None:
    ids = [number << 31 for number in ids]
    with filled(ids, []) as whole, filled(ids[:cut][::-1], []) as one, filled(ids[cut:], [3], 0) as other:
        parts: dict[int, int] = {}
        for store in (one, other):
            for partition, value in store.view().fingerprint().items():
                parts[partition] = (parts.get(partition, 0) + value) % 2**64
        assert parts == whole.view().fingerprint()


def test_a_changed_value_or_id_changes_the_fingerprint_of_its_partition_only() -> None:
    ids = np.array([0, 1, (1 << 33), (1 << 33) + 1])
    prints = []
    for change in (None, 0, 1, 2, 3):
        block = rows_of(ids)
        if change is not None:
            block.columns[change][3] += 1
        with PartitionStore(SPEC) as store:
            store.append(block)
            store.freeze()
            prints.append(store.view().fingerprint())
    assert len({found[0] for found in prints}) == 1
    assert len({found[1] for found in prints}) == 5


def test_beyond_the_limit_rows_lie_in_files_without_a_name(tmp_path: Path) -> None:
    with filled(list(range(300)), [100, 200], 1000, str(tmp_path)) as store:
        assert store.on_disk
        assert os.listdir(tmp_path) == []
        assert store.nbytes == 300 * (6 + 4 + 8 + 4)
        assert store.view().take(np.array([299, 0])).labels[0].tolist() == [299 % 251, 0]


def test_an_unusable_spill_directory_is_named() -> None:
    with pytest.raises(DataError, match="/nowhere/at/all.*spill_directory"):
        filled(list(range(300)), [], 10, "/nowhere/at/all")


def test_views_by_role_and_a_range_of_labels() -> None:
    ids = np.arange(10)
    with PartitionStore(SPEC) as store:
        store.append(rows_of(ids[5:], (ids[5:] % 3 == 0).astype("int8")))
        store.append(rows_of(ids[:5], (ids[:5] % 3 == 0).astype("int8")))
        store.freeze()
        assert (store.view(0).rows, store.view(1).rows, store.view().rows) == (6, 4, 10)
        assert store.view(1).take(np.arange(4)).labels[0].tolist() == [0, 3, 6, 9]
        assert store.label_range(0) == (0, 9)


def test_the_same_id_may_come_from_both_data_sets() -> None:
    with PartitionStore(SPEC) as store:
        store.append(rows_of(np.arange(4), np.ones(4, "int8")))
        store.append(rows_of(np.arange(4)))
        store.freeze()
        assert store.view(0).take(np.arange(4)).labels[0].tolist() == [0, 1, 2, 3]
        assert store.view(1).rows == 4


def test_split_keeps_every_row_and_does_not_depend_on_the_store() -> None:
    with filled(list(range(400)), []) as whole, filled(list(range(0, 400, 2)), []) as half:
        whole.split(0.25, 3)
        half.split(0.25, 3)
        chosen = set(whole.view(1).take(np.arange(whole.view(1).rows)).labels[0].tolist())
        assert whole.view(0).rows + whole.view(1).rows == 400 and 60 < whole.view(1).rows < 140
        again = set(half.view(1).take(np.arange(half.view(1).rows)).labels[0].tolist())
        assert again <= chosen


def test_take_writes_into_a_given_batch() -> None:
    with filled(list(range(9)), []) as store:
        out = store.take(np.arange(3))
        again = store.take(np.array([8, 7, 6]), out)
        assert again.labels[0] is out.labels[0]
        assert out.labels[0].tolist() == [8, 7, 6]


def words(store: PartitionStore, ids: list[int], texts: list[str]) -> None:
    vocabulary = tuple(dict.fromkeys(texts))
    codes = np.array([vocabulary.index(text) for text in texts], np.int32)
    store.append(Block(np.array(ids), (np.zeros(len(ids)), codes), None, (None, vocabulary)))


def test_strings_are_coded_by_what_all_agree_on() -> None:
    with PartitionStore(WORDS) as store:
        words(store, [2, 3], ["dog", "cat"])
        words(store, [0, 1], ["cat", "eel"])
        store.freeze()
        assert store.vocabulary(1) == ("cat", "dog", "eel")
        store.recode(1, {"ant": 0, "cat": 1, "dog": 2, "eel": 3})
        assert store.take(np.arange(4)).labels[0].tolist() == [1, 3, 2, 1]


def test_an_unseen_string_is_named_with_its_row() -> None:
    with PartitionStore(WORDS) as store:
        words(store, [(2 << 33) + 5, (2 << 33) + 4], ["cow", "cat"])
        store.freeze()
        with pytest.raises(DataError, match="'kind' holds 'cow' in row 5 of partition 2.*'cat', 'dog'"):
            store.recode(1, {"cat": 0, "dog": 1})


def test_an_empty_store_has_no_rows_no_range_and_no_words() -> None:
    with PartitionStore(WORDS) as store:
        store.freeze()
        store.recode(1, {})
        assert (store.rows, store.view(1).rows, store.label_range(0), store.vocabulary(1)) == (0, 0, None, ())
        assert store.view().fingerprint() == {}


def test_use_out_of_order_is_an_error() -> None:
    store = PartitionStore(WORDS)
    with pytest.raises(RuntimeError, match="freeze"):
        store.view()
    store.freeze()
    with pytest.raises(RuntimeError, match="no more rows"):
        words(store, [0], ["cat"])
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.take(np.arange(0))
