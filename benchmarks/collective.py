"""How long a training step's exchange takes: reduce-scatter and all-gather between processes of this machine.

Prints a table of medians and minima in milliseconds and, as its last line, the same as JSON. The bounds are what the
same bytes cost without us: a plain socket loop that only moves them (loopback), and numpy copies through one block of
shared memory with a busy wait and nothing else (memcpy). Bounds are for two workers. `--exchange-precision bf16 fp16`
measures the mesh with numbers rounded on the wire too, `--peers gloo tensorflow` all-reduce of PyTorch (pip install
torch) and of TensorFlow. All take turns (A B A B), so that a change of the machine's load meets all of them.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import secrets
import select
import socket
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from collective_peers import PEERS

from sparkdl.collective.codecs import CODECS
from sparkdl.collective.mesh import Mesh
from sparkdl.collective.rendezvous import connect_mesh, open_listener
from sparkdl.collective.shared_memory import share_memory
from sparkdl.collective.sums import byte_view
from sparkdl.train.gradient_exchange import GradientExchange
from sparkdl.types import Collective, ExchangePrecision

SIZES = {
    "4 KB": 1_000,
    "240 KB": 60_000,
    "2.7 MB": 675_000,
    "20 MB": 5_000_000,
    "100 MB": 25_000_000,
    "500 MB": 125_000_000,
}
PAGE = 4096


def gather_through(pipe: Connection) -> Callable[[str], list[str]]:
    def gather(text: str) -> list[str]:
        pipe.send(text)
        return pipe.recv()

    return gather


def step(
    collective: Collective, values: np.ndarray, _: np.ndarray, bounds: tuple[int, ...], scalars: np.ndarray
) -> None:
    """What a training step exchanges."""
    collective.reduce_scatter(values, bounds, scalars)
    collective.all_gather(values, bounds)


class Rounded:
    """What a training step exchanges where numbers are rounded: gradients, and changes of weights."""

    def __init__(self, mesh: Mesh, precision: ExchangePrecision) -> None:
        mesh.round_to(precision)
        self.mesh = mesh
        self.exchange = functools.lru_cache(1)(lambda bounds: GradientExchange(mesh, [bounds]))

    def __call__(self, values: np.ndarray, weights: np.ndarray, bounds: tuple[int, ...], scalars: np.ndarray) -> None:
        exchange = self.exchange(bounds)
        exchange.reduce(values, scalars)
        with exchange.sharing(weights):
            pass


def plain_loopback(connection: socket.socket, values: np.ndarray, received: np.ndarray, *_: object) -> None:
    """Sends half of the bytes and receives the other half, twice, as bare sockets do it. Two ranks only."""
    half = values.nbytes // 2
    for _ in range(2):
        outgoing, incoming = byte_view(values)[:half], byte_view(received)[:half]
        while outgoing or incoming:
            readable, writable, _ = select.select([connection] * bool(incoming), [connection] * bool(outgoing), [])
            if writable:
                try:
                    outgoing = outgoing[connection.send(outgoing) :]
                except BlockingIOError:
                    pass
            if readable:
                try:
                    incoming = incoming[connection.recv_into(incoming) :]
                except BlockingIOError:
                    pass


class PlainCopies:
    """The least that two processes do who exchange through memory: copy out, wait, add, copy out, wait, copy in."""

    def __init__(self, rank: int, block: Any) -> None:
        self.rank = rank
        self.turn = 0
        self.flags = memoryview(block).cast("B").cast("q")
        self.boxes = np.frombuffer(block, np.float32, offset=PAGE).reshape(2, -1)

    def __call__(self, values: np.ndarray, received: np.ndarray, bounds: tuple[int, ...], _: np.ndarray) -> None:
        mine, theirs = (slice(bounds[rank], bounds[rank + 1]) for rank in (self.rank, 1 - self.rank))
        inbox, outbox = self.boxes[1 - self.rank], self.boxes[self.rank]
        np.copyto(outbox[theirs], values[theirs])
        self.meet()
        np.add(values[mine], inbox[mine], out=values[mine])
        np.copyto(outbox[mine], values[mine])
        self.meet()
        np.copyto(values[theirs], inbox[theirs])

    def meet(self) -> None:
        self.turn += 1
        self.flags[8 * self.rank] = self.turn
        while self.flags[8 * (1 - self.rank)] < self.turn:
            pass


def work(
    rank: int,
    size: int,
    rounds: int,
    sizes: tuple[str, ...],
    precisions: tuple[ExchangePrecision, ...],
    peers: tuple[str, ...],
    secret: bytes,
    block: Any,
    pipe: Connection,
) -> None:
    gather = gather_through(pipe)

    def connect(name: str) -> Mesh:
        return connect_mesh(rank, size, open_listener("127.0.0.1"), gather, secret, name, 30.0)

    mesh, shared = connect("mesh"), share_memory(connect("shared memory"))
    subjects: dict[str, Callable[..., None]] = {"mesh": functools.partial(step, mesh)}
    subjects |= {f"mesh, {precision}": Rounded(connect(precision), precision) for precision in precisions}
    if size == 2:
        subjects["loopback bound"] = functools.partial(plain_loopback, plain_connection(rank, gather))
    subjects["shared memory"] = functools.partial(step, shared)
    if size == 2:
        subjects["memcpy bound"] = PlainCopies(rank, block)
    subjects |= {peer: PEERS[peer](rank, size, gather) for peer in peers}
    for name in sizes:
        pipe.send((name, measure(subjects, mesh, rounds, SIZES[name])))
    for collective in (mesh, shared, *(each.mesh for each in subjects.values() if isinstance(each, Rounded))):
        collective.close()


def measure(
    subjects: dict[str, Callable[..., None]], mesh: Mesh, rounds: int, length: int
) -> dict[str, tuple[float, float]]:
    """Median and minimum of every subject, in milliseconds."""
    values, received, scalars = np.zeros(length, np.float32), np.zeros(length, np.float32), np.ones(3)
    bounds = tuple(length * index // mesh.size for index in range(mesh.size + 1))
    repeats = max(5, min(200, 40_000_000 // length))
    times: dict[str, list[float]] = {subject: [] for subject in subjects}
    for _ in range(rounds):
        for subject, action in subjects.items():
            mesh.barrier()
            for _ in range(repeats):
                started = time.perf_counter()
                action(values, received, bounds, scalars)
                times[subject].append(time.perf_counter() - started)
    return {subject: summary(taken) for subject, taken in times.items()}


def summary(taken: list[float]) -> tuple[float, float]:
    """Median and minimum, in milliseconds; on a busy machine the minimum says more about the program."""
    return round(1000 * statistics.median(taken), 4), round(1000 * min(taken), 4)


def plain_connection(rank: int, gather: Callable[[str], list[str]]) -> socket.socket:
    with open_listener("127.0.0.1") as listener:
        address = json.loads(gather(json.dumps(listener.getsockname()))[0])
        if rank:
            connection = socket.create_connection(tuple(address))
        else:
            listener.setblocking(True)
            connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="number of processes (default 2)")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each subject per size (default 4)")
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=[*SIZES][:-1], help="all but 500 MB by default")
    parser.add_argument(
        "--exchange-precision", nargs="*", choices=[*CODECS][1:], default=[], help="also with numbers rounded to these"
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[], help="others to measure")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    secret = secrets.token_bytes(32)
    block = context.RawArray("B", PAGE + 2 * 4 * max(SIZES[name] for name in options.sizes))
    for rank in range(options.workers):
        ours, theirs = context.Pipe()
        given = (options.rounds, tuple(options.sizes), tuple(options.exchange_precision), tuple(options.peers))
        arguments = (rank, options.workers, *given, secret, block, theirs)
        processes.append(context.Process(target=work, args=arguments, daemon=True))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    results: dict[str, dict[str, tuple[float, float]]] = {}
    while len(results) < len(options.sizes):
        messages = [pipe.recv() for pipe in pipes]
        if isinstance(messages[0], str):
            for pipe in pipes:
                pipe.send(messages)
        else:
            results[messages[0][0]] = messages[0][1]
    for process in processes:
        process.join()
    report(options.workers, results)


def report(workers: int, results: dict[str, dict[str, tuple[float, float]]]) -> None:
    names = list(next(iter(results.values())))
    print(f"{workers} workers on {os.cpu_count()} cores: reduce-scatter + all-gather, ms (median / minimum)")
    print(f"{'':>8}" + "".join(f"{name:>20}" for name in names))
    for size, row in results.items():
        print(f"{size:>8}" + "".join(f"{f'{row[name][0]:.3f} / {row[name][1]:.3f}':>20}" for name in names))
    medians = {size: {name: figures[0] for name, figures in row.items()} for size, row in results.items()}
    minima = {size: {name: figures[1] for name, figures in row.items()} for size, row in results.items()}
    print(json.dumps({"benchmark": "collective", "workers": workers, "median_ms": medians, "minimum_ms": minima}))


if __name__ == "__main__":
    main()
