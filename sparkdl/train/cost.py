"""What a step of training costs on a cluster: pure functions of its size, for `sparkdl.plan` and the benchmarks.

A step of `train_step` is, one after the other: the gradient of a worker's rows; waiting for the slowest worker; the
exchange, a reduce-scatter and an all-gather; and the update of the slice of the weights that a worker owns.
docs/scaling.md has the formula.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BYTES = 4  # per parameter: float32 on the wire
PHASES = 2  # reduce-scatter and all-gather


@dataclass(frozen=True, slots=True)
class Way:
    """What it costs a core to exchange data in one way.

    Attributes:
        phase: seconds per phase, whatever is in it.
        peer: seconds per phase and other worker.
        byte: seconds per byte sent, with what is received at the same time and added up.
    """

    phase: float
    peer: float
    byte: float


@dataclass(frozen=True, slots=True)
class Costs:
    """The parameters of the model of a machine, from `fit_costs`.

    Attributes:
        tcp: between workers of several hosts.
        memory: between workers of one host.
        framing: bytes that the network carries per byte of payload: headers, and pauses between packets.
        update: seconds per parameter.
    """

    tcp: Way
    memory: Way
    framing: float
    update: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers, and the network between their hosts.

    Attributes:
        hosts: number of hosts.
        workers_per_host: workers on each, one core or more for each of them.
        bandwidth: bytes per second that a host can send, and receive at the same time.
        latency: seconds until a byte is at another host, beyond what `Costs` has measured.
    """

    hosts: int
    workers_per_host: int = 1
    bandwidth: float = math.inf
    latency: float = 0.0

    @property
    def workers(self) -> int:
        """Number of workers."""
        return self.hosts * self.workers_per_host


@dataclass(frozen=True, slots=True)
class StepTime:
    """The parts of a step, in seconds.

    Example:
        >>> StepTime(compute=0.8, stragglers=0.05, exchange=0.1, update=0.05).total
        1.0
    """

    compute: float
    stragglers: float
    exchange: float
    update: float

    @property
    def total(self) -> float:
        """All parts, which follow each other."""
        return self.compute + self.stragglers + self.exchange + self.update


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds that one exchange of some parameters took on a cluster."""

    cluster: Cluster
    parameters: int
    seconds: float


@functools.cache
def expected_maximum(workers: int) -> float:
    """The mean of the largest of so many independent standard normal numbers.

    Example:
        >>> [round(expected_maximum(workers), 3) for workers in (2, 8, 512)]
        [0.564, 1.424, 3.044]
    """
    points, width = np.linspace(-9.0, 9.0, 3601, retstep=True)
    below = np.array([0.5 * math.erfc(-point / math.sqrt(2.0)) for point in points])
    # E max = (integral above zero of 1 - F^n) - (integral below zero of F^n), F being the distribution function.
    return max(0.0, float((np.sum((points > 0) - below**workers) + 0.5) * width))


def sent_bytes(parameters: int, workers: int) -> float:
    """Bytes that a worker sends in the two phases of an exchange, and receives: all but its own slice, twice.

    Example:
        >>> sent_bytes(1000, workers=4)
        6000.0
    """
    return PHASES * BYTES * parameters * (workers - 1) / workers


def wire_seconds(parameters: int, cluster: Cluster) -> float:
    """Seconds that a host's cable needs for what its workers send to those of other hosts, without framing.

    Workers send to every other worker, each pair on a connection of its own; what goes to a worker of the same host
    does not leave it.

    Example:
        >>> wire_seconds(1000, Cluster(hosts=4, bandwidth=6000.0))
        1.0
    """
    workers = cluster.workers
    leaving = PHASES * BYTES * parameters * (workers - cluster.workers_per_host) / workers
    return cluster.workers_per_host * leaving / cluster.bandwidth


def exchange_seconds(parameters: int, cluster: Cluster, costs: Costs) -> float:
    """Seconds of an exchange: a core's work and the network's go on at the same time, so the slower one counts.

    Args:
        parameters: elements of the gradient.
    """
    workers = cluster.workers
    if workers == 1:
        return 0.0
    way = costs.memory if cluster.hosts == 1 else costs.tcp
    fixed = PHASES * (way.phase + (workers - 1) * way.peer + (cluster.latency if cluster.hosts > 1 else 0.0))
    moving = way.byte * sent_bytes(parameters, workers)
    return fixed + max(moving, costs.framing * wire_seconds(parameters, cluster))


def step_time(parameters: int, compute: float, noise: float, cluster: Cluster, costs: Costs) -> StepTime:
    """The parts of a step.

    Args:
        parameters: trainable parameters of the model.
        compute: mean seconds in which a worker computes the gradient of its rows.
        noise: standard deviation of these seconds, as a share of their mean.

    Example:
        >>> tcp, memory = Way(1e-4, 1e-5, 1e-9), Way(1e-5, 1e-6, 5e-10)
        >>> cluster = Cluster(hosts=8, bandwidth=1.25e9)
        >>> step_time(1_000_000, 0.1, 0.02, cluster, Costs(tcp, memory, framing=1.0, update=1e-9)).exchange
        0.00734
    """
    return StepTime(
        compute=compute,
        stragglers=compute * noise * expected_maximum(cluster.workers),
        exchange=exchange_seconds(parameters, cluster, costs),
        update=costs.update * parameters / cluster.workers,
    )


def fit_costs(measurements: Sequence[Measurement], update: float) -> Costs:
    """The costs with which `exchange_seconds` comes closest to what was measured, by the squares of relative errors.

    Args:
        measurements: exchanges on one host and on several, of several sizes and numbers of workers each; some must be
            bound by the network and some by the cores to tell both.
        update: seconds per parameter.

    Returns:
        no cost below zero; what no measurement tells is 0, or 1 for `framing`.

    Example:
        >>> truth = Costs(Way(1e-4, 1e-5, 4e-10), Way(1e-5, 1e-6, 2e-10), framing=1.05, update=1e-9)
        >>> clusters = [Cluster(hosts, bandwidth=rate) for hosts in (2, 4) for rate in (1e8, 1e10)]
        >>> clusters += [Cluster(1, workers) for workers in (2, 4)]
        >>> sizes = [(cluster, size) for cluster in clusters for size in (1000, 10**6, 10**7)]
        >>> measured = [Measurement(*pair, exchange_seconds(pair[1], pair[0], truth)) for pair in sizes]
        >>> f"{fit_costs(measured, 1e-9).framing:.3f}"
        '1.050'
    """
    memory, _ = _fit_way([one for one in measurements if one.cluster.hosts == 1])
    tcp, framing = _fit_way([one for one in measurements if one.cluster.hosts > 1])
    return Costs(tcp, memory, framing, update)


def _fit_way(measurements: Sequence[Measurement]) -> tuple[Way, float]:
    """The costs of one way, and the framing.

    Which measurements the network bounds depends on the ratio of two of the costs. It divides them by their seconds on
    the cable per byte sent, so there are few such divisions, and all are tried.
    """
    if not measurements:
        return Way(0.0, 0.0, 0.0), 1.0
    peers = np.array([one.cluster.workers - 1 for one in measurements])
    sent = np.array([sent_bytes(one.parameters, one.cluster.workers) for one in measurements])
    wire = np.array([wire_seconds(one.parameters, one.cluster) if one.cluster.hosts > 1 else 0 for one in measurements])
    seconds = np.array([one.seconds for one in measurements])
    latency = np.array([one.cluster.latency if one.cluster.hosts > 1 else 0.0 for one in measurements])
    slowness = wire / sent
    fits = []
    for limit in [-1.0, *np.unique(slowness)]:
        bound = slowness > limit
        terms = np.stack([np.full(len(peers), PHASES), PHASES * peers, sent * ~bound, wire * bound], axis=1)
        found = _least_squares(terms / seconds[:, None], 1.0 - PHASES * latency / seconds)
        moving = np.maximum(found[2] * sent, found[3] * wire)
        errors = (PHASES * (latency + found[0] + found[1] * peers) + moving) / seconds - 1.0
        fits.append((float(errors @ errors), tuple(found.tolist()), bool(bound.any())))
    _, (phase, peer, byte, framing), told = min(fits)
    return Way(phase, peer, byte), framing if told else 1.0


def _least_squares(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The coefficients, none below zero, with which the columns of `terms` come closest to the values.

    There are four at most, so every choice of those that are zero is tried.
    """
    columns = [index for index in range(terms.shape[1]) if terms[:, index].any()]
    fits = []
    for chosen in range(1 << len(columns)):
        kept = [index for place, index in enumerate(columns) if chosen >> place & 1]
        found = np.zeros(terms.shape[1])
        found[kept] = np.linalg.lstsq(terms[:, kept], values, rcond=None)[0] if kept else 0.0
        if (found >= 0).all():
            errors = terms @ found - values
            fits.append((float(errors @ errors), tuple(found.tolist())))
    return np.array(min(fits)[1])
