"""Prices of houses in Boston."""

from typing import Any

import numpy as np

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.keras.datasets.stored import shuffle_by_seed


def load_data(path: str = "boston_housing.npz", dest_dir: str = "/tmp/.zoo/dataset", test_split: float = 0.2) -> Any:
    """((training features, prices), (test features, prices)).

    Args:
        path: the file, in `dest_dir`.
        dest_dir: its folder.
        test_split: which part of the rows is for the test.

    Raises:
        MissingFileError: the file is not there.
    """
    file = base.maybe_download(path, dest_dir, "https://s3.amazonaws.com/keras-datasets/boston_housing.npz")
    with np.load(file, allow_pickle=False) as stored:
        x, y = stored["x"], stored["y"]
    shuffle_by_seed([x, y])
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])


__all__ = ["base", "load_data", "np", "shuffle_by_seed"]
