"""One net in every form that Caffe ever had, with weights in every form: all answer alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ImporterError
from sparkdl.importers.caffe.upgrade import upgrade
from tests.importers.caffe.goldens import apart
from tests.importers.caffe.places import COPIES

FOLDER = COPIES / "legacy"


@pytest.mark.parametrize("weights", sorted(FOLDER.glob("w*")), ids=lambda path: path.name)
@pytest.mark.parametrize("prototxt", sorted(FOLDER.glob("*.prototxt")), ids=lambda path: path.stem)
def test_old_forms_answer_as_new_ones(prototxt: Path, weights: Path) -> None:
    with np.load(FOLDER / "golden.npz") as golden:
        model = sdl.load_caffe(prototxt, weights)
        assert apart(model(golden["x"]), golden["prob"]) < 1e-5
    assert [layer.name for layer in model.layers if layer.weights] == ["conv1", "fc"]


def test_mean_image() -> None:
    mean = sdl.read_caffe_mean(FOLDER / "mean.binaryproto")
    assert (mean.shape, mean.dtype) == ((3, 10, 10), np.float32)


def test_a_mean_is_no_caffemodel() -> None:
    with pytest.raises(ImporterError, match="w_v2.caffemodel"):
        sdl.read_caffe_mean(FOLDER / "w_v2.caffemodel")


def test_fields_of_v0_go_where_they_belong() -> None:
    old = {
        "layers": [
            {
                "layer": {"name": "d", "type": "data", "source": "db", "batchsize": 8, "scale": 0.5, "meanfile": "m"},
                "top": ["d"],
            },
            {"layer": {"name": "p", "type": "padding", "pad": 2}, "bottom": ["d"], "top": ["p"]},
            {"layer": {"name": "m", "type": "pool", "kernelsize": 3, "pool": "AVE"}, "bottom": ["p"], "top": ["m"]},
        ]
    }
    data, pool = upgrade(old, "net")["layer"]
    assert data["data_param"] == {"source": "db", "batch_size": 8}
    assert data["transform_param"] == {"scale": 0.5, "mean_file": "m"}
    assert pool["bottom"] == ["d"]
    assert pool["pooling_param"] == {"kernel_size": 3, "pool": "AVE", "pad": 2}


def test_parameters_of_v1_become_specifications() -> None:
    old = {"layers": [{"name": "c", "type": "CONVOLUTION", "param": ["w"], "blobs_lr": [1.0, 2.0]}]}
    assert upgrade(old, "net")["layer"][0]["param"] == [{"name": "w", "lr_mult": 1.0}, {"lr_mult": 2.0}]


@pytest.mark.parametrize(
    ("net", "words"),
    [
        ({"layer": [{}], "layers": [{}]}, "both"),
        ({"input": ["a", "b"], "input_dim": [1, 2, 3, 4]}, "2 `input` and 1 shapes"),
        ({"input": ["a"], "input_dim": [1, 2, 3]}, "four"),
        ({"layers": [{"layer": {"name": "x", "type": "cnv"}}]}, "'cnv'"),
        ({"layers": [{"layer": {"name": "x", "type": "relu", "pad": 1}}]}, "fields pad"),
    ],
)
def test_contradictions_are_named(net: dict, words: str) -> None:
    with pytest.raises(ImporterError, match=words):
        upgrade(net, "net")
