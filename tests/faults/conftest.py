from __future__ import annotations

import pytest

from sparkdl.collective.certificate import Identity, make_identity


@pytest.fixture(scope="session")
def identity() -> Identity:
    return make_identity()


@pytest.fixture(params=["clear", "encrypted"])
def own_identity(request: pytest.FixtureRequest) -> Identity | None:
    """For tests that must hold with TLS and without."""
    return request.getfixturevalue("identity") if request.param == "encrypted" else None
