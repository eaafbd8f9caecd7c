"""Nested lists, tuples and dicts, and their leaves."""

from collections.abc import Iterator
from typing import Any

import six  # noqa: F401

from sparkdl.bigdl.util.log4Error import *  # noqa: F403


def is_sequence(s: Any) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(s, (dict, list, tuple))


def flatten(seq: Any) -> list[Any]:
    """The leaves; those of a dict in the order of its keys.

    Example:
        >>> flatten([1, (2, {"b": 4, "a": 3})])
        [1, 2, 3, 4]
    """
    if not is_sequence(seq):
        return [seq]
    parts = [seq[key] for key in sorted(seq)] if isinstance(seq, dict) else seq
    return [leaf for part in parts for leaf in flatten(part)]


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """Leaves in a structure, which `flatten` would give back.

    Example:
        >>> pack_sequence_as([0, (0, {"b": 0, "a": 0})], [1, 2, 3, 4])
        [1, (2, {'a': 3, 'b': 4})]
    """
    return _packed(structure, iter(flat_sequence))


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, dict):
        return type(structure)((key, _packed(structure[key], leaves)) for key in sorted(structure))
    if is_sequence(structure):
        return type(structure)([_packed(part, leaves) for part in structure])
    return next(leaves)


def ptensor_to_numpy(seq: Any) -> list[Any]:
    """The leaves, which are tensors of PyTorch, as arrays."""
    return [leaf.data.numpy() for leaf in flatten(seq)]
