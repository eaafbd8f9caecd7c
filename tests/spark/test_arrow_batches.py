"""The size of record batches while jobs run, one by one and side by side."""

from __future__ import annotations

from typing import Any

import pytest

from sparkdl.spark.arrow_batches import arrow_batches_of


class Session:
    """Has a setting."""

    def __init__(self, value: str) -> None:
        self.conf = self
        self.value = value

    def get(self, name: str, default: str | None = None) -> str:
        assert name == "spark.sql.execution.arrow.maxRecordsPerBatch"
        return self.value

    def set(self, name: str, value: str) -> None:
        self.value = value


def test_the_sessions_own_number_comes_back_whichever_job_ends_first() -> None:
    session: Any = Session("10000")
    first, second = arrow_batches_of(session, 500), arrow_batches_of(session, 300)
    first.__enter__()
    assert session.value == "500"
    second.__enter__()
    assert session.value == "300"
    first.__exit__(None, None, None)
    assert session.value == "300"
    second.__exit__(None, None, None)
    assert session.value == "10000"


def test_a_session_with_smaller_batches_keeps_them() -> None:
    session: Any = Session("100")
    with arrow_batches_of(session, 500):
        assert session.value == "100"
    assert session.value == "100"


def test_a_session_without_a_limit_gets_one() -> None:
    session: Any = Session("0")
    with arrow_batches_of(session, 500):
        assert session.value == "500"
    assert session.value == "0"


def test_a_session_that_cannot_be_asked_leaves_nothing_behind() -> None:
    session: Any = Session("10000")
    session.set = None
    with pytest.raises(TypeError), arrow_batches_of(session, 500):
        pass
    del session.set
    with arrow_batches_of(session, 600):
        assert session.value == "600"
    assert session.value == "10000"
