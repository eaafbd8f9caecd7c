"""MNIST for models in the manner of Keras: pixels and labels as they are in the files."""

import gzip  # noqa: F401
from typing import Any

import numpy  # noqa: F401

from sparkdl.bigdl.dataset import base  # noqa: F401
from sparkdl.bigdl.dataset.mnist import (  # noqa: F401
    SOURCE_URL,
    TEST_MEAN,
    TEST_STD,
    TRAIN_MEAN,
    TRAIN_STD,
    extract_images,
    extract_labels,
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
    read_data_sets,
)


def load_data(location: str = "/tmp/.zoo/dataset/mnist") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Images of uint8, and labels from 0 to 9.

    Returns:
        ((training images, labels), (test images, labels)).
    """
    return read_data_sets(location, "train"), read_data_sets(location, "test")
