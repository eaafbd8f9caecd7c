"""The lines that BigDL logs of a training: one per iteration, and one per method of a validation.

Worker 0 notes what they say in files, which come to the driver at the ends of epochs and with checkpoints; the driver
makes lines of them. So the lines of an epoch come together.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from sparkdl.bigdl.optim.validation import ValidationMethod, unique_names
from sparkdl.storage.temporary import TemporaryFolder

logger = logging.getLogger("sparkdl")
_POLL_SECONDS = 0.5

Note = dict[str, Any]


class Notes(keras.callbacks.Callback):
    """Collects what the lines say on worker 0, and writes it at the ends of epochs.

    Args:
        log_dir: a folder on the driver, to which the files come.
        iterations: whether single iterations are noted too, and not only validations.
    """

    writes = ("log_dir", True)

    def __init__(self, log_dir: str, iterations: bool) -> None:
        super().__init__()
        self.log_dir, self.iterations = log_dir, iterations
        self.notes: list[Note] = []
        self.began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """The wall clock starts."""
        self.began = time.time()

    def add(self, kind: str, state: Mapping[str, Any], **more: Any) -> None:
        """Notes one thing.

        Args:
            kind: "iteration", "epoch" or "validation".
            state: of the training; see `Trigger.fires`.
            **more: what else the line says.
        """
        told = {"iteration": state["neval"] - 1, "clock": time.time() - self.began}
        self.notes.append({"kind": kind, **told, **more})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes what there is."""
        self.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Writes what there is."""
        self.flush()

    def flush(self) -> None:
        """Writes what is not written yet into a file of its own, so that files come in the order of their names."""
        if self.notes:
            Path(self.log_dir, f"{time.time_ns():020}.json").write_text(json.dumps(self.notes))
        self.notes = []


@contextmanager
def logged(model: str, methods: Sequence[ValidationMethod], iterations: bool) -> Iterator[Notes]:
    """Logs what the callback that it gives notes in this block, while it comes.

    Args:
        model: its name.
        methods: of validations.
        iterations: whether single iterations get lines.
    """
    texts = _texts(model, methods)
    with TemporaryFolder("sparkdl-lines-") as folder:
        over = threading.Event()
        thread = threading.Thread(target=_follow, args=(folder, over, texts), daemon=True)
        thread.start()
        try:
            yield Notes(folder, iterations)
        finally:
            over.set()
            thread.join()


def _follow(folder: str, over: threading.Event, texts: Mapping[str, Callable[[Note], list[str]]]) -> None:
    seen: set[str] = set()
    last = False
    while not last:
        last = over.wait(_POLL_SECONDS)
        # A store's unfinished files have other endings.
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".json") and name not in seen):
            seen.add(name)
            for note in json.loads(Path(folder, name).read_text()):
                for text in texts[note["kind"]](note):
                    say(text)


def say(text: str) -> None:
    """Logs a line; where nobody listens to the log, it stands on the terminal, above the bar of the epoch."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(text)
    else:
        tqdm.write(text)


def _texts(model: str, methods: Sequence[ValidationMethod]) -> dict[str, Callable[[Note], list[str]]]:
    named = dict(zip(unique_names(methods), methods, strict=True))
    return {
        "iteration": partial(_iteration, model),
        "epoch": _epoch,
        "validation": partial(_validation, named),
    }


def _head(note: Note) -> str:
    return (
        f"[Epoch {note['epoch']} {note['done']}/{note['rows']}][Iteration {note['iteration']}]"
        f"[Wall Clock {note['clock']:.9f}s]"
    )


def _iteration(model: str, note: Note) -> list[str]:
    seconds, records = note["seconds"], float(note["batch"])
    return [
        f"{_head(note)} Trained {records} records in {seconds:.9f} seconds. Throughput is "
        f"{np.float32(records / seconds)!s} records/second. Loss is {np.float32(note['loss'])!s}. {model}'s hyper "
        f"parameters: Current learning rate is {note['rate']}."
    ]


def _epoch(note: Note) -> list[str]:
    return [f"{_head(note)} Epoch finished. Wall clock time is {1000 * note['clock']:.6f} ms"]


def _validation(methods: Mapping[str, ValidationMethod], note: Note) -> list[str]:
    head = _head(note)
    found = [f"{head} {name} is {methods[name].text(*pair)}" for name, pair in note["results"].items()]
    return [f"{head} Validate model...", *found]
