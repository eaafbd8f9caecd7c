"""Frees what is kept of models that nobody uses any more, in processes that train or score again and again."""

from __future__ import annotations

import gc

from tensorflow.python.eager import context
from tensorflow.python.framework import ops

# TensorFlow's own names for functions of `tf.custom_gradient`, one for each time that one is compiled.
_TRACED_GRADIENTS = "CustomGradient-"


def release_kernels() -> None:
    """Empties TensorFlow's cache of operations, which has an entry for each name of a variable that ever was.

    That is a quarter of a megabyte and more per small model. What is still in use is made again when it is called.

    Example:
        >>> release_kernels()
    """
    context.context().clear_kernel_cache()


def release_models() -> None:
    """Collects models at once, then what TensorFlow keeps of them. For workers, between two trainings.

    Models and their compiled functions refer to each other, and Python looks for such garbage by the number of
    objects, not by the size of their arrays: several models would pile up before it did. And TensorFlow remembers
    each custom gradient that was compiled (there is one in every optimizer of Keras, and in layers), and by it the
    whole function: here nobody will differentiate a function again that is compiled already.

    Example:
        >>> release_models()
    """
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith(_TRACED_GRADIENTS)]:
        del registered[name]
    gc.collect()
    release_kernels()
