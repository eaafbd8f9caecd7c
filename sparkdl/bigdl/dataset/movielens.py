"""The million ratings of films of MovieLens."""

import os
import zipfile  # noqa: F401

import numpy as np

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.dataset.archives import unpacked

SOURCE_URL = "http://files.grouplens.org/datasets/movielens/"


def read_data_sets(data_dir: str) -> np.ndarray:
    """All ratings.

    Args:
        data_dir: the folder with `ml-1m.zip`, or with the folder `ml-1m`.

    Returns:
        whole numbers, (ratings, 4): user and film, from 1, the rating from 1 to 5, and when it was given.

    Raises:
        MissingFileError: the archive is not there.
    """
    folder = os.path.join(data_dir, "ml-1m")
    if not os.path.isdir(folder):
        unpacked(base.maybe_download("ml-1m.zip", data_dir, f"{SOURCE_URL}ml-1m.zip"), folder, data_dir)
    with open(os.path.join(folder, "ratings.dat"), encoding="latin-1") as ratings:
        return np.array([line.strip().split("::") for line in ratings if line.strip()]).astype(int)


def get_id_pairs(data_dir: str) -> np.ndarray:
    """User and film of each rating."""
    return read_data_sets(data_dir)[:, 0:2]


def get_id_ratings(data_dir: str) -> np.ndarray:
    """User, film and rating."""
    return read_data_sets(data_dir)[:, 0:3]
