from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparkdl.errors import DataError
from sparkdl.train.checkpoint import decode_state, encode_state
from sparkdl.types import TrainingState

DTYPES = st.sampled_from([np.float32, np.float64, np.uint8, np.uint32, np.int64, np.bool_])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(st.dictionaries(st.text(max_size=8), DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)), max_size=4))
def test_round_trip_keeps_bytes_shapes_and_dtypes(arrays: dict[str, np.ndarray]) -> None:
    info = {"epoch": 3, "seed": 7, "nested": {"best": 0.25, "names": ["a", "b"]}}
    back = decode_state(encode_state(TrainingState(arrays, info)))
    assert back.info == info
    assert set(back.arrays) == set(arrays)
    for name, array in arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].shape == array.shape
        assert back.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("keep", [0, 7, 40, -3])
def test_truncated_state_is_a_clear_error(keep: int) -> None:
    payload = encode_state(TrainingState({"weights": np.arange(100.0)}, {}))
    with pytest.raises(DataError, match="state"):
        decode_state(payload[:keep])
