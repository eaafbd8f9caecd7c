"""Sequences made by Spark SQL against the same made by hand in plain Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import windows
from windows import Windowing

SIZE = Windowing(gauges=("heat",), counters=("faults",), length=4, horizon=4, stride=2, fill=1, complete=0.5)
START = 1_900_000  # A slot number; even, so that healthy windows end at even slots.

Reading = tuple[float | None, float | None]
READINGS: dict[str, dict[int, Reading]] = {
    "well": {0: (1, 0), 1: (2, 1), 2: (None, 0), 3: (5, 3), 4: (4, 0), 7: (6, 2), 8: (7, 1)},
    "ill": {0: (9, 0), 1: (8, 0), 2: (7, 1), 3: (3, 2), 4: (2, None), 5: (1, 7)},
    "short": {0: (1, 1), 1: (1, 1)},
}
FAILED = {"ill": 7}  # Slot 6 is lost: the failure is at the end of it.


def stamp(slot: int, late: int = 0) -> str:
    return f"{np.datetime64((START + slot) * 900 + late, 's')}Z"


@pytest.fixture
def tables(tmp_path: Path, spark_local: Any) -> tuple[Any, Any]:
    (tmp_path / "readings").mkdir()
    for device, course in READINGS.items():
        lines = [
            f"{device},{stamp(slot, late=slot % 3)},{'' if heat is None else heat},{'' if faults is None else faults}"
            for slot, (heat, faults) in course.items()
        ]
        repeated = [lines[1]]
        text = "\n".join(["device_id,read_at,heat,faults", *reversed(lines), *repeated])
        (tmp_path / "readings" / f"{device}.csv").write_text(text + "\n")
    failures = "".join(f"{device},{stamp(slot)}\n" for device, slot in FAILED.items())
    (tmp_path / "failures.csv").write_text("device_id,failed_at\n" + failures)
    return windows.read_tables(spark_local, str(tmp_path), SIZE.sensors)


def carried(device: str, slots: range, index: int) -> list[float | None]:
    """A sensor's values over slots, with the last known one carried one slot further."""
    course = READINGS[device]

    def known(slot: int) -> float | None:
        value = course.get(slot, (None, None))[index]
        return value if value is None or index == 0 else math.log1p(value)

    return [known(slot) if known(slot) is not None else known(slot - 1) for slot in slots]


def by_hand(device: str, end: int, scale: dict[str, float]) -> np.ndarray:
    slots = range(end - 3, end + 1)
    columns = []
    for index, name in enumerate(SIZE.sensors):
        values = np.array(carried(device, slots, index), np.float64) / scale[name]
        columns.append(np.nan_to_num(values - np.nanmean(values)))
    angles = 2 * np.pi * (np.array(slots) + START) % (2 * np.pi * 96) / 96
    return np.stack([*columns, np.sin(angles), np.cos(angles)], axis=1)


def test_sequences_equal_those_made_by_hand(tables: tuple[Any, Any]) -> None:
    grid = windows.on_grid(*tables, SIZE)
    scale = {"heat": 2.0, "faults": 0.5}
    rows = windows.sequences(windows.filled(grid, SIZE), SIZE, scale).collect()
    got = {(row.device_id, row.end - START): row for row in rows}
    # "well" has windows ending at even slots with at least 2 of 4 rows; "ill" those 0 and 2 slots before slot 6.
    assert sorted(got) == [("ill", 4), ("ill", 6), ("well", 4), ("well", 6), ("well", 8)]
    for (device, end), row in got.items():
        assert row.failed == (device in FAILED)
        np.testing.assert_allclose(np.reshape(row.features, (4, 4)), by_hand(device, end, scale), atol=2e-5)


def test_grid_has_every_slot_once(tables: tuple[Any, Any]) -> None:
    grid = windows.on_grid(*tables, SIZE).collect()
    slots = {device: sorted(row.slot - START for row in grid if row.device_id == device) for device in READINGS}
    assert slots == {"well": list(range(9)), "ill": list(range(7)), "short": [0, 1]}
    lost = sorted((row.device_id, row.slot - START) for row in grid if not row.arrived)
    assert lost == [("ill", 6), ("well", 5), ("well", 6)]


def test_scales_are_spreads_within_devices(tables: tuple[Any, Any]) -> None:
    grid = windows.on_grid(*tables, SIZE)
    values = {device: [heat for heat, _ in course.values() if heat is not None] for device, course in READINGS.items()}
    expected = math.sqrt(np.mean([np.var(heats) for heats in values.values()]))
    assert windows.scales(grid, SIZE)["heat"] == pytest.approx(expected)


def test_split_is_by_device_and_seed(spark_local: Any) -> None:
    frame = spark_local.range(2000).selectExpr("concat('dev', id % 500) as device_id")
    one = frame.withColumn("split", windows.split_column(1)).distinct().collect()
    assert len(one) == 500
    two = frame.withColumn("split", windows.split_column(2)).distinct().collect()
    assert set(one) != set(two)
    shares = {name: sum(row.split == name for row in one) / 500 for name in ("train", "valid", "test")}
    assert shares["train"] == pytest.approx(0.7, abs=0.07)
    assert shares["test"] == pytest.approx(0.2, abs=0.06)


def test_balanced_keeps_all_of_the_smaller_class(spark_local: Any) -> None:
    frame = spark_local.range(4000).selectExpr(
        "concat('dev', id) as device_id",
        "id as end",
        "int(id % 5 = 0) as failed",
        "if(id < 3000, 'train', 'test') as split",
    )
    counts = {
        (row.split, row.failed): row["count"]
        for row in windows.balanced(frame).groupBy("split", "failed").count().collect()
    }
    assert counts["train", 1] == 600
    assert counts["test", 1] == 200
    assert counts["train", 0] == pytest.approx(600, abs=80)
    assert counts["test", 0] == pytest.approx(200, abs=50)
