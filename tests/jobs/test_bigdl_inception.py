"""Inception-v1 with Caffe's weights is fine-tuned on folders of images by the job in BigDL's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sparkdl.bigdl.models.inception.inception import inception_v1_no_aux_classifier
from sparkdl.bigdl.nn.layer import Model
from sparkdl.importers.bigdl.caffe_net import caffe_net

pytestmark = [pytest.mark.spark, pytest.mark.tf]
ROOT = Path(__file__).parents[2]


def test_it_learns_and_keeps_the_weights_it_was_given(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, colour in {"blue": (220, 40, 40), "red": (40, 40, 220)}.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(5):
            image = np.clip(random.normal(colour, 20, (40, 40, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{number}.png"), image)
    given = inception_v1_no_aux_classifier(10)
    (tmp_path / "net.caffemodel").write_bytes(caffe_net(given.value)[1])
    options = "--images images --caffemodel net.caffemodel --epochs 1 --batch-size 4 --output out.bigdl"
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    job = [sys.executable, "-m", "sparkdl.bigdl", str(ROOT / "jobs" / "bigdl_inception.py"), *options.split()]
    job += ["--learning-rate", "1e-6"]
    done = subprocess.run(job, env=environment, capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "2 classes: blue, red" in done.stdout
    assert "method: Top1Accuracy" in done.stdout
    trained = Model.loadModel(str(tmp_path / "out.bigdl"))
    layers = {layer.name(): layer for layer in trained.flattened_layers()}
    for layer in given.flattened_layers():
        if layer.is_with_weights() and layer.name() in layers:
            np.testing.assert_allclose(layers[layer.name()].get_weights()[0], layer.get_weights()[0], atol=1e-3)
    assert layers["classes"].get_weights()[0].shape == (2, 1024)
    assert any((tmp_path / "inception-logs" / "inception" / "train").iterdir())
