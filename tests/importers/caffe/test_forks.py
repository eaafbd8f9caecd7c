"""What forks wrote: V1's form, numbers of fields that clash, and training of what only forks and losses have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import sparkdl as sdl
from sparkdl.errors import ImporterError
from tests.importers.caffe.files import blob, field
from tests.importers.caffe.own_cases import OwnCase
from tests.importers.caffe.test_layers import load_case
from tests.importers.caffe.test_load import DATA, layer


def _slope(case: OwnCase, folder: Path, **arguments: Any) -> np.ndarray:
    """The gradient of the answer's sum for the first input."""
    model, (x, *others) = load_case(case, folder), map(tf.constant, case.inputs.values())
    with tf.GradientTape() as tape:
        tape.watch(x)
        answer = model([x, *others] if others else x, **arguments)
    return tape.gradient(answer, x).numpy()


def test_layers_of_forks_in_the_form_of_v1(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("""
        input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4
        layers { name: "b" type: BN bottom: "data" top: "b" bn_param { bn_mode: INFERENCE } }
        layers { name: "p" type: POOLING bottom: "b" top: "p" top: "mask" pooling_param { kernel_size: 2 stride: 2 } }
        layers { name: "u" type: UPSAMPLE bottom: "p" bottom: "mask" top: "u" upsample_param { scale: 2 } }
        layers { name: "r" type: PRELU bottom: "u" top: "u" prelu_param { channel_shared: true } }
    """)
    model = sdl.load_caffe(tmp_path / "net")
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 4)).astype("float32")
    blocks = x.reshape(2, 3, 2, 2, 2, 2)
    largest = (blocks == blocks.max((3, 5), keepdims=True)).reshape(x.shape)
    np.testing.assert_allclose(model(x), np.where(largest, np.where(x > 0, x, 0.25 * x), 0), atol=1e-6)


def test_numbers_that_forks_gave_to_other_fields_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "net").write_text(DATA + layer("b", "BN", "data", "b", "bn_param { }"))
    blobs = [np.full((1, 3, 1, 1), value, "float32") for value in (2, 1, 0.5, 4)]
    # 143 is an Interp's height in PSPNet and a list of shapes in Caffe; 137 a BN's filler, and a number of outputs.
    clashing = field(143, field(1, 7)) + field(137, field(1, field(1, b"constant")))
    content = field(1, b"b") + clashing + b"".join(field(7, blob(value)) for value in blobs)
    (tmp_path / "w").write_bytes(field(100, content))
    found = sdl.load_caffe(tmp_path / "net", tmp_path / "w")(np.ones((1, 3, 4, 4), "float32"))
    np.testing.assert_allclose(found, np.full((1, 3, 4, 4), 2 * 0.5 / np.sqrt(4 + 1e-5) + 1), rtol=1e-6)


def test_weights_of_segnet_are_none_of_pspnet(tmp_path: Path) -> None:
    (tmp_path / "net").write_text(DATA + layer("b", "BN", "data", "b"))
    blobs = b"".join(field(7, blob(np.ones((1, 3, 1, 1), "float32"))) for _ in range(2))
    (tmp_path / "w").write_bytes(field(100, field(1, b"b") + blobs))
    with pytest.raises(ImporterError, match="layer 'b' \\(BN\\) has 2 blobs of weights; expected 4"):
        sdl.load_caffe(tmp_path / "net", tmp_path / "w")


def test_a_frozen_bn_does_not_learn_and_others_do(tmp_path: Path) -> None:
    text = DATA + layer("a", "BN", "data", "a", "bn_param { frozen: true }")
    (tmp_path / "net").write_text(text + layer("b", "BN", "a", "b", "bn_param { momentum: 0.5 }"))
    model = sdl.load_caffe(tmp_path / "net")
    assert [weight.path for weight in model.trainable_weights] == ["b/gamma", "b/beta"]
    x = np.random.default_rng(1).normal(2.0, 3.0, size=(8, 3, 4, 4)).astype("float32")
    model(x, training=True)
    np.testing.assert_allclose(model.get_layer("a").moving_mean, np.zeros(3))
    np.testing.assert_allclose(model.get_layer("b").moving_mean, 0.5 * x.mean((0, 2, 3)), rtol=1e-3)


def test_stochastic_pooling_draws_in_proportion_in_training(tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    x = np.tile(np.array([1, 2, 0, 5], "float32").reshape(1, 1, 2, 2), (4000, 1, 1, 1))
    case = OwnCase("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }", {"x": x}, lambda x: x)
    drawn = load_case(case, tmp_path)(x, training=True).numpy().ravel()
    shares = [(drawn == value).mean() for value in (1, 2, 0, 5)]
    np.testing.assert_allclose(shares, [1 / 8, 2 / 8, 0, 5 / 8], atol=0.03)
    slope = _slope(case, tmp_path, training=True)
    assert set(slope.reshape(4000, 4).sum(1).tolist()) == {1.0}


def test_contrastive_loss_has_caffes_slope_and_a_finite_one_for_equal_rows(tmp_path: Path) -> None:
    a, b = np.array([[1, 2], [3, 4]], "float32"), np.array([[1, 2.5], [3, 4]], "float32")
    case = OwnCase("ContrastiveLoss", "", {"a": a, "b": b, "alike": np.zeros(2, "float32")}, lambda *_: 0)
    expected = np.array([[0, (1 - 0.5) / (0.5 + 1e-4) * 0.5 / 2], [0, 0]])
    np.testing.assert_allclose(_slope(case, tmp_path), expected, rtol=1e-6)


def test_losses_push_on_where_a_probability_is_too_small_for_a_number(tmp_path: Path) -> None:
    given = {"x": np.array([[0, 300.0]], "float32"), "y": np.zeros(1, "float32")}
    case = OwnCase("SoftmaxWithLoss", "", given, lambda *_: 0)
    np.testing.assert_allclose(_slope(case, tmp_path), [[-1, 1]])


def test_factors_from_a_blob_and_learnt_summands(tmp_path: Path) -> None:
    (tmp_path / "net").write_text(
        DATA
        + 'layer { name: "f" type: "Parameter" top: "f" parameter_param { shape { dim: 3 } } }\n'
        + 'layer { name: "s" type: "Scale" bottom: "data" bottom: "f" top: "s" scale_param { bias_term: true } }'
    )
    values = {"f": np.array([1, 2, 3], "float32"), "s": np.array([4, 5, 6], "float32")}
    content = [field(100, field(1, name.encode()) + field(7, blob(value))) for name, value in values.items()]
    (tmp_path / "w").write_bytes(b"".join(content))
    found = sdl.load_caffe(tmp_path / "net", tmp_path / "w")(np.ones((2, 3, 4, 4), "float32"))
    np.testing.assert_allclose(found[:, :, 1, 2], [[5, 7, 9]] * 2)
