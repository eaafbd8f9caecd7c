"""Seconds and memory for loading a frozen VGG-16 of TensorFlow: 138 million parameters.

    python benchmarks/importing.py [--rounds 3]

Loading happens in a process of its own; the growth of its resident memory, pages of mapped files included, counts from
the moment at which TensorFlow is there. Prints a table of medians and one line of JSON; memory in MB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

import sparkdl as sdl

LOADED = "--loaded"


def frozen(model: Any, path: Path) -> None:
    """Writes a Keras model as a frozen graph, with the names of its variables."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x")
    concrete = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    path.write_bytes(convert_variables_to_constants_v2(concrete).graph.as_graph_def().SerializeToString())


def memory(key: str) -> int:
    """What the system says of this process's resident memory: `VmRSS` now, `VmHWM` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def load_once(path: str) -> None:
    """Loads a graph and prints seconds and growth: at its peak, and when it is there."""
    tf.constant(0.0)
    keras.Model(x := keras.Input((1,)), keras.layers.Dense(1)(x))
    Path("/proc/self/clear_refs").write_text("5")  # the most counts from here on
    start, began = memory("VmRSS"), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sdl.load_tensorflow(path)
    seconds = time.perf_counter() - began
    grown = [(memory(key) - start) / 1e6 for key in ("VmHWM", "VmRSS")]
    print(json.dumps({"seconds": seconds, "peak": grown[0], "kept": grown[1], "parameters": model.count_params()}))


def loading(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg16.pb"
        model = keras.applications.VGG16(weights=None)
        frozen(model, path)
        del model
        size = path.stat().st_size / 1e6
        command = [sys.executable, __file__, LOADED, str(path)]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            for _ in range(rounds)
        ]
    found = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "peak", "kept", "parameters")}
    return {**found, "file": size, "times": found["peak"] / size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(LOADED, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loaded:
        load_once(arguments.loaded)
        return
    found = loading(arguments.rounds)
    print(f"{'':<12}{'seconds':>10}{'file MB':>10}{'peak MB':>10}{'times':>8}{'kept MB':>10}")
    row = [found[key] for key in ("seconds", "file", "peak", "times", "kept")]
    print(f"{'VGG-16':<12}{row[0]:>10.2f}{row[1]:>10.0f}{row[2]:>10.0f}{row[3]:>8.2f}{row[4]:>10.0f}")
    print(json.dumps({"vgg16": found}))


if __name__ == "__main__":
    main()
