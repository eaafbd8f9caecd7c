"""Transforms one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparkdl.data.transforms.base import ImageType, Transform
from sparkdl.errors import ArgumentError


@dataclass(frozen=True)
class Compose(Transform):
    """Transforms in their order; of none, the image as it is.

    Attributes:
        transforms: the first is applied first. What cannot follow what (colours after `Normalize`) is refused at once.

    Example:
        >>> from sparkdl.data.transforms import CenterCrop, Flip, Normalize
        >>> train = Compose([Flip(), CenterCrop(2), Normalize()])
        >>> train.inference()
        Compose(transforms=(CenterCrop(size=(2, 2)), Normalize(mean=(0.0,), std=(1.0,), scale=0.00392156862745098)))
        >>> train.after(ImageType((4, 4, 3)))
        ImageType(shape=(2, 2, 3), dtype='float32', rgb=False)
    """

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        listed = isinstance(self.transforms, Sequence)
        if not listed or not all(isinstance(item, Transform) for item in self.transforms):
            raise ArgumentError(f"Compose takes a list of transforms, received {self.transforms!r}.")
        object.__setattr__(self, "transforms", tuple(self.transforms))
        self.after(ImageType())

    @property
    def random(self) -> bool:
        """Whether one of them draws at random."""
        return any(item.random for item in self.transforms)

    def apply(self, image: np.ndarray, generator: Any) -> np.ndarray:
        """The image after all of them."""
        for item in self.transforms:
            image = item(image, generator)
        return image

    def inference(self) -> Compose:
        """Those of validation and scoring."""
        kept = [item.inference() for item in self.transforms]
        return Compose([item for item in kept if item != Compose(())])

    def after(self, before: ImageType) -> ImageType:
        """What the last one gives."""
        for item in self.transforms:
            before = item.after(before)
        return before
