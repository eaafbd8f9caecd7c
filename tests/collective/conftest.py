"""Loads the contract by its path: the tests are no package, and other processes load it the same way."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"collective_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONTRACT = _load("contract")


@pytest.fixture(scope="session")
def contract() -> ModuleType:
    return CONTRACT


@pytest.fixture(params=sorted(CONTRACT.CASES))
def case(request: pytest.FixtureRequest) -> Callable[..., None]:
    return CONTRACT.CASES[request.param]


def _on_all(ranks: Sequence[Any], action: Callable[[Any], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(ranks)) as pool:
        futures = [pool.submit(action, rank) for rank in ranks]
        return [future.result(60) for future in futures]


@pytest.fixture(scope="session")
def on_all() -> Callable[..., list[Any]]:
    """Runs an action on every rank at the same time, and gives the results in rank order."""
    return _on_all
