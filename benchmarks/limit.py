"""The synchronous limit: a bare loop of TensorFlow, or of PyTorch, in several processes that only wait for each other.

Each process has one thread and its share of the batch, computes the gradient, applies the optimizer
to all weights, and passes one byte around per step; no gradient is ever exchanged. No synchronous
data-parallel training of the same model on the same cores can be faster, except by a faster engine.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workloads import WORKLOADS

ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def measure(
    name: str,
    optimizer: str,
    workers: int,
    warm_up: int,
    steps: int,
    engine: str = "tensorflow",
    precision: str = "float32",
    batch: int | None = None,
) -> dict[str, list[float]]:
    """Seconds of each step after the warm-up, as rank 0 of `workers` processes saw them.

    By the clock on the "wall", and by that of the "processor": without what other programs took.

    Args:
        engine: a key of `ENGINES`; with "torch" the optimizer is SGD.
        precision: "float32", or "bf16": Keras's policy mixed_bfloat16, PyTorch's autocast.
        batch: rows of a step over all processes; the workload's own by default.

    Raises:
        RuntimeError: a process failed.
    """
    pairs = [socket.socketpair() for _ in range(workers - 1)]
    ends = [[near for near, _ in pairs], *([far] for _, far in pairs)]
    rows = (batch or WORKLOADS[name].batch) // workers
    words, numbers = [name, optimizer, engine, precision], [warm_up, steps, rows]
    processes = [_start(words, numbers, [end.fileno() for end in mine]) for mine in ends]
    for pair in pairs:
        for end in pair:
            end.close()
    outputs = [process.communicate() for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        if process.returncode:
            raise RuntimeError(f"a process of the bare loop of {name} failed:\n{errors[-2000:]}")
    return json.loads(outputs[0][0].splitlines()[-1])


def _start(words: list[str], numbers: list[int], sockets: list[int]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__)), *words, *map(str, [*numbers, *sockets])],
        env={**os.environ, **ONE_THREAD},
        pass_fds=sockets,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_all(peers: list[socket.socket]) -> None:
    """Returns when all processes are here: rank 0 hears everybody, then tells everybody."""
    if len(peers) == 1:
        peers[0].sendall(b"1")
        peers[0].recv(1)
        return
    for peer in peers:
        peer.recv(1)
    for peer in peers:
        peer.sendall(b"1")


def tensorflow_step(name: str, optimizer: str, rows: int, precision: str) -> Callable[[], object]:
    """A training step of TensorFlow."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if precision == "bf16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    workload = WORKLOADS[name]
    model = workload.model(optimizer)
    features, labels = (tf.constant(part) for part in workload.rows(rows, seed=0))
    loss_of = keras.losses.get(model.loss)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_of(labels, tf.cast(model(features, training=True), tf.float32)))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss

    model.optimizer.build(model.trainable_variables)
    return lambda: step().numpy()


def torch_step(name: str, optimizer: str, rows: int, precision: str) -> Callable[[], object]:
    """A training step of PyTorch."""
    from torch_models import Loop

    return Loop(name, *WORKLOADS[name].rows(rows, seed=0), precision).step


ENGINES = {"tensorflow": tensorflow_step, "torch": torch_step}


def main() -> None:
    """The program that each process runs; see `measure`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(WORKLOADS))
    parser.add_argument("optimizer")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("precision", choices=["float32", "bf16"])
    parser.add_argument("numbers", type=int, nargs="+", help="warm-up steps, steps, rows, sockets")
    arguments = parser.parse_args()
    warm_up, steps, rows, *ends = arguments.numbers
    step = ENGINES[arguments.engine](arguments.name, arguments.optimizer, rows, arguments.precision)
    peers = [socket.socket(fileno=end) for end in ends]
    wall, processor = [], []
    for _ in range(warm_up + steps):
        start, worked = time.perf_counter(), time.process_time()
        step()
        wait_for_all(peers)
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - worked)
    print(json.dumps({"wall": wall[warm_up:], "processor": processor[warm_up:]}))


if __name__ == "__main__":
    main()
