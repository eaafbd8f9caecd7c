"""Frees what is kept of models that nobody uses any more, in processes that train or score again and again."""

from __future__ import annotations

import gc

from tensorflow.python.eager import context


def release_kernels() -> None:
    """Empties TensorFlow's cache of operations, which has an entry for each name of a variable that ever was.

    That is a quarter of a megabyte and more per small model. What is still in use is made again when it is called.

    Example:
        >>> release_kernels()
    """
    context.context().clear_kernel_cache()


def release_models() -> None:
    """Collects models at once, then what TensorFlow keeps of them.

    Models and their compiled functions refer to each other, and Python looks for such garbage by the number of
    objects, not by the size of their arrays: several models would pile up before it did.

    Example:
        >>> release_models()
    """
    gc.collect()
    release_kernels()
