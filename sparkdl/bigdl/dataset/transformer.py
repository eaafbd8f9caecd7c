"""What is done to arrays before they become samples."""

from typing import Any

from sparkdl.bigdl.util.sample import Sample  # noqa: F401


def normalizer(data: Any, mean: Any, std: Any) -> Any:
    """The data without its mean, in units of its standard deviation.

    Example:
        >>> normalizer(5.0, 1.0, 2.0)
        2.0
    """
    return (data - mean) / std
