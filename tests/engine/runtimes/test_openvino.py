"""What a process holds of the networks that it has applied."""

from __future__ import annotations

import gc
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from sparkdl.engine.cache import CACHED, _cache, cached
from sparkdl.engine.runtimes.conversion import convert
from sparkdl.engine.runtimes.openvino import Network, OpenVINOPredictor
from sparkdl.types import SampleSpec, TensorSpec

pytest.importorskip("openvino")


@pytest.fixture
def empty_cache() -> Iterator[None]:
    _cache.clear()
    yield
    _cache.clear()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts threads and files as Linux shows them")
def test_networks_that_leave_the_cache_take_their_threads_and_files_with_them(
    empty_cache: None, tmp_path: Path
) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    network = convert(model, SampleSpec((TensorSpec("x", (4,), "float32"),)))
    weights = tmp_path / "weights"
    weights.write_bytes(network.weights)

    def build() -> OpenVINOPredictor:
        with weights.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return OpenVINOPredictor(Network(network.xml, mapped, network.inputs, network.outputs), cores=1)

    def held_after(first: int) -> tuple[int, int]:
        for number in range(first, first + CACHED + 1):
            cached(f"network {number}", build).predict((np.ones((2, 4), np.float32),))
        gc.collect()
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    threads, files = held_after(0)
    later_threads, later_files = held_after(CACHED + 1)
    assert later_threads <= threads and later_files <= files
