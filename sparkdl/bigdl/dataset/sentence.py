"""Text to sentences to words. BigDL needs NLTK and its models for this; here are rules like theirs."""

import itertools  # noqa: F401
import os  # noqa: F401
import re
import sys  # noqa: F401

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_CLITIC = re.compile(r"(?i)(?<=\w)(n't|'(?:s|m|d|ll|re|ve))\b")
_WORD = re.compile(r"(?i)n't|'(?:s|m|d|ll|re|ve)\b|\.\.\.|--|\w+(?:[-./]\w+)*(?:\.(?=\w))?|[^\w\s]")


def read_localfile(fileName: str) -> list[str]:
    """The lines of a file, each with its end."""
    with open(fileName, encoding="utf-8") as file:
        return list(file)


def sentences_split(line: str) -> list[str]:
    """The sentences of a line.

    Example:
        >>> sentences_split("Speak, speak. You are all resolved! yes")
        ['Speak, speak.', 'You are all resolved! yes']
    """
    return [part for part in _END.split(line.strip()) if part]


def sentences_bipadding(sent: str) -> str:
    """A sentence with a mark before and behind it."""
    return f"SENTENCESTART {sent} SENTENCEEND"


def sentence_tokenizer(sentences: str) -> list[str]:
    """The words and marks of a text.

    Example:
        >>> sentence_tokenizer("We don't know, sir: it's 3.5 miles.")
        ['We', 'do', "n't", 'know', ',', 'sir', ':', 'it', "'s", '3.5', 'miles', '.']
    """
    return _WORD.findall(_CLITIC.sub(r" \1", sentences))


word_tokenize = sentence_tokenizer
