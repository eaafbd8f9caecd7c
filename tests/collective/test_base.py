from __future__ import annotations

from sparkdl.collective.base import Solo


def test_contract(case):
    case(Solo())
