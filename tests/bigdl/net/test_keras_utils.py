"""Keras models are written as BigDL's `load_keras` takes them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from sparkdl.bigdl.keras.keras_utils import dump_keras
from sparkdl.bigdl.net import Net


def test_a_keras_model_goes_through_files(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    names = str(tmp_path / "model.json"), str(tmp_path / "model.weights.h5")
    assert dump_keras(model, *names, dump_weights=True) == names
    loaded = Net.load_keras(*names)
    data = np.ones((1, 3), "float32")
    np.testing.assert_allclose(loaded.forward(data), np.asarray(model(data)), rtol=1e-5)
