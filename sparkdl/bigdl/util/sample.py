"""`JTensor` and `Sample`: what BigDL's RDDs hold. Executors import this file, so it needs nothing but numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl import types
from sparkdl.errors import DataError

DTYPE = "float32"


class JTensor:
    """A tensor of float32 numbers, dense or sparse.

    Attributes:
        storage: the values; of a sparse tensor those that are not zero.
        shape: of the whole tensor. A number has the shape (1,).
        indices: int32, (dimensions, values), 0-based; None where dense.

    Example:
        >>> JTensor.from_ndarray(np.array([[1, 2], [3, 4]])).to_ndarray().tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> JTensor.sparse(np.array([5, 7]), np.array([[0, 1], [2, 0]]), np.array([2, 3])).to_ndarray().tolist()
        [[0.0, 0.0, 5.0], [7.0, 0.0, 0.0]]
    """

    __slots__ = ("bigdl_type", "indices", "shape", "storage")

    storage: np.ndarray
    shape: tuple[int, ...]
    indices: np.ndarray | None
    bigdl_type: str

    def __init__(self, storage: Any, shape: Any, bigdl_type: str = "float", indices: Any = None) -> None:
        if isinstance(storage, bytes) and isinstance(shape, bytes):
            storage, shape = np.frombuffer(storage, DTYPE), np.frombuffer(shape, np.int32)
        try:
            self.storage = np.array(storage, DTYPE)
        except (TypeError, ValueError) as error:
            raise DataError(f"a JTensor is made of numbers, received a {type(storage).__name__}: {error}.") from error
        self.shape = tuple(int(size) for size in np.atleast_1d(shape))
        self.bigdl_type = bigdl_type
        if isinstance(indices, bytes):
            indices = np.frombuffer(indices, np.int32)
        self.indices = None if indices is None else np.array(indices, np.int32)
        if self.indices is None and self.storage.size != np.prod(self.shape, dtype=np.int64):
            raise DataError(f"a JTensor of the shape {self.shape} was given {self.storage.size} values.")

    @classmethod
    def from_ndarray(cls, a_ndarray: Any, bigdl_type: str = "float") -> Any:
        """A dense tensor of an array; None of None."""
        if a_ndarray is None:
            return None
        array = np.asarray(a_ndarray)
        return cls(array, array.shape or (1,), bigdl_type)

    @classmethod
    def sparse(cls, a_ndarray: Any, i_ndarray: Any, shape: Any, bigdl_type: str = "float") -> Any:
        """A sparse tensor of values, their 0-based indices (one row per dimension), and the shape; None of None.

        Raises:
            DataError: the numbers of values and of indices do not fit.
        """
        if a_ndarray is None:
            return None
        values, indices = np.asarray(a_ndarray), np.asarray(i_ndarray)
        if indices.size != values.size * np.size(shape):
            raise DataError(
                f"a sparse JTensor of {np.size(shape)} dimension(s) with {values.size} values needs "
                f"{values.size * np.size(shape)} indices, received {indices.size}."
            )
        return cls(values, shape, bigdl_type, indices)

    def to_ndarray(self) -> np.ndarray:
        """The tensor as a float32 array, dense in any case."""
        if self.indices is None:
            return self.storage.reshape(self.shape)
        dense = np.zeros(self.shape, DTYPE)
        dense[tuple(self.indices.reshape(len(self.shape), -1))] = self.storage.reshape(-1)
        return dense

    def to_tensor(self) -> Any:
        """What layers take: an array; of a sparse tensor one of TensorFlow's, whose indices must ascend there."""
        if self.indices is None:
            return self.to_ndarray()
        import tensorflow as tf  # not where samples are merely read

        places = self.indices.reshape(len(self.shape), -1).T.astype("int64")
        return tf.sparse.reorder(tf.SparseTensor(places, self.storage.reshape(-1), self.shape))

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.storage.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.to_ndarray(), dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JTensor):
            return NotImplemented
        return self.shape == other.shape and np.array_equal(self.to_ndarray(), other.to_ndarray())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return _tensor, _raw(self)

    def __repr__(self) -> str:
        indices = "" if self.indices is None else f" ,indices {self.indices}"
        return f"JTensor: storage: {self.storage}, shape: {np.array(self.shape)}{indices}, {self.bigdl_type}"


class Sample(types.Sample):
    """One training example; also one of `sparkdl.fit`'s.

    Attributes:
        features, labels: lists of `JTensor`.
        feature, label: the first of each.

    Example:
        >>> sample = Sample.from_ndarray(np.zeros((28, 28)), 8)
        >>> sample.features[0].shape, sample.label.to_ndarray()
        ((28, 28), array([8.], dtype=float32))
    """

    features: Any
    labels: Any
    weight: Any
    # The base is frozen; BigDL's samples are not.
    __setattr__ = object.__setattr__

    def __init__(self, features: Any, labels: Any, bigdl_type: str = "float") -> None:
        self.features = features
        self.labels = labels
        self.weight = None
        self.bigdl_type = bigdl_type

    @property
    def feature(self) -> JTensor:
        """The first feature."""
        return self.features[0]

    @property
    def label(self) -> Any:
        """The first label; None where there is none."""
        return self.labels[0] if self.labels else None

    @classmethod
    def from_ndarray(cls, features: Any, labels: Any, bigdl_type: str = "float") -> Sample:  # type: ignore[override]
        """A sample of arrays.

        Args:
            features: an array, or a list of arrays.
            labels: a number, an array, or a list of arrays.
            bigdl_type: no matter here.

        Raises:
            DataError: something else.
        """
        return cls(_tensors(features, "features"), _tensors(labels, "labels"), bigdl_type)

    @classmethod
    def from_jtensor(cls, features: Any, labels: Any, bigdl_type: str = "float") -> Sample:
        """A sample of tensors (or lists of them); a label may be a number."""
        return cls(_tensors(features, "features"), _tensors(labels, "labels"), bigdl_type)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        return list(self.features) == list(other.features) and list(self.labels) == list(other.labels)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        features, labels = [_raw(item) for item in self.features], [_raw(item) for item in self.labels]
        return _sample, (type(self), features, labels, self.bigdl_type)

    def __repr__(self) -> str:
        return f"Sample: features: {self.features}, labels: {self.labels},"


def _tensors(value: Any, what: str) -> list[JTensor]:
    """One or several arrays, numbers or tensors; a plain list of numbers is one array."""
    several = isinstance(value, (list, tuple)) and any(isinstance(item, (np.ndarray, JTensor)) for item in value)
    try:
        return [_one(item) for item in value] if several else [_one(value)]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a Sample's {what} must be a number, an array, or a list of arrays, received {type(value).__name__}: "
            f"{error}."
        ) from error


def _one(value: Any) -> JTensor:
    if isinstance(value, JTensor):
        return value
    if value is None:
        raise TypeError("there is no array in None")
    return JTensor.from_ndarray(np.asarray(value))


# Plain bytes: numpy's own pickle of an array costs twice as much, and Spark pickles every sample.
Raw = tuple[bytearray, tuple[int, ...], tuple[int, ...], str, bytes | None]


def _raw(tensor: JTensor) -> Raw:
    indices = None if tensor.indices is None else tensor.indices.tobytes()
    return bytearray(tensor.storage.tobytes()), tensor.storage.shape, tensor.shape, tensor.bigdl_type, indices


def _tensor(
    content: bytearray, stored: tuple[int, ...], shape: tuple[int, ...], bigdl_type: str, indices: bytes | None
) -> JTensor:
    tensor = JTensor.__new__(JTensor)
    tensor.storage = np.ndarray(stored, DTYPE, content)  # writable, as a bytearray is
    tensor.shape = shape
    tensor.bigdl_type = bigdl_type
    tensor.indices = None if indices is None else np.frombuffer(indices, np.int32).reshape(len(shape), -1)
    return tensor


def _sample(cls: type[Sample], features: Sequence[Raw], labels: Sequence[Raw], bigdl_type: str) -> Sample:
    return cls([_tensor(*raw) for raw in features], [_tensor(*raw) for raw in labels], bigdl_type)
