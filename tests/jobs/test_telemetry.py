"""The written data hold what the process says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import telemetry
from pyarrow import csv
from telemetry import PROCESS

QUIET = replace(PROCESS, lost=0.0, outage=0.0, dropout=0.0, repeated=0.0)


def fleet(process: telemetry.Process = PROCESS, devices: int = 200, seed: int = 0) -> telemetry.Fleet:
    return telemetry.simulate(process, devices, 72, np.random.default_rng(seed))


def test_same_seed_same_data() -> None:
    np.testing.assert_array_equal(fleet().values, fleet().values)
    assert not np.array_equal(fleet().values, fleet(seed=1).values, equal_nan=True)


def test_healthy_devices_have_the_stated_spread() -> None:
    made = fleet(replace(QUIET, failing=0.0), devices=3000)
    for name in ("vibration_g", "inlet_temp_c"):
        gauge = next(gauge for gauge in PROCESS.gauges if gauge.name == name)
        slots = made.first[:, None] + np.arange(72)
        rest = made.values[:, :, PROCESS.sensors.index(name)] - gauge.base - telemetry.daily_cycle(gauge, slots)
        wanted = np.sqrt(gauge.offset**2 + gauge.wander**2 + gauge.noise**2)
        assert rest.mean() == pytest.approx(0, abs=0.1 * wanted)
        assert rest.std() == pytest.approx(wanted, rel=0.05)
    counter = PROCESS.counters[0]
    counts = made.values[:, :, PROCESS.sensors.index(counter.name)]
    assert counts.mean() == pytest.approx(counter.mean, rel=0.05)


def test_failing_devices_drift_at_their_end() -> None:
    made = fleet(QUIET, devices=2000)
    faults = made.values[:, :, PROCESS.sensors.index("ecc_faults")]
    early, late = faults[:, :12].mean(1), faults[:, -12:].mean(1)
    assert (late - early)[~made.failed].mean() == pytest.approx(0, abs=0.05)
    assert (late - early)[made.failed].mean() > 0.3


def test_only_sensors_that_drive_no_other_drop_out_alone() -> None:
    made = fleet(devices=500)
    missing = np.isnan(made.values[made.present]).mean(0)
    drivers = {"load_pct", "inlet_temp_c", "cpu_temp_c", "power_w"}
    for name, share in zip(PROCESS.sensors, missing, strict=True):
        assert share == 0 if name in drivers else share == pytest.approx(PROCESS.dropout, rel=0.3)
    assert np.isnan(made.values[~made.present]).all()
    assert 0.01 < 1 - made.present.mean() < 0.05


def test_files_hold_the_readings(tmp_path: Path) -> None:
    made = fleet(replace(PROCESS, repeated=0.0))
    rows = telemetry.write(tmp_path, made, PROCESS, seed=0)
    tables = [csv.read_csv(path) for path in sorted((tmp_path / "readings").glob("*.csv"))]
    assert len(tables) > 1
    assert sum(len(table) for table in tables) == rows
    assert rows >= made.present.sum()
    first = tables[0].to_pylist()[0]
    assert first["device_id"] == "dev-00000"
    assert int(first["read_at"].timestamp()) // telemetry.SLOT_SECONDS >= made.first[0]
    assert first["load_pct"] == round(made.values[0][made.present[0]][0, 0], 2)
    failures = csv.read_csv(tmp_path / "failures.csv")
    assert len(failures) == made.failed.sum() == 100


def test_some_rows_come_twice(tmp_path: Path) -> None:
    made = fleet()
    assert telemetry.write(tmp_path, made, replace(PROCESS, repeated=0.05), seed=0) > 1.03 * made.present.sum()


def test_fingerprint_follows_the_process() -> None:
    assert PROCESS.fingerprint != QUIET.fingerprint
    assert replace(PROCESS).fingerprint == PROCESS.fingerprint
