"""Runs the user's Keras callbacks on worker 0 and tells what they decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from sparkdl.engine.callback_files import CallbackFiles, existing_contents, path_attribute
from sparkdl.engine.callback_pack import check_callbacks, pack_callbacks, unpack_callbacks
from sparkdl.engine.callback_state import (
    apply_states,
    attributes_of_callbacks,
    set_state_of_callbacks,
    state_of_callbacks,
)
from sparkdl.engine.optimizer_state import load_into_optimizer
from sparkdl.engine.shards import inner_optimizer
from sparkdl.engine.tree import decode_tree, encode_tree
from sparkdl.errors import UnsupportedError
from sparkdl.storage.temporary import TemporaryFolder
from sparkdl.types import Decision

__all__ = [
    "KerasCallbackRunner",
    "apply_states",
    "check_callbacks",
    "decode_tree",
    "encode_tree",
    "pack_callbacks",
    "unpack_callbacks",
]

_k = keras.callbacks
_TRAIN_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
# Classes of Keras whose batch hooks do nothing that matters, and when. The loop itself tests for NaN.
_IDLE_IN_BATCHES: tuple[tuple[type, Callable[[Any], bool]], ...] = (
    (_k.ModelCheckpoint, lambda callback: callback.save_freq == "epoch"),
    (_k.TensorBoard, lambda callback: callback.update_freq == "epoch" and not callback._should_trace),
    (_k.TerminateOnNaN, lambda callback: not callback.raise_error),
)
_NEVER_SAVE = frozenset(
    {
        _k.EarlyStopping,
        _k.ReduceLROnPlateau,
        _k.LearningRateScheduler,
        _k.TerminateOnNaN,
        _k.CSVLogger,
        _k.TensorBoard,
        _k.History,
        _k.ProgbarLogger,
        _k.RemoteMonitor,
    }
)
_OTHERS_MAY_SAVE_AT = frozenset({"on_epoch_end", "on_train_end"})


class SteppingUpdater(Protocol):
    """What the runner must know of the updater."""

    learning_rate: float

    @property
    def steps(self) -> int:
        """Gradients applied so far."""
        ...


class WatchedReplica(Protocol):
    """What the runner must know of the replica."""

    def refresh_weights(self) -> bool:
        """Takes over weights that somebody assigned to the model's variables; True if so."""
        ...


class KerasCallbackRunner:
    """Implements `sparkdl.types.CallbackRunner` through Keras's own `CallbackList`. A context manager.

    Args:
        callbacks: what `pack_callbacks` gave on the driver, or the callbacks themselves.
        model: worker 0's model, compiled.
        params: what Keras tells callbacks: `epochs`, `steps`, `verbose`.
        updater: its learning rate and steps are shown to the callbacks as the model's optimizer's.
        replica: notices assigned weights.

    Attributes:
        batch_hooks: whether any callback does something at single batches.
        batch_begins: whether any does something before a batch.
        terminates_on_nan: whether the user wants a loss that is not finite to end the training quietly.
    """

    def __init__(
        self,
        callbacks: bytes | Sequence[Any],
        model: keras.Model,
        params: Mapping[str, Any],
        updater: SteppingUpdater,
        replica: WatchedReplica,
    ) -> None:
        if isinstance(callbacks, bytes):
            self._callbacks, contents = unpack_callbacks(callbacks, model)
        else:
            self._callbacks, contents = list(callbacks), existing_contents(callbacks)
        self._model = model
        self._optimizer = inner_optimizer(model.optimizer)
        self._updater = updater
        self._replica = replica
        self._pending: Mapping[str, Any] | None = None
        self._folder = TemporaryFolder("sparkdl-callbacks-") if any(map(path_attribute, self._callbacks)) else None
        try:
            self._begin(contents, params)
        except BaseException:  # a callback of the user's did not take the model
            self.close()
            raise

    def _begin(self, contents: Any, params: Mapping[str, Any]) -> None:
        self._files = CallbackFiles(self._callbacks, self._place, contents)
        self._settings = [attributes_of_callbacks(self._callbacks)]
        self._last = _LastLogs()
        self._model.stop_training = False
        self._params = dict(params)
        self._list = _k.CallbackList(
            [*self._callbacks, self._last], add_history=False, add_progbar=False, model=self._model, **params
        )
        self.batch_hooks = any(_has_batch_hook(callback) for callback in self._callbacks)
        begins = ("on_batch_begin", "on_train_batch_begin")
        self.batch_begins = any(_is_overridden(callback, hook) for callback in self._callbacks for hook in begins)
        self.terminates_on_nan = any(
            isinstance(callback, _k.TerminateOnNaN) and not callback.raise_error for callback in self._callbacks
        )

    def __enter__(self) -> KerasCallbackRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_steps(self, steps: int) -> None:
        """Tells the callbacks how many steps an epoch has."""
        self._list.set_params(self._params | {"steps": steps})

    def run(self, hook: str, index: int | None = None, logs: Mapping[str, float] | None = None) -> Decision:
        """Runs one hook of every callback.

        Args:
            hook: its name, e.g. `on_epoch_end`.
            index: number of the epoch or batch, where the hook takes one.
            logs: Keras-named values. What callbacks add to them at the end of an epoch (the learning
                rate) is added to this dict too.

        Raises:
            UnsupportedError: if a callback replaced the learning rate by a schedule.
        """
        self._show_progress()
        rate_holder, before = self._optimizer._learning_rate, self._rate()
        self._last.logs = {}
        arguments = (logs,) if index is None else (index, logs)
        getattr(self._list, hook)(*arguments)
        if self._optimizer._learning_rate is not rate_holder:
            raise UnsupportedError(
                f"a callback replaced the learning rate of the optimizer in {hook} by a schedule or function, which "
                "the other workers do not have; assign a number, or compile the model with the schedule"
            )
        if hook == "on_train_begin":
            self._settings.append(attributes_of_callbacks(self._callbacks))
            if self._pending is not None:
                # After the hook, in which callbacks forget what they knew.
                set_state_of_callbacks(self._callbacks, self._pending, files=True)
                self._pending = None
        if isinstance(logs, dict):
            logs.update(self._last.logs)
        after = self._rate()
        return Decision(
            stop=bool(self._model.stop_training),
            learning_rate=after if after != before else None,
            weights_changed=self._replica.refresh_weights(),
            validate=self._asked_for("validate"),
            capture=self._asked_for("capture"),
        )

    def _asked_for(self, what: str) -> bool:
        """Whether a callback added that to a set `wanted` of its own, which is empty afterwards."""
        asking = [callback.wanted for callback in self._callbacks if what in getattr(callback, "wanted", ())]
        for wanted in asking:
            wanted.discard(what)
        return bool(asking)

    def saves_at(self, hook: str, index: int | None) -> bool:
        """Whether a callback may save the model in this hook: ModelCheckpoint when it is due, others at epoch ends."""
        return any(_may_save(callback, hook, index) for callback in self._callbacks)

    def load_optimizer_state(self, merged: Mapping[str, np.ndarray]) -> None:
        """Puts the gathered state into `model.optimizer`, from where it gets into saved files."""
        load_into_optimizer(self._model.optimizer, self._model.trainable_variables, merged)

    def state(self) -> dict[str, Any]:
        """The callbacks' own attributes, for `encode_tree`."""
        return state_of_callbacks(self._callbacks, self._place, self._settings)

    def encoded_state(self) -> bytes:
        """`state()` as bytes."""
        return encode_tree(self.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` gave; where training has not begun, right after its `on_train_begin`."""
        self._pending = state

    def collect_files(self) -> list[tuple[int, str, bytes]]:
        """Files written or changed since the last call: see `CallbackFiles.collect`."""
        return self._files.collect()

    def close(self) -> None:
        """Removes the temporary files; safe to call twice."""
        if self._folder is not None:
            self._folder.close()

    @property
    def _place(self) -> str:
        """Where the callbacks' files are made; empty where none makes files."""
        return self._folder.name if self._folder is not None else ""

    def _rate(self) -> float:
        return float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))

    def _show_progress(self) -> None:
        self._optimizer._iterations.assign(self._updater.steps)
        rate = self._optimizer._learning_rate
        if isinstance(rate, keras.Variable):
            rate.assign(self._updater.learning_rate)


class _LastLogs(keras.callbacks.Callback):
    """Stands last in the list and sees what the others put into the logs."""

    logs: dict[str, Any]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.logs = dict(logs or {})


def _is_overridden(callback: Any, hook: str) -> bool:
    return not getattr(getattr(callback, hook), "_is_default", False)


def _is_of(callback: Any, hook: str, kind: type) -> bool:
    """Whether the callback's hook is the one that a class of Keras has."""
    return isinstance(callback, kind) and getattr(getattr(callback, hook), "__func__", None) is getattr(kind, hook)


def _has_batch_hook(callback: Any) -> bool:
    for hook in _TRAIN_BATCH_HOOKS:
        idle = any(_is_of(callback, hook, kind) and does_nothing(callback) for kind, does_nothing in _IDLE_IN_BATCHES)
        if _is_overridden(callback, hook) and not idle:
            return True
    return False


def _may_save(callback: Any, hook: str, index: int | None) -> bool:
    if type(callback) in _NEVER_SAVE:
        return False
    if _is_of(callback, hook, _k.ModelCheckpoint):
        if hook == "on_train_batch_end":
            return _saves_after_batch(callback, index or 0)
        return hook == "on_epoch_end" and callback.save_freq == "epoch"
    return hook in _OTHERS_MAY_SAVE_AT and _is_overridden(callback, hook)


def _saves_after_batch(callback: Any, batch: int) -> bool:
    """`ModelCheckpoint._should_save_on_batch`, without counting the batch."""
    if callback.save_freq == "epoch":
        return False
    last = callback._last_batch_seen
    batches = batch + 1 if last is None or batch <= last else batch - last
    return callback._batches_seen_since_last_saving + batches >= callback.save_freq
