"""Loads the contract by its path: the tests are no package, and other processes load it the same way."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sparkdl.collective.certificate import Identity
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.rendezvous import connect_mesh, open_listener

SECRET = b"a secret of tests that is long"


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


def _gathers(size: int) -> list[Callable[[str], list[str]]]:
    everything = [""] * size
    barrier = threading.Barrier(size)

    def of(rank: int) -> Callable[[str], list[str]]:
        def gather(text: str) -> list[str]:
            everything[rank] = text
            barrier.wait(30)
            together = list(everything)
            barrier.wait(30)
            return together

        return gather

    return [of(rank) for rank in range(size)]


@pytest.fixture(scope="session")
def gathers() -> Callable[[int], list[Callable[[str], list[str]]]]:
    """What Spark's allGather does, between threads: one function per rank."""
    return _gathers


@pytest.fixture
def mesh() -> Iterator[Callable[..., list[Mesh]]]:
    """Makes the ranks of a mesh over loopback, and closes them after the test."""
    made: list[Mesh] = []

    def make(size: int, deadline: float = 30.0, identity: Identity | None = None) -> list[Mesh]:
        ranks = list(enumerate(_gathers(size)))
        ready = _on_all(
            ranks,
            lambda rank: connect_mesh(
                rank[0], size, open_listener("127.0.0.1"), rank[1], SECRET, "run-1", deadline, identity
            ),
        )
        made.extend(ready)
        return ready

    yield make
    for collective in made:
        collective.close()


@pytest.fixture(scope="session")
def secret() -> bytes:
    return SECRET
