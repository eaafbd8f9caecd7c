"""Checkpoints as `fit` is asked for them, and the one it goes on from: found and checked before anything starts."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sparkdl.engine.description import describe_model, variables_of
from sparkdl.errors import ArgumentError, ModelError
from sparkdl.spark.cluster import Context
from sparkdl.spark.storage import storage_for
from sparkdl.storage.base import check_writable
from sparkdl.storage.paths import local_path, same_place, split
from sparkdl.train.checkpoint_folder import Checkpoint, CheckpointFolder
from sparkdl.types import Precision, TrainingPlan, TrainingState

logger = logging.getLogger("sparkdl")
# What decides which rows a step sees: in the middle of an epoch it must be what it was.
_ORDER = ("batch_size", "seed", "shuffle", "steps_per_epoch", "validation_split")
_SUFFIX = ".safetensors"


def separate(callbacks: Sequence[Any]) -> tuple[Checkpoint | None, tuple[Any, ...]]:
    """The `Checkpoint` among the callbacks, and the callbacks of Keras.

    Raises:
        ArgumentError: where there are several.
    """
    found = [callback for callback in callbacks if isinstance(callback, Checkpoint)]
    if len(found) > 1:
        raise ArgumentError(f"callbacks holds {len(found)} Checkpoint objects, expected one at most: give one of them.")
    others = tuple(callback for callback in callbacks if not isinstance(callback, Checkpoint))
    return (found[0] if found else None), others


def open_folder(checkpoint: Checkpoint, context: Context) -> CheckpointFolder:
    """The folder that checkpoints go to.

    Raises:
        ArgumentError: where it cannot be written.
    """
    storage = storage_for(checkpoint.directory, context)
    check_writable(storage, "Checkpoint(path=)")
    return checkpoint.folder(storage)


def find_checkpoint(path: str, spark: Any) -> TrainingState | None:
    """The newest whole checkpoint of a directory, or the one at the path of a file; None in an empty directory.

    Raises:
        DataError: it is truncated or altered, and no other is whole.
        StorageError: it cannot be read.
    """
    if path.split("?")[0].endswith(_SUFFIX):
        directory, name = split(path)
        return CheckpointFolder(storage_for(directory, spark)).read(name)
    found = CheckpointFolder(storage_for(path, spark)).newest()
    return None if found is None else found[1]


def find_start(
    resume: str | None, state: TrainingState | None, checkpoint: Checkpoint | None, model: Any, plan: TrainingPlan
) -> TrainingState | None:
    """The state to go on from; None to begin at the beginning.

    A run that writes its checkpoints to the directory it resumes from may find it empty: the same command then
    starts the training and goes on with it.

    Args:
        state: what `find_checkpoint` found there.

    Raises:
        ArgumentError: where there is no checkpoint, or it is of a run that went through its rows in another way.
        ModelError: where it is of another model.
    """
    if resume is None:
        if checkpoint is None:
            logger.info("no Checkpoint was given: the newest complete state is in the driver's memory alone.")
        return None
    if plan.initial_epoch:
        raise ArgumentError(
            f"fit was given resume={resume!r} and initial_epoch={plan.initial_epoch}: a checkpoint knows its epoch; "
            "leave initial_epoch= out."
        )
    if state is not None:
        check_same_model(state, model)
        check_same_optimizer(state, model)
        check_same_order(state, plan)
        logger.info("going on from epoch %d, step %d.", state.info["epoch"] + 1, state.info["step"])
        if state.info["epoch"] >= plan.epochs:
            logger.warning(
                "the checkpoint has trained %d epochs already, and epochs=%d: nothing is left to train; give a larger "
                "epochs=.",
                state.info["epoch"],
                plan.epochs,
            )
        return state
    if os.path.isfile(local_path(resume) or ""):
        raise ArgumentError(
            f"resume={resume!r} is a file and no checkpoint: give the directory of a Checkpoint, or one of its "
            f"files (*{_SUFFIX})."
        )
    if checkpoint is None or not same_place(checkpoint.directory, resume):
        raise ArgumentError(
            f"resume={resume!r} holds no checkpoint: give the path of a Checkpoint, or let the run write its "
            f"checkpoints there too (callbacks=[Checkpoint({resume!r})]) so that it may begin with an empty directory."
        )
    return None


def check_same_model(state: TrainingState, model: Any) -> None:
    """The checkpoint is of a model with the same variables.

    Raises:
        ModelError: naming the first that differs.
    """
    saved, mine = state.info["variables"], variables_of(model)
    if [shape for _, shape in saved] == [shape for _, shape in mine]:
        return
    pairs = zip(saved, mine, strict=False)
    differing = next((pair for pair in pairs if pair[0][1] != pair[1][1]), None)
    counts = f"it has {len(saved)} trainable variables there and {len(mine)} here"
    detail = f"{differing[1][0]} is {differing[1][1]} here and {differing[0][1]} there" if differing else counts
    raise ModelError(
        f"the checkpoint is of another model ({detail}): build the same model, with the same layers frozen."
    )


def check_same_optimizer(state: TrainingState, model: Any) -> None:
    """The checkpoint is of a run with the same optimizer, whose state goes on; its learning rate does too.

    Raises:
        ModelError: naming both.
    """
    there, here = optimizer_of(state.info["model"]), optimizer_of(describe_model(model))
    if not there or not here:
        return  # a subclassed model, which Keras cannot describe
    if there["class_name"] != here["class_name"]:
        raise ModelError(
            f"the checkpoint is of a run with {there['class_name']}, and the model is compiled with "
            f"{here['class_name']}, which cannot go on with its state: compile it with {there['class_name']}, or begin "
            "a new run with the weights alone (sparkdl.load_checkpoint, then compile)."
        )
    rate = here["config"].get("learning_rate")
    kept = state.arrays.get("optimizer/learning_rate")
    known = (there["config"].get("learning_rate"), None if kept is None else float(kept))
    if kept is not None and isinstance(rate, float) and not any(np.isclose(rate, one) for one in known if one):
        logger.warning(
            "the run goes on with the checkpoint's learning rate %g, not %g with which the model is compiled: change "
            "it by keras.callbacks.LearningRateScheduler, or begin a new run with sparkdl.load_checkpoint.",
            float(kept),
            rate,
        )


def optimizer_of(description: str | None) -> Mapping[str, Any]:
    """Class and configuration of the optimizer in the description of a compiled model; empty where it says none."""
    compiled = json.loads(description or "{}").get("compile_config") or {}
    found = compiled.get("optimizer")
    return found if isinstance(found, dict) else {}


def check_same_order(state: TrainingState, plan: TrainingPlan) -> None:
    """A run that goes on in the middle of an epoch visits the rows in the order in which it began.

    Raises:
        ArgumentError: naming the argument that differs.
    """
    if not state.info["step"]:
        return
    before, now = state.info["plan"], asdict(plan)
    for name in _ORDER:
        if before[name] != now[name]:
            raise ArgumentError(
                f"the checkpoint is from the middle of epoch {state.info['epoch'] + 1} of a run with "
                f"{name}={before[name]!r}, received {name}={now[name]!r}: rows would be repeated and left out; give "
                f"{name}={before[name]!r}, or resume from a checkpoint of the end of an epoch."
            )
    if before["workers"] != now["workers"]:
        logger.warning(
            "going on with %d workers in the middle of an epoch that began with %d: from the same step, but some rows "
            "of this epoch may be repeated or left out.",
            now["workers"],
            before["workers"],
        )


def precision_of(state: TrainingState | None, wanted: Precision) -> Precision:
    """What a run computes in that leaves it open and goes on from a checkpoint: what the run before did."""
    if state is None or wanted != "auto":
        return wanted
    before: Precision = state.info["plan"].get("precision", "float32")
    return before


def description_of(model: Any) -> Mapping[str, Any]:
    """What every checkpoint says of the model, so that `load_checkpoint` can build it."""
    return {"model": describe_model(model), "variables": variables_of(model)}
