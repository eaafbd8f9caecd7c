"""Transforms of images against numpy, Pillow and Keras, and what holds for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from sparkdl.data.transforms.base import Compose, ImageType, Transform, from_config, row_generator
from sparkdl.data.transforms.color import Channels, ColorJitter, Normalize, brighten, contrasted, saturated, turned_hue
from sparkdl.data.transforms.crops import CenterCrop, RandomCrop, RandomResizedCrop
from sparkdl.data.transforms.geometry import Flip, Pad, Resize, Rotate
from sparkdl.errors import ArgumentError, DataError

RANDOM = np.random.default_rng(3)
SMALL = RANDOM.integers(0, 256, (12, 17, 3)).astype("uint8")
SMOOTH = np.asarray(
    Image.fromarray(RANDOM.integers(0, 256, (3, 4, 3)).astype("uint8")).resize((40, 30), Image.BILINEAR)
)

ALL: list[Transform] = [
    Resize(8),
    Resize((9, 20), "stretch", "cubic"),
    Resize(7, "cover"),
    Resize((20, 10), "fit", fill=3),
    Resize(6, "shorter", "nearest"),
    CenterCrop((10, 8)),
    RandomCrop(10),
    RandomResizedCrop((6, 5)),
    Flip(),
    Flip(True, True, 1),
    Rotate(30),
    Rotate((90, 90), "nearest", 5),
    Pad(2),
    Pad((1, 2, 3, 4), mode="reflect"),
    Channels("gray"),
    Channels("rgb"),
    Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    Compose([Pad(4), RandomCrop(12), Flip(), ColorJitter(hue=0.5), Channels("rgb"), Normalize()]),
    Compose([]),
]
each = pytest.mark.parametrize("transform", ALL, ids=repr)


@each
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_comes_out_is_what_was_said(transform: Transform, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(10, 25)), data.draw(st.integers(10, 25))
    channels = data.draw(st.sampled_from([1, 3]))
    if channels == 1 and "0.4, 0.5" in repr(transform):
        channels = 3
    image = np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype("uint8")
    before = image.copy()
    made = transform(image, row_generator(0, 0, data.draw(st.integers(0, 2**62))))
    for known in ((height, width, channels), (None, None, None)):
        after = transform.after(ImageType(known))
        assert made.dtype == after.dtype
        assert all(size in (None, seen) for size, seen in zip(after.shape, made.shape, strict=True)), after
    assert made.flags.c_contiguous and (image == before).all()
    assert transform.inference().after(ImageType((12, 12, 3))) == transform.after(ImageType((12, 12, 3)))


@each
def test_transforms_are_json_and_depend_on_the_generator_alone(transform: Transform) -> None:
    again = from_config(json.loads(json.dumps(transform.to_config())))
    assert again == transform and hash(again) == hash(transform)
    results = [repr(transform(SMALL, row_generator(1, 2, row)).tolist()) for row in range(20)]
    assert [repr(again(SMALL, row_generator(1, 2, row)).tolist()) for row in range(20)] == results
    assert (len(set(results)) > 1) == transform.random
    settled = transform.inference()
    assert not settled.random and settled.inference() == settled
    assert (settled(SMALL) == settled(SMALL, row_generator(0, 0, 0))).all()
    if transform.random:
        with pytest.raises(ArgumentError, match="give it a numpy Generator"):
            transform(SMALL)


@given(st.tuples(st.integers(0, 2**31), st.integers(0, 1000), st.integers(0, 2**62)))
def test_each_seed_epoch_and_row_has_a_stream_of_its_own(place: tuple[int, int, int]) -> None:
    def draws(seed: int, epoch: int, row: int) -> list[float]:
        return row_generator(seed, epoch, row).random(4).tolist()

    seed, epoch, row = place
    others = [draws(*place), draws(seed + 1, epoch, row), draws(seed, epoch + 1, row), draws(seed, epoch, row + 1)]
    assert draws(*place) == others[0] and len(set(map(tuple, others))) == 4


def test_resizing_keeps_proportions_where_it_says_so() -> None:
    wide = np.zeros((10, 30, 1), "uint8")
    wide[:, 10:20] = 200
    assert (Resize(10, "cover")(wide) == 200).all()
    fitted = Resize((12, 12), "fit", fill=7)(wide)[:, :, 0]
    assert (fitted[:4] == 7).all() and (fitted[8:] == 7).all() and (fitted[4:8, 5:7] == 200).all()
    assert Resize(5, "shorter")(wide).shape == (5, 15, 1)
    assert Resize((4, 6))(wide).shape == (4, 6, 1)
    for name, pillow in (("linear", Image.BILINEAR), ("cubic", Image.BICUBIC)):  # enlarging: no filter against aliasing
        expected = np.asarray(Image.fromarray(SMOOTH).resize((80, 60), pillow)).astype(int)
        assert np.abs(Resize((60, 80), interpolation=name)(SMOOTH) - expected).max() <= 6  # type: ignore[arg-type]
    shrunk = np.asarray(Image.fromarray(SMOOTH).resize((10, 10), Image.BOX)).astype(int)
    assert np.abs(Resize(10)(SMOOTH) - shrunk).max() <= 1


def test_crops_are_windows() -> None:
    assert (CenterCrop((4, 5))(SMALL) == SMALL[4:8, 6:11]).all()
    seen = set()
    for row in range(200):
        part = RandomCrop((10, 15))(SMALL, row_generator(0, 0, row))
        places = [(i, j) for i in range(3) for j in range(3) if (SMALL[i : i + 10, j : j + 15] == part).all()]
        seen.add(places[0])
    assert len(seen) == 9
    with pytest.raises(DataError, match="an image of 12 x 17 pixels is smaller than the crop of 13 x 13: put Resize"):
        RandomCrop(13)(SMALL, row_generator(0, 0, 0))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(2, 90), st.integers(2, 90)),
    low=st.floats(0.05, 1.0),
    ratios=st.tuples(st.floats(0.3, 1.0), st.floats(1.0, 3.0)),
    row=st.integers(0, 2**40),
)
def test_random_parts_have_the_area_and_proportions_asked_for(
    size: tuple[int, int], low: float, ratios: tuple[float, float], row: int
) -> None:
    crop = RandomResizedCrop(8, (low, 1.0), ratios)
    top, left, height, width = crop._part(*size, row_generator(0, 0, row))
    assert top >= 0 and left >= 0 and 0 < height <= size[0] - top and 0 < width <= size[1] - left
    # Whole pixels: half a pixel more or less on each side.
    assert (height + 0.5) * (width + 0.5) >= low * size[0] * size[1] or min(size) * ratios[1] < max(size) * 2
    if ratios[0] < size[1] / size[0] < ratios[1]:
        assert (width + 0.5) / (height - 0.5) >= ratios[0] and (width - 0.5) / (height + 0.5) <= ratios[1]


def test_flips_and_turns_move_pixels_exactly() -> None:
    assert (Flip(probability=1)(SMALL) == SMALL[:, ::-1]).all()
    assert (Flip(False, True, 1)(SMALL) == SMALL[::-1]).all()
    assert (Flip(True, True, 1)(SMALL[:, :, :1]) == SMALL[::-1, ::-1, :1]).all()
    square = SMALL[:12, :12]
    for quarter in range(4):
        assert (Rotate((90 * quarter, 90 * quarter))(square) == np.rot90(square, quarter)).all()
    mirrored = sum((Flip()(SMALL, row_generator(0, 0, row)) != SMALL).any() for row in range(1000))
    assert 440 < mirrored < 560
    turned = np.asarray(Image.fromarray(SMOOTH).rotate(20, Image.BILINEAR)).astype(int)
    # Pillow turns around the corner between pixels, which here is half a pixel away.
    assert np.abs(Rotate((20, 20))(SMOOTH) - turned)[8:-8, 8:-8].mean() < 4


def test_margins_are_numpys() -> None:
    for mode, name in (("edge", "edge"), ("reflect", "reflect")):
        expected = np.pad(SMALL, ((1, 2), (3, 4), (0, 0)), name)  # type: ignore[call-overload]
        assert (Pad((1, 2, 3, 4), mode=mode)(SMALL) == expected).all()  # type: ignore[arg-type]
    assert (Pad((1, 2), fill=9)(SMALL) == np.pad(SMALL, ((1, 1), (2, 2), (0, 0)), constant_values=9)).all()


def test_normalizing_is_exact_for_bytes_and_numbers() -> None:
    by = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    expected = ((SMALL / 255.0 - np.array(by.mean)) / np.array(by.std)).astype("float32")
    np.testing.assert_allclose(by(SMALL), expected, rtol=1e-6, atol=1e-7)
    assert (by(SMALL.astype("float32")) == by(SMALL)).all()
    assert (Normalize(scale=1)(SMALL[:, :, :1]) == SMALL[:, :, :1]).all()


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.5])
@pytest.mark.parametrize(
    ("change", "pillow"),
    [(brighten, ImageEnhance.Brightness), (contrasted, ImageEnhance.Contrast), (saturated, ImageEnhance.Color)],
)
def test_colours_change_as_in_pillow(factor: float, change: Callable[..., Any], pillow: Any) -> None:
    expected = np.asarray(pillow(Image.fromarray(SMOOTH)).enhance(factor)).astype(int)
    made = change(np.ascontiguousarray(SMOOTH[:, :, ::-1]), factor)[:, :, ::-1]
    assert np.abs(made - expected).max() <= 2


@pytest.mark.tf
@pytest.mark.parametrize("part", [-0.5, -0.1, 0.0, 0.25])
def test_hue_turns_as_in_tensorflow(part: float) -> None:
    import tensorflow as tf

    expected = tf.image.adjust_hue(SMOOTH, part).numpy().astype(int)
    made = turned_hue(np.ascontiguousarray(SMOOTH[:, :, ::-1]), part)[:, :, ::-1]
    assert np.abs(made - expected).max() <= 8 and np.abs(made - expected).mean() < 2  # bytes have 256 hues


@pytest.mark.tf
def test_the_layers_of_keras_do_the_same() -> None:
    import keras

    batch = SMALL[np.newaxis].astype("float32")
    cropped = keras.layers.CenterCrop(6, 9)(batch).numpy()[0]
    assert (CenterCrop((6, 9))(SMALL) == cropped).all()
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(batch).numpy()[0]
    np.testing.assert_allclose(Normalize(1.0, 1.0, 1 / 127.5)(SMALL), scaled, atol=1e-6)
    larger = keras.layers.Resizing(24, 34)(batch).numpy()[0]
    assert np.abs(Resize((24, 34))(SMALL) - larger).max() <= 1
    framed = keras.layers.ZeroPadding2D((2, 3))(batch).numpy()[0]
    assert (Pad((2, 3))(SMALL) == framed).all()


def test_channels_become_what_the_model_takes() -> None:
    assert (Channels("rgb")(SMALL) == SMALL[:, :, ::-1]).all()
    assert Channels("bgr")(SMALL) is SMALL
    gray = Channels("gray")(SMALL)
    np.testing.assert_allclose(gray[:, :, 0], SMALL @ np.array([0.114, 0.587, 0.299]), atol=0.51)
    assert (Channels("rgb")(gray) == gray).all() and Channels("rgb")(gray).shape == SMALL.shape
    assert (saturated(gray, 0.0) == gray).all() and (turned_hue(gray, 0.3) == gray).all()


def test_mistakes_are_told_when_a_transform_is_made() -> None:
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("size must be", lambda: Resize(0)),
        ("size must be", lambda: CenterCrop((3, 4, 5))),  # type: ignore[arg-type]
        ("one whole number", lambda: Resize((3, 4), "shorter")),
        ("mode must be one of 'stretch'", lambda: Resize(3, "crop")),  # type: ignore[arg-type]
        ("scale must be", lambda: RandomResizedCrop(3, (0.5, 2.0))),
        ("probability must lie", lambda: Flip(probability=2)),
        ("degrees must be", lambda: Rotate(-5)),
        ("Pad takes 1, 2 or 4", lambda: Pad((1, 2, 3))),
        ("std of Normalize must be 1 or 3", lambda: Normalize(std=0)),
        ("hue of ColorJitter must lie", lambda: ColorJitter(hue=0.7)),
        ("put it before Normalize", lambda: Compose([Normalize(), ColorJitter(0.1)])),
        ("put it before Channels", lambda: Compose([Channels("rgb"), ColorJitter(0.1)])),
        ("leave out the Channels", lambda: Compose([Channels("rgb"), Channels("bgr")])),
        ("for 3 channels, but images have 1", lambda: Compose([Channels("gray"), Normalize((1, 2, 3))])),
        ("of 4 x 4 pixels are smaller than the crop", lambda: Compose([Resize(4), CenterCrop(5)])),
        ("Compose takes a list of transforms", lambda: Compose([len])),  # type: ignore[list-item]
        ("there is no transform 'Blur'", lambda: from_config({"class": "Blur"})),
        ("does not fit it", lambda: from_config({"class": "Flip", "odds": 1})),
    ]
    for message, make in cases:
        with pytest.raises(ArgumentError, match=message):
            make()
    with pytest.raises(DataError, match=r"must have the shape \(height, width, channels\), received \(12, 17\)"):
        Flip(probability=1)(SMALL[:, :, 0])
