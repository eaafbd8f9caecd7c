"""Which module of this package stands for which of BigDL's, and which of BigDL's have none."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

HOME = "sparkdl.bigdl"
ZOO = "zoo"
ROOTS = ("bigdl", ZOO)

# BigDL 0.x has this package's own tree. BigDL 2.x keeps most of it under other names, and much of that was Analytics
# Zoo before; the longest beginning counts.
PREFIXES: Mapping[str, str] = {
    "bigdl": HOME,
    "bigdl.dllib": HOME,
    "bigdl.dllib.utils": f"{HOME}.util",
    "bigdl.dllib.utils.nncontext": f"{HOME}.nncontext",
    "bigdl.dllib.keras.utils": f"{HOME}.keras.words",
    "bigdl.dllib.feature.dataset": f"{HOME}.dataset",
    "bigdl.dllib.feature.transform": f"{HOME}.transform",
    "bigdl.dllib.nn.keras.layers": f"{HOME}.nn.keras",
    "bigdl.dllib.nn.keras.backend": f"{HOME}.keras.backend",
    "bigdl.dllib.nn.keras.optimization": f"{HOME}.keras.optimization",
    "bigdl.dllib.nn.keras.keras_utils": f"{HOME}.keras.keras_utils",
    "bigdl.examples.keras.keras_utils": f"{HOME}.keras.keras_utils",
    ZOO: HOME,
    "zoo.common": HOME,
    "zoo.common.encryption_utils": f"{HOME}.util.encryption_utils",
    "zoo.common.utils": f"{HOME}.util.file_utils",
    "zoo.pipeline": HOME,
    "zoo.pipeline.api": HOME,
    "zoo.pipeline.api.autograd": f"{HOME}.keras.autograd",
    "zoo.pipeline.api.keras.utils": f"{HOME}.keras.words",
}

# The same for what packages of this tree are asked for as attributes: `from bigdl.dllib import utils`.
_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    HOME: {"dllib": HOME, "utils": f"{HOME}.util", "autograd": f"{HOME}.keras.autograd"},
    f"{HOME}.util": {"nncontext": f"{HOME}.nncontext"},
    f"{HOME}.feature": {"dataset": f"{HOME}.dataset", "transform": f"{HOME}.transform"},
    f"{HOME}.keras": {"utils": f"{HOME}.keras.words"},
    f"{HOME}.nn.keras": {
        "layers": f"{HOME}.nn.keras",
        "backend": f"{HOME}.keras.backend",
        "optimization": f"{HOME}.keras.optimization",
        "keras_utils": f"{HOME}.keras.keras_utils",
    },
}

# What Analytics Zoo had at its top.
_CONTEXTS = frozenset({"init_nncontext", "init_spark_conf", "init_spark_on_local", "init_spark_on_yarn"})
_ONNX = "it loads ONNX models; convert the model to TensorFlow or Keras and load that"
_ORCA = "Orca's estimators are those of other frameworks on Ray; sparkdl.fit trains a Keras model on Spark"
_SEARCH = "it searches for models on Ray; search with Spark ML's CrossValidator and sparkdl's estimators"
_SERIES = "Chronos is a library of models for time series; build the model with Keras"
_SERVING = "its cluster serving runs on Flink and Redis; score a stream with sparkdl.predict"

REFUSED: Mapping[str, str] = {
    "bigdl.orca": _ORCA,
    "bigdl.nano": "Nano speeds up programs on one machine; sparkdl.predict with OpenVINO does that for Spark",
    "bigdl.chronos": _SERIES,
    "bigdl.friesian": "Friesian's tables of features are plain Spark SQL",
    "bigdl.ppml": "PPML runs Spark inside of Intel SGX, which is no matter of a Python package",
    "bigdl.serving": _SERVING,
    "bigdl.llm": "it is about language models on one machine",
    "bigdl.contrib": _ONNX,
    "bigdl.dllib.contrib": _ONNX,
    "bigdl.share": "it holds BigDL's jars, and this package has none",
    "zoo.automl": _SEARCH,
    "zoo.models": "its ready models are no part of BigDL's DLlib; build the model with the layers, or with Keras",
    "zoo.orca": _ORCA,
    "zoo.pipeline.api.keras2": "use zoo.pipeline.api.keras, or Keras itself",
    "zoo.pipeline.api.onnx": _ONNX,
    "zoo.pipeline.inference": "it ran a library of the JVM; score with sparkdl.predict",
    "zoo.serving": _SERVING,
    "zoo.tfpark": "it ran TensorFlow 1 in BigDL; sparkdl.fit trains a Keras model on Spark",
    "zoo.zouwu": _SERIES,
}


def home_of(name: str) -> str:
    """The module that stands for one of BigDL's.

    Example:
        >>> home_of("bigdl.nn.layer"), home_of("bigdl.dllib.nn.layer"), home_of("bigdl.dllib.utils.common")
        ('sparkdl.bigdl.nn.layer', 'sparkdl.bigdl.nn.layer', 'sparkdl.bigdl.util.common')
    """
    prefix = max((known for known in PREFIXES if f"{name}.".startswith(f"{known}.")), key=len)
    return PREFIXES[prefix] + name[len(prefix) :]


def reason_against(name: str) -> str | None:
    """Why a module of BigDL is not here; None where nothing is known against it."""
    return next((why for known, why in REFUSED.items() if f"{name}.".startswith(f"{known}.")), None)


def attribute(package: str, name: str) -> Any:
    """What `package` has under another of BigDL's names: a module, or a function that Analytics Zoo had at its top.

    Raises:
        AttributeError: there is none.
    """
    home = _ATTRIBUTES.get(package, {}).get(name)
    if package == HOME and name in _CONTEXTS:
        return getattr(importlib.import_module(f"{HOME}.nncontext"), name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(home)
