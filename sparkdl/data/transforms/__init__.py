"""Transforms of images: one array in, one array out, with all chance from a generator that the caller gives."""

from sparkdl.data.transforms.base import Compose, ImageType, Transform, from_config, row_generator
from sparkdl.data.transforms.color import Channels, ColorJitter, Normalize
from sparkdl.data.transforms.crops import CenterCrop, RandomCrop, RandomResizedCrop
from sparkdl.data.transforms.geometry import Flip, Pad, Resize, Rotate

__all__ = [
    "CenterCrop",
    "Channels",
    "ColorJitter",
    "Compose",
    "Flip",
    "ImageType",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomResizedCrop",
    "Resize",
    "Rotate",
    "Transform",
    "from_config",
    "row_generator",
]
