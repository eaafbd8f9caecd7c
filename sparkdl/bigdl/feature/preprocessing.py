"""`Preprocessing`: functions of one value each, in a chain. Executors import this file; it imports no Spark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.bigdl.util.sample import JTensor, Sample
from sparkdl.errors import ArgumentError, DataError


class Preprocessing(JavaValue):
    """A function of a value; what it takes and gives depends on the class. Picklable."""

    def __init__(self, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(None, bigdl_type)

    def convert(self, value: Any) -> Any:
        """The value after it.

        Raises:
            DataError: it does not take such a value.
        """
        raise NotImplementedError

    def __call__(self, input: Any) -> Any:
        """An ImageSet or TextSet with all of its values converted."""
        if not hasattr(input, "transform"):
            raise ArgumentError(
                f"{type(self).__name__} is applied to an ImageSet or a TextSet, received a {type(input).__name__}."
            )
        return input.transform(self)


class ChainedPreprocessing(Preprocessing):
    """Several, each taking what the one before gives."""

    def __init__(self, transformers: Sequence[Preprocessing], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        for transformer in transformers:
            if not isinstance(transformer, Preprocessing):
                raise ArgumentError(
                    f"a ChainedPreprocessing is made of Preprocessings, received a {type(transformer).__name__}."
                )
        self.transformers = list(transformers)

    def convert(self, value: Any) -> Any:
        """After the last one."""
        for transformer in self.transformers:
            value = transformer.convert(value)
        return value


class SeqToTensor(Preprocessing):
    """A number, sequence, array or ML vector becomes a tensor.

    Args:
        size: its shape; empty for as many numbers as there are.

    Example:
        >>> SeqToTensor([2, 2]).convert([1, 2, 3, 4]).to_ndarray().tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, size: Sequence[int] = [], bigdl_type: str = "float") -> None:  # noqa: B006
        super().__init__(bigdl_type)
        self.size = [int(length) for length in size]

    def convert(self, value: Any) -> JTensor:
        """The tensor."""
        numbers = numbers_of(value, type(self).__name__)
        if self.size and numbers.size != math.prod(self.size):
            raise DataError(f"{type(self).__name__}({self.size}) received {numbers.size} numbers.")
        return JTensor.from_ndarray(numbers.reshape(self.size or -1))


class ScalarToTensor(SeqToTensor):
    """A number becomes a tensor of it."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__([], bigdl_type)


class ArrayToTensor(SeqToTensor):
    """An array becomes a tensor of a shape."""

    def __init__(self, size: Sequence[int], bigdl_type: str = "float") -> None:
        super().__init__(size, bigdl_type)


class MLlibVectorToTensor(SeqToTensor):
    """A vector becomes a tensor of a shape."""

    def __init__(self, size: Sequence[int], bigdl_type: str = "float") -> None:
        super().__init__(size, bigdl_type)


class SeqToMultipleTensors(Preprocessing):
    """A sequence is cut into tensors, for a model with several inputs.

    Args:
        size: the shapes.
    """

    def __init__(self, size: Sequence[Sequence[int]] = [], bigdl_type: str = "float") -> None:  # noqa: B006
        super().__init__(bigdl_type)
        self.size = [[int(length) for length in shape] for shape in size]

    def convert(self, value: Any) -> list[JTensor]:
        """The tensors."""
        numbers = numbers_of(value, "SeqToMultipleTensors").reshape(-1)
        ends = np.cumsum([math.prod(shape) for shape in self.size])
        if not len(ends) or ends[-1] != numbers.size:
            raise DataError(f"SeqToMultipleTensors({self.size}) received {numbers.size} numbers.")
        parts = np.split(numbers, ends[:-1])
        return [JTensor.from_ndarray(part.reshape(shape)) for part, shape in zip(parts, self.size, strict=True)]


def numbers_of(value: Any, what: str) -> np.ndarray:
    """The numbers of a scalar, sequence, array, tensor or vector.

    Raises:
        DataError: there are none.
    """
    value = value.toArray() if hasattr(value, "toArray") else value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{what} takes a number, an array of numbers or a vector, received a {type(value).__name__}, "
            f"{str(value)[:60]}."
        )
    return array


class TensorToSample(Preprocessing):
    """A tensor, or several, become a sample without a label."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def convert(self, value: Any) -> Sample:
        """The sample."""
        return Sample(_listed(value), [], self.bigdl_type)


class FeatureLabelPreprocessing(Preprocessing):
    """A pair of feature and label becomes a sample; None as label, one without."""

    def __init__(
        self, feature_transformer: Preprocessing, label_transformer: Preprocessing, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type)
        self.feature_transformer = feature_transformer
        self.label_transformer = label_transformer

    def convert(self, value: Any) -> Sample:
        """The sample."""
        feature, label = value
        features = self.feature_transformer.convert(feature)
        labels = [] if label is None else _listed(self.label_transformer.convert(label))
        if isinstance(features, Sample):
            return Sample(features.features, labels or features.labels, self.bigdl_type)
        return Sample(_listed(features), labels, self.bigdl_type)


class ToTuple(Preprocessing):
    """A feature becomes a pair of it and None, which stands for the label."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def convert(self, value: Any) -> tuple[Any, None]:
        """The pair."""
        return value, None


class FeatureToTupleAdapter(Preprocessing):
    """Applies what takes pairs to features alone."""

    def __init__(self, sample_transformer: Preprocessing, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.sample_transformer = sample_transformer

    def convert(self, value: Any) -> Any:
        """What it gives for (feature, None)."""
        return self.sample_transformer.convert((value, None))


class BigDLAdapter(Preprocessing):
    """Makes a Preprocessing of a transform of images."""

    def __init__(self, bigdl_transformer: Any, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.bigdl_transformer = bigdl_transformer

    def convert(self, value: Any) -> Any:
        """The transformed image."""
        return self.bigdl_transformer.transform(value)


class SampleToMiniBatch(Preprocessing):
    """Samples stay samples: batches are made where the model is trained, of the size that is given there."""

    def __init__(self, batch_size: int, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.batch_size = batch_size

    def convert(self, value: Any) -> Any:
        """The value."""
        return value


def preprocessing_of(given: Any, what: str) -> Preprocessing:
    """A Preprocessing of what a script gives for one: itself, None, a shape, or several shapes.

    Raises:
        ArgumentError: something else.
    """
    if given is None or (isinstance(given, (list, tuple)) and not given):
        return SeqToTensor()
    if isinstance(given, Preprocessing):
        return given
    if isinstance(given, (list, tuple)) and all(isinstance(item, (list, tuple)) for item in given):
        return SeqToMultipleTensors(given)
    if isinstance(given, (list, tuple)) and all(isinstance(item, (int, np.integer)) for item in given):
        return SeqToTensor(given)
    raise ArgumentError(
        f"{what} must be a Preprocessing, a shape as [28, 28], or a list of shapes for several inputs, received "
        f"{given!r}."
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
