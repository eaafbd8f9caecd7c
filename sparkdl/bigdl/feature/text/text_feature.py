"""`TextFeature`: a text with what transforms make of it."""

import sys  # noqa: F401
from typing import Any

import six  # noqa: F401

from sparkdl.bigdl.util.bridge import JavaValue, callZooFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
)
from sparkdl.bigdl.util.sample import Sample


class TextFeature(JavaValue):
    """A text, its label and id, and whatever transforms add, under names.

    Attributes:
        state: what is known, by name: text, label, uri, tokens, indexedTokens, sample, predict.
    """

    def __init__(
        self,
        text: str | None = None,
        label: float | None = None,
        uri: str | None = None,
        jvalue: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(jvalue, bigdl_type)
        given = {"text": text, "label": None if label is None else int(label), "uri": uri}
        self.state: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        return self.state.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.state[name] = value

    def get_text(self) -> str | None:
        """The text."""
        return self["text"]

    def get_label(self) -> int:
        """The label; -1 where there is none."""
        return self.state.get("label", -1)

    def get_uri(self) -> str | None:
        """The id, or where it was read."""
        return self["uri"]

    def has_label(self) -> bool:
        """Whether there is a label."""
        return "label" in self.state

    def set_label(self, label: int) -> "TextFeature":
        """Gives the text a label."""
        self["label"] = int(label)
        return self

    def get_tokens(self) -> list[str] | None:
        """The words; None before it is tokenized."""
        return self["tokens"]

    def get_sample(self) -> Sample | None:
        """The sample; None before it is made."""
        return self["sample"]

    def keys(self) -> list[str]:
        """The names of what it holds."""
        return list(self.state)

    def copy(self) -> "TextFeature":
        """One with a state of its own."""
        other = TextFeature(bigdl_type=self.bigdl_type)
        other.state = dict(self.state)
        return other
