"""Handwritten digits as arrays: scikit-learn's real 8x8 ones, or MNIST's IDX files."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MNIST_PARTS = {"train": "train", "t10k": "test"}


@dataclass(frozen=True)
class Digits:
    """Images (rows, height, width) uint8, labels (rows,), and the part each row belongs to ("" where none is given)."""

    images: np.ndarray
    labels: np.ndarray
    parts: tuple[str, ...]
    brightest: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.images.shape[1], self.images.shape[2]


def read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file (MNIST's format), gzipped or not.

    Raises:
        ValueError: the file is no IDX file, or shorter or longer than its header says.
    """
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in IDX_DTYPES:
        raise ValueError(f"{path} is not an IDX file: expected a header of two zero bytes and a type, got {raw[:4]!r}.")
    dtype, rank = np.dtype(IDX_DTYPES[raw[2]]), raw[3]
    start = 4 + 4 * rank
    if len(raw) < start:
        raise ValueError(f"{path} ends inside its header of {start} bytes, after {len(raw)}; fetch the file again.")
    shape = struct.unpack(f">{rank}I", raw[4:start])
    wanted = start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(raw) != wanted:
        raise ValueError(f"{path} should hold {wanted} bytes for shape {shape}, but holds {len(raw)}; fetch it again.")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


def read_mnist(directory: Path) -> Digits:
    """Reads the MNIST files of a directory: the training files, the t10k files, or both.

    Raises:
        FileNotFoundError: the directory holds no pair of image and label files.
        ValueError: a file is damaged, or images and labels differ in number.
    """
    found = {part: _pair(directory, prefix) for prefix, part in MNIST_PARTS.items()}
    pairs = {part: pair for part, pair in found.items() if pair}
    if not pairs:
        raise FileNotFoundError(
            f"{directory} holds no MNIST files: expected train-images-idx3-ubyte and train-labels-idx1-ubyte, "
            "or the t10k pair, with or without .gz."
        )
    # With a single file pair there is no official split: every row is left to the hash.
    marks = {part: part if len(pairs) == 2 else "" for part in pairs}
    return Digits(
        images=np.concatenate([images for images, _ in pairs.values()]),
        labels=np.concatenate([labels for _, labels in pairs.values()]),
        parts=tuple(marks[part] for part, (images, _) in pairs.items() for _ in range(len(images))),
        brightest=255,
    )


def _pair(directory: Path, prefix: str) -> tuple[np.ndarray, np.ndarray] | None:
    paths = []
    for name in (f"{prefix}-images*idx3-ubyte*", f"{prefix}-labels*idx1-ubyte*"):
        matches = sorted(directory.glob(name))
        if not matches:
            return None
        paths.append(matches[0])
    images, labels = (read_idx(path) for path in paths)
    if len(images) != len(labels):
        raise ValueError(f"{paths[0]} holds {len(images)} images, but {paths[1]} holds {len(labels)} labels.")
    return images, labels


def read_scikit_digits() -> Digits:
    """scikit-learn's 1797 handwritten digits of 8x8 pixels with values 0 to 16."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)
    return Digits(images, bunch.target.astype(np.uint8), ("",) * len(images), brightest=16)
