"""The limits of this machine, which nothing on it can pass: bare TensorFlow, memory, shared memory, sockets.

    python benchmarks/limits.py                   # LeNet, LSTM and MLP: a minute
    python benchmarks/limits.py resnet50          # slow: seconds per step
    python benchmarks/limits.py --models-only lenet

The step of each model is that of benchmarks/limit.py, in one process and in one per core, which wait for each other and
exchange nothing. All else is what the exchange of a training step is made of. Figures are the best of several turns,
since other programs can only make them worse; steps are medians, and once more by the processor's own clock, which
other programs do not move. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import limit
import numpy as np
from workloads import QUICK, WORKLOADS

SIZE = 1 << 28  # bytes; far more than any cache
TURNS, PINGS = 5, 2000
CHUNK = 1 << 20
CORES = os.cpu_count() or 1
QUIET_LOAD = 0.5


def best(action: Callable[[], object]) -> float:
    """Seconds of the fastest of several turns."""
    taken = []
    for _ in range(TURNS):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return min(taken)


def memory(threads: int) -> dict[str, float]:
    """Gigabytes per second that so many threads read and write together, with copies and with sums of float32."""
    length = SIZE // 4 // threads
    blocks = [[np.ones(length, np.float32) for _ in range(3)] for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        copy = best(lambda: list(pool.map(lambda block: np.copyto(block[2], block[0]), blocks)))
        add = best(lambda: list(pool.map(lambda block: np.add(block[0], block[1], out=block[2]), blocks)))
    return {"copy": 2 * SIZE / copy / 1e9, "add": 3 * SIZE / add / 1e9}


def send_all(connection: socket.socket, size: int) -> None:
    """Sends so many bytes in chunks."""
    chunk = bytes(CHUNK)
    for _ in range(size // CHUNK):
        connection.sendall(chunk)


def receive_all(connection: socket.socket, size: int) -> None:
    """Takes so many bytes."""
    room = memoryview(bytearray(CHUNK))
    while size:
        size -= connection.recv_into(room[: min(size, CHUNK)])


def answer_socket(address: tuple[str, int]) -> None:
    """The other process of `loopback`: takes everything, then answers byte by byte."""
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(TURNS):
            receive_all(connection, SIZE)
            connection.sendall(b"1")
        for _ in range(PINGS):
            connection.sendall(connection.recv(1))


def loopback() -> dict[str, float]:
    """Gigabytes per second of one connection in one direction, and microseconds of a byte to the other process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.Process(target=answer_socket, args=(listener.getsockname(),))
        process.start()
        connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send() -> None:
            send_all(connection, SIZE)
            connection.recv(1)

        def ping() -> None:
            connection.sendall(b"1")
            connection.recv(1)

        seconds = best(send)
        result = {"bandwidth": SIZE / seconds / 1e9, "latency": round_trip(ping)}
    process.join()
    return result


def round_trip(ping: Callable[[], None]) -> float:
    """Half of a round trip in microseconds, median."""
    taken = []
    for _ in range(PINGS):
        started = time.perf_counter()
        ping()
        taken.append(time.perf_counter() - started)
    return 1e6 * statistics.median(taken) / 2


class Mailbox:
    """Memory of two processes: a count of what each has done, and a block that one fills and the other empties."""

    def __init__(self, block: Any, side: int) -> None:
        self.counts = memoryview(block).cast("B").cast("q")
        self.data = np.frombuffer(block, np.float32, offset=CHUNK)
        self.side = side

    def pass_on(self) -> None:
        """It is the other's turn."""
        self.counts[8 * self.side] += 1

    def wait(self, count: int) -> None:
        """Until the other has passed on so often; without sleeping, as the fastest way."""
        while self.counts[8 * (1 - self.side)] < count:
            pass


def answer_memory(block: Any) -> None:
    """The other process of `shared_memory`: copies everything out, then answers."""
    box = Mailbox(block, side=1)
    own = np.empty_like(box.data)
    for turn in range(1, TURNS + PINGS + 1):
        box.wait(turn)
        if turn <= TURNS:
            np.copyto(own, box.data)
        box.pass_on()


def shared_memory() -> dict[str, float]:
    """Gigabytes per second from one process to another, copied in and copied out, and microseconds of a signal."""
    block = multiprocessing.RawArray("B", CHUNK + SIZE)
    box = Mailbox(block, side=0)
    process = multiprocessing.Process(target=answer_memory, args=(block,))
    process.start()
    values, turns = np.ones_like(box.data), iter(range(1, TURNS + PINGS + 1))

    def signal() -> None:
        box.pass_on()
        box.wait(next(turns))

    def send() -> None:
        np.copyto(box.data, values)
        signal()

    seconds = best(send)
    result = {"bandwidth": SIZE / seconds / 1e9, "latency": round_trip(signal)}
    process.join()
    return result


def parameters(name: str) -> int:
    """Trainable parameters of a model."""
    return sum(math.prod(variable.shape) for variable in WORKLOADS[name].model("sgd").trainable_variables)


def steps(name: str, processes: int, count: int | None) -> dict[str, float]:
    """A step of the bare loop: milliseconds, those of a processor alone, noise, and rows per second of all processes.

    The noise is the distance of the quartiles of the processor's time, as of a normal distribution, over the median.
    """
    workload = WORKLOADS[name]
    count = count or max(5, workload.steps // 2)
    seconds = limit.measure(name, "sgd", processes, min(10, count // 2), count)
    middle = statistics.median(seconds["wall"])
    low, processor, high = statistics.quantiles(seconds["processor"], n=4)
    noise = (high - low) / 1.349 / processor
    return {"ms": 1e3 * middle, "processor ms": 1e3 * processor, "noise": noise, "rows": workload.batch / middle}


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(WORKLOADS)} (default: {', '.join(QUICK)})"
    )
    parser.add_argument("--processes", type=int, nargs="*", default=sorted({1, CORES}), help="of bare TensorFlow")
    parser.add_argument("--steps", type=int, help="that are timed, at least 2 (default: by model)")
    parser.add_argument("--models-only", action="store_true", help="leaves out memory and sockets")
    arguments = parser.parse_args()
    if unknown := sorted({*arguments.models} - {*WORKLOADS}):
        parser.error(f"there is no model {', '.join(unknown)}: choose among {', '.join(WORKLOADS)}")
    load = os.getloadavg()[0]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures: dict[str, Any] = {}
    if not arguments.models_only:
        figures = {"memory": {count: memory(count) for count in sorted({1, CORES})}}
        figures |= {"shared memory": shared_memory(), "loopback": loopback()}
        print(f"{'':<22}{'GB/s':>8}{'us':>8}")
        for count, rates in figures["memory"].items():
            for name, rate in rates.items():
                print(f"{f'memory, {name}, {count} thr.':<22}{rate:>8.1f}")
        for name in ("shared memory", "loopback"):
            print(f"{name:<22}{figures[name]['bandwidth']:>8.1f}{figures[name]['latency']:>8.1f}")
    print(f"{'bare TensorFlow':<16}{'processes':>10}{'step ms':>10}{'processor':>10}{'noise':>8}{'rows/s':>10}")
    figures |= {"steps": {}, "parameters": {}, "batch": {}}
    for name in arguments.models or QUICK:
        figures["steps"][name] = {count: steps(name, count, arguments.steps) for count in arguments.processes}
        figures["parameters"][name], figures["batch"][name] = parameters(name), WORKLOADS[name].batch
        for count, step in figures["steps"][name].items():
            times = f"{step['ms']:>10.2f}{step['processor ms']:>10.2f}"
            print(f"{name:<16}{count:>10}{times}{step['noise']:>8.1%}{step['rows']:>10,.1f}")
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): its limits are higher than this.")
    print(json.dumps({"benchmark": "limits", "cores": CORES, "load": load, **figures}))


if __name__ == "__main__":
    main()
