"""One worker of benchmarks/overlap.py: real training steps of a real model, on a host of its own."""

from __future__ import annotations

import argparse
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

import scaling_worker
from workloads import WORKLOADS

from sparkdl.collective.base import Solo
from sparkdl.engine.replica import KerasReplica
from sparkdl.engine.shards import shard_buckets
from sparkdl.engine.threads import configure_threads
from sparkdl.engine.updater import KerasUpdater
from sparkdl.train.gradient_exchange import BUCKET_SIZE, GradientExchange
from sparkdl.train.step import train_step
from sparkdl.train.timing import PhaseClock
from sparkdl.types import Batch, Collective, ExchangePrecision, SampleSpec, TensorSpec

# How gradients leave, or that nobody else is there.
ALONE, BEHIND, BESIDE = "alone", "behind", "beside"


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Attributes:
        rank: its number.
        size: number of workers.
        address: where the others reach it.
        model: name of a workload.
        rows: of its share of a batch.
        steps: of each turn.
        turns: what each turn measures.
        secret: of the run, in hex.
        alone: whether nobody else is on its host.
        precision: what is rounded to between hosts.
    """

    rank: int
    size: int
    address: str
    model: str
    rows: int
    steps: int
    turns: tuple[str, ...]
    secret: str
    alone: bool = True
    precision: ExchangePrecision = "float32"


class Trainer:
    """A model with momentum that trains on one batch again and again."""

    def __init__(self, task: Task, kind: str, collective: Collective) -> None:
        import keras

        workload = WORKLOADS[task.model]
        model = workload.model(keras.optimizers.SGD(1e-3, momentum=0.9))
        spec = SampleSpec((TensorSpec("features", workload.shape, "float32"),), (TensorSpec("label", (), "int64"),))
        self.collective = Solo() if kind == ALONE else collective
        self.replica = KerasReplica(model, spec, workers=self.collective.size, sum_over_workers=self.collective.all_sum)
        variables, size = model.trainable_variables, BUCKET_SIZE if kind == BESIDE else None
        buckets = shard_buckets(self.replica.layout, self.collective.size, model.optimizer, variables, bucket_size=size)
        self.replica.stream_gradients(buckets)
        self.updater = KerasUpdater(
            model.optimizer, variables, self.replica.layout, buckets, self.collective.rank, self.replica.weights
        )
        self.exchange = GradientExchange(self.collective, buckets)
        features, labels = workload.rows(task.rows, task.rank)
        self.batch = Batch((features,), (labels,))

    def measure(self, steps: int) -> dict[str, list[float]]:
        """Seconds of each step, and of what it waited for the exchange."""
        taken: dict[str, list[float]] = {"step": [], "exchange": []}
        for _ in range(steps):
            self.collective.barrier()
            clock, started = PhaseClock(), time.perf_counter()
            train_step(
                self.replica, self.updater, self.exchange, self.batch, self.batch.rows * self.collective.size, clock
            )
            taken["step"].append(time.perf_counter() - started)
            taken["exchange"].append(clock.seconds["exchange"])
        return taken


def main() -> None:
    """The program that `benchmarks/overlap.py` starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("descriptor", type=int, help="the socket")
    with socket.socket(fileno=parser.parse_args().descriptor) as connection, connection.makefile("rwb", 0) as talk:
        task = Task(**json.loads(talk.readline()))
        configure_threads(1)
        collective: Any = scaling_worker.connect(task, talk)
        collective.round_to(task.precision)
        trainers = {kind: Trainer(task, kind, collective) for kind in dict.fromkeys(task.turns)}
        for trainer in trainers.values():
            trainer.measure(2)
        for turn in task.turns:
            talk.write(json.dumps(trainers[turn].measure(task.steps)).encode() + b"\n")
        for trainer in trainers.values():
            trainer.exchange.close()
        collective.close()


if __name__ == "__main__":
    main()
