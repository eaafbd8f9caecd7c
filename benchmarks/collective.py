"""How long a training step's exchange takes: reduce-scatter and all-gather between processes of this machine.

Prints a table of medians in milliseconds and, as its last line, the same as JSON. The bounds are what the same bytes
cost without us: a plain socket loop that only moves them (loopback), and plain copies within each process (memcpy).
The backends and bounds take turns (A B A B), so that a change of the machine's load meets all of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import select
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np

from sparkdl.collective.mesh import Mesh
from sparkdl.collective.rendezvous import connect_mesh, open_listener
from sparkdl.collective.shared_memory import share_memory
from sparkdl.collective.sums import byte_view
from sparkdl.types import Collective

SIZES = {"240 KB": 60_000, "2.7 MB": 675_000, "20 MB": 5_000_000, "100 MB": 25_000_000}


def gather_through(pipe: Connection) -> Callable[[str], list[str]]:
    def gather(text: str) -> list[str]:
        pipe.send(text)
        return pipe.recv()

    return gather


def step(collective: Collective, values: np.ndarray, bounds: tuple[int, ...], scalars: np.ndarray) -> None:
    collective.reduce_scatter(values, bounds, scalars)
    collective.all_gather(values, bounds)


def plain_loopback(connection: socket.socket, values: np.ndarray, received: np.ndarray) -> None:
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


def plain_copies(rank: int, bounds: tuple[int, ...], values: np.ndarray, received: np.ndarray) -> None:
    """The least that an exchange through memory does: everybody writes and reads what others own, and own parts."""
    mine = slice(bounds[rank], bounds[rank + 1])
    np.copyto(received, values)
    np.add(values[mine], received[mine], out=received[mine])
    np.copyto(values, received)


def subjects(
    rank: int, size: int, mesh: Mesh, shared: Collective, plain: socket.socket | None
) -> Iterator[tuple[str, Callable[..., None]]]:
    yield "mesh", lambda values, received, bounds, scalars: step(mesh, values, bounds, scalars)
    if plain is not None:
        yield "loopback bound", lambda values, received, bounds, scalars: plain_loopback(plain, values, received)
    yield "shared memory", lambda values, received, bounds, scalars: step(shared, values, bounds, scalars)
    yield "memcpy bound", lambda values, received, bounds, scalars: plain_copies(rank, bounds, values, received)


def work(rank: int, size: int, rounds: int, secret: bytes, pipe: Connection) -> None:
    gather = gather_through(pipe)

    def connect(name: str) -> Mesh:
        return connect_mesh(rank, size, open_listener("127.0.0.1"), gather, secret, name, 30.0)

    mesh = connect("mesh")
    shared = share_memory(connect("shared memory"))
    plain = plain_connection(rank, gather) if size == 2 else None
    scalars = np.ones(3)
    for name, length in SIZES.items():
        values, received = np.zeros(length, np.float32), np.zeros(length, np.float32)
        bounds = tuple(length * index // size for index in range(size + 1))
        repeats = max(5, min(200, 40_000_000 // length))
        times: dict[str, list[float]] = {}
        for _ in range(rounds):
            for subject, action in subjects(rank, size, mesh, shared, plain):
                mesh.barrier()
                for _ in range(repeats):
                    started = time.perf_counter()
                    action(values, received, bounds, scalars)
                    times.setdefault(subject, []).append(time.perf_counter() - started)
        pipe.send((name, {subject: summary(taken) for subject, taken in times.items()}))
    for collective in (mesh, shared):
        collective.close()


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
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    secret = secrets.token_bytes(32)
    for rank in range(options.workers):
        ours, theirs = context.Pipe()
        arguments = (rank, options.workers, options.rounds, secret, theirs)
        processes.append(context.Process(target=work, args=arguments, daemon=True))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    results: dict[str, dict[str, tuple[float, float]]] = {}
    while len(results) < len(SIZES):
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
