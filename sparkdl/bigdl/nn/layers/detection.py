"""Regions of images, and what detectors of objects make of them."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.nn.layers.base import Layer, describe


class RoiPooling(Layer):
    """The largest values of parts of regions [image, left, top, right, bottom] of a table (images, regions)."""

    def __init__(
        self,
        pooled_w: int,
        pooled_h: int,
        spatial_scale: float,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("RoiPooling", locals()), bigdl_type)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """The gradient for the images alone; regions get none."""
        return super().backward(input, grad_output)[0]


class RoiAlign(Layer):
    """Means of interpolated values in parts of regions [left, top, right, bottom] of a table (images, regions)."""

    def __init__(
        self,
        spatial_scale: float,
        sampling_ratio: int,
        pooled_h: int,
        pooled_w: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("RoiAlign", locals()), bigdl_type)

    def backward(self, input: Any, grad_output: Any) -> Any:
        """The gradient for the images alone; regions get none."""
        return super().backward(input, grad_output)[0]


class Pooler(Layer):
    """A `RoiAlign` of the level that fits each region, of a table (table of levels, regions or a table of them)."""

    def __init__(
        self,
        resolution: int,
        scales: Any,
        sampling_ratio: int,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Pooler", locals()), bigdl_type)


class PriorBox(Layer):
    """Boxes of several sizes and shapes around each place of a grid, and their variances."""

    def __init__(
        self,
        min_sizes: Any,
        max_sizes: Any = None,
        aspect_ratios: Any = None,
        is_flip: bool = True,
        is_clip: bool = False,
        variances: Any = None,
        offset: float = 0.5,
        img_h: int = 0,
        img_w: int = 0,
        img_size: int = 0,
        step_h: float = 0.0,
        step_w: float = 0.0,
        step: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("PriorBox", locals()), bigdl_type)


class Proposal(Layer):
    """The best boxes that a region proposal network finds, of a table (scores, deltas, information of the image)."""

    def __init__(
        self,
        pre_nms_topn: int,
        post_nms_topn: int,
        ratios: Any,
        scales: Any,
        rpn_pre_nms_topn_train: int = 12000,
        rpn_post_nms_topn_train: int = 2000,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("Proposal", locals()), bigdl_type)


class DetectionOutputSSD(Layer):
    """What SSD found: a row per image of its number of objects, and of six numbers for each."""

    def __init__(
        self,
        n_classes: int = 21,
        share_location: bool = True,
        bg_label: int = 0,
        nms_thresh: float = 0.45,
        nms_topk: int = 400,
        keep_top_k: int = 200,
        conf_thresh: float = 0.01,
        variance_encoded_in_target: bool = False,
        conf_post_process: bool = True,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("DetectionOutputSSD", locals()), bigdl_type)


class DetectionOutputFrcnn(Layer):
    """What Faster R-CNN found: one row, of the number of objects and of six numbers for each."""

    def __init__(
        self,
        n_classes: int,
        bbox_vote: bool,
        nms_thresh: float = 0.3,
        max_per_image: int = 100,
        thresh: float = 0.05,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(describe("DetectionOutputFrcnn", locals()), bigdl_type)
