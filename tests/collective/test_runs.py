from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sparkdl.collective.runs import Runs

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: tuple(sorted(pair))), max_size=5)


@given(SPANS, st.integers(0, 80), st.integers(0, 40))
def test_runs_are_what_lies_one_behind_the_other(spans, low, length):
    values = np.arange(30)
    joined = np.concatenate([values[:0], *(values[first:last] for first, last in spans)])
    runs = Runs.of(values, spans)
    assert len(runs) == len(joined)
    found = np.full(length, -1)
    for start, piece in runs.between(low, low + length):
        assert np.shares_memory(piece, values)
        found[start : start + len(piece)] = piece
    expected = joined[low : low + length]
    assert found[: len(expected)].tolist() == expected.tolist() and (found[len(expected) :] == -1).all()
