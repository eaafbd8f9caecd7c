"""Which module of this package stands for which of BigDL's, and which of BigDL's have none."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

HOME = "sparkdl.bigdl"

# BigDL 0.x has this package's own tree. BigDL 2.x keeps most of it under other names; the longest beginning counts.
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
}

# The same for what packages of this tree are asked for as attributes: `from bigdl.dllib import utils`.
_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    HOME: {"dllib": HOME, "utils": f"{HOME}.util"},
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

_ONNX = "it loads ONNX models; convert the model to TensorFlow or Keras and load that"

REFUSED: Mapping[str, str] = {
    "bigdl.orca": "Orca's estimators are those of other frameworks on Ray; sparkdl.fit trains a Keras model on Spark",
    "bigdl.nano": "Nano speeds up programs on one machine; sparkdl.predict with OpenVINO does that for Spark",
    "bigdl.chronos": "Chronos is a library of models for time series; build the model with Keras",
    "bigdl.friesian": "Friesian's tables of features are plain Spark SQL",
    "bigdl.ppml": "PPML runs Spark inside of Intel SGX, which is no matter of a Python package",
    "bigdl.serving": "its cluster serving runs on Flink and Redis; score a stream with sparkdl.predict",
    "bigdl.llm": "it is about language models on one machine",
    "bigdl.contrib": _ONNX,
    "bigdl.dllib.contrib": _ONNX,
    "bigdl.share": "it holds BigDL's jars, and this package has none",
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
    """The module that `package` has under another of BigDL's names.

    Raises:
        AttributeError: there is none.
    """
    home = _ATTRIBUTES.get(package, {}).get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(home)
