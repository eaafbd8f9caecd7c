"""Layers of detectors against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.nn import layer as bigdl
from sparkdl.errors import ArgumentError, DataError
from sparkdl.nn.torch.network import network

RANDOM = np.random.RandomState(11)


def _near(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, float(np.abs(expected).max())))


def _slope(height: int, width: int) -> np.ndarray:
    """An image that interpolation gives back exactly."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2.0 * y + x, 3.0 * x - y])[np.newaxis]


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_alignment_of_regions(samples: int) -> None:
    image = np.concatenate([_slope(12, 16), RANDOM.rand(1, 2, 12, 16)])
    regions = np.array([[4.0, 6.0, 20.0, 18.0], [2.0, 3.0, 9.0, 14.0]])
    layer = bigdl.RoiAlign(0.5, samples, 3, 2)
    found = layer.forward([image, regions])
    for row, (left, top, right, bottom) in zip(found, regions * 0.5 - 0.5, strict=True):
        y = top + (np.arange(3) + 0.5)[:, None] * (bottom - top) / 3
        x = left + (np.arange(2) + 0.5) * (right - left) / 2
        _near(row, np.stack([2 * y + x, 3 * x - y]))
    gradients = layer.backward([image, regions], np.ones_like(found))
    # The weights of the places of a part add up to 1.
    _near(gradients.sum((2, 3)), [[12.0, 12.0], [0.0, 0.0]])


def test_samples_outside_of_the_image_count_as_zeros() -> None:
    found = bigdl.RoiAlign(1.0, 2, 1, 2).forward([np.ones((1, 1, 4, 4)), np.array([[-7.5, 0.5, 4.5, 3.5]])])
    _near(found, [[[[0.0, 1.0]]]])


def test_pooler_takes_the_level_that_fits() -> None:
    levels = [RANDOM.rand(2, 3, size, size) for size in (32, 16, 8)]
    regions = [np.array([[0, 0, 20, 30], [0, 0, 250, 250.0]]), np.array([[10.0, 10, 180, 140]])]
    scales = [0.125, 0.0625, 0.03125]
    found = bigdl.Pooler(2, scales, 2).forward([levels, regions])
    for row, (image, place, level) in zip(found, [(0, 0, 0), (0, 1, 1), (1, 0, 0)], strict=True):
        one = bigdl.RoiAlign(scales[level], 2, 2, 2)
        wanted = one.forward([levels[level][image : image + 1], regions[image][place : place + 1]])[0]
        _near(row, wanted)


def test_pooling_of_regions_rounds_halves_up() -> None:
    value = [np.arange(36.0).reshape(1, 1, 6, 6), np.array([[0, -1.0, -1.0, 5.0, 3.0]])]
    layer = bigdl.RoiPooling(1, 1, 0.5)
    found = layer.forward(value)
    _near(found, [[[[15.0]]]])  # from (0, 0), as -0.5 becomes 0, to (2, 3), as 1.5 becomes 2 and 2.5 becomes 3
    assert layer.backward(value, found).sum() == 15.0  # of the image alone, as regions have no gradient


def test_pyramid() -> None:
    layer = bigdl.FPN([1, 2, 4], 2, 2, 4, 2)
    levels = [RANDOM.rand(1, channels, size, size) for channels, size in ((1, 8), (2, 4), (4, 2))]
    found = layer.forward(levels)
    assert [part.shape for part in found] == [(1, 2, size, size) for size in (8, 4, 2, 1, 1)]
    by_name = layer.parameters()
    inner = np.einsum("bchw,oc->bohw", levels[2], by_name["fpn_inner3"]["weight"][0, :, :, 0, 0])
    inner = inner + by_name["fpn_inner3"]["bias"][:, None, None]
    smallest = bigdl.SpatialConvolution(2, 2, 3, 3, 1, 1, 1, 1)
    smallest.set_weights([by_name["fpn_layer3"]["weight"], by_name["fpn_layer3"]["bias"]])
    _near(found[2], smallest.forward(inner))
    assert len(bigdl.FPN([1, 2], 3, 1).forward(levels[:2])) == 3


def test_prior_boxes() -> None:
    layer = bigdl.PriorBox([3.7], aspect_ratios=[4.0], is_flip=True, is_clip=True, img_h=10, img_w=20)
    found = layer.forward([np.zeros((1, 8, 1, 2)), np.zeros(1)])
    boxes = found[0, 0].reshape(2, 3, 4) * [20, 10, 20, 10]
    _near(boxes[0, 0], [5 - 1.5, 5 - 1.5, 5 + 1.5, 5 + 1.5])  # sizes are whole numbers of pixels
    _near(boxes[1, 1], [15 - 3, 5 - 0.75, 15 + 3, 5 + 0.75])
    _near(boxes[1, 2], [15 - 0.75, 5 - 3, 15 + 0.75, 5 + 3])
    _near(found[0, 1], np.full(24, 0.1))
    with pytest.raises(ArgumentError, match="max_sizes"):
        bigdl.PriorBox([3.0], [4.0, 5.0])


def _overlap(one: np.ndarray, other: np.ndarray, more: float) -> float:
    sides = [min(one[2 + i], other[2 + i]) - max(one[i], other[i]) + more for i in (0, 1)]
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (one, other)]
    shared = sides[0] * sides[1] if min(sides) > 0 else 0.0
    return shared / (sum(areas) - shared)


def _chosen(boxes: np.ndarray, scores: np.ndarray, limit: float, more: float) -> list[int]:
    taken: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if all(_overlap(boxes[place], boxes[other], more) <= limit for other in taken):
            taken.append(int(place))
    return taken


def _moved(box: np.ndarray, delta: np.ndarray) -> np.ndarray:
    size = box[2:] - box[:2] + 1
    centre, half = delta[:2] * size + box[:2] + size / 2, np.exp(delta[2:]) * size / 2
    return np.concatenate([centre - half, centre + half])


@pytest.mark.parametrize("training", [False, True])
def test_proposals(training: bool) -> None:
    ratios, scales, high, wide = [0.5, 1.0, 2.0], [2.0, 4.0], 4, 5
    layer = bigdl.Proposal(60, 7, ratios, scales, 90, 11).training(training)
    scores, deltas = RANDOM.rand(1, 12, high, wide), RANDOM.randn(1, 24, high, wide) * 0.3
    found = layer.forward([scores, deltas, np.array([[64.0, 80.0, 1.5, 1.2]])])
    boxes, values = [], []
    for row in range(high):
        for column in range(wide):
            for anchor, (scale, ratio) in enumerate([(s, r) for s in scales for r in ratios]):
                width = np.sqrt((scale * 16) ** 2 / ratio)
                half = np.array([width, ratio * width]) / 2
                centre = np.array([column * 16, row * 16])
                delta = deltas[0, 4 * anchor : 4 * anchor + 4, row, column]
                box = _moved(np.concatenate([centre - half, centre + half]), delta)
                box = np.clip(box, 0, [79, 63, 79, 63])
                if box[2] - box[0] + 1 >= 16 * 1.2 and box[3] - box[1] + 1 >= 16 * 1.5:
                    boxes.append(box)
                    values.append(scores[0, 6 + anchor, row, column])
    best = np.argsort(-np.array(values))[: 90 if training else 60]
    boxes, values = np.array(boxes)[best], np.array(values)[best]
    kept = boxes[_chosen(boxes, values, 0.7, 1.0)][: 11 if training else 7]
    _near(found, np.column_stack([np.zeros(len(kept)), kept]))


@pytest.mark.parametrize(
    ("shared", "encoded", "processed", "most"), [(True, False, True, 5), (False, True, False, 200)]
)
def test_detections_of_ssd(shared: bool, encoded: bool, processed: bool, most: int) -> None:
    count, classes, sets = 12, 3, 1 if shared else 3
    corner = RANDOM.rand(count, 2) * 0.6
    priors = np.concatenate([corner, corner + 0.1 + RANDOM.rand(count, 2) * 0.3], 1)
    variances = np.tile([0.1, 0.1, 0.2, 0.2], (count, 1))
    locations, scores = RANDOM.randn(2, count, sets, 4) * 0.3, RANDOM.rand(2, count, classes)
    layer = bigdl.DetectionOutputSSD(classes, shared, 0, 0.4, 8, most, 0.2, encoded, processed).training(False)
    table = [
        locations.reshape(2, -1),
        scores.reshape(2, -1),
        np.stack([priors.ravel(), variances.ravel()])[None],
    ]
    found = layer.forward(table)
    if processed:
        scores = np.exp(scores) / np.exp(scores).sum(2, keepdims=True)
    size, centre = priors[:, 2:] - priors[:, :2], (priors[:, :2] + priors[:, 2:]) / 2
    for image in range(2):
        objects = []
        for label in (1, 2):
            move = locations[image, :, 0 if shared else label] * (1 if encoded else variances)
            middle, half = move[:, :2] * size + centre, np.exp(move[:, 2:]) * size / 2
            boxes, own = np.concatenate([middle - half, middle + half], 1), scores[image, :, label]
            candidates = [place for place in np.argsort(-own)[:8] if own[place] >= 0.2]
            taken = _chosen(boxes[candidates], own[candidates], 0.4, 0.0)
            objects += [(label, own[candidates[i]], *boxes[candidates[i]]) for i in taken]
        least = sorted((row[1] for row in objects), reverse=True)[:most][-1]
        objects = [row for row in objects if row[1] >= least]
        assert found[image, 0] == len(objects)
        _near(found[image, 1 : 1 + 6 * len(objects)].reshape(-1, 6), objects)
        assert not found[image, 1 + 6 * len(objects) :].any()
    assert [part.shape for part in layer.training(True).forward(table)] == [part.shape for part in table]


@pytest.mark.parametrize("vote", [False, True])
def test_detections_of_frcnn(vote: bool) -> None:
    count, classes = 15, 3
    corner = RANDOM.rand(count, 2) * 40
    regions = np.column_stack([np.zeros(count), corner, corner + 10 + RANDOM.rand(count, 2) * 20])
    deltas, scores = RANDOM.randn(count, classes * 4) * 0.1, RANDOM.rand(count, classes)
    information = np.array([[90.0, 100.0, 1.5, 1.25]])
    layer = bigdl.DetectionOutputFrcnn(classes, vote, 0.3, 100, 0.2).training(False)
    found = layer.forward([information, regions, deltas, scores])[0]
    objects = []
    for label in (1, 2):
        scaled = regions[:, 1:] / [1.25, 1.5, 1.25, 1.5]
        moves = deltas[:, 4 * label : 4 * label + 4]
        boxes = np.array([_moved(box, move) for box, move in zip(scaled, moves, strict=True)])
        boxes = np.clip(boxes, 0, [79, 59, 79, 59])
        eligible = scores[:, label] > 0.2
        boxes, own = boxes[eligible], scores[eligible, label]
        for place in _chosen(boxes, own, 0.3, 1.0):
            votes = own * [_overlap(boxes[place], other, 1.0) >= 0.5 for other in boxes]
            box = votes @ boxes / votes.sum() if vote else boxes[place]
            objects.append((label, own[place], *box))
    assert found[0] == len(objects) > 4
    _near(found[1:].reshape(-1, 6), objects)
    # As in BigDL, too many objects are those whose bottom edge lies above the score that the last one reaches.
    few = bigdl.DetectionOutputFrcnn(classes, vote, 0.3, 2, 0.2).training(False)
    assert few.forward([information, regions, deltas, scores])[0, 0] == len(objects)
    with pytest.raises(DataError, match="3 scores"):
        layer.forward([information, regions, deltas[:, :8], scores[:, :2]])


def test_detectors_as_keras_models() -> None:
    table = [RANDOM.rand(1, 8), RANDOM.rand(1, 4), np.array([[[0, 0, 0.5, 0.5, 0.2, 0.2, 0.9, 0.9], [0.1] * 8]])]
    layer = bigdl.DetectionOutputSSD(2).training(False)
    model = network(layer.value, [part.shape[1:] for part in table]).model
    _near(model([part.astype("float32") for part in table], training=False), layer.forward(table))
