"""Speed of ResNet-50 imported from files of Caffe and TensorFlow against the same net written in Keras.

    python benchmarks/imported.py                       # a training step and a prediction, four turns each
    python benchmarks/imported.py caffe --batch 4 --turns 8

From TensorFlow comes a frozen graph, whose normalisations keep their statistics; its counterpart in Keras does so too.
Both have the same layers, paddings and weights, which is checked before anything is timed. They take turns in one
process (A B A B), so that both see the same machine; times are medians over turns, and so are ratios, each of one turn
of both. The ratio of processor time tells more than that of time where other programs run too. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

STACKS = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # filters, blocks, stride of the first
EPSILON = 1.001e-5
GOAL = 1.05
QUIET_LOAD = 0.5
Turn = Callable[[], None]


@dataclass(frozen=True)
class Result:
    """One kind of work: milliseconds of each net, and imported over Keras in time and in processor time."""

    work: str
    keras: float
    imported: float
    ratio: float
    cpu_ratio: float
    ratios: list[float]
    cpu_ratios: list[float]
    goal: float = GOAL


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=f"{', '.join(SOURCES)} (default: both)")
    parser.add_argument("--batch", type=int, default=8, help="images per step (default %(default)s)")
    parser.add_argument("--turns", type=int, default=4, help="turns of each (default %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="steps per turn (default %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="height and width of images (default %(default)s)")
    parsed = parser.parse_args(arguments)
    unknown = sorted({*parsed.sources} - {*SOURCES})
    if unknown:
        parser.error(f"there is no source {', '.join(unknown)}: choose among {', '.join(SOURCES)}")
    parsed.sources = parsed.sources or list(SOURCES)
    return parsed


def prototxt(size: int, classes: int = 1000) -> str:
    """The text of ResNet-50 as Caffe's users write it, with the paddings and biases of Keras's version."""
    return "\n".join(_layers(size, classes))


def _layers(size: int, classes: int) -> Iterator[str]:
    yield f'name: "ResNet-50" input: "data" input_shape {{ dim: 1 dim: 3 dim: {size} dim: {size} }}'
    yield from _convolution("conv1", "data", 64, "kernel_size: 7 stride: 2 pad: 3")
    yield _layer("pool1", "Pooling", ["conv1"], "pooling_param { kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR }")
    blob = "pool1"
    for stack, (filters, blocks, stride) in enumerate(STACKS, start=2):
        for block in range(blocks):
            name, step = f"conv{stack}_block{block + 1}", stride if block == 0 else 1
            if block == 0:
                yield from _convolution(f"{name}_0", blob, 4 * filters, f"kernel_size: 1 stride: {step}", relu=False)
            yield from _convolution(f"{name}_1", blob, filters, f"kernel_size: 1 stride: {step}")
            yield from _convolution(f"{name}_2", f"{name}_1", filters, "kernel_size: 3 pad: 1")
            yield from _convolution(f"{name}_3", f"{name}_2", 4 * filters, "kernel_size: 1", relu=False)
            yield _layer(f"{name}_out", "Eltwise", [f"{name}_0" if block == 0 else blob, f"{name}_3"])
            yield _layer(f"{name}_relu", "ReLU", [f"{name}_out"], top=f"{name}_out")
            blob = f"{name}_out"
    yield _layer("pool5", "Pooling", [blob], "pooling_param { pool: AVE global_pooling: true }")
    yield _layer("fc", "InnerProduct", ["pool5"], f"inner_product_param {{ num_output: {classes} }}")
    yield _layer("prob", "Softmax", ["fc"])


def _layer(name: str, kind: str, bottoms: Sequence[str], fields: str = "", top: str = "") -> str:
    read = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}" {read} top: "{top or name}" {fields} }}'


def _convolution(name: str, bottom: str, filters: int, fields: str, relu: bool = True) -> Iterator[str]:
    """A convolution, and behind it in place a BatchNorm, a Scale and a ReLU."""
    yield _layer(name, "Convolution", [bottom], f"convolution_param {{ num_output: {filters} {fields} }}")
    norm = f"batch_norm_param {{ eps: {EPSILON} moving_average_fraction: 0.99 }}"
    yield _layer(f"{name}_bn", "BatchNorm", [name], norm, top=name)
    yield _layer(f"{name}_scale", "Scale", [name], "scale_param { bias_term: true }", top=name)
    if relu:
        yield _layer(f"{name}_relu", "ReLU", [name], top=name)


def from_caffe(size: int) -> tuple[Any, Any]:
    """The net in Keras, and the same from a prototxt, with the same weights."""
    import keras

    import sparkdl as sdl

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.prototxt"
        path.write_text(prototxt(size))
        imported = sdl.load_caffe(path, data_format="channels_last")
    written = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3))
    for layer in written.layers:
        if layer.weights:
            name = {"predictions": "fc"}.get(layer.name, layer.name.removesuffix("_conv"))
            imported.get_layer(name).set_weights(layer.get_weights())
    return written, imported


def from_tensorflow(size: int) -> tuple[Any, Any]:
    """The net in Keras with fixed statistics, and the same from a frozen graph."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    import sparkdl as sdl
    from sparkdl.nn.batch_statistics import FixedStatisticsNormalization

    def fixed(layer: Any) -> Any:
        kind = FixedStatisticsNormalization if isinstance(layer, keras.layers.BatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    net = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3))
    written = keras.models.clone_model(net, clone_function=fixed)
    run = tf.function(lambda data: tf.identity(written(data), name="prob"))
    concrete = run.get_concrete_function(tf.TensorSpec((None, size, size, 3), name="data"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.pb"
        path.write_bytes(convert_variables_to_constants_v2(concrete).graph.as_graph_def().SerializeToString())
        return written, sdl.load_tensorflow(path, ["data"], ["prob"])


SOURCES = {"caffe": from_caffe, "tensorflow": from_tensorflow}


def check_equal(nets: Sequence[Any], images: np.ndarray) -> None:
    """Nets that answer differently are not compared."""
    answers = [net.predict_on_batch(images) for net in nets]
    apart = np.abs(answers[0] - answers[1]).max() / answers[0].max()
    if not apart < 1e-4:
        raise SystemExit(f"the nets answer differently: by {apart:.1e} of the largest answer, expected 1e-4")


def measure(source: str, arguments: argparse.Namespace) -> Iterator[Result]:
    """Compares a net with what was imported from one kind of file."""
    dice = np.random.default_rng(0)
    images = dice.normal(size=(arguments.batch, arguments.size, arguments.size, 3)).astype("float32")
    labels = dice.integers(0, 1000, arguments.batch)
    nets = dict(zip(("keras", "imported"), SOURCES[source](arguments.size), strict=True))
    for net in nets.values():
        net.compile("sgd", "sparse_categorical_crossentropy")
    check_equal(list(nets.values()), images)
    works: dict[str, dict[str, Turn]] = {
        "predict": {name: lambda net=net: net.predict_on_batch(images) for name, net in nets.items()},
        "train": {name: lambda net=net: net.train_on_batch(images, labels) for name, net in nets.items()},
    }
    for work, turns in works.items():
        yield compare(f"{source} {work}", turns, arguments.turns, arguments.steps)


def compare(work: str, turns: dict[str, Turn], count: int, steps: int) -> Result:
    """Lets both take turns at one kind of work."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for run in turns.values():  # traces the graph
        run()
    for _ in range(count):
        for name, run in turns.items():
            start, cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                run()
            times[name].append((time.perf_counter() - start, time.process_time() - cpu))
    medians = {name: 1e3 * statistics.median(wall for wall, _ in values) / steps for name, values in times.items()}
    pairs = list(zip(times["keras"], times["imported"], strict=True))
    ratios, cpu_ratios = ([b[clock] / a[clock] for a, b in pairs] for clock in (0, 1))
    middle = statistics.median(ratios), statistics.median(cpu_ratios)
    return Result(work, medians["keras"], medians["imported"], *middle, ratios, cpu_ratios)


def table(results: Sequence[Result]) -> str:
    """The figures for people."""
    head = f"{'ResNet-50':<20}{'Keras ms':>10}{'imported ms':>13}{'ratio':>8}{'of CPU':>8}{'at most':>9}"
    rows = [
        f"{r.work:<20}{r.keras:>10.1f}{r.imported:>13.1f}{r.ratio:>8.3f}{r.cpu_ratio:>8.3f}{r.goal:>9.2f}"
        for r in results
    ]
    return "\n".join([head, "-" * len(head), *rows])


def main() -> None:
    """Runs the benchmark."""
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load = os.getloadavg()[0]
    results = [result for source in arguments.sources for result in measure(source, arguments)]
    print(table(results))
    if load > QUIET_LOAD:
        print(f"The machine was busy before the start (load average {load:.1f}): the ratios mean little.")
    print(json.dumps({**vars(arguments), "load": load, "results": [asdict(result) for result in results]}))


if __name__ == "__main__":
    main()
