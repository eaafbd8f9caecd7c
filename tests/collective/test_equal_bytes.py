"""Whatever carries the bytes, the sums are numpy's in rank order, to the last bit."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparkdl.collective import segment
from sparkdl.collective.shared_memory import share_memory
from tests.collective.threads import threads

SIZE = 3
SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
DTYPES = ("float16", "float32", "float64", "int8", "uint16", "int32", "int64", "complex64", "complex128")


@pytest.fixture
def backends(mesh, on_all, monkeypatch, identity):
    """Ranks of every backend; the slots of shared memory are so small that most vectors need several rounds."""
    monkeypatch.setattr(segment, "SLOT_BYTES", 4096)
    shared = on_all(mesh(SIZE), share_memory)
    encrypted = mesh(SIZE, identity=identity)
    return {"threads": threads(SIZE), "mesh": mesh(SIZE), "encrypted mesh": encrypted, "shared memory": shared}


@st.composite
def cut_vectors(draw):
    """A float32 vector for each rank, bit patterns of all kinds, and bounds that need be neither even nor complete."""
    length = draw(st.integers(0, 5000))
    bounds = sorted(draw(st.lists(st.integers(0, length), min_size=SIZE + 1, max_size=SIZE + 1)))
    seed = draw(st.integers(0, 2**32 - 1))
    bits = np.random.default_rng(seed).integers(0, 2**32, (SIZE, length), np.uint32)
    vectors = bits.view(np.float32)
    vectors[np.isnan(vectors)] = draw(st.sampled_from([0.0, -0.0, np.inf, 1e-40]))
    scalars = draw(arrays.arrays(np.float64, (SIZE, draw(st.integers(0, 5))), elements=st.floats(-1e9, 1e9)))
    return vectors, bounds, scalars


@SETTINGS
@given(cut_vectors())
def test_reduce_scatter_and_all_gather(backends, on_all, drawn):
    vectors, bounds, scalars = drawn
    with np.errstate(all="ignore"):
        total = functools.reduce(np.add, vectors)
        for name, ranks in backends.items():

            def act(collective):
                rank = collective.rank
                with np.errstate(all="ignore"):
                    part, sums = collective.reduce_scatter(vectors[rank].copy(), bounds, scalars[rank].copy())
                part = part.copy()
                whole = np.zeros_like(total)
                whole[bounds[rank] : bounds[rank + 1]] = part
                collective.all_gather(whole, bounds)
                return sums.tobytes(), whole

            expected = np.zeros_like(total)
            expected[bounds[0] : bounds[-1]] = total[bounds[0] : bounds[-1]]
            for sums, whole in on_all(ranks, act):
                assert sums == functools.reduce(np.add, scalars).tobytes(), name
                same = whole.view(np.uint32) == expected.view(np.uint32)
                assert np.all(same | (np.isnan(whole) & np.isnan(expected))), name


@SETTINGS
@given(st.data())
def test_all_sum(backends, on_all, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=20))
    values = data.draw(arrays.arrays(dtype, (SIZE, *shape), elements=arrays.from_dtype(dtype, allow_nan=False)))
    with np.errstate(all="ignore"):
        expected = np.asarray(functools.reduce(np.add, values), dtype)

    def act(collective):
        with np.errstate(all="ignore"):
            return collective.all_sum(values[collective.rank])

    for name, ranks in backends.items():
        for total in on_all(ranks, act):
            assert total.dtype == dtype and total.shape == shape, name
            np.testing.assert_array_equal(total, expected, name)


@SETTINGS
@given(st.lists(st.binary(max_size=6000), min_size=SIZE, max_size=SIZE), st.integers(0, SIZE - 1))
def test_bytes(backends, on_all, payloads, root):
    for name, ranks in backends.items():
        assert on_all(ranks, lambda one: one.all_gather_bytes(payloads[one.rank])) == [payloads] * SIZE, name
        assert on_all(ranks, lambda one: one.broadcast(payloads[one.rank], root)) == [payloads[root]] * SIZE, name
