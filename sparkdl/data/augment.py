"""Images on their way into a batch: decoded, transformed, stacked; each row by itself, so in any order and thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from sparkdl.data.blocks import Origin
from sparkdl.data.images import calm_opencv, decode_image, opencv
from sparkdl.data.pictures import PICTURE
from sparkdl.data.transforms.base import Transform, row_generator
from sparkdl.errors import DataError
from sparkdl.memory import aligned_rows
from sparkdl.types import Batch, SampleSpec, TensorSpec

Where = Callable[[int], str]
Chance = Callable[[int], np.random.Generator | None]
Column = TypeVar("Column")


@dataclass(frozen=True)
class FeatureTransform:
    """What is done to one column of images, a feature or a label.

    Attributes:
        transform: of each image.
        tensor: what comes out, as the model takes it.
        title: how messages name the column.
        classes: where it holds class numbers of pixels, how many the model knows.
    """

    transform: Transform
    tensor: TensorSpec
    title: str
    classes: int | None = None

    def inference(self) -> FeatureTransform:
        """The same without chance."""
        return replace(self, transform=self.transform.inference())

    def __call__(
        self, pictures: np.ndarray, where: Where, chance: Chance = lambda row: None, threads: int = 1
    ) -> np.ndarray:
        """The rows as the model takes them.

        Args:
            pictures: object (rows,), see `data.pictures`.
            where: names a row for messages.
            chance: the generator of a row, where the transform is random.
            threads: how many work at once; the result does not depend on it.

        Returns:
            (rows, *tensor.shape), at a 64-byte boundary.

        Raises:
            DataError: for the first row that cannot be decoded or transformed, or gives another shape.
        """
        calm_opencv()
        made = aligned_rows(len(pictures), self.tensor.shape, np.dtype(self.tensor.dtype))
        draws = self.transform.random

        def fill(rows: range) -> None:
            for row in rows:
                made[row] = self.row(pictures[row], row, where, chance(row) if draws else None)

        if threads == 1 or len(pictures) < 2:
            fill(range(len(pictures)))
            return made
        with ThreadPoolExecutor(threads, "sparkdl-images") as pool:
            for _ in pool.map(fill, [range(start, len(pictures), threads) for start in range(threads)]):
                pass  # raises what a thread has met
        return made

    def row(self, picture: np.ndarray, row: int, where: Where, generator: np.random.Generator | None) -> np.ndarray:
        """One image as the model takes it; see `__call__`."""
        try:
            image = picture if picture.ndim == 3 else decode_image(picture.data)
            image = self.transform(image, generator)
        except DataError as error:
            raise DataError(f"{self.title} cannot be used in {where(row)}: {str(error).rstrip('.')}.") from None
        except opencv().error as error:
            raise DataError(f"{self.title} cannot be used in {where(row)}: OpenCV says {error.err!r}.") from None
        if image.shape != self.tensor.shape or image.dtype != self.tensor.dtype:
            raise DataError(
                f"{self.title} becomes an image of shape {image.shape} and dtype {image.dtype} in {where(row)}; "
                f"expected {self.tensor.shape}, {self.tensor.dtype}: let the transform make all images alike "
                "(Resize, Channels)."
            )
        if self.classes is not None and not 0 <= image.min() <= image.max() < self.classes:
            raise DataError(
                f"{self.title} becomes class numbers from {image.min():g} to {image.max():g} in {where(row)}, but the "
                f"model's output has {self.classes} classes, numbered 0 to {self.classes - 1}: correct the masks, or "
                "what the transform makes of them (no Normalize; Resize by interpolation='nearest')."
            )
        return image

    def usable(self, pictures: np.ndarray) -> np.ndarray:
        """Which rows can be decoded and transformed: bool (rows,)."""
        good = np.ones(len(pictures), bool)
        for row in range(len(pictures)):
            try:
                self.row(pictures[row], row, str, None)
            except DataError:
                good[row] = False
        return good


@dataclass(frozen=True)
class BatchTransform:
    """Makes batches of what a store holds: fresh in every epoch, and the same whoever makes them, and when.

    Attributes:
        columns: one for each feature, and then for each label; None, or nothing for the last ones, leaves them.
        seed: of the run.
        threads: how many work at a batch.
    """

    columns: Sequence[FeatureTransform | None]
    seed: int = 0
    threads: int = 1

    def training(self, batch: Batch, ids: np.ndarray, epoch: int) -> Batch:
        """The batch for training: chance comes from seed, epoch and the id of each row (int64 (rows,))."""

        def chance(row: int) -> np.random.Generator:
            # All images of a row are given the same draws: a picture and its mask stay together.
            return row_generator(self.seed, epoch, int(ids[row]))

        return self._made(batch, self.columns, Origin(ids), chance)

    def inference(self, batch: Batch, ids: np.ndarray) -> Batch:
        """The batch for validation: without chance."""
        settled = [None if item is None else item.inference() for item in self.columns]
        return self._made(batch, settled, Origin(ids), lambda row: None)

    def _made(self, batch: Batch, columns: Sequence[FeatureTransform | None], where: Where, chance: Chance) -> Batch:
        made = tuple(
            column if item is None else item(column, where, chance, self.threads)
            for item, column in beside(columns, [*batch.features, *batch.labels])
        )
        inputs = len(batch.features)
        return replace(batch, features=made[:inputs], labels=made[inputs:])


def beside(
    transforms: Sequence[FeatureTransform | None], columns: Sequence[Column]
) -> Iterator[tuple[FeatureTransform | None, Column]]:
    """Each column with its transform: the last ones may have none."""
    return zip([*transforms, *[None] * (len(columns) - len(transforms))], columns, strict=True)


def replaced_spec(
    spec: SampleSpec,
    transforms: Sequence[FeatureTransform | None],
    change: Callable[[FeatureTransform, TensorSpec], TensorSpec],
) -> SampleSpec:
    """A spec with changes of the features and labels that are transformed."""
    tensors = tuple(
        tensor if item is None else change(item, tensor)
        for item, tensor in beside(transforms, [*spec.features, *spec.labels])
    )
    inputs = len(spec.features)
    return replace(spec, features=tensors[:inputs], labels=tensors[inputs:])


def stored_spec(spec: SampleSpec, transforms: Sequence[FeatureTransform | None]) -> SampleSpec:
    """What a store holds where the model takes `spec`: images as they came in the place of those that are transformed.

    Example:
        >>> tensor = TensorSpec("x", (8, 8, 3), "float32")
        >>> stored_spec(SampleSpec((tensor,)), [FeatureTransform(Transform(), tensor, "x")]).features
        (TensorSpec(name='x', shape=(), dtype='object'),)
    """
    return replaced_spec(spec, transforms, lambda item, tensor: TensorSpec(tensor.name, (), PICTURE))
