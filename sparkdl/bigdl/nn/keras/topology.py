"""Keras-style models of BigDL 0.x; labels count from 1."""

from __future__ import annotations

import multiprocessing  # noqa: F401
import warnings  # noqa: F401
from typing import Any

from sparkdl.bigdl.keras import models
from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.engine.data import samples
from sparkdl.bigdl.keras.engine.topology import KerasNet
from sparkdl.bigdl.nn import criterion as _criterions
from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.nn.keras.layer import KerasLayer  # noqa: F401
from sparkdl.bigdl.nn.layers.base import SharedStaticUtils  # noqa: F401
from sparkdl.bigdl.nn.layers.graph import Container  # noqa: F401
from sparkdl.bigdl.optim.optimizer import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import Loss, Top1Accuracy
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError

_CRITERIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "categorical_crossentropy": ("CategoricalCrossEntropy", {}),
    "mse": ("MSECriterion", {}),
    "mean_squared_error": ("MSECriterion", {}),
    "binary_crossentropy": ("BCECriterion", {}),
    "mae": ("AbsCriterion", {}),
    "mean_absolute_error": ("AbsCriterion", {}),
    "hinge": ("MarginCriterion", {}),
    "mean_absolute_percentage_error": ("MeanAbsolutePercentageCriterion", {}),
    "mape": ("MeanAbsolutePercentageCriterion", {}),
    "mean_squared_logarithmic_error": ("MeanSquaredLogarithmicCriterion", {}),
    "msle": ("MeanSquaredLogarithmicCriterion", {}),
    "squared_hinge": ("MarginCriterion", {"squared": True}),
    "sparse_categorical_crossentropy": ("ClassNLLCriterion", {"logProbAsInput": False}),
    "kullback_leibler_divergence": ("KullbackLeiblerDivergenceCriterion", {}),
    "kld": ("KullbackLeiblerDivergenceCriterion", {}),
    "poisson": ("PoissonCriterion", {}),
    "cosine_proximity": ("CosineProximityCriterion", {}),
    "cosine": ("CosineProximityCriterion", {}),
}


class KerasModel(KerasNet):
    """A model of layers, to be compiled, trained, evaluated and applied."""

    def criterion_of(self, word: str) -> Any:
        """The loss that one of Keras's words means; classes count from 1."""
        if word.lower() not in _CRITERIONS:
            raise ArgumentError(f"there is no loss {word!r}: known are {', '.join(_CRITERIONS)}, or give a criterion.")
        name, arguments = _CRITERIONS[word.lower()]
        return getattr(_criterions, name)(**arguments)

    def metric_of(self, word: str, loss: Any) -> Any:
        """The validation method that one of Keras's words means; classes count from 1."""
        if word.lower() != "accuracy":
            raise ArgumentError(f"there is no metric {word!r}: known is 'accuracy', or give a validation method.")
        return Top1Accuracy()

    def compile(self, optimizer: Any, loss: Any, metrics: Any = None) -> None:
        """Says how the model is trained; call it before `fit` and `evaluate`."""
        super().compile(optimizer, loss, metrics)

    def fit(  # type: ignore[override]
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        nb_epoch: int = 10,
        validation_data: Any = None,
        distributed: bool = True,
    ) -> None:
        """Trains the model for `nb_epoch` more epochs on arrays, or on an RDD of Sample or a DataSet without `y`."""
        super().fit(x, y, batch_size, nb_epoch, validation_data=validation_data, distributed=distributed)

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32) -> Any:  # type: ignore[override]
        """What the metrics of `compile` say of arrays, or of an RDD of Sample without `y`.

        Returns:
            A list of EvaluatedResult, in the order of the metrics, as in BigDL 0.x; without any, that of the loss.
        """
        settings = self._compiled("evaluate")
        methods = list(settings.metrics) or [Loss(settings.criterion)]
        return ZooKerasLayer.evaluate(self, samples(x, y), batch_size, methods)

    def predict(self, x: Any, distributed: bool = True) -> Any:  # type: ignore[override]
        """The outputs for an array or an RDD of Sample: an RDD, or an array where it is not distributed."""
        return super().predict(x) if distributed else self.predict_local(x)


class Sequential(KerasModel, models.Sequential):
    """Layers in a row; the first one needs `input_shape`."""

    def __init__(self, jvalue: Any = None, **kwargs: Any) -> None:
        models.Sequential.__init__(self, jvalue, **kwargs)

    def add(self, model: Any) -> Sequential:
        """Adds a layer at the end."""
        models.Sequential.add(self, model)
        return self

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Sequential:
        """The model of a module."""
        return Sequential(jvalue=jvalue)


class Model(KerasModel, models.Model):
    """A graph from input nodes to output nodes."""

    def __init__(self, input: Any, output: Any, jvalue: Any = None, **kwargs: Any) -> None:
        models.Model.__init__(self, input, output, jvalue, **kwargs)

    @staticmethod
    def from_jvalue(jvalue: Any, bigdl_type: str = "float") -> Model:
        """The model of a module."""
        return Model([], [], jvalue=jvalue)
