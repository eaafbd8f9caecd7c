"""The dataclasses and Protocols that cross folders. Needs nothing but numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

Structure = Literal["single", "list", "dict"]
Precision = Literal["float32", "bf16", "auto"]
ExchangePrecision = Literal["float32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example: one or several feature arrays, any number of label arrays, a weight.

    Example:
        >>> import numpy as np
        >>> sample = Sample.from_ndarray(np.zeros((28, 28), "uint8"), 7)
        >>> sample.features[0].shape, sample.labels[0].item(), sample.weight
        ((28, 28), 7, None)
    """

    features: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...] = ()
    weight: float | None = None

    @classmethod
    def from_ndarray(cls, features: Any, labels: Any = (), weight: float | None = None) -> Sample:
        """Makes a sample from arrays (or numbers, or lists of arrays for several inputs or outputs).

        Args:
            features: an array-like of any shape, or a list or tuple of ndarrays (several inputs).
            labels: a number, an array-like, or a list or tuple of ndarrays (several outputs).
            weight: the sample's weight in the objective; None where no sample has one.
        """
        return cls(_arrays(features), _arrays(labels), weight)

    def __reduce__(self) -> Any:
        """Raw bytes: numpy's own pickle of an array costs twice as much, and Spark pickles every sample."""
        return _unpickled, (_raw(self.features), _raw(self.labels), self.weight)


Raw = tuple[str, tuple[int, ...], bytearray] | np.ndarray


def _raw(arrays: tuple[np.ndarray, ...]) -> tuple[Raw, ...]:
    return tuple(
        (array.dtype.str, array.shape, bytearray(array.tobytes())) if array.dtype.kind in "biuf" else array
        for array in arrays
    )


def _unpickled(features: tuple[Raw, ...], labels: tuple[Raw, ...], weight: float | None) -> Sample:
    return Sample(tuple(map(_array, features)), tuple(map(_array, labels)), weight)


def _array(raw: Raw) -> np.ndarray:
    if isinstance(raw, np.ndarray):
        return raw
    dtype, shape, content = raw
    return np.ndarray(shape, dtype, content)  # writable, as a bytearray is


def _arrays(value: Any) -> tuple[np.ndarray, ...]:
    if isinstance(value, (list, tuple)) and (not value or isinstance(value[0], np.ndarray)):
        return tuple(np.asarray(item) for item in value)
    return (np.asarray(value),)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, per-row shape (without the batch axis) and dtype of one column of tensors."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Elements per row."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What every row holds. `structure` says how the model takes it: one tensor, a list, or a dict by name."""

    features: tuple[TensorSpec, ...]
    labels: tuple[TensorSpec, ...] = ()
    weighted: bool = False
    feature_structure: Structure = "single"
    label_structure: Structure = "single"

    @property
    def columns(self) -> tuple[TensorSpec, ...]:
        """Features, then labels, then (where weighted) the weight: the order of columns in a Block."""
        weight = (TensorSpec("weight", (), "float32"),) if self.weighted else ()
        return self.features + self.labels + weight


@dataclass(frozen=True, slots=True)
class Batch:
    """One worker's share of a minibatch: arrays with a leading axis of `rows` rows (never zero)."""

    features: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...]
    weights: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.features[0])


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """Where one trainable variable lies in the flat weight vector (offset and size in elements)."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Elements of the variable."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class WeightLayout:
    """The flat float32 vector of trainable weights: variables at 64-byte aligned offsets, zeros between."""

    variables: tuple[VariableSpec, ...]
    length: int


class FlatVector(Protocol):
    """A flat vector: an array, or several one behind the other (`sparkdl.collective.runs`)."""

    def __len__(self) -> int: ...

    def sum(self) -> Any:
        """The sum of all numbers."""


class Collective(Protocol):
    """Sums and copies between `size` workers, over a network or not. All make the same calls in the same order.

    Every wait has a deadline; a peer that leaves or is late raises CollectiveError naming it. Sums are taken in rank
    order (`reduce_scatter`: first on each host of `groups`, if any, and then of what `precision` leaves of those), so
    all workers get the same bytes."""

    rank: int
    size: int
    groups: tuple[tuple[int, ...], ...]
    networked: bool
    precision: ExchangePrecision

    def reduce_scatter(
        self, values: FlatVector, bounds: Sequence[int], scalars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums float32 `values` (length,) over all workers; returns my part `[bounds[rank]:bounds[rank+1]]`
        of the sum (valid until the next call) and the sum over all workers of the few float64 `scalars`,
        which ride in the same messages. An array of `values` that is writeable may be overwritten, runs are not."""

    def all_gather(self, values: np.ndarray, bounds: Sequence[int]) -> None:
        """In place: my part of `values`, of any dtype, is sent to all, the other parts are filled with theirs."""

    def all_sum(self, values: np.ndarray) -> np.ndarray:
        """The sum of a small array of any numeric dtype over all workers, as a new array."""

    def all_gather_bytes(self, payload: bytes) -> list[bytes]:
        """Every worker's payload, in rank order."""

    def broadcast(self, payload: bytes, root: int = 0) -> bytes:
        """The payload of worker `root` (the others' is ignored)."""

    def barrier(self) -> None:
        """Returns when all workers have called it."""

    def close(self) -> None:
        """Frees sockets and memory; safe to call twice and after errors."""


# Takes the flat gradient and the number of a bucket of it that is complete.
Arrived = Callable[[np.ndarray, int], None]


class Replica(Protocol):
    """One copy of the model in one worker. `weights` is the live flat vector (see WeightLayout)."""

    layout: WeightLayout
    weights: np.ndarray
    scalar_names: tuple[str, ...]

    def gradients(
        self, batch: Batch | None, global_rows: int, loss_scale: float, arrived: Arrived | None = None
    ) -> tuple[FlatVector, np.ndarray]:
        """This worker's additive part of the gradient of the objective of the whole global batch.

        Updates the training metrics too. `batch` is None where this worker has no row in this step. `arrived` is
        told, from any thread, of each bucket that is complete before the whole is; it need not be told of any.

        Returns:
            the gradient times `loss_scale`, float32 (layout.length,), of which the caller may overwrite an array, not
            runs, and float64 scalars (len(scalar_names),), additive over workers; the first is the objective.
        """

    def evaluate(self, batch: Batch) -> Sequence[Any]:
        """Adds a batch to the sums, in inference mode; returns the model's outputs, (rows, ...) each."""

    def reset_sums(self) -> None:
        """Forgets what `gradients` and `evaluate` have summed."""

    def sums(self) -> np.ndarray:
        """What was summed since the reset, float64, additive over workers."""

    def epoch_state(self) -> dict[str, np.ndarray]:
        """The same sums in the form they are kept in, additive over workers; reading them changes nothing."""

    def set_epoch_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `epoch_state` gave."""

    def results(self, sums: np.ndarray) -> dict[str, float]:
        """Keras-named logs (`loss`, metrics) from sums that were added over all workers."""

    def statistics(self) -> np.ndarray:
        """Floating-point non-trainable state (BatchNorm's), float64, to be averaged by rows."""

    def set_statistics(self, values: np.ndarray) -> None:
        """Puts averaged statistics back."""

    def local_state(self) -> dict[str, np.ndarray]:
        """State that stays local to a worker: seed generators, by name."""

    def set_local_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `local_state` gave."""

    def weights_written(self) -> None:
        """To be called after `weights` was written, before the model is used."""

    def refresh_weights(self) -> bool:
        """Copies the model's variables into `weights` if somebody assigned them; True if so."""


class Predictor(Protocol):
    """A model in inference mode: each output (rows, ...) for a batch of at least one row."""

    def predict(self, features: tuple[np.ndarray, ...]) -> list[np.ndarray]: ...


class Updater(Protocol):
    """The user's optimizer over the part of the weights that this worker owns.

    `buckets` cut the flat vector into ranges that travel one by one; workers + 1 offsets each say who owns what."""

    buckets: tuple[tuple[int, ...], ...]
    exact_weights: bool  # whether new weights must not be rounded: they satisfy constraints
    averages: bool  # whether the final weights are moving averages
    learning_rate: float

    @property
    def loss_scale(self) -> float:
        """Factor for the gradients of the next step (1.0 without loss scaling)."""

    def apply(self, gradient: np.ndarray, weights: np.ndarray) -> None:
        """Updates my part of `weights` (the flat vector) in place from my part of the summed gradient."""

    def finalize(self, weights: np.ndarray) -> None:
        """Writes the final values (moving average) into my part of `weights` (the flat vector)."""

    def state(self) -> dict[str, np.ndarray]:
        """My part of the optimizer's state, in a form that `merge_state` can join over workers."""

    def merge_state(self, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Joins what `state` gave on every worker, in rank order, into one complete state (`optimizer/...`)."""

    def load_state(self, merged: Mapping[str, np.ndarray]) -> None:
        """Takes my part out of a merged state (of any former number of workers)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the callbacks on rank 0 decided in one hook; broadcast to everybody."""

    stop: bool = False
    learning_rate: float | None = None
    weights_changed: bool = False
    validate: bool = False  # right behind the hook
    capture: bool = False


class CallbackRunner(Protocol):
    """Runs the user's callbacks on rank 0. `set_steps` tells them how many steps an epoch has."""

    batch_hooks: bool
    terminates_on_nan: bool

    def set_steps(self, steps: int) -> None: ...

    def run(self, hook: str, index: int | None = None, logs: Mapping[str, float] | None = None) -> Decision:
        """Runs one hook of every callback, e.g. run("on_epoch_end", 3, {"loss": 0.1})."""

    def saves_at(self, hook: str, index: int | None) -> bool:
        """Whether a callback may save the model in this hook, so that optimizer slices are needed."""

    def load_optimizer_state(self, merged: Mapping[str, np.ndarray]) -> None:
        """Puts the gathered optimizer state where a saving callback finds it (model.optimizer)."""

    def state(self) -> dict[str, Any]:
        """The callbacks' own attributes: JSON values and ndarrays, no pickle."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` gave."""


@dataclass(frozen=True)
class TrainingPlan:
    """All that a worker must know about a run beside the model and the data. Picklable and JSON-able.

    `capture_steps` and `capture_epochs` say when a checkpoint is due: after so many steps, or every epoch. Layers
    compute in `precision` while training; it is "auto" until the workers have chosen, and `tries_precision` remembers
    that. What travels between hosts is rounded to `exchange_precision`.
    """

    generation: str
    workers: int
    cores_per_worker: int
    batch_size: int
    epochs: int
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_freq: int = 1
    validation_batch_size: int | None = None
    validation_split: float = 0.0
    class_weight: Mapping[int, float] | None = None
    shuffle: bool = True
    seed: int = 0
    deadline: float = 300.0
    capture_steps: int | None = None
    capture_epochs: bool = False
    memory_limit: int | None = None
    spill_directory: str | None = None
    precision: Precision = "float32"
    tries_precision: bool = False
    exchange_precision: ExchangePrecision = "float32"


@dataclass(frozen=True)
class TrainingState:
    """Everything needed to go on with a run on any number of workers.

    `arrays` holds `weights` (flat float32), `statistics`, `optimizer/...`, `callbacks` (encoded), and for each worker
    `local/<rank>/...`, and in the middle of an epoch `statistics/<rank>` and `epoch/<rank>/...`. `info` holds JSON
    values: generation, workers, epoch, step (within the epoch), iteration, stopped, finished, plan, and fingerprints.
    """

    arrays: Mapping[str, np.ndarray]
    info: Mapping[str, Any] = field(default_factory=dict)


Buffer = bytes | bytearray | memoryview
Content = Buffer | Sequence[Buffer]


class Storage(Protocol):
    """A directory, local or remote, whose files are read and written whole. Any thread may use it.

    Names are relative to it, with "/" between folders, which are made when a file needs them. What fails
    raises StorageError; a file that is not there, its subclass MissingFileError.

    Attributes:
        location: the directory as the user gave it, without credentials: for messages.
    """

    location: str

    def read(self, name: str) -> bytes:
        """The content of a file."""

    def write(self, name: str, content: Content) -> None:
        """Makes or replaces a file. A reader sees the old content or the new, never a part of it."""

    def list(self, folder: str = "") -> list[str]:
        """Names of the files and folders in a folder, sorted; none where there is no such folder."""

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with all that is in it; nothing happens where there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
