"""What values a Param takes: Spark ML's converters of types, and our checks of ranges, each with one sentence.

As in Spark ML, a wrong type is a TypeError and a wrong value a ValueError (here an ArgumentError).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pyspark.ml.param import TypeConverters

from sparkdl.data.transforms import color, crops, geometry  # noqa: F401 - so that configs find their classes
from sparkdl.data.transforms.base import Transform, from_config
from sparkdl.engine.definition import described, is_model
from sparkdl.errors import ArgumentError

Converter = Callable[[Any], Any]


def whole(name: str, least: int) -> Converter:
    """Whole numbers from `least` on.

    Example:
        >>> whole("epochs", 1)(2.0)
        2
        >>> whole("epochs", 1)(0)
        Traceback (most recent call last):
        sparkdl.errors.ArgumentError: epochs must be a whole number of at least 1, received 0.
    """

    def convert(value: Any) -> int:
        number = int(TypeConverters.toInt(value))
        if number < least:
            raise ArgumentError(f"{name} must be a whole number of at least {least}, received {number}.")
        return number

    return convert


def between(name: str, low: float, high: float, *, including_high: bool = True) -> Converter:
    """Numbers from `low` to `high`.

    Example:
        >>> between("validationSplit", 0, 1, including_high=False)(0.25)
        0.25
    """

    def convert(value: Any) -> float:
        number = float(TypeConverters.toFloat(value))
        if not (low <= number < high or (including_high and number == high)):
            limits = f"between {low:g} and {high:g}" if including_high else f"at least {low:g} and below {high:g}"
            raise ArgumentError(f"{name} must be {limits}, received {number:g}.")
        return number

    return convert


def positive(name: str) -> Converter:
    """Finite numbers above 0.

    Example:
        >>> positive("learningRate")(0.01)
        0.01
    """

    def convert(value: Any) -> float:
        number = float(TypeConverters.toFloat(value))
        if not 0 < number < math.inf:
            raise ArgumentError(f"{name} must be above 0, received {number:g}.")
        return number

    return convert


def choice(name: str, *accepted: str) -> Converter:
    """One of a few words.

    Example:
        >>> choice("handleInvalid", "error", "skip")("skip")
        'skip'
    """

    def convert(value: Any) -> str:
        word = str(TypeConverters.toString(value))
        if word not in accepted:
            raise ArgumentError(f"{name} must be one of {', '.join(map(repr, accepted))}, received {word!r}.")
        return word

    return convert


def transformation(name: str) -> Converter:
    """A transform of `sparkdl.images`, or its config, as the config: which a Param can hold, and JSON can say.

    Example:
        >>> from sparkdl.data.transforms.geometry import Resize
        >>> transformation("transformation")(Resize(8))["class"]
        'Resize'
    """

    def convert(value: Any) -> dict[str, Any]:
        if isinstance(value, Transform):
            return value.to_config()
        if isinstance(value, dict):
            return dict(from_config(value).to_config())
        raise TypeError(f"{name} must be a transform of sdl.images, or its config, received {value!r}.")

    return convert


def names(name: str) -> Converter:
    """A list of different names, at least one.

    Example:
        >>> names("featuresCols")(("x", "y"))
        ['x', 'y']
    """

    def convert(value: Any) -> list[str]:
        found = list(TypeConverters.toListString(value))
        if not found or len(set(found)) != len(found):
            raise ArgumentError(f"{name} must be a list of different column names, received {found!r}.")
        return found

    return convert


def divisors(name: str) -> Converter:
    """Thresholds as Spark ML has them: none below 0, and one 0 at most.

    Example:
        >>> divisors("thresholds")([0.3, 0.7])
        [0.3, 0.7]
    """

    def convert(value: Any) -> list[float]:
        found = list(TypeConverters.toListFloat(value))
        if not found or not all(number >= 0 for number in found) or found.count(0) > 1:
            raise ArgumentError(f"{name} must be numbers of at least 0, one of them 0 at most, received {found!r}.")
        return found

    return convert


def values(name: str) -> Converter:
    """A dict of names with values that JSON has; numpy's numbers become Python's.

    Example:
        >>> values("modelParams")({"units": np.int64(128), "sizes": (3, 4)})
        {'units': 128, 'sizes': [3, 4]}
    """

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise TypeError(f"{name} must be a dict by names, received {value!r}.")
        try:
            return dict(json.loads(json.dumps(value, default=_plain, allow_nan=False)))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must hold numbers, strings, lists and dicts only: {error}.") from None

    return convert


def shapes(name: str) -> Converter:
    """A dict of column names with shapes.

    Example:
        >>> shapes("shapes")({"pixels": (28, 28)})
        {'pixels': [28, 28]}
    """

    def convert(value: Any) -> dict[str, list[int]]:
        found = values(name)(value)
        for shape in found.values():
            sizes = shape if isinstance(shape, list) else [None]
            if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in sizes):
                raise ArgumentError(f"{name} must give each column a list of whole numbers, received {value!r}.")
        return found

    return convert


def dtypes(name: str) -> Converter:
    """A dict of column names with numpy's names of types.

    Example:
        >>> dtypes("dtypes")({"pixels": "uint8"})
        {'pixels': 'uint8'}
    """

    def convert(value: Any) -> dict[str, str]:
        found = values(name)(value)
        for kind in found.values():
            try:
                np.dtype(kind)
            except TypeError:
                raise ArgumentError(f"{name} must give each column a type of numpy, received {kind!r}.") from None
        return found

    return convert


def compiling(name: str) -> Converter:
    """Something that a model is compiled with: objects of Keras become their configurations.

    Example:
        >>> compiling("metrics")(["accuracy"])
        ['accuracy']
    """

    def convert(value: Any) -> Any:
        try:
            return described(value)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None

    return convert


def model(name: str) -> Converter:
    """A Keras model, a function that makes one, or the name of such a function.

    Example:
        >>> model("model")("networks:build")
        'networks:build'
    """

    def convert(value: Any) -> Any:
        if isinstance(value, str):
            if not all(part.strip() for part in value.partition(":")):
                raise ArgumentError(f"{name}={value!r} names no function, expected 'module:function'.")
        elif not is_model(value) and (not callable(value) or isinstance(value, type)):
            raise TypeError(f"{name} must be a Keras model or a function, received a {type(value).__name__}.")
        return value

    return convert


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is none of them")
