"""BigDL's optimization methods, losses and metrics for those of a compiled Keras model."""

from __future__ import annotations

from typing import Any

import keras
import keras.optimizers as koptimizers
import six  # noqa: F401

import sparkdl.bigdl.nn.criterion as bcriterion
import sparkdl.bigdl.optim.optimizer as boptimizer
from sparkdl.bigdl.keras.converter import *  # noqa: F403
from sparkdl.bigdl.keras.converter import unsupport_exp
from sparkdl.bigdl.util.common import to_list
from sparkdl.bigdl.util.log4Error import *  # noqa: F403

_LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
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
    "kl_divergence": ("KullbackLeiblerDivergenceCriterion", {}),
    "kld": ("KullbackLeiblerDivergenceCriterion", {}),
    "poisson": ("PoissonCriterion", {}),
    "cosine_proximity": ("CosineProximityCriterion", {}),
    "cosine_similarity": ("CosineProximityCriterion", {}),
    "cosine": ("CosineProximityCriterion", {}),
}


class OptimConverter:
    """From what `kmodel.compile` was given to what BigDL trains with."""

    @staticmethod
    def to_bigdl_metrics(metrics: Any) -> list[Any]:
        """Validation methods of Keras's words: "accuracy", whose classes count from 1."""
        found = []
        for metric in to_list(metrics):
            if metric not in ("accuracy", "acc"):
                unsupport_exp(metric)
            found.append(boptimizer.Top1Accuracy())
        return found

    @staticmethod
    def to_bigdl_criterion(kloss: Any) -> Any:
        """The criterion of a loss of Keras's: its name, its function or its object."""
        name = str(kloss if isinstance(kloss, str) else getattr(kloss, "name", getattr(kloss, "__name__", "")))
        if name.lower() not in _LOSSES:
            unsupport_exp(name or kloss)
        criterion, arguments = _LOSSES[name.lower()]
        return getattr(bcriterion, criterion)(**arguments)

    @staticmethod
    def to_bigdl_optim_method(koptim_method: Any) -> Any:
        """The optimization method of an optimizer of Keras's."""
        given = koptimizers.get(koptim_method)
        rate = float(keras.ops.convert_to_numpy(given.learning_rate))
        config = given.get_config()
        kind = type(given).__name__
        if kind == "SGD":
            momentum = config["momentum"]
            plain: dict[str, Any] = {"dampening": 0.0, "nesterov": config["nesterov"]} if momentum else {}
            return boptimizer.SGD(rate, momentum=momentum, **plain)
        if kind == "Adagrad":
            return boptimizer.Adagrad(rate)
        if kind == "Adam":
            return boptimizer.Adam(rate, beta1=config["beta_1"], beta2=config["beta_2"], epsilon=config["epsilon"])
        if kind == "RMSprop":
            return boptimizer.RMSprop(rate, decayrate=config["rho"], epsilon=config["epsilon"])
        if kind == "Adadelta":
            return boptimizer.Adadelta(config["rho"], config["epsilon"])
        if kind == "Adamax":
            return boptimizer.Adamax(rate, config["beta_1"], config["beta_2"], config["epsilon"])
        return unsupport_exp(kind)
