"""Layers that disturb values in training, or gradients on their way back."""

from __future__ import annotations

from sparkdl.bigdl.nn.layers.base import Layer, check, describe


class ActivityRegularization(Layer):
    """What goes in; the gradient of l1 * |x| + l2 * x^2 is added to its own."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("ActivityRegularization", locals()), bigdl_type)


class Dropout(Layer):
    """Zeros for a share init_p of the values in training, the others scaled up (or all scaled down outside of it)."""

    def __init__(
        self, init_p: float = 0.5, inplace: bool = False, scale: bool = True, bigdl_type: str = "float"
    ) -> None:
        check(0 <= init_p < 1 or init_p == 1, "Dropout", f"init_p {init_p} must lie between 0 and 1")
        super().__init__(describe("Dropout", locals()), bigdl_type)


class GaussianDropout(Layer):
    """In training, values times normal noise around 1 with the variance rate / (1 - rate)."""

    def __init__(self, rate: float, bigdl_type: str = "float") -> None:
        check(0 <= rate < 1, "GaussianDropout", f"rate {rate} must be at least 0 and below 1")
        super().__init__(describe("GaussianDropout", locals()), bigdl_type)


class GaussianNoise(Layer):
    """In training, values plus normal noise with the deviation stddev."""

    def __init__(self, stddev: float, bigdl_type: str = "float") -> None:
        super().__init__(describe("GaussianNoise", locals()), bigdl_type)


class GaussianSampler(Layer):
    """A draw from normal distributions, given a table of means and logarithms of variances."""

    def __init__(self, bigdl_type: str = "float") -> None:
        super().__init__(describe("GaussianSampler", locals()), bigdl_type)


class GradientReversal(Layer):
    """What goes in; its gradient times -the_lambda."""

    def __init__(self, the_lambda: float = 1.0, bigdl_type: str = "float") -> None:
        super().__init__(describe("GradientReversal", locals()), bigdl_type)


class L1Penalty(Layer):
    """What goes in; l1weight times its signs are added to the gradient (which they replace without provide_output)."""

    def __init__(
        self, l1weight: float, size_average: bool = False, provide_output: bool = True, bigdl_type: str = "float"
    ) -> None:
        super().__init__(describe("L1Penalty", locals()), bigdl_type)


class NegativeEntropyPenalty(Layer):
    """What goes in (probabilities); the gradient of beta times their negative entropy is added."""

    def __init__(self, beta: float = 0.01, bigdl_type: str = "float") -> None:
        super().__init__(describe("NegativeEntropyPenalty", locals()), bigdl_type)


class SpatialDropout1D(Layer):
    """Dropout of whole channels of [batch, step, channel]."""

    def __init__(self, init_p: float = 0.5, bigdl_type: str = "float") -> None:
        super().__init__(describe("SpatialDropout1D", locals()), bigdl_type)


class SpatialDropout2D(Layer):
    """Dropout of whole channels of images."""

    def __init__(self, init_p: float = 0.5, data_format: str = "NCHW", bigdl_type: str = "float") -> None:
        super().__init__(describe("SpatialDropout2D", locals()), bigdl_type)


class SpatialDropout3D(Layer):
    """Dropout of whole channels of volumes."""

    def __init__(self, init_p: float = 0.5, data_format: str = "NCHW", bigdl_type: str = "float") -> None:
        super().__init__(describe("SpatialDropout3D", locals()), bigdl_type)
