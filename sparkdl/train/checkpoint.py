"""The complete state of a run as bytes: safetensors with a JSON header, readable without pickle.

A sealed state (a checkpoint's file) has a SHA-256 of all of its bytes in the header, taken while the place of
the digest holds zeros. Any reader of safetensors can open it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sparkdl.errors import DataError
from sparkdl.types import Buffer, TrainingState

_NO_DIGEST = "0" * 64
_ALIGNMENT = 8

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


def seal(payload: bytes, **info: Any) -> list[Buffer]:
    """An encoded state with a digest, and with more JSON values in its `info`; the arrays are not copied.

    Example:
        >>> sealed = b"".join(seal(encode_state(TrainingState({"weights": np.arange(3.0)}, {"epoch": 2})), by="me"))
        >>> unseal(sealed).info
        {'epoch': 2, 'by': 'me'}
    """
    size, fields = _fields(payload)
    metadata = fields["__metadata__"]
    header = json.loads(metadata["header"])
    header["info"] |= info
    metadata |= {"header": json.dumps(header), "sha256": _NO_DIGEST}
    text = json.dumps(fields).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    head, arrays = len(text).to_bytes(8, "little") + text, memoryview(payload)[size:]
    return [_with_digest(head, _NO_DIGEST, _digest(head, arrays)), arrays]


def unseal(content: bytes) -> TrainingState:
    """Reads a sealed state.

    Raises:
        DataError: where a byte of it is missing or was changed.
    """
    size, fields = _fields(content)
    found = fields["__metadata__"].get("sha256", "")
    head = _with_digest(content[:size], found, _NO_DIGEST)
    if not found or _digest(head, memoryview(content)[size:]) != found:
        raise DataError(f"a checkpoint of {len(content)} bytes is truncated or altered: its checksum does not fit.")
    return decode_state(content)


def is_state(content: bytes) -> bool:
    """Whether a file begins as one with a state does; the rest of it may be damaged.

    Example:
        >>> is_state(encode_state(TrainingState({}, {}))), is_state(b"something else")
        (True, False)
    """
    try:
        _fields(content)
    except DataError:
        return False
    return True


def _digest(head: bytes, arrays: Buffer) -> str:
    digest = hashlib.sha256(head)
    digest.update(arrays)
    return digest.hexdigest()


def _with_digest(head: bytes, old: str, new: str) -> bytes:
    return head.replace(f'"sha256": "{old}"'.encode(), f'"sha256": "{new}"'.encode(), 1)


def _fields(payload: bytes) -> tuple[int, dict[str, Any]]:
    """Where the arrays begin, and the fields of the header of safetensors."""
    size = 8 + int.from_bytes(payload[:8], "little")
    try:
        fields = json.loads(payload[8:size])
        if fields["__metadata__"]["format"] != FORMAT:
            raise DataError(f"a training state has format {fields['__metadata__']['format']!r}, expected {FORMAT!r}.")
        return size, fields
    except MALFORMED as error:
        raise _no_state(payload) from error


def _no_state(payload: bytes) -> DataError:
    return DataError(
        f"{len(payload)} bytes are no whole training state of format {FORMAT!r}: they are truncated or altered, or "
        "something else."
    )


def _header(payload: bytes) -> Mapping[str, Any]:
    try:
        return json.loads(_fields(payload)[1]["__metadata__"]["header"])
    except MALFORMED as error:
        if isinstance(error, DataError):
            raise
        raise _no_state(payload) from error
