"""The LeNet that was trained in Caffe, over the real test images of MNIST, on Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.caffe.places import SHARED
from tests.jobs.programs import run_here

LENET, MNIST = SHARED / "data" / "caffe_lenet", SHARED / "data" / "mnist"
pytestmark = pytest.mark.skipif(not LENET.is_dir(), reason="needs the LeNet trained in Caffe")


def test_accuracy_is_that_of_caffe(spark_local: Any, tmp_path: Path) -> None:
    files = (LENET / "lenet_mnist.prototxt", LENET / "lenet_iter_10000.caffemodel")
    readers = tmp_path / "train_test.prototxt"
    readers.write_text('layer { name: "d" type: "Data" top: "d" transform_param { scale: 0.00390625 } }')
    more = ("--transform", readers, "--mnist", MNIST, "--master", "local[2]")
    printed = run_here("evaluate_caffe.py", *files, *more, folder=tmp_path)
    assert "10,000 images" in printed
    assert "accuracy 0.9914" in printed
