"""Layers of detectors, with what their definitions say, box by box."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from tests.importers.caffe.field_cases import values
from tests.importers.caffe.own_cases import OwnCase

_DICE = np.random.default_rng(23)
_BOXES, _CLASSES = 40, 4
_NOTHING = [0, -1, -1, -1, -1, -1, -1]
Box = Sequence[float]


def priors(
    grid: tuple[int, int],
    image: tuple[int, int],
    sizes: Iterable[tuple[float, float]],
    steps: tuple[float, float],
    offset: float,
    variances: Sequence[float],
) -> np.ndarray:
    """Boxes of some (width, height) in pixels around each place of a grid."""
    boxes = []
    for h, w in product(*map(range, grid)):
        x, y = (w + offset) * steps[1], (h + offset) * steps[0]
        for wide, high in sizes:
            edges = x - wide / 2, y - high / 2, x + wide / 2, y + high / 2
            boxes.append([edge / image[1 - index % 2] for index, edge in enumerate(edges)])
    return np.stack([np.ravel(boxes), np.resize(variances, len(boxes) * 4)])[None]


def _corners(count: int) -> np.ndarray:
    """Boxes of which many overlap, and some lie outside of the image."""
    centres = _DICE.uniform(-0.1, 1.1, (count, 2))
    halves = _DICE.uniform(0.05, 0.3, (count, 2))
    return np.concatenate([centres - halves, centres + halves], 1).astype("float32")


_PRIORS = np.stack([_corners(_BOXES).ravel(), np.tile([0.1, 0.1, 0.2, 0.2], _BOXES)]).astype("float32")[None]


def _decoded(code: str, prior: Box, variance: Box, move: Box) -> Box:
    left, top, right, bottom = prior
    wide, high = right - left, bottom - top
    moves = [a * b for a, b in zip(move, variance, strict=True)]
    if code == "CORNER":
        return [a + b for a, b in zip(prior, moves, strict=True)]
    if code == "CORNER_SIZE":
        return [a + b * size for a, b, size in zip(prior, moves, [wide, high, wide, high], strict=True)]
    x, y = (left + right) / 2 + moves[0] * wide, (top + bottom) / 2 + moves[1] * high
    wide, high = math.exp(moves[2]) * wide, math.exp(moves[3]) * high
    return [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(sizes) - wide * high)


def _suppressed(
    boxes: Sequence[Box], scores: Sequence[float], least: float, top: int, limit: float, eta: float
) -> list[int]:
    order = sorted((place for place in range(len(boxes)) if scores[place] > least), key=lambda place: -scores[place])
    kept: list[int] = []
    for place in order[:top] if top > 0 else order:
        if all(_overlap(boxes[place], boxes[other]) <= limit for other in kept):
            kept.append(place)
            limit = limit * eta if eta < 1 and limit > 0.5 else limit
    return kept


def detections(
    room: int,
    code: str = "CORNER",
    shared: bool = True,
    background: int = 0,
    in_target: bool = False,
    least: float = -math.inf,
    top: int = -1,
    limit: float = 0.3,
    eta: float = 1.0,
) -> Callable[..., Any]:
    """The objects of each image by itself, in at most `room` rows."""

    def image(locations: np.ndarray, scores: np.ndarray, prior: np.ndarray) -> list[list[float]]:
        edges, variances = prior.reshape(2, -1, 4)
        count = len(edges)
        moves, likely = locations.reshape(count, -1, 4), scores.reshape(count, -1)
        found = []
        for label in range(likely.shape[1]):
            if label == background:
                continue
            set_ = 0 if shared else label
            scale = np.ones_like(variances) if in_target else variances
            boxes = [_decoded(code, edges[i], scale[i], moves[i, set_]) for i in range(count)]
            for place in _suppressed(boxes, likely[:, label].tolist(), least, top, limit, eta):
                found.append([0.0, label, likely[place, label], *boxes[place]])
        best = sorted(found, key=lambda row: -row[2])[:room]
        rows = sorted(best, key=lambda row: (row[1], -row[2]))
        return rows + [_NOTHING] * (room - len(rows))

    def expected(locations: np.ndarray, scores: np.ndarray, prior: np.ndarray) -> np.ndarray:
        return np.array([[image(*row, prior)] for row in zip(locations, scores, strict=True)])

    return expected


def _predicted(sets: int = 1, rows: int = 3) -> dict[str, np.ndarray]:
    scores = _DICE.uniform(size=(rows, _BOXES * _CLASSES)).astype("float32")
    return {"loc": values(rows, _BOXES * sets * 4), "conf": scores, "prior": _PRIORS}


def _half_up(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def parts(region: Sequence[float], size: tuple[int, int], scale: float, image: tuple[int, int]) -> Any:
    """For each part of a region (image, left, top, right, bottom) its rows and columns, as slices."""
    left, top, right, bottom = (_half_up(np.float32(edge) * np.float32(scale)) for edge in region[1:])
    for y, x in product(*map(range, size)):
        slices = []
        for place, start, end, count, length in (
            (y, top, bottom, size[0], image[0]),
            (x, left, right, size[1], image[1]),
        ):
            whole = np.float32(max(end - start + 1, 1)) / np.float32(count)
            edges = start + math.floor(np.float32(place) * whole), start + math.ceil(np.float32(place + 1) * whole)
            slices.append(slice(*(min(max(edge, 0), length) for edge in edges)))
        yield (y, x), tuple(slices)


def _pooled(x: np.ndarray, regions: np.ndarray) -> np.ndarray:
    result = np.zeros((len(regions), x.shape[1], 3, 2))
    for number, region in enumerate(regions):
        for (a, b), (rows, columns) in parts(region, (3, 2), 0.5, x.shape[2:]):
            window = x[int(region[0]), :, rows, columns]
            result[number, :, a, b] = window.max((1, 2)) if window.size else 0
    return result


REGIONS = np.array(
    [[0, 0, 0, 21, 15], [1, 3, 5, 4, 6], [1, -9, 1, 5, 30], [0, 10, 8, 4, 2], [1, 15, 11, 40, 40], [0, 0, 0, 6, 1]],
    "float32",
)
_SQUARES = [(30.0, 30.0), (math.sqrt(30 * 60),) * 2]
_SHAPES = [(30 * math.sqrt(r), 30 / math.sqrt(r)) for r in (2, 1 / 2, 3, 1 / 3)]
_TALL = [(side * wide, side / wide) for side in (10, 20) for wide in (1.0, math.sqrt(2))]
_GRID = {"x": values(1, 2, 3, 4), "data": values(1, 3, 90, 100)}

DETECTION_CASES = [
    OwnCase(
        "PriorBox",
        "prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 aspect_ratio: 3 variance: 0.1 variance: 0.1 "
        "variance: 0.2 variance: 0.2 }",
        _GRID,
        lambda x, data: priors((3, 4), (90, 100), [*_SQUARES, *_SHAPES], (30, 25), 0.5, [0.1, 0.1, 0.2, 0.2]),
    ),
    OwnCase(
        "PriorBox",
        "prior_box_param { min_size: 10.9 min_size: 20 aspect_ratio: 2 aspect_ratio: 1 flip: false clip: true "
        "step: 16 offset: 0.25 img_h: 64 img_w: 48 }",
        _GRID,
        lambda x, data: np.concatenate(
            [
                np.clip(priors((3, 4), (64, 48), _TALL, (16, 16), 0.25, [0.1])[:, :1], 0, 1),
                np.full((1, 1, 3 * 4 * 4 * 4), 0.1),
            ],
            1,
        ),
    ),
    OwnCase(
        "DetectionOutput",
        "detection_output_param { num_classes: 4 code_type: CENTER_SIZE confidence_threshold: 0.3 keep_top_k: 7 "
        "nms_param { nms_threshold: 0.45 top_k: 20 } save_output_param { output_directory: 'x' } }",
        _predicted(),
        detections(7, "CENTER_SIZE", least=0.3, top=20, limit=0.45),
    ),
    OwnCase(
        "DetectionOutput",
        "detection_output_param { num_classes: 4 }",
        _predicted(),
        detections(3 * _BOXES),
    ),
    OwnCase(
        "DetectionOutput",
        "detection_output_param { num_classes: 4 share_location: false background_label_id: 2 code_type: CORNER_SIZE "
        "keep_top_k: 60 nms_param { nms_threshold: 0.9 eta: 0.8 } }",
        _predicted(_CLASSES),
        detections(60, "CORNER_SIZE", shared=False, background=2, limit=0.9, eta=0.8),
    ),
    OwnCase(
        "DetectionOutput",
        "detection_output_param { num_classes: 4 background_label_id: -1 variance_encoded_in_target: true "
        "keep_top_k: 5 confidence_threshold: 0.99 }",
        _predicted(rows=5),
        detections(5, background=-1, in_target=True, least=0.99),
    ),
    OwnCase(
        "ROIPooling",
        "roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.5 }",
        {"x": values(2, 3, 8, 11), "rois": REGIONS},
        _pooled,
    ),
]
