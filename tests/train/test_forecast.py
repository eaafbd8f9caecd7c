"""Forecasts: what they say follows from the parts of the step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.train.cost import MEASURED, Cluster, Line
from sparkdl.train.forecast import Forecast, Plan, Workload, forecast, forecasts

RESNET = Workload(25_600_000, Line(0.05, 0.09), Line(1e-4, 1e-9), Line(6e8, 7e7), None, 16, noise=0.05)
CLUSTERS = st.builds(Cluster, hosts=st.integers(1, 512), workers_per_host=st.integers(1, 8), bandwidth=st.just(1.25e9))


@settings(max_examples=30)
@given(CLUSTERS, st.integers(4096, 10**6))
def test_a_forecast_is_made_of_its_parts(cluster: Cluster, batch_size: int) -> None:
    for workload in (RESNET, replace(RESNET, batch_size=batch_size, rows_per_worker=batch_size)):
        found = forecast(workload, cluster, MEASURED)
        assert found.rows_per_second == pytest.approx(found.rows / found.step.total)
        assert found.workers == cluster.hosts * cluster.workers_per_host
        assert 0.0 < found.efficiency <= 1.0 + 1e-9
        assert found.memory > 3 * 4 * workload.parameters


@given(st.integers(1, 256), st.floats(1e7, 1e9))
def test_a_faster_network_gives_more_rows(hosts: int, bandwidth: float) -> None:
    slow, fast = (forecast(RESNET, Cluster(hosts, bandwidth=rate), MEASURED) for rate in (bandwidth, 10 * bandwidth))
    assert fast.rows_per_second >= slow.rows_per_second
    assert fast.efficiency >= slow.efficiency


def test_a_batch_for_all_is_shared_out() -> None:
    workload = replace(RESNET, batch_size=1000, rows_per_worker=1000)
    assert [workload.share(workers) for workers in (1, 3, 1000)] == [1000, 334, 1]
    assert RESNET.share(100) == 16


def test_a_plan_is_a_table() -> None:
    plan = Plan("title", forecasts(RESNET, [Cluster(1), Cluster(8, 4, 1.25e9)], MEASURED))
    title, headings, one, many = str(plan).splitlines()
    assert title == "title"
    assert "efficiency" in headings
    assert one.split()[:2] == ["1", "1"]
    assert many.split()[:2] == ["8", "32"]
    assert isinstance(plan.forecasts[0], Forecast)
