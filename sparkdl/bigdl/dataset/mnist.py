"""The handwritten digits of MNIST, from their four files."""

import gzip
from typing import IO, Any

import numpy

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.dataset.transformer import Sample, normalizer  # noqa: F401
from sparkdl.bigdl.util.log4Error import (  # noqa: F401
    invalidInputError,
    invalidOperationError,
    logger,
    logging,
    outputUserMessage,
)
from sparkdl.errors import DataError

SOURCE_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# Of the pixels from 0 to 255.
TRAIN_MEAN = 0.13066047740239506 * 255
TRAIN_STD = 0.3081078 * 255
TEST_MEAN = 0.13251460696903547 * 255
TEST_STD = 0.31048024 * 255

_IMAGES, _LABELS = 2051, 2049
_STEMS = {"train": "train", "test": "t10k"}


def extract_images(f: IO[bytes]) -> numpy.ndarray:
    """Reads a file of images, compressed or not.

    Args:
        f: the open file.

    Returns:
        uint8, (images, rows, columns, 1).

    Raises:
        DataError: it is another file, or not whole.
    """
    content, sizes = _read(f, _IMAGES, 3)
    return content.reshape(*sizes, 1)


def extract_labels(f: IO[bytes]) -> numpy.ndarray:
    """Reads a file of labels: uint8, from 0 to 9.

    Raises:
        DataError: it is another file, or not whole.
    """
    return _read(f, _LABELS, 1)[0]


def _read(f: IO[bytes], magic: int, dimensions: int) -> tuple[numpy.ndarray, list[int]]:
    content = f.read()
    name = getattr(f, "name", "of MNIST")
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, OSError) as error:
        raise DataError(f"the file {name} is damaged: {error}.") from error
    size = 4 * (1 + dimensions)
    head = numpy.frombuffer(content[:size].ljust(size, b"\0"), ">u4").tolist()
    if head[0] != magic:
        raise DataError(f"the file {name} must begin with the number {magic}, received {head[0]}: is it another one?")
    data = numpy.frombuffer(content[size:], numpy.uint8)
    if data.size != numpy.prod(head[1:]):
        raise DataError(f"the file {name} promises {head[1:]} bytes and holds {data.size}: get it again.")
    return data, head[1:]


def read_data_sets(train_dir: str, data_type: str = "train") -> tuple[numpy.ndarray, numpy.ndarray]:
    """Images and labels.

    Args:
        train_dir: the folder with `train-images-idx3-ubyte.gz` and the other three files (`.gz` may be missing).
        data_type: "train" or "test".

    Returns:
        uint8 (images, 28, 28, 1), and uint8 labels from 0 to 9.

    Raises:
        MissingFileError: a file is not there.
        DataError: a file is damaged.
    """
    stem = _STEMS.get(data_type, "t10k")
    with _open(train_dir, f"{stem}-images-idx3-ubyte") as file:
        images = extract_images(file)
    with _open(train_dir, f"{stem}-labels-idx1-ubyte") as file:
        return images, extract_labels(file)


def _open(folder: str, name: str) -> Any:
    try:
        return open(base.os.path.join(folder, name), "rb")
    except FileNotFoundError:
        return open(base.maybe_download(f"{name}.gz", folder, f"{SOURCE_URL}{name}.gz"), "rb")


def load_data(location: str = "/tmp/mnist") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Normalized images, and labels from 1 to 10.

    Returns:
        ((training images, labels), (test images, labels)).
    """
    train_images, train_labels = read_data_sets(location, "train")
    test_images, test_labels = read_data_sets(location, "test")
    return (
        (normalizer(train_images, TRAIN_MEAN, TRAIN_STD), train_labels + 1),
        (normalizer(test_images, TRAIN_MEAN, TRAIN_STD), test_labels + 1),
    )
