"""`sdl.load_tensorflow` over every form of the seed's LSTM, and over what TensorFlow and Keras save today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ImporterError
from sparkdl.importers.tensorflow.read import read_source
from tests.importers.tensorflow.places import COPIES, RECORDED
from tests.importers.tensorflow.saved import partitioned_graph, run, save_graph, save_module

LSTM, RECORDED_LSTM, QUEUE = COPIES / "blog_lstm_static", RECORDED / "blog_lstm_static", RECORDED / "queue_train_slim"
UNFROZEN = LSTM / "graph_unfrozen.pbtxt.gz"
ENDS = {"inputs": ["Placeholder"], "outputs": ["prediction/Softmax"]}
FORMS: dict[str, tuple[Path, dict[str, Any]]] = {
    "frozen": (LSTM / "graph.pb", ENDS),
    "format 2": (UNFROZEN, {**ENDS, "checkpoint": LSTM / "model.ckpt"}),
    "format 1": (UNFROZEN, {**ENDS, "checkpoint": LSTM / "model_v1.ckpt"}),
    "BigDL": (UNFROZEN, {**ENDS, "bin_file": LSTM / "bigdl_pair.bin", "byte_order": "little_endian"}),
}
RECORDED_FORMS: dict[str, tuple[Path, dict[str, Any]]] = {
    "MetaGraph": (RECORDED_LSTM / "model.ckpt.meta", ENDS),
    "MetaGraph with format 1": (RECORDED_LSTM / "model_v1.ckpt.meta", ENDS),
    "directory": (RECORDED_LSTM, ENDS),
    "SavedModel": (RECORDED_LSTM / "saved_model", {}),
    "SavedModel by its tensors": (RECORDED_LSTM / "saved_model", ENDS),
    "BigDL's pair": (RECORDED_LSTM / "bigdl_pair.pb", {**ENDS, "bin_file": RECORDED_LSTM / "bigdl_pair.bin"}),
}
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded answers")


def _check(path: Path, arguments: dict[str, Any]) -> None:
    golden = np.load(LSTM / "golden.npz")
    model = sdl.load_tensorflow(path, **arguments)
    scores = model.predict(golden["in/Placeholder"], verbose=0)
    np.testing.assert_allclose(scores, golden["out/prediction/Softmax"], rtol=0, atol=1e-5 * scores.max())
    assert sorted(tuple(weight.shape) for weight in model.trainable_weights) == [(5,), (16, 5), (24, 64), (64,)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_computes_the_same(form: str) -> None:
    _check(*FORMS[form])


@needs_recorded
@pytest.mark.parametrize("form", RECORDED_FORMS)
def test_every_recorded_form_computes_the_same(form: str) -> None:
    _check(*RECORDED_FORMS[form])


def test_a_graph_without_its_values_says_what_to_give() -> None:
    with pytest.raises(ImporterError, match="give the checkpoint"):
        sdl.load_tensorflow(UNFROZEN, **ENDS)


@pytest.mark.parametrize("form", ["V1", "V2"])
def test_partitioned_variables(form: str, tmp_path: Path) -> None:
    graph, _ = partitioned_graph()
    values = save_graph(graph, tmp_path / "model.ckpt", form)
    ids = np.array([0, 3, 4, 9, 6], "int32")
    expected = np.concatenate([values[f"net/table/part_{i}"] for i in range(3)])[ids] @ values["net/weights"]
    model = sdl.load_tensorflow(tmp_path / "model.ckpt.meta", inputs=["ids"], outputs=["scores"])
    np.testing.assert_allclose(model(ids), expected, rtol=1e-5)


def test_signatures_of_a_module(tmp_path: Path) -> None:
    module = save_module(tmp_path / "model", {"serving_default": "scores", "other": "scaled"})
    x = np.ones((2, 2), "float32")
    model = sdl.load_tensorflow(tmp_path / "model")
    np.testing.assert_allclose(model(x), module.scores(x)["scores"])
    other = sdl.load_tensorflow(tmp_path / "model", signature="other")
    np.testing.assert_allclose(other(np.ones(2)), [9, 9])


def test_what_keras_exports(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    stack = [
        keras.Input((8, 8, 3)),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(5),
    ]
    model = keras.Sequential(stack)
    model.layers[1].moving_mean.assign([1, 2, 3, 4])
    model.export(str(tmp_path / "model"), verbose=False)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    loaded = sdl.load_tensorflow(tmp_path / "model")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-5, atol=1e-5)
    assert len(loaded.trainable_weights) == 6


@needs_recorded
def test_a_training_graph_is_cut_at_its_batch() -> None:
    images = np.load(QUEUE / "golden.npz")["images"][:8].reshape(8, 8, 8, 1).astype("float32")
    # What follows has dropout, and the reshape before it knows only batches of 8.
    ends = {"inputs": ["shuffle_batch:0"], "outputs": ["Flatten/flatten/Reshape", "logits/BiasAdd"]}
    shapes = {"shuffle_batch:0": (8, 8, 8, 1)}
    model = sdl.load_tensorflow(QUEUE / "graph_def.pb", **ends, checkpoint=QUEUE, input_shapes=shapes)
    source = read_source(QUEUE / "graph_def.pb", checkpoint=QUEUE)
    flat, logits = model(images)
    expected = run(source, "Flatten/flatten/Reshape:0", {"shuffle_batch:0": images})
    np.testing.assert_allclose(flat, expected, rtol=0, atol=1e-5 * abs(expected).max())
    assert logits.shape == (8, 3)
