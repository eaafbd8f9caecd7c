"""TensorFlow's threads in this process."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True, slots=True)
class ThreadLayout:
    """Threads within one operation, and operations at once."""

    intra_op: int
    inter_op: int


def configure_threads(cores: int) -> ThreadLayout:
    """Lets TensorFlow use `cores` threads, one operation at a time, unless it is in use already.

    TensorFlow takes thread counts only before its first operation; a Python process that has run one
    (a reused Spark worker) keeps what it has.

    Args:
        cores: threads for one operation, at least 1.

    Returns:
        What is in force; 0 means that TensorFlow chose.
    """
    wanted = ThreadLayout(intra_op=max(1, cores), inter_op=1)
    if current_threads() != wanted:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(wanted.intra_op)
            tf.config.threading.set_inter_op_parallelism_threads(wanted.inter_op)
        except RuntimeError:
            return current_threads()
    return current_threads()


def current_threads() -> ThreadLayout:
    """What is in force; 0 means that TensorFlow chose."""
    return ThreadLayout(
        tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads()
    )
