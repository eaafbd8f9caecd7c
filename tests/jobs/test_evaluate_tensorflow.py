"""The seed's flow: a graph made in TensorFlow, loaded by its ends, over an RDD of samples, 128 at a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.importers.tensorflow.places import COPIES
from tests.jobs.programs import run_here

LSTM = COPIES / "blog_lstm_static"
pytestmark = pytest.mark.tf


def test_its_own_lstm_has_the_accuracy_that_tensorflow_computes(spark_local: Any, tmp_path: Path) -> None:
    small = ("--devices", 160, "--epochs", 4, "--length", 12)
    printed = run_here("evaluate_tensorflow.py", *small, folder=tmp_path)
    found = re.search(r"(\d+) samples, 128 at a time, .* top-1 accuracy ([\d.]+)", printed)
    own = re.search(r"TensorFlow itself, on the driver: +top-1 accuracy ([\d.]+)", printed)
    assert int(found[1]) > 100
    assert found[2] == own[1]
    assert float(own[1]) > 0.55
    assert re.search(r"Loaded .*graph.pb: \['Placeholder'\] to \['prediction/Softmax'\]", printed)


def test_the_pair_of_files_that_bigdl_took(spark_local: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(300, 20, 8)).astype("float32")
    graph = tf.compat.v1.GraphDef.FromString((LSTM / "graph.pb").read_bytes())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph, name="")
        labels = session.run("prediction/Softmax:0", {"Placeholder:0": x}).argmax(1)
    labels[:75] = (labels[:75] + 1) % 5
    np.savez(tmp_path / "rows.npz", features=x, labels=labels)
    given = ("--model", LSTM / "graph_unfrozen.pbtxt.gz", "--bin-file", LSTM / "bigdl_pair.bin")
    data = ("--data", tmp_path / "rows.npz", "--master", "local[2]")
    printed = run_here("evaluate_tensorflow.py", *given, *data, folder=tmp_path)
    assert "300 samples, 128 at a time" in printed
    assert "top-1 accuracy 0.7500" in printed
