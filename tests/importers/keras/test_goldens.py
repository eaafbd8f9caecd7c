"""Models that Keras 2.3, tf.keras and Keras 3 saved, in every format: the same answers, and the same steps onwards."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import sparkdl as sdl
from tests.importers.keras.places import COPIES, MODELS, OPTIMIZERS, SHARED, apart, arrays, unpacked

CASES = [(path, form) for path in sorted(SHARED.glob("*/*.npz")) for form in ("h5", "json", "keras")]
CASES = [(path, form) for path, form in CASES if path.with_suffix(f".{form}").exists()]


@pytest.mark.skipif(not CASES, reason="the recorded models lie beside the repository")
@pytest.mark.parametrize(("path", "form"), CASES, ids=lambda value: str(value).rpartition("/")[2])
def test_recorded_models(path: Path, form: str) -> None:
    weights = path.with_suffix(".weights.h5") if form == "json" else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "it does not tell the optimizer|.*does not tell the optimizer")
        model = sdl.load_keras(path.with_suffix(f".{form}"), weights=weights)
    assert apart(model, arrays(path, "x"), arrays(path, "y")) < 1e-5
    assert model.compiled == (form != "json" or "keras3" in str(path))


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", MODELS)
def test_models_of_tf_keras(name: str, form: str, tmp_path: Path) -> None:
    model = sdl.load_keras(unpacked(f"{name}.{form}", tmp_path))
    path = COPIES / f"{name}.npz"
    assert apart(model, arrays(path, "x"), arrays(path, "y")) < 1e-5


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_as_in_tf_keras(name: str, form: str, tmp_path: Path) -> None:
    if name.startswith("old") and form == "keras":
        pytest.skip("tf.keras did not save old optimizers so")
    model = sdl.load_keras(unpacked(f"{name}.{form}", tmp_path))
    with np.load(COPIES / f"{name}.npz") as file:
        inputs, targets, before, after = (file[key] for key in ("x0", "targets0", "y0", "after0"))
        assert np.abs(model(inputs) - before).max() < 1e-6
        history = model.fit(inputs, targets, epochs=2, batch_size=4, shuffle=False, verbose=0).history
    assert np.abs(model(inputs) - after).max() < 1e-5 < np.abs(before - after).max()
    assert set(history) == {"loss", "accuracy", "auc"}


@pytest.mark.parametrize("name", ["functions", "recurrent", "nested", "local"])
def test_a_mended_model_travels_to_other_processes(name: str, tmp_path: Path) -> None:
    from sparkdl.engine.serialization import model_arrays, pack_model, set_model_arrays, unpack_model

    model = sdl.load_keras(unpacked(f"{name}.h5", tmp_path))
    model.compile("adam", ["mse"] * len(model.outputs))
    again = unpack_model(pack_model(model))
    set_model_arrays(again, model_arrays(model))
    path = COPIES / f"{name}.npz"
    assert apart(again, arrays(path, "x"), arrays(path, "y")) < 1e-5


def test_a_mended_model_is_saved_and_trained_as_any_other(tmp_path: Path) -> None:
    import keras

    model = sdl.load_keras(unpacked("functions.h5", tmp_path))
    model.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras")
    path = COPIES / "functions.npz"
    assert apart(again, arrays(path, "x"), arrays(path, "y")) < 1e-5
    again.compile("sgd", "mse")
    first = again.trainable_weights[-1].numpy()
    again.fit(arrays(path, "x")[0], arrays(path, "y")[0] + 1, verbose=0)
    assert np.abs(again.trainable_weights[-1] - first).max() > 0
