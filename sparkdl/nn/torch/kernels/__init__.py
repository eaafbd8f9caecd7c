"""The kernels by family, and the table of all kinds."""

from sparkdl.nn.torch.kernels import (
    activations,
    batch_norm,
    containers,
    convolution,
    detection,
    keras_model,
    linear,
    local,
    normalization,
    pooling,
    regions,
    resizing,
    transposed,
)

FAMILIES = (
    activations,
    batch_norm,
    containers,
    convolution,
    detection,
    keras_model,
    linear,
    local,
    normalization,
    pooling,
    regions,
    resizing,
    transposed,
)
KINDS = {name: kind for family in FAMILIES for name, kind in family.KINDS.items()}
