"""Whole nets: a LeNet that was trained in Caffe over the real images, and known topologies with recorded answers."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import sparkdl as sdl
from tests.importers.caffe.files import blob, field
from tests.importers.caffe.goldens import apart
from tests.importers.caffe.places import SHARED

NETS = SHARED / "golden" / "caffe_nets"
LENET = SHARED / "data" / "caffe_lenet"
SMALL = ["lenet", "cifar10_quick", "mnist_siamese", "squeezenet_v1.1", "mobilenet_v1", "googlenet"]
# A minute, and gigabytes: SPARKDL_BIG_NETS=1 has them all run.
BIG = ["alexnet", "resnet50_msra", "inception_v3", "densenet121", "vgg16", "fcn8s"]
CHOSEN = SMALL + (BIG if os.environ.get("SPARKDL_BIG_NETS") else [])

pytestmark = pytest.mark.skipif(not (NETS.is_dir() and LENET.is_dir()), reason="needs the answers recorded from Caffe")


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), "uint8", offset=header)


def test_lenet_is_as_good_as_in_caffe_on_the_images_of_mnist() -> None:
    model = sdl.load_caffe(LENET / "lenet_mnist.prototxt", LENET / "lenet_iter_10000.caffemodel")
    images = _idx(SHARED / "data/mnist/t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28) * np.float32(1 / 256)
    labels = _idx(SHARED / "data/mnist/t10k-labels-idx1-ubyte.gz", 8)
    found = model.predict(images, batch_size=500, verbose=0)
    with np.load(LENET / "lenet_mnist_t10k.npz") as expected:
        assert apart(found[:256], expected["prob_first256"]) < 1e-5
        assert np.array_equal(found.argmax(1), expected["pred"])
    assert (found.argmax(1) == labels).mean() == pytest.approx(0.9914)


@pytest.fixture(scope="module")
def seeds() -> Iterator[Any]:
    """The programs that make weights and inputs of the recorded nets anew."""
    folder = str(SHARED / "golden" / "gen")
    sys.path.insert(0, folder)
    yield importlib.import_module("regenerate"), importlib.import_module("seedgen")
    sys.path.remove(folder)


def _write_weights(name: str, path: Path, regenerate: Any, scales: dict[str, float]) -> None:
    shapes = json.loads((NETS / "param_shapes.json").read_text())[name]
    types = {item["name"]: item["type"] for item in _layers(name)}
    with path.open("wb") as file:
        for layer, sizes in shapes.items():
            blobs = (
                regenerate._caffe_blob(name, layer, types[layer], index, shape, scales)
                for index, shape in enumerate(sizes)
            )
            file.write(field(100, field(1, layer.encode()) + b"".join(field(7, blob(value)) for value in blobs)))


def _layers(name: str) -> Any:
    from sparkdl.importers.caffe.load import read_definition

    return read_definition(NETS / "proto" / f"{name}.prototxt")["layer"]


@pytest.mark.parametrize("name", CHOSEN)
def test_topologies_answer_as_in_caffe(name: str, tmp_path: Path, seeds: Any) -> None:
    regenerate, seedgen = seeds
    with np.load(NETS / f"{name}.npz") as file:
        golden = {key: file[key] for key in file.files}
    _write_weights(name, tmp_path / "w", regenerate, json.loads(str(golden["calibration"])))
    # All blobs that were recorded but the input and the copies that Caffe makes by itself.
    stats = dict(zip(golden["blob_names"].tolist(), golden["blob_stats"], strict=True))
    names = [blob for blob in stats if blob != "data" and "_split_" not in blob]
    model = sdl.load_caffe(NETS / "proto" / f"{name}.prototxt", tmp_path / "w", outputs=names)
    x = tf.constant(regenerate.caffe_net_input(name, "data", [1, *model.inputs[0].shape[1:]]))
    top = names.index(next(key[4:] for key in golden if key.startswith("out/")))
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = model(x)
        total = tf.reduce_sum(outputs[top] * seedgen.uniform(f"{name}/top/{names[top]}", outputs[top].shape))
    for blob_name, output in zip(names, outputs, strict=True):
        values = output.numpy()
        assert values.size == stats[blob_name][0]
        found = values.ravel()[seedgen.sample_idx(blob_name, values.size)]
        assert np.abs(found - stats[blob_name][3:]).max() < 1e-5 * np.abs(values).max(), blob_name
    size, absolute, length, *_ = golden["din/data"]
    gradient = tape.gradient(total, x).numpy().astype("float64")
    # In deep nets a value next to 0 may take the other side of a ReLU: sums are compared, not elements.
    assert gradient.size == size
    assert np.abs(gradient).sum() == pytest.approx(absolute, rel=1e-4)
    assert np.sqrt((gradient**2).sum()) == pytest.approx(length, rel=1e-4)
