"""Device telemetry with failures, made by a process that is known exactly.

A device reports 14 sensors every 15 minutes. A healthy device follows daily cycles, has its own
offset per sensor, wanders slowly and is noisy; some sensors drive others (load heats the CPU, the
CPU's heat speeds up the fans). A device that will fail does so in one of a few modes: some of its
sensors drift, first slowly, then faster, until the failure. Readings are lost now and then, alone
or for hours. `oracle` turns the same tables into the best score that any model can reach.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

SLOT_SECONDS = 900
SLOTS_PER_DAY = 96
FIRST_SLOT = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) // SLOT_SECONDS


@dataclass(frozen=True)
class Gauge:
    """A sensor with Gaussian readings: base + daily cycle + what drives it + offset + wander + noise.

    Attributes:
        name: column name.
        base: level without drivers.
        daily: amplitude of the daily cycle, highest at `peak` o'clock (UTC).
        offset: standard deviation of a device's own constant offset.
        wander: standard deviation of a stationary first-order autoregression; `memory` is its
            correlation from one reading to the next.
        noise: standard deviation of independent noise.
        drivers: other gauges whose readings add `gain` times their value.
        decimals: digits written.
    """

    name: str
    base: float
    daily: float
    peak: float
    offset: float
    wander: float
    memory: float
    noise: float
    drivers: tuple[tuple[str, float], ...] = ()
    decimals: int = 2


@dataclass(frozen=True)
class Counter:
    """A sensor that counts events of an interval: Poisson, with a device's own rate from a gamma distribution."""

    name: str
    shape: float
    mean: float


@dataclass(frozen=True)
class Mode:
    """A way to fail: how far each sensor drifts at severity 1 (gauges: in their unit; counters: log of the rate)."""

    name: str
    drifts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Process:
    """Everything the readings are drawn from. `severities` and `durations` (slots) are equally likely."""

    gauges: tuple[Gauge, ...]
    counters: tuple[Counter, ...]
    modes: tuple[Mode, ...]
    severities: tuple[float, ...]
    durations: tuple[int, ...]
    exponent: float
    lost: float
    outage: float
    outage_slots: float
    dropout: float
    repeated: float
    failing: float

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of all columns of readings, in the order they are written."""
        return (*(gauge.name for gauge in self.gauges), *(counter.name for counter in self.counters))

    @property
    def fingerprint(self) -> str:
        """Changes whenever the process does, so that a best score is only claimed for data of this process."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


PROCESS = Process(
    gauges=(
        Gauge("load_pct", 45.0, 14.0, 15.0, 6.0, 4.0, 0.85, 1.5),
        Gauge("inlet_temp_c", 22.0, 1.5, 16.0, 1.2, 0.5, 0.95, 0.15),
        Gauge("cpu_temp_c", 14.0, 0.0, 0.0, 1.5, 0.6, 0.8, 0.5, (("inlet_temp_c", 1.0), ("load_pct", 0.35))),
        Gauge("power_w", 140.0, 0.0, 0.0, 8.0, 3.0, 0.7, 2.0, (("load_pct", 1.6),), 1),
        Gauge("psu_temp_c", 11.0, 0.0, 0.0, 1.0, 0.4, 0.8, 0.3, (("inlet_temp_c", 1.0), ("power_w", 0.03))),
        Gauge("fan1_rpm", 2400.0, 0.0, 0.0, 80.0, 30.0, 0.8, 25.0, (("cpu_temp_c", 40.0),), 0),
        Gauge("fan2_rpm", 2350.0, 0.0, 0.0, 80.0, 30.0, 0.8, 25.0, (("cpu_temp_c", 40.0),), 0),
        Gauge("vibration_g", 0.8, 0.0, 0.0, 0.05, 0.02, 0.8, 0.02, decimals=3),
        Gauge("disk_latency_ms", 4.0, 0.0, 0.0, 0.4, 0.2, 0.7, 0.2, (("load_pct", 0.05),)),
        Gauge("supply_v", 12.2, 0.0, 0.0, 0.02, 0.008, 0.8, 0.008, (("power_w", -0.0008),), 3),
        Gauge("runtime_min", 12.0, 1.0, 14.0, 0.5, 0.4, 0.6, 0.4),
    ),
    counters=(Counter("ecc_faults", 4.0, 0.5), Counter("disk_faults", 4.0, 0.4), Counter("link_faults", 4.0, 0.4)),
    modes=(
        Mode("blocked airflow", (("cpu_temp_c", 4.5), ("psu_temp_c", 1.6))),
        Mode("fan bearing", (("fan1_rpm", -240.0), ("vibration_g", 0.13))),
        Mode("failing disk", (("disk_latency_ms", 1.3), ("disk_faults", 2.0))),
        Mode("power supply", (("supply_v", -0.06), ("psu_temp_c", 1.6))),
        Mode("memory", (("ecc_faults", 2.4), ("link_faults", 1.6))),
    ),
    severities=(0.8, 1.3, 2.0),
    durations=(28, 40, 56),
    exponent=1.0,
    lost=0.01,
    outage=0.003,
    outage_slots=5.0,
    dropout=0.01,
    repeated=0.002,
    failing=0.5,
)


@dataclass(frozen=True)
class Fleet:
    """Readings of some devices, all over the same number of slots.

    Attributes:
        values: (devices, slots, sensors) float64; NaN where a reading or a whole row is missing.
        present: (devices, slots) bool, False where the whole row is missing.
        first: (devices,) number of the first slot since the epoch.
        failed: (devices,) bool; such a device fails at the end of its last slot.
    """

    values: np.ndarray
    present: np.ndarray
    first: np.ndarray
    failed: np.ndarray


def ramp(process: Process, leads: np.ndarray, duration: int) -> np.ndarray:
    """How far a drift has come (0 to 1) at `leads` slots before the last one."""
    return np.clip(1.0 - leads / duration, 0.0, None) ** process.exponent


def daily_cycle(gauge: Gauge, slots: np.ndarray) -> np.ndarray:
    """The daily part of a gauge at slot numbers since the epoch."""
    hours = (slots % SLOTS_PER_DAY) * (24 / SLOTS_PER_DAY)
    return gauge.daily * np.cos(2 * np.pi * (hours - gauge.peak) / 24)


def leaves(process: Process) -> frozenset[str]:
    """Sensors that drive no other; only these drop out alone, so that the others' causes are always known."""
    drivers = {name for gauge in process.gauges for name, _ in gauge.drivers}
    return frozenset(process.sensors) - drivers


def simulate(process: Process, devices: int, slots: int, rng: np.random.Generator) -> Fleet:
    """Draws the readings of `devices` devices over `slots` slots each."""
    failed = np.arange(devices) < round(process.failing * devices)
    rng.shuffle(failed)
    first = FIRST_SLOT + rng.integers(0, 14 * SLOTS_PER_DAY, devices)
    grid = first[:, None] + np.arange(slots)
    drifts = _draw_drifts(process, failed, slots, rng)
    columns: dict[str, np.ndarray] = {}
    for gauge in process.gauges:
        driven = sum((gain * columns[name] for name, gain in gauge.drivers), np.zeros(1))
        own = _draw_gauge(gauge, devices, slots, rng)
        columns[gauge.name] = gauge.base + daily_cycle(gauge, grid) + driven + own + drifts[gauge.name]
    for counter in process.counters:
        rates = rng.gamma(counter.shape, counter.mean / counter.shape, (devices, 1))
        columns[counter.name] = rng.poisson(rates * np.exp(drifts[counter.name])).astype(float)
    values = np.stack([columns[name] for name in process.sensors], axis=-1)
    present = ~_draw_missing_rows(process, (devices, slots), rng)
    may_drop = np.array([name in leaves(process) for name in process.sensors])
    dropped = may_drop & (rng.random(values.shape) < process.dropout)
    values[dropped | ~present[:, :, None]] = np.nan
    return Fleet(values, present, first, failed)


def _draw_drifts(process: Process, failed: np.ndarray, slots: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    devices = len(failed)
    modes = rng.integers(0, len(process.modes), devices)
    severities = rng.choice(process.severities, devices) * failed
    leads = np.arange(slots)[::-1]
    ramps = np.stack([ramp(process, leads, duration) for duration in process.durations])
    course = severities[:, None] * ramps[rng.integers(0, len(process.durations), devices)]
    drifts = {name: np.zeros((devices, slots)) for name in process.sensors}
    for number, mode in enumerate(process.modes):
        for name, size in mode.drifts:
            drifts[name] += (size * (modes == number))[:, None] * course
    return drifts


def _draw_gauge(gauge: Gauge, devices: int, slots: int, rng: np.random.Generator) -> np.ndarray:
    wander = np.empty((devices, slots))
    wander[:, 0] = rng.normal(0, gauge.wander, devices)
    steps = rng.normal(0, gauge.wander * np.sqrt(1 - gauge.memory**2), (devices, slots))
    for slot in range(1, slots):
        wander[:, slot] = gauge.memory * wander[:, slot - 1] + steps[:, slot]
    return rng.normal(0, gauge.offset, (devices, 1)) + wander + rng.normal(0, gauge.noise, (devices, slots))


def _draw_missing_rows(process: Process, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    missing = rng.random(shape) < process.lost
    device, slot = np.nonzero(rng.random(shape) < process.outage)
    lengths = rng.geometric(1 / process.outage_slots, len(device))
    for row, start, length in zip(device, slot, lengths, strict=True):
        missing[row, start : start + length] = True
    return missing


def write(directory: Path, fleet: Fleet, process: Process, seed: int, files: int = 6) -> int:
    """Writes `readings/site-*.csv`, `failures.csv` and `process.json`; returns the number of rows of readings."""
    rng = np.random.default_rng((seed, 1))
    (directory / "readings").mkdir(parents=True, exist_ok=True)
    names = np.array([f"dev-{number:05d}" for number in range(len(fleet.first))])
    rows = sum(
        _write_site(directory / "readings" / f"site-{site}.csv", fleet, process, names, site, files, rng)
        for site in range(files)
    )
    failed_at = (fleet.first + fleet.values.shape[1])[fleet.failed] * SLOT_SECONDS
    csv.write_csv(
        pa.table({"device_id": names[fleet.failed], "failed_at": _times(failed_at)}), directory / "failures.csv"
    )
    facts = {"fingerprint": process.fingerprint, "seed": seed, "devices": len(names), "rows": rows}
    (directory / "process.json").write_text(json.dumps(facts, indent=2) + "\n")
    return rows


def _write_site(
    path: Path, fleet: Fleet, process: Process, names: np.ndarray, site: int, files: int, rng: np.random.Generator
) -> int:
    device, slot = np.nonzero(fleet.present)
    here = device % files == site
    device, slot = device[here], slot[here]
    # A few rows come twice, as where two exports overlap.
    order = np.sort(np.concatenate([np.arange(len(device)), np.nonzero(rng.random(len(device)) < process.repeated)[0]]))
    device, slot = device[order], slot[order]
    seconds = (fleet.first[device] + slot) * SLOT_SECONDS + _delays(device, slot)
    columns = {"device_id": pa.array(names[device]), "read_at": _times(seconds)}
    decimals = {gauge.name: gauge.decimals for gauge in process.gauges}
    for index, name in enumerate(process.sensors):
        values = fleet.values[device, slot, index].round(decimals.get(name, 0))
        whole = decimals.get(name, 0) == 0
        array = pa.array(values, from_pandas=True)
        columns[name] = array.cast(pa.int64()) if whole else array
    csv.write_csv(pa.table(columns), path)
    return len(device)


def _delays(device: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Seconds by which a reading comes late: devices do not report on the full quarter of an hour."""
    return (device * 7919 + slot * 104729) % 60


def _times(seconds: np.ndarray) -> pa.Array:
    return pa.array(np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC").astype(object), pa.string())
