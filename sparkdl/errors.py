"""Every exception that sparkdl raises on purpose.

Each message is one sentence that says what is wrong, which object, what was expected, what was
received and what to do. Each class is also a built-in exception, so that callers who do not know
sparkdl can still catch it.
"""

from __future__ import annotations


class SparkDLError(Exception):
    """Base class of all errors raised by sparkdl."""


class ArgumentError(SparkDLError, ValueError):
    """An argument has a value that cannot be used."""


class DataError(SparkDLError, ValueError):
    """The rows or columns given do not fit what was asked (null, NaN, ragged, missing, wrong type)."""


class ModelError(SparkDLError, ValueError):
    """The model cannot be trained or applied as it is (not compiled, wrong shape, cannot be shipped)."""


class ImporterError(SparkDLError, ValueError):
    """A file of another framework is damaged, contradicts itself, or is not of the kind that was expected."""


class UnsupportedError(SparkDLError, NotImplementedError, ValueError):
    """Something that Keras, Spark or another framework knows and that cannot be done exactly here."""


class MissingExtraError(SparkDLError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""


class ClusterError(SparkDLError, RuntimeError):
    """The Spark cluster cannot run what was asked (too few slots, dynamic allocation, ...)."""


class CollectiveError(SparkDLError, RuntimeError):
    """Workers lost each other: a peer left, a deadline passed, or a message was not authentic."""


class PeerTimeoutError(CollectiveError):
    """A worker waited for another one for longer than the deadline: it hangs, or is out of reach."""


class NonFiniteLossError(SparkDLError, ArithmeticError, ValueError):
    """The loss became NaN or infinite; the model keeps the last finite weights."""


class StorageError(SparkDLError, OSError):
    """A file cannot be read, written or removed; `reason` says why in the words of the file system."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class MissingFileError(StorageError, FileNotFoundError):
    """A file that was to be read is not there."""


class WorkerError(SparkDLError, RuntimeError):
    """A worker failed; the message holds its traceback, rank, host and where in the epoch it was."""


class CancelledError(SparkDLError, RuntimeError):
    """The run was stopped from outside before its end: its Spark job was cancelled, or its session was stopped."""
