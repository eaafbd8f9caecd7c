"""IDX files against bytes written by hand, and the digits of scikit-learn."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from digits import read_idx, read_mnist, read_scikit_digits


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_pair(directory: Path, prefix: str, count: int, suffix: str = "") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, 5, 4), dtype=np.uint8)
    labels = rng.integers(0, 10, count, dtype=np.uint8)
    pack = gzip.compress if suffix else bytes
    (directory / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images)))
    (directory / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return images, labels


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_one_pair_of_files_is_left_to_the_hash(tmp_path: Path, suffix: str) -> None:
    images, labels = write_pair(tmp_path, "t10k", 7, suffix)
    digits = read_mnist(tmp_path)
    np.testing.assert_array_equal(digits.images, images)
    np.testing.assert_array_equal(digits.labels, labels)
    assert digits.parts == ("",) * 7
    assert digits.shape == (5, 4)


def test_both_pairs_keep_their_parts(tmp_path: Path) -> None:
    train, _ = write_pair(tmp_path, "train", 6)
    test, _ = write_pair(tmp_path, "t10k", 3, ".gz")
    digits = read_mnist(tmp_path)
    np.testing.assert_array_equal(digits.images, np.concatenate([train, test]))
    assert digits.parts == ("train",) * 6 + ("test",) * 3


def test_other_numbers_are_read_big_endian(tmp_path: Path) -> None:
    path = tmp_path / "shorts"
    path.write_bytes(b"\0\0\x0b\x01" + struct.pack(">I2h", 2, 258, -1))
    assert read_idx(path).tolist() == [258, -1]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"PK\3\4", "not an IDX file"),
        (b"", "not an IDX file"),
        (b"\0\0\x08\x03\0\0", "ends inside its header"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], r"should hold 18 bytes for shape \(2, 3\), but holds 17"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=said):
        read_idx(path)


def test_a_folder_without_mnist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no MNIST files"):
        read_mnist(tmp_path)


def test_scikit_digits_are_1797_real_images() -> None:
    digits = read_scikit_digits()
    assert digits.images.shape == (1797, 8, 8)
    assert digits.images.dtype == np.uint8
    assert int(digits.images.max()) == digits.brightest
    assert np.bincount(digits.labels).min() > 170
