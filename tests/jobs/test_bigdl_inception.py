"""Inception-v1 with Caffe's weights is fine-tuned on folders of images by the job in BigDL's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sparkdl.bigdl.install import install
from sparkdl.bigdl.models.inception.inception import inception_v1_no_aux_classifier
from sparkdl.bigdl.nn.layer import Model
from sparkdl.importers.bigdl.caffe_net import caffe_net
from tests.jobs.programs import run_here


def test_it_learns_and_keeps_the_weights_it_was_given(spark_local: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, colour in {"blue": (220, 40, 40), "red": (40, 40, 220)}.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(5):
            image = np.clip(random.normal(colour, 20, (40, 40, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), image)
    given = inception_v1_no_aux_classifier(10)
    (tmp_path / "net.caffemodel").write_bytes(caffe_net(given.value)[1])
    options = f"--images {tmp_path / 'images'} --caffemodel net.caffemodel --epochs 1 --batch-size 4 --output out.bigdl"
    install()  # as `python -m sparkdl.bigdl` does
    printed = run_here("bigdl_inception.py", *options.split(), "--learning-rate", 1e-6, folder=tmp_path)
    assert "2 classes: blue, red" in printed
    assert "method: Top1Accuracy" in printed
    trained = Model.loadModel(str(tmp_path / "out.bigdl"))
    layers = {layer.name(): layer for layer in trained.flattened_layers()}
    for layer in given.flattened_layers():
        if layer.is_with_weights() and layer.name() in layers:
            np.testing.assert_allclose(layers[layer.name()].get_weights()[0], layer.get_weights()[0], atol=1e-3)
    assert layers["classes"].get_weights()[0].shape == (2, 1024)
    assert any((tmp_path / "inception-logs" / "inception" / "train").iterdir())
