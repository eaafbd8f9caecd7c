"""Images per second that are decoded, cut, resized, mirrored and scaled: `sdl.images` against a bare loop over OpenCV.

    python benchmarks/images.py --images 300 --rounds 5

JPEG files of 500 x 375 pixels become float32 of 224 x 224. Without Spark: a bare loop, the same by batches of
`FeatureTransform` on one thread and on two, and batches of a store whose prefetching thread works beside a model (a
pause of the main thread, which takes no processor). Through Spark on two slots: `sdl.images.read(size=224)`, which
decodes and resizes alone. Rounds alternate; prints medians, by the clock and (which a busy machine changes less) by the
processor time of this process, and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.datasets import load_sample_images

from sparkdl.data.augment import BatchTransform, FeatureTransform
from sparkdl.data.batches import batches
from sparkdl.data.blocks import Block
from sparkdl.data.epoch import epoch_plan
from sparkdl.data.pictures import picture_column
from sparkdl.data.store import PartitionStore
from sparkdl.data.transforms.base import row_generator
from sparkdl.spark import images
from sparkdl.spark.session import local_session
from sparkdl.types import SampleSpec, TensorSpec

SIDE, BATCH = 224, 32
MEAN, STD = np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32")
TRAIN = images.Compose(
    [
        images.RandomResizedCrop(SIDE, scale=(0.5, 1.0), interpolation="linear"),
        images.Flip(),
        images.Channels("rgb"),
        images.Normalize(tuple(MEAN.tolist()), tuple(STD.tolist())),
    ]
)
FEATURE = FeatureTransform(TRAIN, TensorSpec("image", (SIDE, SIDE, 3), "float32"), "the images")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300, help="files (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default %(default)s)")
    return parser.parse_args(arguments)


def photographs(count: int) -> list[bytes]:
    """Different parts of scikit-learn's photographs, as JPEG files."""
    random, found = np.random.default_rng(0), []
    for number in range(count):
        whole = load_photograph(number % 2)
        top, left = random.integers(whole.shape[0] - 375), random.integers(whole.shape[1] - 500)
        part = np.ascontiguousarray(whole[top : top + 375, left : left + 500])
        found.append(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return found


def load_photograph(number: int) -> np.ndarray:
    """One of the two, in blue, green, red."""
    return np.asarray(load_sample_images().images[number])[:, :, ::-1]


def bare(files: list[bytes]) -> None:
    """What somebody writes who needs just this."""
    random = np.random.default_rng(0)
    for content in files:
        image = cv2.imdecode(np.frombuffer(content, "uint8"), cv2.IMREAD_COLOR)
        height, width = (int(side * random.uniform(0.7, 1.0)) for side in image.shape[:2])
        top, left = random.integers(image.shape[0] - height + 1), random.integers(image.shape[1] - width + 1)
        image = cv2.resize(image[top : top + height, left : left + width], (SIDE, SIDE))
        if random.random() < 0.5:
            image = cv2.flip(image, 1)
        image = (cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype("float32") / 255 - MEAN) / STD


def transformed(column: np.ndarray, threads: int) -> None:
    """The same in batches, by the library."""
    for start in range(0, len(column), BATCH):
        part = column[start : start + BATCH]
        FEATURE(part, str, lambda row, start=start: row_generator(0, 0, start + row), threads)


def fed(store: PartitionStore, prefetch: int, pause: float) -> None:
    """Batches of a store, while somebody else computes for `pause` seconds each."""
    view = store.view()
    plan = epoch_plan([view.rows], BATCH)
    for _ in batches(view, plan, 0, prefetch=prefetch, transform=BatchTransform([FEATURE])):
        time.sleep(pause)


def filled(column: np.ndarray) -> PartitionStore:
    """The files in a store."""
    store = PartitionStore(SampleSpec((TensorSpec("image", (), "object"),)))
    store.append(Block(np.arange(len(column)), (column,)))
    store.freeze()
    return store


def main() -> None:
    """Measures in turns."""
    arguments = parse_arguments()
    cv2.setNumThreads(1)
    files = photographs(arguments.images)
    column = picture_column([np.frombuffer(content, "uint8") for content in files])
    store, pause = filled(column), 0.1
    session = local_session("local[2]", {"spark.ui.enabled": "false"})
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(files):
            Path(folder, f"{number}.jpg").write_bytes(content)
        rows = images.read(session, folder, size=SIDE).select("image.height")
        sides: dict[str, Callable[[], object]] = {
            "bare loop, one thread": lambda: bare(files),
            "sdl.images, one thread": lambda: transformed(column, 1),
            "sdl.images, two threads": lambda: transformed(column, 2),
            f"in turn with {pause} s of a model": lambda: fed(store, 0, pause),
            f"beside {pause} s of a model": lambda: fed(store, 1, pause),
            "sdl.images.read, two slots": rows.collect,
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        cpu: dict[str, list[float]] = {name: [] for name in sides}
        for round_ in range(arguments.rounds + 1):
            for name, side in sides.items():
                started, used = time.perf_counter(), time.process_time()
                side()
                if round_:  # the first one warms up
                    seconds[name].append(time.perf_counter() - started)
                    cpu[name].append(time.process_time() - used)
    rates = {name: len(files) / statistics.median(values) for name, values in seconds.items()}
    per_core = {name: len(files) / statistics.median(values) for name, values in cpu.items()}
    for name, rate in rates.items():
        used_here = "" if "slots" in name else f"{per_core[name]:8.0f} per second of a core"
        print(f"{name:36s} {rate:8.0f} images/s {used_here}")
    found = {name: [round(rate, 1), round(per_core[name], 1)] for name, rate in rates.items()}
    print(json.dumps({"images": len(files), **found}))


if __name__ == "__main__":
    main()
