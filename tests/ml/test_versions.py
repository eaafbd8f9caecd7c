"""Stages that an older sparkdl has saved still load, and say what they said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl import ml
from sparkdl.ml.persistence import FORMAT
from tests.ml.networks import classify
from tests.ml.record_version import POINTS, TRANSFORM, VERSIONS

FOLDERS = sorted(VERSIONS.iterdir())


def test_there_is_a_sample_of_each_format() -> None:
    assert [int(folder.name) for folder in FOLDERS] == list(range(1, FORMAT + 1))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_older_format_is_read(folder: Path, spark_local: Any) -> None:
    said = json.loads((folder / "said.json").read_text())
    classifier = ml.DLClassificationModel.load(str(folder / "classifier"))
    assert classifier.labels == ("other", "same") and classifier.getThresholds() == [0.4, 0.6]
    assert classifier.summary.history == said["history"] and classifier.numFeatures == 2
    found = [classifier.predictProbability(np.array(point)).toArray() for point in POINTS]
    np.testing.assert_allclose(found, said["probability"], rtol=1e-5)
    model = ml.DLModel.load(str(folder / "model"))
    np.testing.assert_allclose([model.predict(np.array(point)) for point in POINTS], said["any"], rtol=1e-5)
    frame = spark_local.createDataFrame([(float(x), float(y)) for x, y in POINTS], "x double, y double")
    scored = classifier.transform(frame).toPandas()
    np.testing.assert_allclose(
        np.stack(scored["probability"].map(lambda v: v.toArray())), said["probability"], rtol=1e-4
    )

    transformer = ml.ImageTransformer.load(str(folder / "images"))
    assert transformer.getTransformation() == TRANSFORM
    assert (transformer.getInputCol(), transformer.getOutputCol(), transformer.getAugment()) == ("a", "b", True)

    estimator = ml.DLClassifier.load(str(folder / "estimator"))
    assert estimator.getModel() == "tests.ml.networks:classify" and callable(classify)
    assert (estimator.getModelParams(), estimator.getEpochs()) == ({"units": 4}, 3)
    assert estimator.getOptimizer()["config"]["momentum"] == 0.5
    regressor = ml.DLRegressor.load(str(folder / "regressor"))
    assert regressor.getModel().output_shape == (None, 1) and regressor.getShapes() == {"x": []}
    assert regressor.getLoss()["config"]["delta"] == 2.0
