"""Boxes in images, crops, and what becomes of the boxes of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.bigdl.transform.vision.feature import (
    BOX,
    LABEL,
    ORIGINAL_SIZE,
    FeatureTransformer,
    ImageFeature,
    RoiLabel,
)
from sparkdl.bigdl.util.sample import JTensor
from sparkdl.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an image: in pixels, or normalized to parts of its width and height."""

    x1: float
    y1: float
    x2: float
    y2: float
    normalized: bool = True

    def in_pixels(self, height: int, width: int) -> Box:
        """The same in pixels."""
        if not self.normalized:
            return self
        return Box(self.x1 * width, self.y1 * height, self.x2 * width, self.y2 * height, False)

    def in_parts(self, height: int, width: int) -> Box:
        """The same normalized."""
        if self.normalized:
            return self
        return Box(self.x1 / width, self.y1 / height, self.x2 / width, self.y2 / height)


def cropped(mat: np.ndarray, box: Box, clip: bool = True) -> np.ndarray:
    """The pixels in a box.

    Args:
        clip: whether a box that reaches beyond the image is cut; it is refused otherwise.

    Raises:
        ArgumentError: nothing of it is in the image, or not all.
    """
    height, width = mat.shape[:2]
    pixels = box.in_pixels(height, width)
    x1, y1, x2, y2 = pixels.x1, pixels.y1, pixels.x2, pixels.y2
    if clip:
        x1, x2 = (min(max(x, 0), width) for x in (x1, x2))
        y1, y2 = (min(max(y, 0), height) for y in (y1, y2))
    left, top, wide, tall = int(x1), int(y1), int(x2 - x1), int(y2 - y1)
    if left < 0 or top < 0 or wide < 1 or tall < 1 or left + wide > width or top + tall > height:
        raise ArgumentError(f"the box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) is not inside its {height} x {width} pixels")
    return np.ascontiguousarray(mat[top : top + tall, left : left + wide])


class _Crop(FeatureTransformer):
    """Crops a box, and keeps it for labels that have boxes."""

    clip = True

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """The box."""
        raise NotImplementedError

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Crops."""
        box = self.box(feature, random)
        height, width = feature.mat.shape[:2]
        feature.mat = cropped(feature.mat, box, self.clip)
        if feature[LABEL] is not None:
            feature[BOX] = box.in_parts(height, width)


class CenterCrop(_Crop):
    """The middle of the image."""

    def __init__(self, crop_width: int, crop_height: int, is_clip: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.width, self.height, self.clip = crop_width, crop_height, is_clip

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """In the middle."""
        top, left = (feature.mat.shape[0] - self.height) / 2, (feature.mat.shape[1] - self.width) / 2
        return Box(left, top, left + self.width, top + self.height, False)


class RandomCrop(_Crop):
    """A part of the image of a size, at a random place."""

    def __init__(self, crop_width: int, crop_height: int, is_clip: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.width, self.height, self.clip = crop_width, crop_height, is_clip

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """Anywhere."""
        top, left = place(feature.mat.shape, (self.height, self.width), random)
        return Box(left, top, left + self.width, top + self.height, False)


class FixedCrop(_Crop):
    """A given part of the image."""

    def __init__(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        normalized: bool = True,
        is_clip: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(bigdl_type)
        self.fixed, self.clip = Box(x1, y1, x2, y2, normalized), is_clip

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """The given one."""
        return self.fixed


class DetectionCrop(_Crop):
    """The best object that was detected: a tensor of (class, score, x1, y1, x2, y2) per row."""

    def __init__(self, roi_key: str, normalized: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.roi_key, self.normalized = roi_key, normalized

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """Of the first row; the whole image where there is none."""
        found = feature[self.roi_key]
        values = np.asarray(found.to_ndarray() if isinstance(found, JTensor) else found, np.float64)
        if values.ndim == 1:  # the number of rows, and the rows
            values = values[1 : 1 + 6 * int(values[0])].reshape(-1, 6)
        if not len(values):
            return Box(0, 0, 1, 1)
        x1, y1, x2, y2 = values[0, 2:6].tolist()
        return Box(x1, y1, x2, y2, self.normalized)


class RandomCropper(FeatureTransformer):
    """A part of the image of a size, in the middle or anywhere ("Center" or "Random"), half of them flipped."""

    def __init__(
        self, crop_w: int, crop_h: int, mirror: bool, cropper_method: str, channels: int, bigdl_type: str = "float"
    ) -> None:
        super().__init__(bigdl_type)
        if cropper_method.lower() not in ("random", "center"):
            raise ArgumentError(f'RandomCropper\'s method is "Random" or "Center", received {cropper_method!r}.')
        self.size, self.mirror = (crop_h, crop_w), mirror
        self.centered = cropper_method.lower() == "center"

    def transform_mat(self, mat: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Float32."""
        height, width = self.size
        if self.centered:
            top, left = (mat.shape[0] - height) // 2, (mat.shape[1] - width) // 2
        else:
            top, left = place(mat.shape, self.size, random)
        part = cropped(mat.astype(np.float32), Box(left, top, left + width, top + height, False), clip=False)
        return np.ascontiguousarray(part[:, ::-1]) if self.mirror and random.randint(2) else part


def place(shape: Any, size: tuple[int, int], random: np.random.RandomState) -> tuple[int, int]:
    """Top and left of a random part; 0 where the image is smaller."""
    return tuple(random.randint(max(whole - part, 0) + 1) for whole, part in zip(shape, size, strict=False))  # type: ignore[return-value]


class _Roi(FeatureTransformer):
    """Changes the boxes of the label."""

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Changes them."""
        label = feature[LABEL]
        if not isinstance(label, RoiLabel):
            raise ArgumentError(f"its label is a {type(label).__name__}, expected a RoiLabel, which has boxes")
        feature[LABEL] = self.changed(label, feature)

    def changed(self, label: RoiLabel, feature: ImageFeature) -> RoiLabel:
        """A new label."""
        raise NotImplementedError


def _scaled(label: RoiLabel, height: float, width: float) -> RoiLabel:
    return RoiLabel(label.classes, label.bboxes * np.array([width, height, width, height], np.float32))


class RoiNormalize(_Roi):
    """Boxes in pixels become parts of width and height."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)

    def changed(self, label: RoiLabel, feature: ImageFeature) -> RoiLabel:
        """Normalized."""
        height, width, _ = feature.size
        return _scaled(label, 1 / height, 1 / width)


class RoiHFlip(_Roi):
    """Turns left and right of the boxes around."""

    def __init__(self, normalized: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.normalized = normalized

    def changed(self, label: RoiLabel, feature: ImageFeature) -> RoiLabel:
        """Flipped."""
        width = 1 if self.normalized else feature.size[1]
        boxes = label.bboxes.copy()
        boxes[:, 0], boxes[:, 2] = width - label.bboxes[:, 2], width - label.bboxes[:, 0]
        return RoiLabel(label.classes, boxes)


class RoiResize(_Roi):
    """Boxes in pixels follow the image from its original size to the one that it has."""

    def __init__(self, normalized: bool = True, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.normalized = normalized

    def changed(self, label: RoiLabel, feature: ImageFeature) -> RoiLabel:
        """Scaled; parts stay."""
        if self.normalized:
            return label
        (height, width, _), (old_height, old_width, _) = feature.size, feature[ORIGINAL_SIZE]
        return _scaled(label, height / old_height, width / old_width)


class RoiProject(_Roi):
    """Boxes as parts of the image become parts of what the last crop or expansion made of it; those outside go."""

    def __init__(self, need_meet_center_constraint: bool, bigdl_type: str = "float") -> None:
        super().__init__(bigdl_type)
        self.centers = need_meet_center_constraint

    def changed(self, label: RoiLabel, feature: ImageFeature) -> RoiLabel:
        """Projected."""
        if feature[BOX] is None:
            return label
        box = feature[BOX].in_parts(*feature.size[:2])
        start, end = np.array([box.x1, box.y1]), np.array([box.x2, box.y2])
        kept = np.all((label.bboxes[:, :2] < end) & (label.bboxes[:, 2:] > start), axis=1)
        if self.centers:
            centers = (label.bboxes[:, :2] + label.bboxes[:, 2:]) / 2
            kept &= np.all((centers >= start) & (centers <= end), axis=1)
        inside = (label.bboxes[kept].reshape(-1, 2, 2) - start) / (end - start)
        return RoiLabel(label.classes[:, kept], np.clip(inside, 0, 1).reshape(-1, 4).astype(np.float32))


# Per sampler: scales, aspect ratios, and the least overlap of the part with some object.
_SAMPLERS = (
    ((1.0, 1.0), (1.0, 1.0), 0.0),
    *(((0.3, 1.0), (0.5, 2.0), overlap) for overlap in (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)),
)
_TRIALS = 50


class RandomSampler(_Crop):
    """Crops a random part that overlaps with some object as much as one of several bounds says, and projects boxes."""

    def __init__(self) -> None:
        super().__init__("float")

    def box(self, feature: ImageFeature, random: np.random.RandomState) -> Box:
        """One of the parts that were found, each by another bound."""
        label = feature[LABEL]
        boxes = label.bboxes if isinstance(label, RoiLabel) else np.zeros((0, 4), np.float32)
        found = [box for sampler in _SAMPLERS if (box := _sampled(boxes, sampler, random)) is not None]
        return found[random.randint(len(found))]

    def apply(self, feature: ImageFeature, random: np.random.RandomState) -> None:
        """Crops and projects."""
        super().apply(feature, random)
        if isinstance(feature[LABEL], RoiLabel):
            RoiProject(True).apply(feature, random)


def _sampled(boxes: np.ndarray, sampler: Any, random: np.random.RandomState) -> Box | None:
    scales, aspects, overlap = sampler
    for _ in range(1 if scales[0] == 1 else _TRIALS):
        scale = random.uniform(*scales)
        root = np.sqrt(random.uniform(max(aspects[0], scale**2), min(aspects[1], scale**-2)))
        wide, tall = min(scale * root, 1.0), min(scale / root, 1.0)
        left, top = random.uniform(0, 1 - wide), random.uniform(0, 1 - tall)
        box = Box(left, top, left + wide, top + tall)
        if overlap == 0 or (len(boxes) and _overlaps(boxes, box).max() >= overlap):
            return box
    return None


def _overlaps(boxes: np.ndarray, box: Box) -> np.ndarray:
    """Intersection over union of each box with one."""
    start = np.maximum(boxes[:, :2], [box.x1, box.y1])
    end = np.minimum(boxes[:, 2:], [box.x2, box.y2])
    common = np.prod(np.clip(end - start, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return common / (areas + (box.x2 - box.x1) * (box.y2 - box.y1) - common)
