"""One worker of benchmarks/scaling.py: the real exchange of a training step, and a timed wait for its computation.

It talks with the program that started it over a socket, in lines of JSON.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from dataclasses import dataclass

import numpy as np

from sparkdl.collective.base import Solo
from sparkdl.collective.rendezvous import connect_mesh, open_listener
from sparkdl.collective.two_level import by_hosts
from sparkdl.types import Collective

LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Attributes:
        rank: its number.
        size: number of workers.
        address: where the others reach it; workers of one address are on one host.
        alone: whether it is the only worker of its host.
        lengths: numbers of parameters, one after the other.
        exchanges: how many of each length.
        steps: how many of each length.
        wait: mean seconds of what stands for the computation of a step.
        noise: its standard deviation, as a share of the mean.
        secret: of the run, in hex.
    """

    rank: int
    size: int
    address: str
    alone: bool
    lengths: tuple[int, ...]
    exchanges: tuple[int, ...]
    steps: tuple[int, ...]
    wait: float
    noise: float
    secret: str


def connect(task: Task, talk: socket.SocketIO) -> Collective:
    """The collective that `fit` would use, if namespaces were hosts: without the memory that these could share."""

    def gather(text: str) -> list[str]:
        talk.write(json.dumps({"gather": text}).encode() + b"\n")
        return json.loads(talk.readline())

    if task.size == 1:
        return Solo()
    listener = open_listener(task.address)
    mesh = connect_mesh(task.rank, task.size, listener, gather, bytes.fromhex(task.secret), "scaling", 60.0)
    return mesh if task.alone else by_hosts(mesh, task.address)


class Step:
    """A training step without its computation: reduce-scatter, update of a slice, all-gather."""

    def __init__(self, collective: Collective, length: int) -> None:
        self.collective = collective
        self.gradient = np.full(length, 1e-3, np.float32)
        self.weights = np.zeros(length, np.float32)
        self.scalars = np.ones(3)
        self.bounds = tuple(length * rank // collective.size for rank in range(collective.size + 1))
        self.mine = self.weights[self.bounds[collective.rank] : self.bounds[collective.rank + 1]]
        self.change = np.empty_like(self.mine)

    def __call__(self) -> tuple[float, float]:
        """Seconds of the exchange and of the update."""
        started = time.perf_counter()
        total, _ = self.collective.reduce_scatter(self.gradient, self.bounds, self.scalars)
        reduced = time.perf_counter()
        np.multiply(total, LEARNING_RATE, out=self.change)
        np.subtract(self.mine, self.change, out=self.mine)
        updated = time.perf_counter()
        self.collective.all_gather(self.weights, self.bounds)
        return time.perf_counter() - updated + reduced - started, updated - reduced


def measure(task: Task, collective: Collective, length: int, exchanges: int, steps: int) -> dict[str, list[float]]:
    """Seconds of each exchange and update after a barrier, and of each step."""
    step, rng = Step(collective, length), np.random.default_rng([task.rank, length])
    step()
    bare = []
    for _ in range(exchanges):
        collective.barrier()
        bare.append(step())
    waits = task.wait * np.maximum(0.0, 1.0 + task.noise * rng.standard_normal(steps))
    collective.barrier()
    taken, end = [], time.perf_counter()
    for wait in waits:
        started, end = end, end + wait
        time.sleep(max(0.0, end - time.perf_counter()))
        step()
        end = time.perf_counter()
        taken.append(end - started)
    return {"exchange": [part[0] for part in bare], "update": [part[1] for part in bare], "step": taken}


def main() -> None:
    """The program that `benchmarks/scaling.py` starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("descriptor", type=int, help="the socket")
    with socket.socket(fileno=parser.parse_args().descriptor) as connection, connection.makefile("rwb", 0) as talk:
        task = Task(**json.loads(talk.readline()))
        collective = connect(task, talk)
        for counts in zip(task.lengths, task.exchanges, task.steps, strict=True):
            talk.write(json.dumps(measure(task, collective, *counts)).encode() + b"\n")
        collective.close()


if __name__ == "__main__":
    main()
