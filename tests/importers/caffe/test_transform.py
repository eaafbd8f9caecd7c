"""What a net's readers did to images: by the definition of each field, and as layers before a model."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ArgumentError, DataError, ImporterError, UnsupportedError
from sparkdl.importers.caffe.transform import CaffeTransform
from tests.importers.caffe.files import field
from tests.importers.caffe.places import ROOT

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype="uint8")
MEAN = np.random.default_rng(1).uniform(0, 255, (3, 6, 8)).astype("float32")


def _net(folder: Path, fields: str, rest: str = "") -> Path:
    (folder / "mean.binaryproto").write_bytes(
        b"".join(field(number, size) for number, size in zip((1, 2, 3, 4), (1, 3, 6, 8), strict=True))
        + field(5, MEAN.tobytes())
    )
    (folder / "net").write_text(f"""
        layer {{ name: "train" type: "Data" top: "data" top: "label" include {{ phase: TRAIN }}
                 transform_param {{ mirror: true crop_size: 4 mean_value: 7 }} }}
        layer {{ name: "test" type: "Data" top: "data" top: "label" include {{ phase: TEST }}
                 transform_param {{ {fields} }} {rest} }}
    """)
    return folder / "net"


def test_mean_image_crop_and_scale(tmp_path: Path) -> None:
    transform = sdl.caffe_transform(_net(tmp_path, "mean_file: 'mean.binaryproto' crop_size: 3 scale: 0.5"))
    expected = ((IMAGE.transpose(2, 0, 1) - MEAN) * np.float32(0.5))[:, 1:4, 2:5]
    np.testing.assert_allclose(transform(IMAGE), expected, rtol=1e-6)


def test_mean_values_by_channel_and_one_for_all(tmp_path: Path) -> None:
    by_channel = sdl.caffe_transform(_net(tmp_path, "mean_value: [104, 117, 123]"))
    expected = IMAGE.transpose(2, 0, 1) - np.array([104, 117, 123], "float32")[:, None, None]
    np.testing.assert_array_equal(by_channel(IMAGE), expected)
    one = sdl.caffe_transform(_net(tmp_path, "mean_value: 104"), data_format="channels_last", channel_order="rgb")
    np.testing.assert_array_equal(one(IMAGE), IMAGE[:, :, ::-1].astype("float32") - 104)


def test_another_mean_than_the_files(tmp_path: Path) -> None:
    path = _net(tmp_path, "mean_file: 'elsewhere/mean.binaryproto'")
    with pytest.raises(OSError, match="elsewhere/mean"):
        sdl.caffe_transform(path)
    by_array = sdl.caffe_transform(path, mean=MEAN)
    by_file = sdl.caffe_transform(path, mean=tmp_path / "mean.binaryproto")
    np.testing.assert_array_equal(by_array(IMAGE), by_file(IMAGE))


def test_colours_are_made_and_taken_away() -> None:
    gray = np.array([[10, 20]], "uint8")
    assert CaffeTransform(channels=3)(gray).tolist() == [[[10, 20]]] * 3
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], "uint8")
    assert CaffeTransform(channels=1)(colour).tolist() == [[[29, 150, 76, 9]]]
    assert CaffeTransform(channels=1, channel_order="rgb")(colour).tolist() == [[[76, 150, 29, 9]]]


def test_training_crops_and_mirrors_by_chance(tmp_path: Path) -> None:
    transform = sdl.caffe_transform(_net(tmp_path, "scale: 1"), phase="TRAIN")
    with pytest.raises(ArgumentError, match="generator"):
        transform(IMAGE)
    whole = IMAGE.transpose(2, 0, 1).astype("float32") - 7
    parts = {
        part.tobytes()
        for top in range(3)
        for left in range(5)
        for part in (whole[:, top : top + 4, left : left + 4], whole[:, top : top + 4, left : left + 4][:, :, ::-1])
    }
    dice = np.random.default_rng(2)
    drawn = [transform(IMAGE, dice).tobytes() for _ in range(500)]
    assert set(drawn) == parts


def test_a_pickled_transform_works_without_keras(tmp_path: Path) -> None:
    transform = sdl.caffe_transform(_net(tmp_path, "mean_file: 'mean.binaryproto' crop_size: 3"))
    (tmp_path / "transform").write_bytes(pickle.dumps(transform))
    np.save(tmp_path / "image.npy", IMAGE)
    code = (
        "import pickle, sys, numpy as np; transform = pickle.load(open(sys.argv[1], 'rb'));"
        "print(transform(np.load(sys.argv[2])).sum(), 'keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "transform"), str(tmp_path / "image.npy")]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.split() == [str(transform(IMAGE).sum()), "False", "False"], run.stderr[-2000:]


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("channel_order", ["bgr", "rgb"])
@pytest.mark.parametrize("fields", ["mean_file: 'mean.binaryproto' crop_size: 3", "mean_value: [1, 2, 3] scale: 0.1"])
def test_a_model_with_its_transform_takes_bytes(
    fields: str, channel_order: str, data_format: str, tmp_path: Path
) -> None:
    arguments = {"data_format": data_format, "channel_order": channel_order}
    transform = sdl.caffe_transform(_net(tmp_path, fields), **arguments)
    high, wide = (3, 3) if transform.crop_size else (6, 8)
    keras.utils.set_random_seed(1)
    shape = (3, high, wide) if data_format == "channels_first" else (high, wide, 3)
    net = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)])
    model = transform.before(net, IMAGE.shape)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    expected = net(transform(IMAGE)[np.newaxis])
    np.testing.assert_allclose(model(IMAGE[np.newaxis]), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(again(IMAGE[np.newaxis]), model(IMAGE[np.newaxis]))


def test_what_cannot_be_done_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="resize_param"):
        sdl.caffe_transform(_net(tmp_path, "resize_param { height: 300 }"))
    (tmp_path / "deploy").write_text('input: "data" input_dim: [1, 3, 4, 4]')
    with pytest.raises(ImporterError, match="no transform_param in phase TEST"):
        sdl.caffe_transform(tmp_path / "deploy")
    with pytest.raises(DataError, match="6 x 8 for a crop of 7 x 7"):
        CaffeTransform(crop_size=7)(IMAGE)
    with pytest.raises(DataError, match=r"\(6, 8, 3\) and a mean of shape \(3, 8, 6\)"):
        CaffeTransform(mean=MEAN.transpose(0, 2, 1))(IMAGE)
    net = keras.Sequential([keras.Input((3, 4, 4)), keras.layers.Flatten()])
    with pytest.raises(ArgumentError, match=r"become \(3, 6, 8\), and the model expects \(3, 4, 4\)"):
        CaffeTransform().before(net, IMAGE.shape)
    with pytest.raises(ArgumentError, match="by chance"):
        CaffeTransform(mirror=True).before(net, IMAGE.shape)
