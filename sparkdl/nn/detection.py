"""What SSD's detectors need: boxes laid over an image, and the choice among the boxes that a net predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_NOTHING = (0.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0)  # how Caffe says that it found nothing


@keras.saving.register_keras_serializable("sparkdl")
class PriorBoxes(keras.layers.Layer):
    """Boxes of several sizes around each place of a grid, and their variances: (1, 2, boxes * 4).

    A box is (left, top, right, bottom) as shares of the image's width and height. What the layer is called on does not
    matter.

    Args:
        grid: height and width of the grid.
        image: height and width of the image.
        sizes: for each place, (width, height) of its boxes in pixels.
        steps: the distances of places in pixels, downwards and to the right.
        offset: where in its cell a place lies.
        clip: keeps boxes inside of the image.
        variances: four for each box, or one for all.

    Example:
        >>> boxes = PriorBoxes([1, 1], [10, 10], [(4, 2)], [10, 10])
        >>> boxes(keras.ops.zeros(1)).numpy()[0, 0].round(1)
        array([0.3, 0.4, 0.7, 0.6], dtype=float32)
    """

    def __init__(
        self,
        grid: Sequence[int],
        image: Sequence[int],
        sizes: Sequence[Sequence[float]],
        steps: Sequence[float],
        offset: float = 0.5,
        clip: bool = False,
        variances: Sequence[float] = (0.1,),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid, self.image, self.steps = list(grid), list(image), list(steps)
        self.sizes, self.offset, self.clip = [list(size) for size in sizes], offset, clip
        self.variances = list(variances)

    def call(self, _: Any) -> Any:
        boxes = self._boxes().astype("float32")
        variances = np.resize(np.asarray(self.variances, "float32"), boxes.shape)
        return tf.constant(np.stack([boxes.ravel(), variances.ravel()])[np.newaxis], self.compute_dtype)

    def _boxes(self) -> np.ndarray:
        down, right = (
            (np.arange(count, dtype="float32") + np.float32(self.offset)) * np.float32(step)
            for count, step in zip(self.grid, self.steps, strict=True)
        )
        wide, high = np.asarray(self.sizes, "float64").T / 2
        x, y = right[np.newaxis, :, np.newaxis], down[:, np.newaxis, np.newaxis]
        edges = np.broadcast_arrays(x - wide, y - high, x + wide, y + high)
        boxes = np.stack(edges, -1) / np.asarray([self.image[1], self.image[0]] * 2, "float64")
        return np.clip(boxes, 0, 1) if self.clip else boxes

    def compute_output_spec(self, _: Any) -> Any:
        return keras.KerasTensor((1, 2, math.prod(self.grid) * len(self.sizes) * 4), self.compute_dtype)


@keras.saving.register_keras_serializable("sparkdl")
class Detections(keras.layers.Layer):
    """The objects in each image: the boxes with the best scores, without those that overlap a better one too much.

    Called on locations (rows, boxes * sets * 4), scores (rows, boxes * classes) and prior boxes as `PriorBoxes` makes
    them. The result is (rows, 1, most, 7): each object is (0, label, score, left, top, right, bottom), by label and by
    score; what is left of an image's places is (0, -1, -1, -1, -1, -1, -1). An image's objects do not depend on the
    other images of a batch. There is no gradient.

    Args:
        classes: the number of classes, the background included.
        shared: the same boxes (one set) for all classes.
        background: the class that is no object, or -1.
        code: how locations change a prior box: "corner", "center_size" or "corner_size".
        scaled: whether locations are multiplied with the variances first.
        threshold: the score that an object exceeds; None takes all.
        overlap: the largest intersection over union with a better box of the class.
        shrink: what `overlap` is multiplied with for each object that was found, while it is above 0.5.
        candidates: how many boxes of a class are looked at, the best ones; None looks at all.
        most: how many objects an image has at most; None leaves room for all.

    Example:
        >>> priors = keras.ops.reshape(keras.ops.array([[0, 0, 0.5, 0.5, 0, 0, 0.5, 0.4], [0.1] * 8]), (1, 2, 8))
        >>> found = Detections(classes=2)([keras.ops.zeros((1, 8)), keras.ops.array([[0.1, 0.9, 0.2, 0.8]]), priors])
        >>> found.shape, found.numpy()[0, 0, :, 1].tolist()
        (TensorShape([1, 1, 2, 7]), [1.0, -1.0])
    """

    def __init__(
        self,
        classes: int,
        shared: bool = True,
        background: int = 0,
        code: str = "corner",
        scaled: bool = True,
        threshold: float | None = None,
        overlap: float = 0.3,
        shrink: float = 1.0,
        candidates: int | None = None,
        most: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classes, self.shared, self.background = classes, shared, background
        self.code, self.scaled, self.threshold = code, scaled, threshold
        self.overlap, self.shrink, self.candidates, self.most = overlap, shrink, candidates, most

    def call(self, inputs: Sequence[Any]) -> Any:
        locations, scores, priors = (tf.stop_gradient(tensor) for tensor in inputs)
        labels = [label for label in range(self.classes) if label != self.background]
        count = priors.shape[-1] // 4
        boxes = self._decoded(locations, tf.reshape(priors, (2, count, 1, 4)))
        by_class = tf.transpose(tf.reshape(scores, (-1, count, self.classes)), (0, 2, 1))
        looked_at = count if self.candidates is None else min(self.candidates, count)
        best, places = tf.math.top_k(tf.gather(by_class, labels, axis=1), looked_at)
        if self.shared:
            flat = tf.reshape(places, (-1, len(labels) * looked_at))
            boxes = tf.reshape(tf.gather(boxes[:, :, 0], flat, batch_dims=1), (-1, len(labels), looked_at, 4))
        else:
            boxes = tf.gather(tf.gather(tf.transpose(boxes, (0, 2, 1, 3)), labels, axis=1), places, batch_dims=2)
        eligible = tf.ones_like(best, tf.bool) if self.threshold is None else best > self.threshold
        return self._chosen(labels, tf.where(self._apart(boxes, eligible), best, best.dtype.min), boxes)

    def _decoded(self, locations: Any, priors: Any) -> Any:
        """The boxes (rows, boxes, sets, 4) that locations stand for."""
        prior, variances = priors[0], priors[1]
        moves = tf.reshape(locations, (-1, prior.shape[0], 1 if self.shared else self.classes, 4))
        moves = moves * variances if self.scaled else moves
        if self.code == "corner":
            return prior + moves
        start, end = prior[..., :2], prior[..., 2:]
        size = end - start
        if self.code == "corner_size":
            return prior + moves * tf.concat([size, size], -1)
        centre = (start + end) / 2 + moves[..., :2] * size
        half = tf.exp(moves[..., 2:]) * size / 2
        return tf.concat([centre - half, centre + half], -1)

    def _apart(self, boxes: Any, eligible: Any) -> Any:
        """Which eligible boxes of a class, sorted by score, overlap no box before them that was taken."""
        start, end = boxes[..., :2], boxes[..., 2:]
        sizes = tf.reduce_prod(tf.maximum(end - start, 0), -1)
        numbers = tf.range(tf.shape(boxes)[2])

        def step(place: Any, taken: Any, limit: Any) -> tuple[Any, Any, Any]:
            here = slice(place, place + 1)
            inside = tf.minimum(end, end[:, :, here]) - tf.maximum(start, start[:, :, here])
            shared = tf.reduce_prod(tf.maximum(inside, 0), -1)
            overlaps = tf.math.divide_no_nan(shared, sizes + sizes[:, :, here] - shared)
            hidden = tf.reduce_any(taken & (overlaps > limit[..., tf.newaxis]), -1)
            fits = eligible[:, :, place] & ~hidden
            limit = tf.where(fits & (limit > 0.5), limit * self.shrink, limit)
            return place + 1, taken | (fits[..., tf.newaxis] & (numbers == place)), limit

        last = tf.reduce_max(tf.reduce_sum(tf.cast(eligible, tf.int32), -1))
        limits = tf.fill(tf.shape(sizes)[:2], tf.cast(self.overlap, sizes.dtype))
        start_state = (0, tf.zeros_like(eligible), limits)
        return tf.while_loop(lambda place, *_: place < last, step, start_state)[1]

    def _chosen(self, labels: Sequence[int], scores: Any, boxes: Any) -> Any:
        """The best objects of each image as rows of numbers; a score that is none is the least number there is."""
        room, looked_at = scores.shape[1] * scores.shape[2], scores.shape[2]
        scores, boxes = tf.reshape(scores, (-1, room)), tf.reshape(boxes, (-1, room, 4))
        best, places = tf.math.top_k(scores, room if self.most is None else min(self.most, room))
        places = tf.sort(tf.where(best > best.dtype.min, places, room))
        found, places = places < room, tf.minimum(places, room - 1)
        label = tf.cast(tf.gather(labels, places // looked_at), scores.dtype)
        columns = [tf.zeros_like(label), label, tf.gather(scores, places, batch_dims=1)]
        rows = tf.concat([tf.stack(columns, -1), tf.gather(boxes, places, batch_dims=1)], -1)
        return tf.where(found[..., tf.newaxis], rows, tf.constant(_NOTHING, rows.dtype))[:, tf.newaxis]
