"""Stages of Spark ML pipelines that train and apply Keras models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkdl.ml.classifier import DLClassificationModel, DLClassifier
    from sparkdl.ml.estimator import DLEstimator, DLModel
    from sparkdl.ml.images import ImageTransformer
    from sparkdl.ml.regressor import DLRegressionModel, DLRegressor

# Imported when they are asked for: executors read the classes of this package's tasks without Keras.
_HOMES = {
    "DLEstimator": "sparkdl.ml.estimator",
    "DLModel": "sparkdl.ml.estimator",
    "DLClassifier": "sparkdl.ml.classifier",
    "DLClassificationModel": "sparkdl.ml.classifier",
    "DLRegressor": "sparkdl.ml.regressor",
    "DLRegressionModel": "sparkdl.ml.regressor",
    "ImageTransformer": "sparkdl.ml.images",
}

__all__ = [
    "DLClassificationModel",
    "DLClassifier",
    "DLEstimator",
    "DLModel",
    "DLRegressionModel",
    "DLRegressor",
    "ImageTransformer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparkdl.ml' has no attribute {name!r}; it has {', '.join(_HOMES)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
