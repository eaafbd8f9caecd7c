"""The argument `transform=`: which features are images, and what the model gets of them. Runs no Spark job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparkdl.data.arrow import Kind
from sparkdl.data.augment import FeatureTransform
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
    wanted: Sequence[Wanted], transform: Any
) -> tuple[list[Wanted], tuple[FeatureTransform | None, ...]]:
    """The features as they are stored, and what makes of them what the model takes.

    Args:
        wanted: the features.
        transform: a `Transform` for all features that are images, or a dict of them by column or input name.

    Returns:
        the features, and for each its transform or None; an empty tuple where no transform was given.

    Raises:
        ArgumentError: it is no transform, or for no feature.
        DataError: a column holds no images, or they become something that the model does not take.
        MissingExtraError: OpenCV is not installed.
    """
    if transform is None:
        return list(wanted), ()
    opencv()
    chosen = _chosen(wanted, transform)
    made = [None if by is None else _feature(item, by) for item, by in zip(wanted, chosen, strict=True)]
    stored = [
        item if by is None else replace(item, kind=_KINDS[item.kind][0], depth=0, dtype=PICTURE, shape=())
        for item, by in zip(wanted, made, strict=True)
    ]
    return stored, tuple(made)


def made_spec(stored: SampleSpec, transforms: Sequence[FeatureTransform | None]) -> SampleSpec:
    """What the model takes, where `stored` is what rows hold."""
    if not transforms:
        return stored
    features = [
        tensor if item is None else item.tensor for tensor, item in zip(stored.features, transforms, strict=True)
    ]
    return replace(stored, features=tuple(features))


def _chosen(wanted: Sequence[Wanted], transform: Any) -> list[Transform | None]:
    if isinstance(transform, Transform):
        chosen = [transform if item.kind in _KINDS else None for item in wanted]
        if not any(chosen):
            raise DataError(
                f"transform= is for columns of images, and {', '.join(item.title for item in wanted)} holds none: give "
                "a column of image structs (sdl.images.read), or a binary column of encoded images."
            )
        return chosen
    if not isinstance(transform, Mapping) or not all(isinstance(by, Transform) for by in transform.values()):
        raise ArgumentError(
            f"transform must be a transform of sdl.images, or a dict of them by column, received {transform!r}."
        )
    names = {name: index for index, item in enumerate(wanted) for name in (item.name, *item.columns)}
    by_feature: list[Transform | None] = [None] * len(wanted)
    for name, by in transform.items():
        if name not in names:
            raise ArgumentError(f"transform= names {name!r}, which is no feature: {did_you_mean(name, list(names))}.")
        item = wanted[names[name]]
        if item.kind not in _KINDS:
            raise DataError(f"transform= is for columns of images, but {item.title} holds something else.")
        by_feature[names[name]] = by
    return by_feature


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
            "its images have: add Resize to the transform, and Channels."
        )
    return FeatureTransform(
        transform, TensorSpec(item.name, tuple(int(n or 0) for n in shape), after.dtype), item.title
    )


def _shown(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
