"""The transforms on small images whose results are known, chance by seed, and frames on the driver and on Spark."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sparkdl.bigdl.transform.vision import image as vision
from sparkdl.bigdl.util.common import RNG
from sparkdl.errors import ArgumentError, DataError, UnsupportedError

BYTES = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def _of(mat: np.ndarray, label: Any = None) -> vision.ImageFeature:
    feature = vision.ImageFeature(mat, label, "picture")
    feature.mat = mat  # bytes stay bytes, as in a decoded file
    return feature


def _done(transformer: Any, mat: np.ndarray = BYTES) -> np.ndarray:
    return pickle.loads(pickle.dumps(transformer)).transform(_of(mat)).mat


EXACT = {
    "hflip": (vision.HFlip(), BYTES[:, ::-1]),
    "resize": (vision.Resize(2, 3, 3), cv2.resize(BYTES, (3, 2), interpolation=cv2.INTER_AREA)),
    "resize without factors": (vision.Resize(8, 8, 2, False), cv2.resize(BYTES, (8, 8))),
    "aspect": (vision.AspectScale(8), cv2.resize(BYTES, (12, 8))),
    "aspect, longest": (vision.AspectScale(8, max_size=9), cv2.resize(BYTES, (9, 6))),
    "random aspect of one": (vision.RandomAspectScale([8]), cv2.resize(BYTES, (12, 8))),
    "random resize of one": (vision.RandomResize(2, 2), cv2.resize(BYTES, (3, 2), interpolation=cv2.INTER_CUBIC)),
    "brightness": (vision.Brightness(200.4, 200.4), np.minimum(BYTES.astype(int) + 200, 255)),
    "darkness": (vision.Brightness(-10, -10), np.maximum(BYTES.astype(int) - 10, 0)),
    "contrast": (vision.Contrast(0.5, 0.5), np.rint(BYTES * 0.5)),
    "normalize": (vision.ChannelNormalize(3, 2, 1, 6, 4, 2), (BYTES - [1, 2, 3]) / np.array([2.0, 4, 6])),
    "scaled": (vision.ChannelScaledNormalizer(3, 2, 1, 0.5), (BYTES - [1, 2, 3]) * 0.5),
    "pixels": (vision.PixelNormalize(list(range(72))), np.zeros(BYTES.shape)),
    "center": (vision.CenterCrop(2, 2), BYTES[1:3, 2:4]),
    "random of all": (vision.RandomCrop(6, 4), BYTES),
    "fixed": (vision.FixedCrop(0.5, 0, 1, 0.5), BYTES[:2, 3:]),
    "fixed pixels": (vision.FixedCrop(1, 1, 99, 3, False), BYTES[1:3, 1:]),
    "cropper": (vision.RandomCropper(2, 4, False, "Center", 3), BYTES[:, 2:4]),
    "filler": (vision.Filler(0, 0, 1, 0.5, 9), np.concatenate([np.full((2, 6, 3), 9), BYTES[2:]])),
    "fix expand": (vision.FixExpand(6, 8), np.pad(BYTES, ((1, 1), (1, 1), (0, 0)))),
    "expand by nothing": (vision.Expand(max_expand_ratio=1.0), BYTES),
    "never": (vision.RandomTransformer(vision.HFlip(), 0.0), BYTES),
    "always": (vision.RandomTransformer(vision.HFlip(), 1.0), BYTES[:, ::-1]),
    "pipeline": (vision.Pipeline([vision.HFlip(), vision.CenterCrop(2, 2)]), BYTES[1:3, 3:1:-1]),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_results(name: str) -> None:
    transformer, expected = EXACT[name]
    np.testing.assert_allclose(_done(transformer), expected, rtol=1e-6)


def test_colours_go_through_hsv() -> None:
    hsv = cv2.cvtColor(BYTES, cv2.COLOR_BGR2HSV).astype(int)
    hsv[..., 0] = np.minimum(hsv[..., 0] + 5, 255)
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)
    np.testing.assert_array_equal(_done(vision.Hue(5, 5)), expected)
    gray = cv2.cvtColor(_done(vision.Saturation(0, 0)), cv2.COLOR_BGR2HSV)
    assert not gray[..., 1].any()
    floats = np.random.RandomState(0).rand(4, 4, 3).astype("float32")
    np.testing.assert_allclose(_done(vision.Saturation(1, 1), floats), floats, atol=1e-5)


RANDOM = {
    "jitter": vision.ColorJitter(random_order_prob=1.0, shuffle=True),
    "jitter in order": vision.ColorJitter(1.0),
    "order": vision.ChannelOrder(),
    "crop": vision.RandomCrop(3, 2),
    "cropper": vision.RandomCropper(3, 2, True, "Random", 3),
    "aspect": vision.RandomAlterAspect(0.08, 1, 0.75, "CUBIC", 5),
    "expand": vision.Expand(max_expand_ratio=3.0),
    "interpolation": vision.Resize(3, 3, -1),
}


@pytest.mark.parametrize("name", RANDOM)
def test_chance_comes_from_the_seed(name: str) -> None:
    results = []
    for seed in (3, 3, 4, 5, 6):
        RNG().set_seed(seed)
        results.append(np.concatenate([_done(RANDOM[name]).ravel() for _ in range(3)]))
    assert np.array_equal(results[0], results[1])
    assert any(not np.array_equal(results[0], other) for other in results[2:])


def test_boxes_follow_the_image() -> None:
    label = vision.RoiLabel(np.array([[1, 2], [0, 0]]), np.array([[0, 0, 3, 2], [3, 2, 6, 4]], np.float32))
    feature = vision.RoiNormalize().transform(_of(BYTES, label))
    assert feature.get_label().bboxes.tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]
    vision.RoiHFlip().transform(feature)
    assert feature.get_label().bboxes.tolist() == [[0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1]]
    vision.Pipeline([vision.FixedCrop(0, 0.5, 1, 1), vision.RoiProject(True)]).transform(feature)
    assert feature.get_label().bboxes.tolist() == [[0, 0, 0.5, 1]] and feature.get_label().classes.tolist() == [
        [2],
        [0],
    ]
    pixels = vision.RoiLabel(label.classes, label.bboxes)
    resized = vision.Pipeline([vision.Resize(8, 6), vision.RoiResize(False)]).transform(_of(BYTES, pixels))
    assert resized.get_label().bboxes.tolist() == [[0, 0, 3, 4], [3, 4, 6, 8]]
    sampled = vision.RandomSampler().transform(_of(BYTES, vision.RoiLabel(label.classes, label.bboxes / [6, 4, 6, 4])))
    assert (sampled.get_label().bboxes >= 0).all() and sampled.mat.shape[2] == 3


def test_the_best_detection_is_cropped() -> None:
    feature = _of(BYTES)
    feature["found"] = np.array([1, 7, 0.9, 0.5, 0, 1, 0.5])
    np.testing.assert_array_equal(vision.DetectionCrop("found").transform(feature).mat, BYTES[:2, 3:])


def test_tensors_and_samples() -> None:
    chain = vision.Pipeline([vision.MatToTensor(to_rgb=True), vision.ImageFrameToSample(target_keys=["label"])])
    feature = chain.transform(_of(BYTES, 3))
    np.testing.assert_array_equal(feature.get_sample().feature.to_ndarray(), BYTES[..., ::-1].transpose(2, 0, 1))
    assert feature.get_sample().label.to_ndarray().tolist() == [3] and feature.get_label().tolist() == [3]
    assert feature.get_image(to_chw=False).shape == BYTES.shape and "imageTensor" in feature.keys()
    gray = vision.MatToTensor().transform(_of(BYTES[..., :1]))
    assert gray["imageTensor"].shape == (4, 6)
    floats = vision.MatToFloats(out_key="own").transform(_of(BYTES))
    np.testing.assert_array_equal(floats.get_image("own"), BYTES.transpose(2, 0, 1))
    broken = vision.BytesToMat().transform(vision.ImageFeature(path="none"))
    assert not broken.is_valid and vision.HFlip().transform(broken) is broken
    assert not vision.MatToFloats(2, 2, 3).transform(broken).get_image().any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vision.Contrast(-1, 1), "needs 0 <= delta_low <= delta_high, received -1 and 1"),
        (lambda: vision.Filler(0.5, 0, 0.1, 1), "begin before they end"),
        (lambda: vision.Pipeline(["HFlip"]), "received a str"),
        (lambda: vision.RandomCropper(2, 2, True, "Left", 3), '"Random" or "Center", received .Left.'),
        (lambda: vision.LocalImageFrame(), "received neither"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (
            vision.CenterCrop(9, 9, is_clip=False),
            "CenterCrop cannot transform the image picture: the box",
        ),
        (vision.PixelNormalize([1, 2]), "2 means for its 72 values"),
        (vision.FixExpand(2, 2), "4 x 6 pixels do not fit into 2 x 2"),
        (vision.ImageFrameToSample(), "nothing under 'imageTensor'"),
        (vision.RoiHFlip(), "expected a RoiLabel"),
    ],
)
def test_images_that_do_not_fit(transformer: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        transformer.transform(_of(BYTES, 1))


def _folder(folder: Path) -> list[str]:
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 8, 3), 10 * number, np.uint8))
    (folder / "broken.png").write_bytes(b"no image")
    return sorted(str(path) for path in folder.iterdir())


def test_frames_on_the_driver(tmp_path: Path) -> None:
    names = _folder(tmp_path)
    frame = vision.ImageFrame.read(str(tmp_path))
    assert frame.is_local() and not frame.is_distributed() and frame.get_uri() == names
    assert [feature.is_valid for feature in frame.value] == [True, True, True, False]
    some = vision.ImageFrame.read(str(tmp_path / "[12].png"))
    some.set_label({names[2]: 7.0})
    assert [label if label is None else label.tolist() for label in some.get_label()] == [None, [7]]
    chain = vision.Pipeline([vision.PixelBytesToMat(), vision.Resize(4, 4), vision.MatToTensor()])
    images = chain(some).get_image()
    assert [image.shape for image in images] == [(3, 4, 4)] * 2 and images[1].max() == 20
    assert some.get_predict() == [(names[1], None), (names[2], None)]
    with pytest.raises(UnsupportedError, match="read the images with sc="):
        frame.random_split([1, 1])
    with pytest.raises(DataError, match="no file of an image at"):
        vision.ImageFrame.read(str(tmp_path / "*.jpg"))
    arrays = vision.LocalImageFrame([np.ones((2, 2, 3))], [np.array([1.0])])
    assert arrays.get_label()[0].tolist() == [1] and vision.ImageFrame(arrays).image_frame.get_image()[0].shape == (
        3,
        2,
        2,
    )


def _sequence_file(path: Path, records: list[tuple[bytes, bytes]]) -> None:
    """As Hadoop writes it: a head, and records of (length, length of the key, key, value), uncompressed."""

    def text(content: bytes) -> bytes:
        length = len(content)
        if length < 128:
            return bytes([length]) + content
        size = (length.bit_length() + 7) // 8
        return bytes([256 - 112 - size]) + length.to_bytes(size, "big") + content

    name = text(b"org.apache.hadoop.io.Text")
    parts = [b"SEQ\x06", name, name, b"\0\0", struct.pack(">i", 0), b"0123456789abcdef"]
    for key, value in records:
        key, value = text(key), text(value)
        parts.append(struct.pack(">ii", len(key) + len(value), len(key)) + key + value)
    path.write_bytes(b"".join(parts))


def test_frames_on_spark(spark_local: Any, tmp_path: Path) -> None:
    context = spark_local.sparkContext
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    names = _folder(pictures)
    vision.ImageFrame.write_parquet(str(pictures), str(tmp_path / "parquet"), context)
    frame = vision.ImageFrame.read_parquet(str(tmp_path / "parquet"), context)
    assert frame.is_distributed() and sorted(frame.get_uri().collect()) == [f"file:{name}" for name in names]
    frame.set_label({f"file:{name}": place + 1.0 for place, name in enumerate(names)})
    sample = [vision.MatToTensor(), vision.ImageFrameToSample(target_keys=["label"])]
    frame.transform(vision.Pipeline([vision.RandomCrop(4, 4), vision.ColorJitter(1.0), *sample]))
    first, second = frame.get_sample().collect(), frame.get_sample().collect()
    assert first == second and sorted(s.label.to_ndarray()[0] for s in first if s is not None) == [1, 2, 3]
    assert len(frame.random_split([1.0])) == 1

    arrays = vision.DistributedImageFrame(context.parallelize([BYTES, BYTES + 1], 1), context.parallelize([1, 2], 1))
    assert [image.sum() for image in arrays.transform(vision.HFlip()).get_image().collect()] == [2556, 2628]

    pixels = struct.pack(">ii", 6, 4) + BYTES.tobytes()
    _sequence_file(tmp_path / "part.seq", [(b"n01/a.jpg\n2", pixels), (b"1001", pixels)])
    frame = vision.SeqFileFolder.files_to_image_frame(f"file:{tmp_path}/part.seq", context, 1000, 2)
    read = frame.transform(vision.PixelBytesToMat())
    np.testing.assert_array_equal(read.get_image(to_chw=False).collect(), [BYTES])
    assert read.get_label().collect()[0].tolist() == [2] and read.get_uri().collect() == ["n01/a.jpg"]


def test_an_image_made_of_an_array_has_its_pixels_already() -> None:
    pixels = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    decoded = vision.BytesToMat().transform(vision.ImageFeature(pixels))
    assert decoded.is_valid
    np.testing.assert_array_equal(decoded.mat, pixels)
