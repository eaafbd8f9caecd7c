"""Layers of detectors: SSD's boxes, and Fast R-CNN's regions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparkdl.importers.caffe.site import Blob, Site
from sparkdl.importers.caffe.table import converter, refusal
from sparkdl.nn.detection import Detections, PriorBoxes
from sparkdl.nn.losses import SmoothL1Loss
from sparkdl.nn.roi_pooling import RegionPooling

refusal(
    "MultiBoxLoss",
    "SSD's loss matches boxes with objects, of which each image has another number; load the predictions by outputs= "
    "and train them with a loss of your own",
)
refusal("DetectionEvaluate", "it compares detections with objects from a file; evaluate the DetectionOutput instead")


def _pair(both: float | None, first: float | None, second: float | None, what: str) -> tuple[float, float] | None:
    """Height and width, given together or each; None where they follow from the blobs."""
    if both is not None and (first is not None or second is not None):
        raise ValueError(f"{what} both with and without _h and _w")
    sizes = (both, both) if both is not None else (first, second)
    if sizes == (None, None):
        return None
    height, width = sizes
    if height is None or width is None or min(height, width) <= 0:
        raise ValueError(f"{what} of {height} and {width}")
    return height, width


@converter("PriorBox", "prior_box_param", inputs=2)
def prior_box(
    site: Site,
    x: Blob,
    image: Blob,
    *,
    min_size: Sequence[float],
    max_size: Sequence[float] = (),
    aspect_ratio: Sequence[float] = (),
    flip: bool = True,
    clip: bool = False,
    variance: Sequence[float] = (),
    img_size: int | None = None,
    img_h: int | None = None,
    img_w: int | None = None,
    step: float | None = None,
    step_h: float | None = None,
    step_w: float | None = None,
    offset: float = 0.5,
) -> Blob:
    """SSD's layer: boxes of several sizes and shapes around each place of a blob, (1, 2, boxes * 4)."""
    if x.rank != 4 or image.rank != 4:
        site.refuse(f"its inputs have {x.rank} and {image.rank} axes; expected 4 and 4")
    if len(variance) not in (0, 1, 4) or min(variance, default=1) <= 0:
        raise ValueError(f"variances {list(variance)}")
    grid = [size or 0 for size in x.shape[2:]]
    pixels = _pair(img_size, img_h, img_w, "img_size") or [size or 0 for size in image.shape[2:]]
    steps = _pair(step, step_h, step_w, "step") or [total / count for total, count in zip(pixels, grid, strict=True)]
    return Blob(
        site.add(
            PriorBoxes,
            x.tensor,
            grid=grid,
            image=list(pixels),
            sizes=_sizes(min_size, max_size, _ratios(aspect_ratio, flip)),
            steps=list(steps),
            offset=offset,
            clip=clip,
            variances=[float(value) for value in variance] or [0.1],
        )
    )


def _ratios(given: Sequence[float], flip: bool) -> list[float]:
    """Width over height of the boxes, apart from squares; what is there already is not taken again."""
    found = [1.0]
    for ratio in given:
        if ratio <= 0:
            raise ValueError(f"an aspect ratio of {ratio}")
        if all(abs(ratio - other) >= 1e-6 for other in found):
            found += [ratio, 1 / ratio] if flip else [ratio]
    return [ratio for ratio in found if abs(ratio - 1) >= 1e-6]


def _sizes(least: Sequence[float], largest: Sequence[float], ratios: Sequence[float]) -> list[list[float]]:
    """Width and height in pixels; Caffe takes whole pixels only."""
    if len(largest) not in (0, len(least)) or min(least, default=0) <= 0:
        raise ValueError(f"min_size {list(least)} with max_size {list(largest)}")
    sizes = []
    for index, size in enumerate(map(int, least)):
        sides = [float(size)]
        if largest:
            if largest[index] <= least[index]:
                raise ValueError(f"max_size {largest[index]} with min_size {least[index]}")
            sides.append(math.sqrt(size * int(largest[index])))
        sizes += [[side, side] for side in sides]
        sizes += [[size * math.sqrt(ratio), size / math.sqrt(ratio)] for ratio in ratios]
    return sizes


@converter("DetectionOutput", "detection_output_param", inputs=3)
def detection_output(
    site: Site,
    locations: Blob,
    scores: Blob,
    priors: Blob,
    *,
    num_classes: int,
    share_location: bool = True,
    background_label_id: int = 0,
    nms_param: Mapping[str, Any] | None = None,
    code_type: str = "CORNER",
    variance_encoded_in_target: bool = False,
    keep_top_k: int = -1,
    confidence_threshold: float | None = None,
) -> Blob:
    """SSD's layer: the objects in each image, (batch, 1, keep_top_k, 7); see above. It writes no files."""
    suppression = nms_param or {}
    candidates, overlap = suppression.get("top_k", -1), suppression.get("nms_threshold", 0.3)
    shrink = suppression.get("eta", 1.0)
    if candidates == 0 or keep_top_k == 0 or overlap < 0 or not 0 < shrink <= 1 or num_classes < 1:
        raise ValueError(
            f"num_classes {num_classes}, keep_top_k {keep_top_k}, top_k {candidates}, nms_threshold {overlap}, eta "
            f"{shrink}"
        )
    boxes = (priors.shape[-1] or 0) // 4
    found = tuple(math.prod(size or 0 for size in blob.shape[1:]) for blob in (locations, scores))
    expected = boxes * (1 if share_location else num_classes) * 4, boxes * num_classes
    if found != expected or num_classes == 1 and background_label_id == 0:
        raise ValueError(f"{found} locations and scores for {boxes} boxes and {num_classes} classes, not {expected}")
    return Blob(
        site.add(
            Detections,
            [site.first(locations), site.first(scores), site.first(priors)],
            classes=num_classes,
            shared=share_location,
            background=background_label_id,
            code=code_type.lower(),
            scaled=not variance_encoded_in_target,
            threshold=confidence_threshold,
            overlap=overlap,
            shrink=shrink,
            candidates=candidates if candidates > 0 else None,
            most=keep_top_k if keep_top_k > 0 else None,
        )
    )


@converter("ROIPooling", "roi_pooling_param", inputs=2)
def roi_pooling(
    site: Site, x: Blob, regions: Blob, *, pooled_h: int, pooled_w: int, spatial_scale: float = 1.0
) -> Blob:
    """Fast R-CNN's layer: the largest values in the parts of regions (image, left, top, right, bottom)."""
    if x.rank != 4 or math.prod(size or 0 for size in regions.shape[1:]) != 5 or min(pooled_h, pooled_w) < 1:
        raise ValueError(f"{pooled_h} x {pooled_w} parts of regions of shape {regions.shape}, expected (regions, 5)")
    tensors = [site.last(x), site.first(regions)]
    return Blob(site.add(RegionPooling, tensors, size=[pooled_h, pooled_w], scale=spatial_scale), True)


@converter("SmoothL1Loss", "smooth_l1_loss_param", inputs=(2, 4))
def smooth_l1_loss(site: Site, x: Blob, target: Blob, *weights: Blob, sigma: float = 1.0) -> Blob:
    """Fast R-CNN's loss of a batch, with weights of differences (and of losses), without loss_weight."""
    return Blob(site.add(SmoothL1Loss, [site.first(blob) for blob in (x, target, *weights)], sigma=sigma))
