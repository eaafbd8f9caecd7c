"""Keras models to files, as BigDL's `load_keras` takes them."""

from typing import Any

from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.common import create_tmp_path


def save_keras_definition(keras_model: Any, path: str) -> None:
    """Writes the definition of a Keras model as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(keras_model.to_json())


def dump_keras(
    keras_model: Any, json_path: str | None = None, hdf5_path: str | None = None, dump_weights: bool = False
) -> tuple[str, str | None]:
    """Writes a Keras model, into temporary files where no paths are given.

    Args:
        dump_weights: whether weights are written too.

    Returns:
        the paths of the definition, and of the weights, which end in `.weights.h5` as Keras 3 demands.
    """
    json_path = json_path or f"{create_tmp_path()}.json"
    save_keras_definition(keras_model, json_path)
    if not dump_weights:
        return json_path, hdf5_path
    hdf5_path = hdf5_path or f"{create_tmp_path()}.weights.h5"
    keras_model.save_weights(hdf5_path)
    return json_path, hdf5_path
