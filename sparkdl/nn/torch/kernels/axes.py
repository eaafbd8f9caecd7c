"""Torch's numbers of dimensions (from 1, or from -1 backwards) as TensorFlow's axes (from 0)."""

from __future__ import annotations

from typing import Any

from sparkdl.errors import ArgumentError

UNKNOWN = -(2**31)  # what Torch-like modules are given for "no number of dimensions"


def axis(x: Any, dimension: int, what: str = "dimension") -> int:
    """The axis of a tensor that a dimension means.

    Raises:
        ArgumentError: if the tensor has no such dimension.
    """
    rank = x.shape.rank
    place = dimension - 1 if dimension > 0 else rank + dimension
    if dimension == 0 or not 0 <= place < rank:
        raise ArgumentError(
            f"there is no {what} {dimension} in a value of shape {tuple(x.shape)}: dimensions count from 1 (or from -1 "
            f"backwards) to {rank}, the batch included."
        )
    return place


def batched_axis(x: Any, dimension: int, n_input_dims: int) -> int:
    """The axis where `dimension` counts without the batch, of which there is one if the rank is `n_input_dims` + 1."""
    shift = dimension > 0 and n_input_dims > 0 and x.shape.rank == n_input_dims + 1
    return axis(x, dimension + 1 if shift else dimension)


def channel_axis(x: Any) -> int:
    """The axis of the channels of [C], [B, C], [C, H, W] or [B, C, H, W]; [B, C, ...] where the batch is open."""
    return 1 if x.shape.rank in (2, 4) or (x.shape.rank > 1 and x.shape[0] is None) else 0


def slices(x: Any, place: int, part: Any) -> tuple[Any, ...]:
    """What to index a tensor with to take a part of one axis."""
    return (slice(None),) * place + (part,)
