"""What is done to texts: words, word numbers, one length, samples."""

import re
import sys  # noqa: F401
from collections.abc import Mapping
from typing import Any

import numpy as np
import six  # noqa: F401

from sparkdl.bigdl.feature.preprocessing import Preprocessing
from sparkdl.bigdl.feature.text.text_feature import TextFeature
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
)
from sparkdl.bigdl.util.sample import Sample
from sparkdl.errors import ArgumentError, DataError

_NO_LETTER = re.compile("[^a-z]")


class TextTransformer(Preprocessing):
    """A transform of a TextFeature; subclasses override `change`."""

    def __init__(self, bigdl_type: str = "float", *args: Any) -> None:
        super().__init__(bigdl_type)

    def change(self, feature: TextFeature) -> None:
        """Adds to what is known of the text."""
        raise NotImplementedError

    def transform(self, text_feature: TextFeature) -> TextFeature:
        """Transforms a text.

        Raises:
            DataError: it lacks what is needed; the message says which transform makes it.
        """
        self.change(text_feature)
        return text_feature

    def convert(self, value: TextFeature) -> TextFeature:
        """The transformed text."""
        return self.transform(value)


def _needed(feature: TextFeature, name: str, maker: str) -> Any:
    found = feature[name]
    if found is None:
        raise DataError(f"the text {feature.get_uri() or ''} has no {name} yet: {maker} first.")
    return found


class Tokenizer(TextTransformer):
    """Cuts the text into words at white space."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def change(self, feature: TextFeature) -> None:
        """Cuts."""
        feature["tokens"] = re.split(r"\s+", _needed(feature, "text", "give it one"))


class Normalizer(TextTransformer):
    """Words become lower case, and lose all that is no letter of English."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def change(self, feature: TextFeature) -> None:
        """Normalizes."""
        feature["tokens"] = [_NO_LETTER.sub("", word.lower()) for word in _needed(feature, "tokens", "tokenize it")]


class WordIndexer(TextTransformer):
    """Words become their numbers; those without one are left out."""

    def __init__(self, map: Mapping[str, int], bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        if not isinstance(map, Mapping):
            raise ArgumentError(f"WordIndexer takes a dict from words to numbers, received a {type(map).__name__}.")
        self.map = dict(map)

    def change(self, feature: TextFeature) -> None:
        """Numbers."""
        words = _needed(feature, "tokens", "tokenize it")
        feature["indexedTokens"] = [float(self.map[word]) for word in words if word in self.map]


class SequenceShaper(TextTransformer):
    """All texts get one length.

    Args:
        len: the length.
        trunc_mode: "pre" keeps the end of long texts, "post" the beginning.
        pad_element: what short texts end with.
    """

    def __init__(self, len: int, trunc_mode: str = "pre", pad_element: int = 0, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        if trunc_mode not in ("pre", "post") or len < 1:
            raise ArgumentError(
                f'SequenceShaper takes a positive length and "pre" or "post", received {len} and {trunc_mode!r}.'
            )
        self.length, self.keep_end, self.pad = len, trunc_mode == "pre", float(pad_element)

    def change(self, feature: TextFeature) -> None:
        """Shapes."""
        numbers = _needed(feature, "indexedTokens", "turn words into numbers (word2idx)")
        kept = numbers[-self.length :] if self.keep_end else numbers[: self.length]
        feature["indexedTokens"] = [*kept, *[self.pad] * (self.length - len(kept))]


class TextFeatureToSample(TextTransformer):
    """Makes a sample of the word numbers and the label."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def change(self, feature: TextFeature) -> None:
        """Makes it."""
        numbers = np.array(_needed(feature, "indexedTokens", "turn words into numbers (word2idx)"), np.float32)
        sample = Sample.from_ndarray(numbers, np.array([feature.get_label()], np.float32))
        feature["sample"] = sample if feature.has_label() else Sample(sample.features, [])
