"""BigDL 2.x's image sets and their preprocessing, and volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.sql import Row

from sparkdl.bigdl.feature import image
from sparkdl.bigdl.feature.image.transforms import Compose
from sparkdl.bigdl.feature.image3d import transformation as volumes
from sparkdl.bigdl.transform.vision.image import ImageFeature
from sparkdl.errors import ArgumentError, DataError

MAT = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def _row(mat: np.ndarray) -> Any:
    return Row(origin="o", height=4, width=6, nChannels=3, mode=16, data=bytearray(mat.tobytes()))


def test_a_struct_becomes_a_sample() -> None:
    chain = Compose(
        [
            image.RowToImageFeature(),
            image.ImageResize(4, 6),
            image.ImageChannelNormalize(1, 2, 3, 2, 4, 8),
            image.ImageMatToTensor(format="NHWC"),
            image.ImageFeatureToTensor(),
        ]
    )
    np.testing.assert_allclose(chain.convert(_row(MAT)).to_ndarray(), (MAT - [1, 2, 3]) / np.array([2.0, 4, 8]))
    to_sample = Compose([image.RowToImageFeature(), image.ImageMatToTensor(), image.ImageSetToSample(target_keys=None)])
    sample = Compose([to_sample, image.ImageFeatureToSample()]).convert(Row(_row(MAT)))
    np.testing.assert_array_equal(sample.feature.to_ndarray(), MAT.transpose(2, 0, 1))
    with pytest.raises(DataError, match="holds no sample: put ImageSetToSample before"):
        image.ImageFeatureToSample().convert(ImageFeature(MAT))


def test_further_transforms() -> None:
    mirrored = image.ImageMirror().convert(ImageFeature(MAT)).mat
    np.testing.assert_array_equal(mirrored, MAT[::-1, ::-1])
    scaled = image.PerImageNormalize(0, 1).convert(ImageFeature(MAT)).mat
    np.testing.assert_allclose(scaled, MAT / 71.0, rtol=1e-6)
    never = image.ImageRandomPreprocessing(image.ImageHFlip(), 0.0).convert(ImageFeature(MAT))
    np.testing.assert_array_equal(never.mat, MAT)


@pytest.mark.parametrize(("codec", "gray", "coloured"), [(-1, 1, 3), (0, 1, 1), (1, 3, 3)])
def test_a_codec_says_how_files_become_pixels(tmp_path: Path, codec: int, gray: int, coloured: int) -> None:
    for name, mat in (("0", MAT[..., :1]), ("1", MAT)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), mat)
    found = image.ImageSet.read(str(tmp_path), image_codec=codec)
    assert [pixels.shape for pixels in found.get_image()] == [(gray, 4, 6), (coloured, 4, 6)]


def test_sets_with_labels_of_folders(tmp_path: Path) -> None:
    for name, value in (("cats", 10), ("dogs", 20)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), np.full((8, 6, 3), value, np.uint8))
    found = image.ImageSet.read(str(tmp_path), with_label=True, resize_height=4, resize_width=4)
    assert found.is_local() and found.label_map == {"cats": 1, "dogs": 2}
    assert [label.tolist() for label in found.get_label()] == [[1], [2]]
    chain = Compose([image.ImageCenterCrop(2, 2), image.ImageMatToTensor(), image.ImageSetToSample()])
    assert chain(found) is found and [item.max() for item in found.get_image()] == [10, 20]
    assert [feature["sample"].label.to_ndarray().tolist() for feature in found.value] == [[1], [2]]
    assert image.ImageSet.from_image_frame(found.to_image_frame()).image_set.get_predict()[0][1] is None
    assert image.ImageSet.read(str(tmp_path), with_label=True, one_based_label=False).label_map == {
        "cats": 0,
        "dogs": 1,
    }


def test_sets_on_spark(spark_local: Any) -> None:
    context = spark_local.sparkContext
    images = context.parallelize([MAT, MAT], 1)
    found = image.ImageSet.from_rdds(images, context.parallelize([1, 2], 1))
    chain = Compose([image.ImageRandomPreprocessing(image.ImageHFlip(), 0.5), image.ImageRandomCrop(2, 2)])
    found = found.transform(chain)
    first, second = found.get_image().collect(), found.get_image().collect()
    assert found.is_distributed() and np.array_equal(first, second) and first[0].shape == (3, 2, 2)


VOLUME = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)


def _of(transformer: Any, volume: np.ndarray = VOLUME[..., None]) -> np.ndarray:
    return transformer.convert(ImageFeature(volume))["imageTensor"].to_ndarray()


def test_volumes_are_cropped() -> None:
    np.testing.assert_array_equal(_of(volumes.Crop3D([1, 2, 3], [2, 2, 2]))[..., 0], VOLUME[:2, 1:3, 2:4])
    np.testing.assert_array_equal(_of(volumes.CenterCrop3D(1, 2, 3))[..., 0], VOLUME[1:2, 1:3, 1:4])
    np.testing.assert_array_equal(_of(volumes.RandomCrop3D(3, 4, 5))[..., 0], VOLUME)
    assert _of(volumes.RandomCrop3D(2, 2, 2)).shape == (2, 2, 2, 1)
    with pytest.raises(DataError, match="not inside a volume of"):
        _of(volumes.CenterCrop3D(9, 1, 1))


def test_sets_give_volumes_as_they_are() -> None:
    frames = image.LocalImageSet([VOLUME[..., None]])
    np.testing.assert_array_equal(frames.get_image()[0], VOLUME[..., None])
    frames.transform(volumes.CenterCrop3D(1, 2, 3))
    np.testing.assert_array_equal(frames.get_image(key="imageTensor")[0], VOLUME[1:2, 1:3, 1:4, None])


def test_the_pixels_of_a_tensor_are_those_it_was_made_of() -> None:
    frames = image.LocalImageSet([MAT]).transform(image.ImageMatToTensor())
    np.testing.assert_array_equal(frames.get_image(key="imageTensor")[0], MAT.transpose(2, 0, 1))


def test_volumes_are_turned_and_moved() -> None:
    np.testing.assert_allclose(_of(volumes.Rotate3D([0, 0, 0]))[..., 0], VOLUME)
    cube = np.random.RandomState(0).rand(3, 3, 3).astype("float32")
    for angles, axes in (([0, 0, np.pi / 2], (2, 1)), ([np.pi / 2, 0, 0], (0, 2)), ([0, np.pi / 2, 0], (1, 0))):
        turned = _of(volumes.Rotate3D(angles), cube[..., None])[..., 0]
        assert any(np.allclose(turned, np.rot90(cube, turns, axes), atol=1e-6) for turns in (1, 3)), angles
    np.testing.assert_allclose(_of(volumes.AffineTransform3D(np.eye(3)))[..., 0], VOLUME)
    moved = _of(volumes.AffineTransform3D(np.eye(3), np.array([0, 0, 1.0]), "padding", -1))[..., 0]
    np.testing.assert_allclose(moved[..., 1:], VOLUME[..., :-1])
    assert (moved[..., 0] == -1).all()
    half = _of(volumes.AffineTransform3D(np.eye(3), np.array([0, 0, 0.5])))[..., 0]
    np.testing.assert_allclose(half[..., 1:], VOLUME[..., 1:] - 0.5)
    with pytest.raises(ArgumentError, match='"clamp" or "padding"'):
        volumes.AffineTransform3D(np.eye(3), clamp_mode="wrap")
