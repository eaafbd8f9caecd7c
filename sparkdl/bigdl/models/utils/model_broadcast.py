"""A model for the functions of executors."""

import gc  # noqa: F401
import os
import sys  # noqa: F401
from tempfile import NamedTemporaryFile
from typing import Any

from pyspark.broadcast import Broadcast

from sparkdl.bigdl.nn.layer import Model
from sparkdl.bigdl.util.log4Error import *  # noqa: F403


class ModelBroadcast(Broadcast):
    """A broadcast variable of a model: `broadcast.value` is the model, on executors too.

    What travels is the model file; each process of an executor reads it once.
    """

    def __init__(
        self,
        sc: Any = None,
        layer: Any = None,
        pickle_registry: Any = None,
        path: str | None = None,
        bigdl_type: str = "float",
    ) -> None:
        # Not a broadcast of its own in Spark's sense: it holds one of bytes, which Spark knows how to ship.
        self._inner = sc.broadcast(_content(layer)) if sc is not None else None
        self._model, self._place, self.bigdl_type = layer, path, bigdl_type

    def dump(self, value: Any, f: Any) -> str:
        """Writes a model into an open file, and returns its name."""
        f.write(_content(value))
        f.close()
        return f.name

    @property
    def value(self) -> Any:
        """The model."""
        if self._model is None:
            self._model = Model.loadModel(str(self._place)) if self._inner is None else _model(self._inner.value)
        return self._model

    def unpersist(self, blocking: bool = False) -> None:
        """Takes it back from the executors."""
        if self._inner is not None:
            self._inner.unpersist(blocking)

    def destroy(self, blocking: bool = False) -> None:
        """Takes it back for good."""
        if self._inner is not None:
            self._inner.destroy(blocking)

    def __reduce__(self) -> Any:
        return _received, (self._inner, self._place, self.bigdl_type)


def _received(inner: Any, path: str | None, bigdl_type: str) -> ModelBroadcast:
    made = ModelBroadcast(path=path, bigdl_type=bigdl_type)
    made._inner = inner
    return made


def _content(layer: Any) -> bytes:
    with NamedTemporaryFile(suffix=".bigdl", delete=False) as file:
        name = file.name
    try:
        layer.saveModel(name, over_write=True)
        with open(name, "rb") as written:
            return written.read()
    finally:
        os.unlink(name)


def _model(content: bytes) -> Any:
    with NamedTemporaryFile(suffix=".bigdl") as file:
        file.write(content)
        file.flush()
        return Model.loadModel(file.name)


def broadcast_model(sc: Any, layer: Any) -> ModelBroadcast:
    """A broadcast variable of a model."""
    return ModelBroadcast(sc, layer)
