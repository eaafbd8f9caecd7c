"""The model of a step: what it must do for any cluster, and that it finds again the costs that made its data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.collective.routes import Routes
from sparkdl.train.cost import (
    Cluster,
    Costs,
    Line,
    Measurement,
    Way,
    exchange_seconds,
    expected_maximum,
    fit_costs,
    fit_line,
    hidden_seconds,
    inner_bytes,
    outer_bytes,
    step_time,
    wire_seconds,
)
from sparkdl.train.gradient_exchange import BUCKET_SIZE

WAYS = st.builds(Way, phase=st.floats(1e-5, 1e-3), peer=st.floats(1e-6, 1e-4), byte=st.floats(1e-10, 1e-9))
COSTS = st.builds(Costs, tcp=WAYS, memory=WAYS, framing=st.floats(1.0, 1.2))
CLUSTERS = st.builds(
    Cluster,
    hosts=st.integers(1, 64),
    workers_per_host=st.integers(1, 8),
    bandwidth=st.floats(1e7, 1e10),
    latency=st.floats(0.0, 1e-3),
)
SIZES = st.integers(1, 10**8)


@pytest.mark.parametrize(("workers", "known"), [(1, 0.0), (2, math.pi**-0.5), (3, 1.5 * math.pi**-0.5), (8, 1.4236003)])
def test_expected_maximum_is_that_of_the_books(workers: int, known: float) -> None:
    assert expected_maximum(workers) == pytest.approx(known, abs=1e-6)


def test_expected_maximum_is_that_of_drawn_numbers() -> None:
    drawn = np.random.default_rng(0).standard_normal((20_000, 64)).max(axis=1)
    assert expected_maximum(64) == pytest.approx(drawn.mean(), abs=0.02)


@given(COSTS, CLUSTERS, SIZES, st.floats(1.01, 10.0))
def test_a_faster_network_never_makes_a_step_slower(costs: Costs, cluster: Cluster, size: int, factor: float) -> None:
    faster = replace(cluster, bandwidth=cluster.bandwidth * factor, latency=cluster.latency / factor)
    assert exchange_seconds(size, faster, costs) <= exchange_seconds(size, cluster, costs)


@given(COSTS, CLUSTERS, SIZES)
def test_no_exchange_is_faster_than_its_cable_or_its_core(costs: Costs, cluster: Cluster, size: int) -> None:
    seconds = exchange_seconds(size, cluster, costs)
    working = costs.memory.byte * inner_bytes(size, cluster) + costs.tcp.byte * outer_bytes(size, cluster)
    assert seconds >= max(wire_seconds(size, cluster), working * (1 - 1e-9))
    assert (seconds == 0.0) == (cluster.workers == 1)


@given(COSTS, CLUSTERS, SIZES, st.floats(0.0, 0.5))
def test_more_parameters_more_hosts_and_more_noise_cost_more(
    costs: Costs, cluster: Cluster, size: int, noise: float
) -> None:
    step = step_time(size, 0.1, noise, 0.0, cluster, costs)
    assert step_time(2 * size, 0.1, noise, 0.0, cluster, costs).total >= step.total
    assert step_time(size, 0.1, noise + 0.1, 0.0, cluster, costs).stragglers >= step.stragglers
    more = step_time(size, 0.1, noise, 0.0, replace(cluster, hosts=cluster.hosts + 1), costs)
    assert more.stragglers >= step.stragglers
    if cluster.hosts > 1:
        assert more.exchange >= step.exchange


@given(COSTS, CLUSTERS, st.integers(1, 10**8), st.floats(0.0, 10.0))
def test_no_more_is_hidden_than_half_of_what_the_cable_takes_beyond_the_core(
    costs: Costs, cluster: Cluster, size: int, beside: float
) -> None:
    hidden = hidden_seconds(size, beside, cluster, costs)
    assert 0.0 <= hidden <= min(beside, exchange_seconds(size, cluster, costs) / 2)
    step = step_time(size, beside, 0.0, 0.0, cluster, costs, beside)
    assert step.total >= exchange_seconds(size, cluster, costs)
    assert step_time(2 * size, beside, 0.0, 0.0, cluster, costs, beside).total >= step.total * (1 - 1e-9)
    assert hidden == 0.0 or (size > BUCKET_SIZE and cluster.hosts > 1)


@given(st.integers(2, 16), st.integers(1, 8))
def test_the_cable_carries_what_the_routes_say(hosts: int, each: int) -> None:
    workers = hosts * each
    routes = Routes.of([str(rank // each) for rank in range(workers)])
    cluster, size = Cluster(hosts, each, bandwidth=1.0), 1000 * workers
    slices = [len(routes.carried(rank)) for rank in range(workers)]
    assert outer_bytes(size, cluster) == pytest.approx(2 * 4 * 1000 * sum(slices) / workers)
    assert wire_seconds(size, cluster) == pytest.approx(2 * 4 * 1000 * sum(slices[:each]))


def measurements(costs: Costs, noise: float = 0.0) -> list[Measurement]:
    """What a benchmark would see: slow networks and fast ones, and one host."""
    rng = np.random.default_rng(0)
    clusters = [Cluster(hosts, each, rate) for hosts, each in ((2, 1), (4, 1), (8, 1), (4, 2)) for rate in (1e8, 1e11)]
    clusters += [Cluster(1, workers) for workers in (2, 4, 8)]
    return [
        Measurement(cluster, size, exchange_seconds(size, cluster, costs) * (1.0 + noise * rng.standard_normal()))
        for cluster in clusters
        for size in (1_000, 60_000, 1_000_000, 25_000_000)
    ]


def values(costs: Costs) -> list[float]:
    ways = [part for way in (costs.tcp, costs.memory) for part in (way.phase, way.peer, way.byte)]
    return [*ways, costs.framing]


@settings(max_examples=20)
@given(COSTS)
def test_fit_finds_the_costs_that_made_the_measurements(costs: Costs) -> None:
    assert values(fit_costs(measurements(costs))) == pytest.approx(values(costs), rel=1e-4)


@settings(max_examples=20)
@given(COSTS)
def test_fit_of_noisy_measurements_predicts_other_clusters(costs: Costs) -> None:
    fitted = fit_costs(measurements(costs, noise=0.03))
    for cluster in (Cluster(6, 1, 1e9), Cluster(3, 2, 1e8), Cluster(1, 6)):
        truth = exchange_seconds(7_000_000, cluster, costs)
        assert exchange_seconds(7_000_000, cluster, fitted) == pytest.approx(truth, rel=0.1)


def test_fit_leaves_alone_what_nobody_measured() -> None:
    assert fit_costs([]) == Costs(Way(0.0, 0.0, 0.0), Way(0.0, 0.0, 0.0), framing=1.0)
    assert all(value >= 0.0 for value in values(fit_costs([Measurement(Cluster(2, bandwidth=1e9), 1000, 1e-9)])))


def test_latency_is_paid_twice_between_hosts_and_not_within_one() -> None:
    costs = Costs(Way(1e-4, 1e-5, 1e-9), Way(1e-5, 1e-6, 1e-9), framing=1.0)
    far, near = Cluster(2, latency=0.5), Cluster(1, 2, latency=0.5)
    assert exchange_seconds(1, far, costs) - exchange_seconds(1, replace(far, latency=0.0), costs) == pytest.approx(1.0)
    assert exchange_seconds(1, near, costs) == exchange_seconds(1, replace(near, latency=0.0), costs)


@given(st.floats(0.0, 1.0), st.floats(1e-9, 1e-3), st.integers(1, 1000))
def test_fit_line_finds_the_line(fixed: float, each: float, size: int) -> None:
    line = Line(fixed, each)
    points = {count: line.at(count) for count in (size, 2 * size, 16 * size)}
    assert fit_line(points).at(5 * size) == pytest.approx(line.at(5 * size), rel=1e-6)


def test_one_point_is_a_line_through_zero_and_no_line_goes_below_it() -> None:
    assert fit_line({4: 2.0}) == Line(0.0, 0.5)
    falling = fit_line({1: 2.0, 10: 1.0})
    assert falling.fixed > 0.0
    assert falling.each == 0.0
