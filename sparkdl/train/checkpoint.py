"""The complete state of a run as bytes: safetensors with a JSON header, readable without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sparkdl.errors import DataError
from sparkdl.types import TrainingState

FORMAT = "sparkdl-state-1"
# What altered bytes lead to, wherever they are first looked at.
MALFORMED = (
    SafetensorError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    SyntaxError,
)


def encode_state(state: TrainingState) -> bytes:
    """Turns a state into bytes (safetensors; `info` as JSON in its metadata).

    Example:
        >>> import numpy as np
        >>> state = TrainingState({"weights": np.arange(3.0)}, {"epoch": 2})
        >>> decode_state(encode_state(state)).info["epoch"]
        2
    """
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
    shapes = {name: array.shape for name, array in arrays.items() if array.ndim == 0 or array.size == 0}
    flat = {name: np.atleast_1d(array) for name, array in arrays.items() if array.size}
    header = {"info": dict(state.info), "shapes": shapes, "dtypes": {n: arrays[n].dtype.str for n in shapes}}
    return save(flat, metadata={"format": FORMAT, "header": json.dumps(header)})


def decode_state(payload: bytes) -> TrainingState:
    """Reads what `encode_state` wrote.

    Raises:
        DataError: where the bytes are not a whole state of this format.
    """
    header = _header(payload)
    try:
        arrays = load(payload)
        for name, shape in header["shapes"].items():
            stored = arrays[name] if name in arrays else np.empty(0, header["dtypes"][name])
            arrays[name] = stored.reshape(shape)
        return TrainingState(arrays, dict(header["info"]))
    except MALFORMED as error:
        raise DataError(f"a training state of {len(payload)} bytes is truncated or altered: {error}.") from error


def _header(payload: bytes) -> Mapping[str, Any]:
    length = int.from_bytes(payload[:8], "little")
    try:
        metadata = json.loads(payload[8 : 8 + length])["__metadata__"]
        if metadata["format"] != FORMAT:
            raise DataError(f"a training state has format {metadata['format']!r}, expected {FORMAT!r}.")
        return json.loads(metadata["header"])
    except MALFORMED as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{len(payload)} bytes are no training state of format {FORMAT!r}.") from error
