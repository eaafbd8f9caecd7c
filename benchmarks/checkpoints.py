"""What checkpoints cost a training: the same fit with and without them, in turns (A B A B).

    python benchmarks/checkpoints.py                        # ResNet-50 with momentum: a state of 205 MB
    python benchmarks/checkpoints.py lenet --steps 200 --every 50

A checkpoint is taken every few steps, so that its cost stands out of the noise; the share is then told for the
interval that a user would choose (--interval). "blocked" is what a checkpoint takes from the steps themselves;
"whole" is how much later the fit ends for each, the writing beside the training included. Prints a table and one
line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import workloads
from workloads import WORKLOADS, MakeRows, Workload


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="resnet50", choices=sorted(WORKLOADS))
    parser.add_argument("--master", default="local[2]", help="Spark master (default %(default)s)")
    parser.add_argument("--steps", type=int, default=12, help="steps of a fit (default %(default)s)")
    parser.add_argument("--every", type=int, default=3, help="steps from one checkpoint to the next (%(default)s)")
    parser.add_argument("--interval", type=int, default=50, help="steps between a user's checkpoints (%(default)s)")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each (default %(default)s)")
    return parser.parse_args(arguments)


def fit_once(workload: Workload, frame: Any, arguments: argparse.Namespace, path: Path | None) -> dict[str, float]:
    """One fit of one epoch; the seconds of its steps, of a capture, and of everything after the first step."""
    import keras

    import sparkdl as sdl

    class Clock(keras.callbacks.Callback):
        """Notes on worker 0 when the first step had ended, which compiles the model."""

        first = 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                self.first = time.time()

    clock = Clock()
    checkpoints = [sdl.Checkpoint(str(path), every=arguments.every, keep=2)] if path is not None else []
    model = workload.model(keras.optimizers.SGD(0.01, momentum=0.9))
    history = sdl.fit(
        model,
        frame,
        batch_size=workload.batch,
        cores_per_worker=1,
        workers=2,
        callbacks=[clock, *checkpoints],
        dtypes={"features": "float32"},
        verbose=0,
    )
    files = sorted(path.iterdir()) if path is not None else []
    timing = history.timings[0]
    return {
        "whole": time.time() - clock.first,
        "blocked": timing["checkpoint"],
        "step": timing["training"] / timing["steps"],
        "megabytes": files[-1].stat().st_size / 1e6 if files else 0.0,
    }


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from sparkdl.spark.session import local_session

    conf = {"spark.ui.enabled": "false", "spark.driver.memory": "4g"}
    spark = local_session(arguments.master, conf, app_name="checkpoint benchmark")
    spark.sparkContext.addPyFile(workloads.__file__)
    workload = WORKLOADS[arguments.model]
    rows = MakeRows(workload.shape, workload.classes)
    count = workload.batch * arguments.steps
    frame = spark.range(0, count, 1, 2).mapInArrow(rows, "features binary, label bigint").cache()
    frame.count()
    without, with_ = [], []
    try:
        for turn in range(arguments.repeats):
            without.append(fit_once(workload, frame, arguments, None))
            with tempfile.TemporaryDirectory() as folder:
                with_.append(fit_once(workload, frame, arguments, Path(folder, str(turn))))
    finally:
        spark.stop()
    taken = (arguments.steps - 1) // arguments.every
    ends = [statistics.median(turn["whole"] for turn in turns) for turns in (without, with_)]
    blocked = [statistics.median(turn["blocked"] for turn in turns) for turns in (without, with_)]
    step = statistics.median(turn["step"] for turn in without)
    result = {
        "model": workload.name,
        "megabytes": with_[-1]["megabytes"],
        "step": step,
        "blocked": (blocked[1] - blocked[0]) / taken,
        "whole": (ends[1] - ends[0]) / taken,
    }
    shares = {name: result[name] / (arguments.interval * step) for name in ("blocked", "whole")}
    print(f"{workload.name}: a state of {result['megabytes']:.0f} MB, steps of {step:.3f} s, {taken} checkpoints a fit")
    print(f"{'':<10}{'seconds each':>14}{f'share, every {arguments.interval} steps':>28}")
    for name, share in shares.items():
        print(f"{name:<10}{result[name]:>14.3f}{share:>28.2%}")
    print(json.dumps({**vars(arguments), **result, "shares": shares}))


if __name__ == "__main__":
    main()
