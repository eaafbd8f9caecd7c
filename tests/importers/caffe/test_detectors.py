"""Detectors as a whole: an image's objects do not depend on its batch, regions pass gradients on, models are saved."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pyspark.sql import SparkSession

import sparkdl as sdl
from sparkdl.nn.roi_pooling import RegionPooling
from tests.importers.caffe.detection_cases import REGIONS, parts
from tests.importers.caffe.test_load import layer

TURNED = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
NET = f"""
input: "data" input_shape {{ dim: 1 dim: 3 dim: 12 dim: 16 }}
{layer("c", "Convolution", "data", "c", "convolution_param { num_output: 6 kernel_size: 3 stride: 2 }")}
{layer("n", "Normalize", "c", "n", "norm_param { scale_filler { value: 2 } across_spatial: false }")}
{layer("loc", "Convolution", "n", "loc", "convolution_param { num_output: 12 kernel_size: 1 }")}
{layer("loc_p", "Permute", "loc", "loc_p", TURNED)}
{layer("loc_f", "Flatten", "loc_p", "loc_f")}
{layer("conf", "Convolution", "n", "conf", "convolution_param { num_output: 9 kernel_size: 1 }")}
{layer("conf_p", "Permute", "conf", "conf_p", TURNED)}
{layer("conf_r", "Reshape", "conf_p", "conf_r", "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }")}
{layer("conf_s", "Softmax", "conf_r", "conf_s", "softmax_param { axis: 2 }")}
{layer("conf_f", "Flatten", "conf_s", "conf_f")}
layer {{ name: "prior" type: "PriorBox" bottom: "n" bottom: "data" top: "prior"
         prior_box_param {{ min_size: 4 aspect_ratio: 2 variance: [0.1, 0.1, 0.2, 0.2] }} }}
layer {{ name: "found" type: "DetectionOutput" bottom: "loc_f" bottom: "conf_f" bottom: "prior" top: "found"
         detection_output_param {{ num_classes: 3 code_type: CENTER_SIZE confidence_threshold: 0.6 keep_top_k: 60
                                   nms_param {{ nms_threshold: 0.45 top_k: 50 }} }} }}
"""


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    path = tmp_path_factory.mktemp("ssd") / "net.prototxt"
    path.write_text(NET)
    keras.utils.set_random_seed(2)
    return sdl.load_caffe(path)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(7, 3, 12, 16)).astype("float32") * 3


def test_objects_of_an_image_are_the_same_in_any_batch(detector: keras.Model, images: np.ndarray) -> None:
    whole = detector(images).numpy()
    assert whole.shape == (7, 1, 60, 7)
    alone = np.concatenate([detector(image[np.newaxis]) for image in images])
    np.testing.assert_allclose(whole, alone, atol=1e-5)
    objects = (whole[:, 0, :, 1] > 0).sum(1)
    assert len(set(objects.tolist())) > 1, "these images are meant to have different numbers of objects"


def test_objects_on_spark_do_not_depend_on_batches(
    detector: keras.Model, images: np.ndarray, spark_local: SparkSession
) -> None:
    rows = [(index, image.ravel().tolist()) for index, image in enumerate(images)]
    frame = spark_local.createDataFrame(rows, "id int, image array<float>").repartition(3)
    for size in (1, 3):
        found = sdl.predict(detector, frame, features="image", output="objects", batch_size=size).collect()
        for row in found:
            objects = np.asarray(row["objects"], "float32").reshape(1, 60, 7)
            np.testing.assert_allclose(objects, detector(images[row["id"]][np.newaxis])[0], atol=1e-5)


def test_a_detector_is_saved_and_exported(detector: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    expected = detector(images).numpy()
    detector.save(tmp_path / "ssd.keras")
    again = keras.saving.load_model(tmp_path / "ssd.keras")
    np.testing.assert_array_equal(again(images), expected)
    detector.export(tmp_path / "ssd", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "ssd"))
    np.testing.assert_allclose(exported.serve(images), expected, atol=1e-5)


def test_regions_pass_gradients_to_their_largest_values() -> None:
    x = np.random.default_rng(5).permutation(2 * 8 * 11 * 3).reshape(2, 8, 11, 3).astype("float32")
    seed = np.random.default_rng(6).normal(size=(len(REGIONS), 3, 2, 3)).astype("float32")
    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        pooled = RegionPooling([3, 2], 0.5)([images, REGIONS])
    expected = np.zeros_like(x)
    for number, region in enumerate(REGIONS):
        for (a, b), (rows, columns) in parts(region, (3, 2), 0.5, x.shape[1:3]):
            image = int(region[0])
            for channel in range(3):
                window = x[image, rows, columns, channel]
                if window.size:
                    expected[image, rows, columns, channel][window == window.max()] += seed[number, a, b, channel]
    np.testing.assert_allclose(tape.gradient(pooled, images, seed), expected, atol=1e-5)


def test_regions_of_equal_values_pass_gradients_to_the_first() -> None:
    images = tf.zeros((1, 4, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        pooled = RegionPooling([1, 1])([images, tf.constant([[0.0, 1, 1, 3, 3]])])
    gradient = tape.gradient(pooled, images).numpy()[0, :, :, 0]
    assert gradient[1, 1] == 1
    assert gradient.sum() == 1
