"""What a step of training costs on a cluster: pure functions of its size, for `sparkdl.plan` and the benchmarks.

A step of `train_step` is, one after the other: the gradient of a worker's rows; waiting for the slowest worker; of the
exchange, a reduce-scatter and an all-gather, what did not go on beside the gradient; and the update of the slice of the
weights that a worker owns.
docs/scaling.md has the formula.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparkdl.train.gradient_exchange import BUCKET_SIZE
from sparkdl.types import ExchangePrecision

BYTES = 4  # per parameter: float32 on the wire
PHASES = 2  # reduce-scatter and all-gather
# Seconds of a core per parameter of an exchange, beyond those in float32.
ROUNDING: Mapping[ExchangePrecision, float] = {"float32": 0.0, "bf16": 1.8e-9, "fp16": 1.45e-8}


@dataclass(frozen=True, slots=True)
class Way:
    """What it costs a core to exchange data in one way.

    Attributes:
        phase: seconds per phase, whatever is in it.
        peer: seconds per phase and each other worker that takes part, or other host.
        byte: seconds per byte sent, with what is received at the same time and added up.
    """

    phase: float
    peer: float
    byte: float


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a computation: some for any size, and some for each element.

    Example:
        >>> Line(fixed=0.5, each=0.25).at(8)
        2.5
    """

    fixed: float
    each: float

    def at(self, size: float) -> float:
        """Seconds for so many elements."""
        return self.fixed + self.each * size


@dataclass(frozen=True, slots=True)
class Costs:
    """What the exchange costs on a machine, from `fit_costs`.

    Attributes:
        tcp: between hosts.
        memory: between the workers of a host.
        framing: bytes that the network carries per byte of payload: headers, and pauses between packets.
    """

    tcp: Way
    memory: Way
    framing: float


# Fitted by benchmarks/scaling.py to the run that docs/scaling.md shows.
MEASURED = Costs(tcp=Way(0, 1.37e-05, 5.83e-10), memory=Way(9.09e-05, 0, 4.7e-10), framing=1.19)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers, and the network between their hosts.

    Attributes:
        hosts: number of hosts.
        workers_per_host: workers on each, one core or more for each of them.
        bandwidth: bytes per second that a host can send, and receive at the same time.
        latency: seconds until a byte is at another host, beyond what `Costs` has measured.
        precision: what is rounded to between hosts, as in `fit(exchange_precision=)`.
    """

    hosts: int
    workers_per_host: int = 1
    bandwidth: float = math.inf
    latency: float = 0.0
    precision: ExchangePrecision = "float32"

    @property
    def workers(self) -> int:
        """Number of workers."""
        return self.hosts * self.workers_per_host


@dataclass(frozen=True, slots=True)
class StepTime:
    """The parts of a step, in seconds; of the exchange what the computation did not hide.

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
    points, below, width = _normal_distribution()
    # E max = (integral above zero of 1 - F^n) - (integral below zero of F^n), F being the distribution function.
    return max(0.0, float((np.sum((points > 0) - below**workers) + 0.5) * width))


@functools.cache
def _normal_distribution() -> tuple[np.ndarray, np.ndarray, float]:
    """Equidistant points, the share of standard normal numbers below each, and the distance."""
    points = np.linspace(-9.0, 9.0, 3601)
    return points, np.array([0.5 * math.erfc(-point / math.sqrt(2.0)) for point in points]), points[1] - points[0]


def inner_bytes(parameters: int, cluster: Cluster) -> float:
    """Bytes that a worker gives to those of its own host in an exchange, and takes from them.

    They first add up among themselves, each an equal share of the gradient, and have all weights at the end.

    Example:
        >>> inner_bytes(1000, Cluster(hosts=3, workers_per_host=4))
        6000.0
    """
    return PHASES * BYTES * parameters * (1.0 - 1.0 / cluster.workers_per_host)


def outer_bytes(parameters: int, cluster: Cluster) -> float:
    """Bytes that a worker has for other hosts in an exchange, and receives: its share, but for what its host owns.

    These are bytes before they are rounded.

    Example:
        >>> outer_bytes(1000, Cluster(hosts=2, workers_per_host=4))
        1000.0
    """
    return PHASES * BYTES * parameters / cluster.workers_per_host * (1.0 - 1.0 / cluster.hosts)


def wire_seconds(parameters: int, cluster: Cluster) -> float:
    """Seconds in which a host's cable carries what its workers send, without framing.

    Example:
        >>> wire_seconds(1000, Cluster(hosts=4, workers_per_host=2, bandwidth=6000.0))
        1.0
        >>> wire_seconds(1000, Cluster(hosts=4, workers_per_host=2, bandwidth=6000.0, precision="bf16"))
        0.5
    """
    sent = cluster.workers_per_host * outer_bytes(parameters, cluster) / (1 if cluster.precision == "float32" else 2)
    return sent / cluster.bandwidth


def exchange_seconds(parameters: int, cluster: Cluster, costs: Costs) -> float:
    """Seconds of an exchange: among the workers of a host through memory, and between hosts over the network.

    Between hosts a core's work and the network's go on at the same time, so the slower one counts.

    Args:
        parameters: elements of the gradient.
    """
    seconds = _inner_seconds(parameters, cluster, costs.memory)
    if cluster.hosts > 1:
        seconds += PHASES * (cluster.latency + costs.tcp.phase + (cluster.hosts - 1) * costs.tcp.peer)
        working = _core_seconds(parameters, cluster, costs.tcp)
        seconds += max(working, costs.framing * wire_seconds(parameters, cluster))
    return seconds


def hidden_seconds(parameters: int, beside: float, cluster: Cluster, costs: Costs) -> float:
    """Seconds of an exchange in which a worker computes gradients instead of waiting for the network.

    The reduce-scatter goes on beside the backward pass, but for the bucket that leaves last. What it costs a core is
    not hidden: the core has to do it all the same.

    Args:
        beside: seconds of the backward pass.

    Example:
        >>> free = Way(0.0, 0.0, 0.0)
        >>> cluster = Cluster(hosts=2, bandwidth=1e8)
        >>> hidden = hidden_seconds(32 * BUCKET_SIZE, 10.0, cluster, Costs(free, free, 1.0))
        >>> hidden / wire_seconds(31 * BUCKET_SIZE, cluster)
        0.5
    """
    if cluster.hosts == 1 or parameters <= BUCKET_SIZE:
        return 0.0
    working = _core_seconds(parameters, cluster, costs.tcp)
    waiting = max(0.0, costs.framing * wire_seconds(parameters, cluster) - working)
    return min(waiting / PHASES, beside) * (1.0 - BUCKET_SIZE / parameters)


def _core_seconds(parameters: int, cluster: Cluster, way: Way) -> float:
    """What the exchange between hosts costs a core of each worker."""
    return way.byte * outer_bytes(parameters, cluster) + ROUNDING[cluster.precision] * parameters


def _inner_seconds(parameters: int, cluster: Cluster, way: Way) -> float:
    if cluster.workers_per_host == 1:
        return 0.0
    fixed = PHASES * (way.phase + (cluster.workers_per_host - 1) * way.peer)
    return fixed + way.byte * inner_bytes(parameters, cluster)


def step_time(
    parameters: int,
    compute: float,
    noise: float,
    update: float,
    cluster: Cluster,
    costs: Costs,
    beside: float = 0.0,
) -> StepTime:
    """The parts of a step.

    Args:
        parameters: trainable parameters of the model.
        compute: mean seconds in which a worker computes the gradient of its rows.
        noise: standard deviation of these seconds, as a share of their mean.
        update: seconds in which a worker updates its slice.
        beside: seconds of `compute` beside which gradients travel.

    Example:
        >>> tcp, memory = Way(1e-4, 1e-5, 1e-9), Way(1e-5, 1e-6, 5e-10)
        >>> cluster = Cluster(hosts=8, bandwidth=1.25e9)
        >>> step_time(1_000_000, 0.1, 0.02, 1e-3, cluster, Costs(tcp, memory, framing=1.0)).exchange
        0.00734
    """
    return StepTime(
        compute=compute,
        stragglers=compute * noise * expected_maximum(cluster.workers),
        exchange=exchange_seconds(parameters, cluster, costs) - hidden_seconds(parameters, beside, cluster, costs),
        update=update,
    )


def fit_line(points: Mapping[int, float]) -> Line:
    """The line that comes closest to measured seconds by the squares of relative errors, nowhere below zero.

    Args:
        points: sizes to seconds above zero.

    Example:
        >>> line = fit_line({1: 0.75, 8: 2.5})
        >>> round(line.fixed, 6), round(line.each, 6)
        (0.5, 0.25)
    """
    seconds = np.array(list(points.values()))
    terms = np.stack([np.ones(len(points)), np.array(list(points), float)], axis=1)
    fixed, each = _least_squares(terms / seconds[:, None], np.ones(len(points)))
    return Line(float(fixed), float(each)) if len(points) > 1 else Line(0.0, float(seconds[0] / terms[0, 1]))


def fit_costs(measurements: Sequence[Measurement]) -> Costs:
    """The costs with which `exchange_seconds` comes closest to what was measured, by the squares of relative errors.

    Args:
        measurements: exchanges on one host and on several, of several sizes and numbers of workers each; some must be
            bound by the network and some by the cores to tell both.

    Returns:
        no cost below zero; what no measurement tells is 0, or 1 for `framing`.

    Example:
        >>> truth = Costs(Way(1e-4, 1e-5, 4e-10), Way(1e-5, 1e-6, 2e-10), framing=1.05)
        >>> clusters = [Cluster(hosts, bandwidth=rate) for hosts in (2, 4) for rate in (1e8, 1e10)]
        >>> clusters += [Cluster(1, workers) for workers in (2, 4)]
        >>> sizes = [(cluster, size) for cluster in clusters for size in (1000, 10**6, 10**7)]
        >>> measured = [Measurement(*pair, exchange_seconds(pair[1], pair[0], truth)) for pair in sizes]
        >>> f"{fit_costs(measured).framing:.3f}"
        '1.050'
    """
    memory = _fit_memory([one for one in measurements if one.cluster.hosts == 1])
    tcp, framing = _fit_network([one for one in measurements if one.cluster.hosts > 1], memory)
    return Costs(tcp, memory, framing)


def _fit_memory(measurements: Sequence[Measurement]) -> Way:
    if not measurements:
        return Way(0.0, 0.0, 0.0)
    seconds = np.array([one.seconds for one in measurements])
    peers = np.array([one.cluster.workers_per_host - 1 for one in measurements])
    sent = np.array([inner_bytes(one.parameters, one.cluster) for one in measurements])
    terms = np.stack([np.full(len(peers), PHASES), PHASES * peers, sent], axis=1)
    return Way(*_least_squares(terms / seconds[:, None], np.ones(len(peers))).tolist())


def _fit_network(measurements: Sequence[Measurement], memory: Way) -> tuple[Way, float]:
    """The costs between hosts, and the framing.

    Which measurements the network bounds depends on the ratio of two of the costs. It divides them by their seconds on
    the cable per byte sent, so there are few such divisions, and all are tried.
    """
    if not measurements:
        return Way(0.0, 0.0, 0.0), 1.0
    seconds = np.array([one.seconds for one in measurements])
    known = np.array(
        [_inner_seconds(one.parameters, one.cluster, memory) + PHASES * one.cluster.latency for one in measurements]
    )
    peers = np.array([one.cluster.hosts - 1 for one in measurements])
    sent = np.array([outer_bytes(one.parameters, one.cluster) for one in measurements])
    wire = np.array([wire_seconds(one.parameters, one.cluster) for one in measurements])
    fits = []
    for limit in [-1.0, *np.unique(wire / sent)]:
        bound = wire / sent > limit
        terms = np.stack([np.full(len(peers), PHASES), PHASES * peers, sent * ~bound, wire * bound], axis=1)
        found = _least_squares(terms / seconds[:, None], 1.0 - known / seconds)
        fixed = known + PHASES * (found[0] + found[1] * peers)
        errors = (fixed + np.maximum(found[2] * sent, found[3] * wire)) / seconds - 1.0
        fits.append((float(errors @ errors), found.tolist(), bool(bound.any())))
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
