"""Rounding to 16 bits, against the types of ml_dtypes and numpy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparkdl.collective.codecs import CHUNK, CODECS

ROUNDING = [codec for codec in CODECS.values() if codec.rounds]
FINITE = arrays.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32, allow_nan=False))


def through(codec, *vectors, low=0, high=None):
    """The sum of what comes out."""
    vectors = [np.asarray(vector, np.float32) for vector in vectors]
    rooms = [np.empty(len(vector) + codec.header, codec.dtype) for vector in vectors]
    messages = [codec.encode(vector, room) for vector, room in zip(vectors, rooms, strict=True)]
    high = len(vectors[0]) if high is None else high
    out = np.full(high - low, 99, np.float32)
    codec.add(messages, low, high, out)
    return out


def scaled_halves(values):
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(largest):
        return np.full_like(values, np.nan)
    power = min(15 - np.frexp(largest)[1], 126) if largest else 0
    return np.ldexp(np.ldexp(values, power).astype(np.float16).astype(np.float32), -power)


ORACLES = {
    "float32": lambda values: values,
    "bf16": lambda values: values.astype(ml_dtypes.bfloat16).astype(np.float32),
    "fp16": scaled_halves,
}


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
@given(values=FINITE)
def test_numbers_come_out_as_the_type_of_16_bits_has_them(codec, values):
    with np.errstate(over="ignore"):
        assert through(codec, values).tobytes() == ORACLES[codec.name](values).tobytes()


@pytest.mark.parametrize("codec", ROUNDING, ids=lambda codec: codec.name)
def test_every_pattern_of_16_bits_and_those_between_them(codec):
    exact = np.arange(1 << 16, dtype=np.uint16)
    kind = ml_dtypes.bfloat16 if codec.name == "bf16" else np.float16
    values = exact.view(kind).astype(np.float32)
    values = values[np.isfinite(values) & (np.abs(values) < 2.0**15)]
    ordered = np.unique(values)
    middles = (ordered[:-1] + ordered[1:]) / np.float32(2)  # ties go to the even one
    several = np.concatenate([values, middles, np.nextafter(middles, np.float32(np.inf))])
    several = np.append(several, np.float32(2**14 + 8))  # the scale of fp16 is 1
    np.testing.assert_array_equal(through(codec, several), several.astype(kind).astype(np.float32))


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_sums_are_float32_and_in_order(codec):
    vectors = np.random.default_rng(0).standard_normal((5, 2 * CHUNK + 77), np.float32)
    each = [through(codec, vector) for vector in vectors]
    expected = (((each[0] + each[1]) + each[2]) + each[3]) + each[4]
    assert through(codec, *vectors).tobytes() == expected.tobytes()
    low, high = CHUNK - 3, 2 * CHUNK + 5
    assert through(codec, *vectors, low=low, high=high).tobytes() == expected[low:high].tobytes()


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(codec, bad):
    assert not np.isfinite(through(codec, [1.0, bad, 2.0])).all()
    assert np.isfinite(through(codec, [1.0, 3.0, 2.0])).all()


@pytest.mark.parametrize(("codec", "bound"), [(CODECS["bf16"], 2**-8), (CODECS["fp16"], 2**-11)])
def test_errors_are_within_what_the_documentation_says(codec, bound):
    values = np.exp(np.random.default_rng(1).uniform(-19, 0, 10_000)).astype(np.float32)
    assert np.max(np.abs(through(codec, values) / values - 1)) <= bound
