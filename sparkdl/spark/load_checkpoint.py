"""`sdl.load_checkpoint`: the model in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from sparkdl.engine.capture import restore_model
from sparkdl.engine.description import rebuild_model
from sparkdl.errors import ArgumentError
from sparkdl.spark.resuming import check_same_model, find_checkpoint
from sparkdl.storage.paths import AnyPath, path_text


def load_checkpoint(
    path: AnyPath, model: Any = None, *, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The model of the newest checkpoint in a directory, with its weights, statistics and optimizer state.

    Nothing in a checkpoint is run or unpickled. Code of the user's own is not in it: where the model has any, give
    it, or the model.

    Args:
        path: what `Checkpoint(path)` was given, or the path of one of its files; local, or of any file system that
            Spark knows.
        model: a compiled model of the same architecture, which is filled; None to build it from the checkpoint.
        custom_objects: classes and functions of the user's own by name.
        safe_mode: whether lambdas in the model's description are refused.

    Returns:
        a compiled `keras.Model`.

    Raises:
        ArgumentError: there is no checkpoint, or it does not describe its model.
        DataError: all checkpoints are truncated or altered.
        ModelError: the model cannot be built, or has other variables.

    Example:
        >>> load_checkpoint("/nowhere")
        Traceback (most recent call last):
        sparkdl.errors.ArgumentError: '/nowhere' holds no checkpoint: give the path that a Checkpoint was given.
    """
    path = path_text(path, "load_checkpoint(path=)")
    state = find_checkpoint(path, SparkSession.getActiveSession())
    if state is None:
        raise ArgumentError(f"{path!r} holds no checkpoint: give the path that a Checkpoint was given.")
    if model is None:
        if state.info["model"] is None:
            raise ArgumentError(
                f"the checkpoint in {path!r} does not describe its model, which Keras could not write as JSON: build "
                "and compile the same model, and give it as model=."
            )
        model = rebuild_model(state.info["model"], custom_objects, safe_mode)
    check_same_model(state, model)
    restore_model(model, state)
    if state.info.get("labels"):
        vars(model)["label_values"] = state.info["labels"]
    return model
