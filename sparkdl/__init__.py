"""sparkdl: Spark-native deep learning. Keras models trained and applied where Spark holds the data."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "fit": "sparkdl.spark.fit",
    "evaluate": "sparkdl.spark.evaluate",
    "predict": "sparkdl.spark.predict",
    "measure": "sparkdl.spark.measure",
    "plan": "sparkdl.spark.plan",
    "quantize": "sparkdl.spark.quantize",
    "load_quantized": "sparkdl.spark.quantized",
    "register_udf": "sparkdl.spark.udf",
    "load_checkpoint": "sparkdl.spark.load_checkpoint",
    "load_bigdl": "sparkdl.importers.bigdl.load",
    "load_caffe": "sparkdl.importers.caffe.load",
    "load_keras": "sparkdl.importers.keras.load",
    "load_tensorflow": "sparkdl.importers.tensorflow.load",
    "load_torch": "sparkdl.importers.bigdl.load",
    "read_caffe_mean": "sparkdl.importers.caffe.blobs",
    "caffe_transform": "sparkdl.importers.caffe.transform",
    "cut": "sparkdl.importers.transfer",
    "freeze": "sparkdl.importers.transfer",
    "unfreeze": "sparkdl.importers.transfer",
    "inspect": "sparkdl.importers.inspect",
    "Checkpoint": "sparkdl.train.checkpoint_folder",
    "Sample": "sparkdl.types",
    "History": "sparkdl.history",
}

# Modules, which are names of the package too.
_MODULES = {"images": "sparkdl.spark.images", "metrics": "sparkdl.metrics"}

__all__ = [*_HOMES, *_MODULES, "__version__"]

# So that Keras reads saved models with our layers; it imports neither Keras nor the layers.
_REGISTRATION = "sparkdl.nn.registration"
# So that importers read what only Spark can: Hadoop's file systems.
_STORAGE = "sparkdl.spark.storage"
importlib.import_module(_REGISTRATION).register_with_keras()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        globals()[name] = importlib.import_module(_MODULES[name])
        return globals()[name]
    if name not in _HOMES:
        raise AttributeError(f"module 'sparkdl' has no attribute {name!r}; it has {', '.join(__dir__())}")
    if _HOMES[name].startswith("sparkdl.importers."):
        importlib.import_module(_STORAGE)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
