"""The posts of twenty newsgroups, and GloVe's vectors of words."""

import os
import sys  # noqa: F401
import tarfile  # noqa: F401

from sparkdl.bigdl.dataset import base
from sparkdl.bigdl.dataset.archives import unpacked

NEWS20_URL = "https://figshare.com/ndownloader/files/13356110"
GLOVE_URL = "https://nlp.stanford.edu/data/glove.6B.zip"
CLASS_NUM = 20


def download_news20(dest_dir: str) -> str:
    """The folder of the posts, from `20news-18828.tar.gz` in `dest_dir`; nothing is downloaded.

    Raises:
        MissingFileError: neither the archive nor the folder is there.
    """
    folder = os.path.join(dest_dir, "20news-18828")
    if os.path.isdir(folder):
        return folder
    return unpacked(base.maybe_download("20news-18828.tar.gz", dest_dir, NEWS20_URL), folder, dest_dir)


def download_glove_w2v(dest_dir: str) -> str:
    """The folder of the vectors, from `glove.6B.zip` in `dest_dir`; nothing is downloaded.

    Raises:
        MissingFileError: neither the archive nor the folder is there.
    """
    folder = os.path.join(dest_dir, "glove.6B")
    if os.path.isdir(folder):
        return folder
    return unpacked(base.maybe_download("glove.6B.zip", dest_dir, GLOVE_URL), folder, folder)


def get_news20(source_dir: str = "./data/news20/") -> list[tuple[str, int]]:
    """All posts.

    Returns:
        (text, number of the group from 1), by group and file name.
    """
    folder = download_news20(source_dir)
    texts = []
    for label, group in enumerate(sorted(os.listdir(folder)), start=1):
        path = os.path.join(folder, group)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else ():
            if name.isdigit():
                with open(os.path.join(path, name), encoding="latin-1") as file:
                    texts.append((file.read(), label))
    return texts


def get_glove_w2v(source_dir: str = "./data/news20/", dim: int = 100) -> dict[str, list[float]]:
    """The vector of each word.

    Args:
        source_dir: the folder with `glove.6B.zip` or the folder `glove.6B`.
        dim: numbers per word: 50, 100, 200 or 300.
    """
    path = os.path.join(download_glove_w2v(source_dir), f"glove.6B.{dim}d.txt")
    with open(path, encoding="utf-8") as file:
        rows = (line.rstrip("\n").split(" ") for line in file)
        return {word: [float(number) for number in numbers] for word, *numbers in rows}
