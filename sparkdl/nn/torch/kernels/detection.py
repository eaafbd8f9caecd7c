"""Boxes laid over images, and the choice among those that a detector predicts."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.detection import Detections, PriorBoxes
from sparkdl.nn.torch.kinds import Call, Kind

_STRIDE = 16  # pixels of the image from one place of a region proposal network's grid to the next
_SMALLEST = 16  # sides of boxes that are proposed, in pixels of the image before it was scaled
_OVERLAP = 0.7
_VOTES = 0.5  # boxes that overlap a chosen one so much vote on where it lies


def _check_sizes(a: SimpleNamespace) -> Mapping[str, Any]:
    if not a.min_sizes:
        raise ArgumentError("PriorBox needs at least one of min_sizes.")
    if a.max_sizes and len(a.max_sizes) != len(a.min_sizes):
        raise ArgumentError(f"PriorBox has {len(a.min_sizes)} min_sizes and {len(a.max_sizes)} max_sizes.")
    if a.variances and len(a.variances) not in (1, 4):
        raise ArgumentError(f"PriorBox has {len(a.variances)} variances, expected 1 or 4.")
    return {}


def _prior_boxes(call: Call, x: Any) -> Any:
    """Of a value [batch, channels, height, width], or of a table that begins with one: [1, 2, numbers]."""
    a = call.a
    feature = x[0] if isinstance(x, list) else x
    grid = [int(size) for size in feature.shape[2:4]]
    image = [a.img_h, a.img_w] if a.img_h and a.img_w else [a.img_size, a.img_size]
    if min(image) <= 0:
        raise DataError(f"{call.name} does not know the size of the image: give img_size, or img_h and img_w.")
    steps = [a.step_h, a.step_w] if a.step_h and a.step_w else [a.step, a.step]
    if not all(steps):
        steps = [size / places for size, places in zip(image, grid, strict=True)]
    layer = PriorBoxes(grid, image, _sizes(a), steps, a.offset, a.is_clip, a.variances or (0.1,))
    return layer.call(None)


def _sizes(a: SimpleNamespace) -> list[tuple[float, float]]:
    """Width and height of the boxes around each place."""
    ratios = [1.0]
    for ratio in a.aspect_ratios or []:
        ratios += [] if any(abs(ratio - other) < 1e-6 for other in ratios) else [ratio]
        ratios += [1.0 / ratio] if a.is_flip else []
    sizes = []
    for place, smallest in enumerate(map(int, a.min_sizes)):
        sizes.append((float(smallest), float(smallest)))
        if a.max_sizes:
            side = float(np.sqrt(smallest * int(a.max_sizes[place])))
            sizes.append((side, side))
        roots = [float(np.sqrt(ratio)) for ratio in ratios if abs(ratio - 1.0) >= 1e-6]
        sizes += [(smallest * root, smallest / root) for root in roots]
    return sizes


def _anchors(a: SimpleNamespace, high: int, wide: int) -> Any:
    """Boxes of all scales and ratios around each place of a grid: [places * anchors, 4]."""
    sides = []
    for scale in a.scales:
        for ratio in a.ratios:
            width = np.float32(np.sqrt((scale * _STRIDE) ** 2 / ratio))
            sides.append((width, np.float32(ratio) * width))
    half = np.asarray(sides, np.float32) / 2
    boxes = np.concatenate([-half, half], 1)
    y, x = np.meshgrid(np.arange(high) * _STRIDE, np.arange(wide) * _STRIDE, indexing="ij")
    shifts = np.stack([x, y, x, y], -1).reshape(-1, 1, 4)
    return (shifts + boxes).reshape(-1, 4).astype(np.float32)


def _moved(boxes: Any, deltas: Any) -> Any:
    """Boxes [count, 1, 4] moved and scaled by [count, sets, 4]; both edges belong to a box."""
    start = boxes[..., :2]
    size = boxes[..., 2:] - start + 1.0
    centre = deltas[..., :2] * size + start + size / 2.0
    half = tf.exp(deltas[..., 2:]) * size / 2.0
    return tf.concat([centre - half, centre + half], -1)


def _clipped(boxes: Any, height: Any, width: Any) -> Any:
    most = tf.stack([width, height, width, height]) - 1.0
    return tf.maximum(tf.minimum(boxes, most), 0.0)


def _apart(boxes: Any, scores: Any, most: Any, overlap: float) -> Any:
    """The numbers of the boxes that overlap no better one too much, by score; both edges belong to a box."""
    reaching = boxes + tf.constant([0.0, 0.0, 1.0, 1.0])
    return tf.image.non_max_suppression(reaching, scores, most, overlap)


def _proposal(call: Call, x: Any) -> Any:
    """Of (scores [1, 2 * anchors, h, w], deltas [1, 4 * anchors, h, w], (height, width, scales)): rows (0, box)."""
    a = call.a
    scores, deltas, information = (tf.stop_gradient(part) for part in x)
    if scores.shape[0] not in (1, None):
        raise DataError(f"{call.name} takes one image at a time, but was given {scores.shape[0]}.")
    count = len(a.ratios) * len(a.scales)
    high, wide = scores.shape[2:4]
    scores = tf.reshape(tf.transpose(scores[0, count : 2 * count], (1, 2, 0)), (-1,))
    deltas = tf.reshape(tf.transpose(deltas[0], (1, 2, 0)), (-1, 1, 4))
    height, width, scale_high, scale_wide = tf.unstack(information[0, :4])
    boxes = _clipped(_moved(_anchors(a, high, wide)[:, np.newaxis], deltas), height, width)[:, 0]
    sides = boxes[:, 2:] - boxes[:, :2] + 1.0
    large = tf.reduce_all(sides >= _SMALLEST * tf.stack([scale_wide, scale_high]), 1)
    before = a.rpn_pre_nms_topn_train if call.training else a.pre_nms_topn
    after = a.rpn_post_nms_topn_train if call.training else a.post_nms_topn
    candidates = tf.minimum(before, tf.reduce_sum(tf.cast(large, tf.int32)))
    best, places = tf.math.top_k(tf.where(large, scores, 0.0), candidates)
    boxes = tf.gather(boxes, places)
    kept = tf.gather(boxes, _apart(boxes, best, after if after > 0 else candidates, _OVERLAP))
    return tf.concat([tf.zeros_like(kept[:, :1]), kept], 1)


def _ssd(call: Call, x: Any) -> Any:
    """Of (locations, confidences, prior boxes): [batch, 1 + 6 * most]; in training the table itself."""
    a = call.a
    if call.training:
        return x
    locations, scores, priors = x
    if a.conf_post_process:
        shape = tf.shape(scores)
        scores = tf.reshape(tf.nn.softmax(tf.reshape(scores, (shape[0], -1, a.n_classes))), shape)
    layer = Detections(
        a.n_classes,
        shared=a.share_location,
        background=a.bg_label,
        code="center_size",
        scaled=not a.variance_encoded_in_target,
        threshold=float(np.nextafter(np.float32(a.conf_thresh), np.float32(-1))),  # a score that equals it is enough
        overlap=a.nms_thresh,
        candidates=a.nms_topk if a.nms_topk > 0 else None,
        most=a.keep_top_k if a.keep_top_k > -1 else None,
    )
    rows = layer.call([locations, scores, priors])[:, 0, :, 1:]
    found = rows[..., 0] >= 0
    counts = tf.reduce_sum(tf.cast(found, tf.int32), 1)
    numbers = tf.where(found[..., tf.newaxis], rows, 0.0)[:, : tf.reduce_max(counts)]
    flat = tf.reshape(numbers, (tf.shape(numbers)[0], 6 * tf.shape(numbers)[1]))
    return tf.concat([tf.cast(counts, flat.dtype)[:, tf.newaxis], flat], 1)


def _frcnn(call: Call, x: Any) -> Any:
    """Of (information of the image, regions, deltas, scores): [1, 1 + 6 * count]; in training the table itself."""
    a = call.a
    if call.training:
        return x
    information, regions, deltas, scores = (tf.stop_gradient(part[0] if isinstance(part, list) else part) for part in x)
    if scores.shape[1] != a.n_classes or deltas.shape[1] != 4 * a.n_classes:
        raise DataError(f"{call.name} takes {a.n_classes} scores and {4 * a.n_classes} deltas for each region.")
    height, width, scale_high, scale_wide = tf.unstack(information[0, :4])
    scales = tf.stack([scale_wide, scale_high, scale_wide, scale_high])
    boxes = _moved((regions[:, 1:5] / scales)[:, tf.newaxis], tf.reshape(deltas, (-1, a.n_classes, 4)))
    boxes = _clipped(boxes, height / scale_high, width / scale_wide)
    rows = tf.concat([_of_class(a, label, scores[:, label], boxes[:, label]) for label in range(1, a.n_classes)], 0)
    rows = _limited(rows, a.max_per_image) if a.max_per_image > 0 else rows
    count = tf.cast(tf.shape(rows)[:1], rows.dtype)
    return tf.concat([count, tf.reshape(rows, (-1,))], 0)[tf.newaxis]


def _of_class(a: SimpleNamespace, label: int, scores: Any, boxes: Any) -> Any:
    """Rows (label, score, box) of the objects of one class."""
    eligible = scores > a.thresh
    scores, boxes = tf.boolean_mask(scores, eligible), tf.boolean_mask(boxes, eligible)
    places = _apart(boxes, scores, tf.size(scores), a.nms_thresh)
    best, chosen = tf.gather(scores, places), tf.gather(boxes, places)
    chosen = _voted(chosen, boxes, scores) if a.bbox_vote else chosen
    return tf.concat([tf.stack([tf.fill(tf.shape(best), float(label)), best], 1), chosen], 1)


def _voted(chosen: Any, boxes: Any, scores: Any) -> Any:
    """For each chosen box the mean of all that overlap it, weighted by score."""
    one, other = chosen[:, tf.newaxis], boxes[tf.newaxis]
    inside = tf.minimum(one[..., 2:], other[..., 2:]) - tf.maximum(one[..., :2], other[..., :2]) + 1.0
    shared = tf.reduce_prod(tf.maximum(inside, 0.0), -1)
    areas = [tf.reduce_prod(part[..., 2:] - part[..., :2] + 1.0, -1) for part in (one, other)]
    weights = tf.where(shared / (areas[0] + areas[1] - shared) >= _VOTES, scores, 0.0)
    return tf.matmul(weights, boxes) / tf.reduce_sum(weights, 1, keepdims=True)


def _limited(rows: Any, most: int) -> Any:
    """Where there are more: those whose bottom edge is at least the score that `most` reach, as scripts have it."""
    count = tf.shape(rows)[0]
    least = tf.sort(rows[:, 1], direction="DESCENDING")[:most][-1:]
    kept = (count <= most) | (rows[:, 5] >= tf.reduce_sum(least))
    return tf.boolean_mask(rows, kept)


KINDS = {
    "PriorBox": Kind(
        _prior_boxes,
        _check_sizes,
        defaults={
            "max_sizes": None,
            "aspect_ratios": None,
            "is_flip": True,
            "is_clip": False,
            "variances": None,
            "offset": 0.5,
            "img_h": 0,
            "img_w": 0,
            "img_size": 0,
            "step_h": 0.0,
            "step_w": 0.0,
            "step": 0.0,
        },
    ),
    "Proposal": Kind(_proposal, defaults={"rpn_pre_nms_topn_train": 12000, "rpn_post_nms_topn_train": 2000}),
    "DetectionOutputSSD": Kind(
        _ssd,
        defaults={
            "n_classes": 21,
            "share_location": True,
            "bg_label": 0,
            "nms_thresh": 0.45,
            "nms_topk": 400,
            "keep_top_k": 200,
            "conf_thresh": 0.01,
            "variance_encoded_in_target": False,
            "conf_post_process": True,
        },
    ),
    "DetectionOutputFrcnn": Kind(_frcnn, defaults={"nms_thresh": 0.3, "max_per_image": 100, "thresh": 0.05}),
}
