"""Nested values as bytes, and damaged bytes."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparkdl.engine.tree import decode_tree, encode_tree, is_tree
from sparkdl.errors import ArgumentError, DataError

_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0))
)
_keys = st.text() | st.integers() | st.tuples(st.integers(), st.text())
_trees = st.recursive(
    _leaves,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(_keys, inner) | st.sets(st.integers()),
    max_leaves=12,
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(_trees)
def test_what_goes_in_comes_out(tree):
    assert same(decode_tree(encode_tree(tree)), tree)


def test_numbers_that_json_does_not_know():
    tree = decode_tree(encode_tree([math.inf, -math.inf, math.nan, np.float32("nan"), np.int64(3)]))
    assert tree[:2] == [math.inf, -math.inf] and math.isnan(tree[2])
    assert type(tree[3]) is np.float32 and type(tree[4]) is np.int64


def test_half_precision_of_training_keeps_its_type():
    value = np.arange(3).astype(ml_dtypes.bfloat16)
    assert decode_tree(encode_tree(value)).dtype == ml_dtypes.bfloat16


def test_decoded_arrays_can_be_written():
    decode_tree(encode_tree(np.zeros(3)))[0] = 1.0


def test_other_types_and_endless_nesting_are_refused():
    endless: list = []
    endless.append(endless)
    for value in (object(), [lambda: 0], {"a": np.array([object()])}, endless, 1j):
        assert not is_tree(value)
        with pytest.raises(ArgumentError):
            encode_tree(value)


@given(st.binary(max_size=40))
def test_bytes_of_something_else_are_refused(payload):
    with pytest.raises(DataError):
        decode_tree(payload)


def test_damaged_bytes_are_refused():
    payload = encode_tree({"best": np.arange(100.0), "wait": 3})
    for cut in range(len(payload)):
        with pytest.raises(DataError):
            decode_tree(payload[:cut])
    with pytest.raises(DataError):
        decode_tree(payload.replace(b"<f8", b"|O8"))
