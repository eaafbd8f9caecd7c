from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparkdl.errors import CollectiveError
from sparkdl.spark.worker import gather_at_barrier


def test_a_barrier_that_breaks_off_is_the_loss_of_a_peer_and_no_fault_of_the_program() -> None:
    """The JVM of a worker that is killed in its middle ends the stream."""

    def broken(text: str) -> list[str]:
        raise EOFError

    context = SimpleNamespace(allGather=broken)
    with pytest.raises(CollectiveError, match="broke off: EOFError"):
        gather_at_barrier(context, "mine")  # type: ignore[arg-type]
