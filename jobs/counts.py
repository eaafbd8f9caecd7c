"""Numbers of a command line, refused by argparse before anything starts."""

from __future__ import annotations

from argparse import ArgumentTypeError


def count(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"expected a whole number of at least 1, received {text}")
    return number


def rate(text: str) -> float:
    """A finite number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"expected a number above 0, received {text}")
    return number
