"""Nested Python values and arrays as bytes: JSON and raw buffers, never pickle."""

from __future__ import annotations

import json
import math
from typing import Any

import ml_dtypes  # noqa: F401  (makes numpy know bfloat16 and float8 by name)
import numpy as np

from sparkdl.errors import ArgumentError, DataError

_MAGIC = b"sdltree1"
_HEADER = len(_MAGIC) + 8
_DEEPEST = 50
# What altered bytes lead to, wherever they are first looked at.
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, SyntaxError)
_USER_DTYPE = 2  # numpy.dtype.isbuiltin of dtypes registered by packages such as ml_dtypes


def encode_tree(tree: Any) -> bytes:
    """Bytes of None, numbers, text, bytes, numpy scalars and arrays, in lists, tuples, dicts and sets.

    Raises:
        ArgumentError: for any other type.

    Example:
        >>> decode_tree(encode_tree({"best": np.float32(0.5), 3: (float("-inf"), None)}))
        {'best': np.float32(0.5), 3: (-inf, None)}
    """
    arrays: list[np.ndarray] = []
    plain = _encode(tree, arrays, 0)
    specs = [[_dtype_text(array.dtype), list(array.shape)] for array in arrays]
    header = json.dumps({"tree": plain, "arrays": specs}).encode()
    buffers = [np.ascontiguousarray(array).tobytes() for array in arrays]
    return b"".join([_MAGIC, len(header).to_bytes(8, "little"), header, *buffers])


def decode_tree(payload: bytes) -> Any:
    """The tree that `encode_tree` got.

    Raises:
        DataError: if the bytes are truncated, altered or of something else.
    """
    if payload[: len(_MAGIC)] != _MAGIC:
        raise DataError(f"{len(payload)} bytes are not an encoded tree (they begin with {payload[:8]!r})")
    end = _HEADER + int.from_bytes(payload[len(_MAGIC) : _HEADER], "little")
    try:
        header = json.loads(payload[_HEADER:end])
        arrays: dict[int, np.ndarray] = {}
        for text, shape in header["arrays"]:
            dtype = np.dtype(text)
            count = math.prod(shape)
            if dtype.hasobject or end + count * dtype.itemsize > len(payload):
                raise DataError(f"an encoded tree of {len(payload)} bytes is truncated or altered")
            array = arrays[len(arrays)] = np.frombuffer(payload, dtype, count, end).reshape(shape).copy()
            end += array.nbytes
        return _decode(header["tree"], arrays)
    except _MALFORMED as error:
        raise DataError(f"an encoded tree of {len(payload)} bytes is truncated or altered: {error}") from error


def is_tree(value: Any) -> bool:
    """Whether `encode_tree` takes the value.

    Example:
        >>> is_tree([1, {"a": np.zeros(2)}]), is_tree(object())
        (True, False)
    """
    try:
        _encode(value, [], 0)
    except ArgumentError:
        return False
    return True


def _dtype_text(dtype: np.dtype) -> str:
    return dtype.name if dtype.isbuiltin == _USER_DTYPE else dtype.str


def _encode(value: Any, arrays: list[np.ndarray], depth: int) -> Any:
    if depth > _DEEPEST:
        raise ArgumentError(f"a value is nested more than {_DEEPEST} levels deep; flatten it")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject and value.dtype.names is None:
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if type(value) is bytes:
        arrays.append(np.frombuffer(value, np.uint8))
        return {"bytes": len(arrays) - 1}
    if isinstance(value, dict):
        pairs = [[_encode(key, arrays, depth + 1), _encode(item, arrays, depth + 1)] for key, item in value.items()]
        return {"dict": pairs}
    if isinstance(value, list):
        return [_encode(item, arrays, depth + 1) for item in value]
    if type(value) in (tuple, set, frozenset):
        return {type(value).__name__: [_encode(item, arrays, depth + 1) for item in value]}
    raise ArgumentError(f"a value of type {type(value).__name__} cannot be stored; use numbers, text, arrays or lists")


_CONTAINERS: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _decode(value: Any, arrays: dict[int, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_decode(key, arrays): _decode(item, arrays) for key, item in content}
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](_decode(item, arrays) for item in content)
    array = arrays.pop(content)  # Each is named once; a header that repeats itself must not multiply its bytes.
    if kind == "array":
        return array
    if kind == "scalar":
        return array[()]
    if kind == "bytes":
        return array.tobytes()
    raise ValueError(f"nothing is called {kind!r}")
