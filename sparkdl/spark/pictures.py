"""The argument `transform=`: which columns are images, and what the model gets of them. Runs no Spark job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparkdl.data.arrow import Kind
from sparkdl.data.augment import FeatureTransform, replaced_spec
from sparkdl.data.images import opencv
from sparkdl.data.pictures import PICTURE
from sparkdl.data.transforms.base import ImageType, Transform
from sparkdl.errors import ArgumentError, DataError
from sparkdl.spark.columns import Wanted, did_you_mean
from sparkdl.types import SampleSpec, TensorSpec

# How columns that are transformed are read, and what is known of their images.
_KINDS: Mapping[str, tuple[Kind, ImageType]] = {
    "image": ("picture", ImageType()),
    "binary": ("encoded", ImageType((None, None, 3))),
}


def with_transforms(
    features: Sequence[Wanted], transform: Any, labels: Sequence[Wanted] = (), others: Sequence[str] = ()
) -> tuple[list[Wanted], list[Wanted], tuple[FeatureTransform | None, ...]]:
    """Features and labels as they are stored, and what makes of them what the model takes.

    Args:
        features: the features.
        transform: a `Transform` for all features that are images, or a dict by column or input name: of transforms,
            and None for what stays as it is.
        labels: the labels, which only a dict transforms.
        others: further names that a dict may hold.

    Returns:
        the features, the labels, and for each of both its transform or None; an empty tuple where no transform was
        given.

    Raises:
        ArgumentError: it is no transform, or for no feature and no label.
        DataError: a column holds no images, or they become something that the model does not take.
        MissingExtraError: OpenCV is not installed.
    """
    if transform is None:
        return list(features), list(labels), ()
    opencv()
    wanted = [*features, *labels]
    chosen = _chosen(features, labels, transform, others)
    made = [None if by is None else _feature(item, by) for item, by in zip(wanted, chosen, strict=True)]
    stored = [
        item if by is None else replace(item, kind=_KINDS[item.kind][0], depth=0, dtype=PICTURE, shape=())
        for item, by in zip(wanted, made, strict=True)
    ]
    return stored[: len(features)], stored[len(features) :], tuple(made)


def check_masks(
    wanted: Sequence[Wanted], counts: tuple[int, int], transforms: Sequence[FeatureTransform | None], transform: Any
) -> None:
    """Where chance moves the pixels of an image, a label that may lie on it moves too, or is said to stay.

    Args:
        wanted: features and labels, with their shapes.
        counts: of both.
        transforms: theirs, as `with_transforms` gives them.
        transform: the argument.

    Raises:
        ArgumentError: a label of several axes is not named in it.
    """
    by_feature = zip(wanted[: counts[0]], transforms, strict=False)
    moved = next((item for item, by in by_feature if by is not None and by.transform.moves_at_random), None)
    if moved is None:
        return
    image, named = moved.columns[0], transform.keys() if isinstance(transform, Mapping) else set()
    for item in wanted[counts[0] : sum(counts)]:
        if len(item.shape or ()) > 1 and not named & {item.name, *item.columns}:
            raise ArgumentError(
                f"transform= moves the pixels of {moved.title} at random, but {item.title} of the shape {item.shape} "
                f"would stay as it is: give transform={{{image!r}: ..., {item.columns[0]!r}: ...}}, with the "
                f"same moves for a mask (it gets the same draws), or None for a label that has no place in the image."
            )


def where_classes_are_checked(
    classes: Sequence[int | None], transforms: Sequence[FeatureTransform | None]
) -> tuple[tuple[int | None, ...], tuple[FeatureTransform | None, ...]]:
    """Class numbers are checked where they are stored; those of transformed masks only when a batch is made.

    Args:
        classes: how many there are, for each label; None where it holds none.
        transforms: those of all features and labels, or none at all.

    Returns:
        the counts for what is stored, and the transforms with the others.
    """
    if not transforms:
        return tuple(classes), ()
    inputs = len(transforms) - len(classes)
    masks = transforms[inputs:]
    stored = [count if by is None else None for count, by in zip(classes, masks, strict=True)]
    made = [None if by is None else replace(by, classes=count) for count, by in zip(classes, masks, strict=True)]
    return tuple(stored), (*transforms[:inputs], *made)


def made_spec(stored: SampleSpec, transforms: Sequence[FeatureTransform | None]) -> SampleSpec:
    """What the model takes, where `stored` is what rows hold."""
    return replaced_spec(stored, transforms, lambda item, tensor: item.tensor)


def _chosen(
    features: Sequence[Wanted], labels: Sequence[Wanted], transform: Any, others: Sequence[str]
) -> list[Transform | None]:
    if isinstance(transform, Mapping) and all(by is None or isinstance(by, Transform) for by in transform.values()):
        return _by_name([*features, *labels], transform, others)
    if not isinstance(transform, Transform):
        raise ArgumentError(
            f"transform must be a transform of sdl.images, or a dict of them by column, received {transform!r}."
        )
    chosen = [transform if item.kind in _KINDS else None for item in features]
    if not any(chosen):
        raise DataError(
            f"transform= is for columns of images, and {', '.join(item.title for item in features)} holds none: give "
            "a column of image structs (sdl.images.read), or a binary column of encoded images."
        )
    return [*chosen, *[None] * len(labels)]


def _by_name(
    wanted: Sequence[Wanted], transform: Mapping[str, Transform | None], others: Sequence[str]
) -> list[Transform | None]:
    chosen: list[Transform | None] = [None] * len(wanted)
    for name, by in transform.items():
        # A column may be a feature and a label too, as of an autoencoder.
        places = [index for index, item in enumerate(wanted) if name in (item.name, *item.columns)]
        if not places and name not in others:
            known = list(dict.fromkeys(known for item in wanted for known in (item.name, *item.columns)))
            raise ArgumentError(
                f"transform= names {name!r}, which is no feature or label column: {did_you_mean(name, known)}."
            )
        for index in places if by is not None else ():
            if wanted[index].kind not in _KINDS:
                raise DataError(
                    f"transform= is for columns of images (image structs, or binary columns of encoded images), but "
                    f"{wanted[index].title} holds something else."
                )
            chosen[index] = by
    return chosen


def _feature(item: Wanted, transform: Transform) -> FeatureTransform:
    after = transform.after(_KINDS[item.kind][1])
    expected = (None, None, None) if item.shape is None else item.shape
    pairs = list(zip(after.shape, expected, strict=False))
    if len(expected) != 3 or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise DataError(
            f"{item.title}: the transform makes images of (height, width, channels) {_shown(after.shape)}, but the "
            f"model takes {item.shape}: change the transform (Resize, Channels('gray')) or the model's input."
        )
    shape = [made if made is not None else wanted for made, wanted in pairs]
    if None in shape:
        raise DataError(
            f"{item.title}: neither the transform nor the model says what (height, width, channels) {_shown(shape)} "
            f"its images have: add Resize to the transform, and Channels, or give shapes={{{item.columns[0]!r}: ...}}."
        )
    return FeatureTransform(
        transform, TensorSpec(item.name, tuple(int(n or 0) for n in shape), after.dtype), item.title
    )


def _shown(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
