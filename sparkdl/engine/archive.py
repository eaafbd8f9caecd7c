"""Keras models as the bytes of a `.keras` archive, which holds no code."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import keras

from sparkdl.errors import ModelError

_CODE = '"__lambda__"'


def model_archive(model: keras.Model) -> bytes:
    """The archive that Keras writes of a model.

    Raises:
        ModelError: Keras cannot describe the model, or only by byte code of a lambda, which nobody should load.

    Example:
        >>> model_archive(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))[:2]
        b'PK'
    """
    with tempfile.TemporaryDirectory(prefix="sparkdl-archive-") as folder:
        path = Path(folder, "model.keras")
        try:
            model.save(path)
        except (TypeError, ValueError, NotImplementedError, OSError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(
                f"the model {model.name!r} cannot be saved ({reason}): give its own classes a get_config() that "
                f"returns the arguments of __init__."
            ) from error
        with zipfile.ZipFile(path) as archive:
            if _CODE in archive.read("config.json").decode():
                raise ModelError(
                    f"the model {model.name!r} contains a lambda, which could be saved as code only: use a function "
                    f"that is registered by keras.saving.register_keras_serializable."
                )
        return path.read_bytes()
