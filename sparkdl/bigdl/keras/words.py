"""BigDL's `keras.utils`: what Keras's words for optimizers, losses and metrics mean, and the names it leaks."""

from __future__ import annotations

from typing import Any

from sparkdl.bigdl.keras import metrics
from sparkdl.bigdl.keras import objectives as _losses
from sparkdl.bigdl.keras.objectives import *  # noqa: F403
from sparkdl.bigdl.optim import optimizer as _optim
from sparkdl.bigdl.optim.optimizer import *  # type: ignore[assignment]  # noqa: F403
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError

MAE = _losses.MAE  # type: ignore[misc]  # of the two, BigDL leaks the loss

_METHODS: Any = {
    "adagrad": lambda: _optim.Adagrad(learningrate=0.01),
    "sgd": lambda: _optim.SGD(learningrate=0.01),
    "adam": lambda: _optim.Adam(),
    "rmsprop": lambda: _optim.RMSprop(learningrate=0.001, decayrate=0.9),
    "adadelta": lambda: _optim.Adadelta(decayrate=0.95, epsilon=1e-8),
    "adamax": lambda: _optim.Adamax(epsilon=1e-8),
}
_CRITERIONS = {
    "categorical_crossentropy": "CategoricalCrossEntropy",
    "mse": "MeanSquaredError",
    "mean_squared_error": "MeanSquaredError",
    "binary_crossentropy": "BinaryCrossEntropy",
    "mae": "MeanAbsoluteError",
    "mean_absolute_error": "MeanAbsoluteError",
    "hinge": "Hinge",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mape": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "msle": "MeanSquaredLogarithmicError",
    "squared_hinge": "SquaredHinge",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossEntropy",
    "kullback_leibler_divergence": "KullbackLeiblerDivergence",
    "kld": "KullbackLeiblerDivergence",
    "poisson": "Poisson",
    "cosine_proximity": "CosineProximity",
    "cosine": "CosineProximity",
    "rank_hinge": "RankHinge",
}
# Accuracy means another thing for each of these losses.
_ACCURACIES: Any = {
    "SparseCategoricalCrossEntropy": metrics.SparseCategoricalAccuracy,
    "CategoricalCrossEntropy": metrics.CategoricalAccuracy,
    "BinaryCrossEntropy": metrics.BinaryAccuracy,
}
_METRICS: Any = {
    "top5accuracy": metrics.Top5Accuracy,
    "top5acc": metrics.Top5Accuracy,
    "mae": metrics.MAE,
    "mse": metrics.MSE,
    "auc": metrics.AUC,
    "treennaccuracy": lambda: _optim.TreeNNAccuracy(),
}


def to_bigdl_optim_method(optimizer: str) -> Any:
    """The optimization method that one of Keras's words means.

    Raises:
        ArgumentError: there is none.
    """
    return _found(_METHODS, optimizer, "optimizer")()


def to_bigdl_criterion(criterion: str) -> Any:
    """The loss that one of Keras's words means.

    Raises:
        ArgumentError: there is none.
    """
    return getattr(_losses, _found(_CRITERIONS, criterion, "loss"))()


def to_bigdl_metric(metric: str, loss: Any) -> Any:
    """The validation method that one of Keras's words means for a model with a loss (a word, or a criterion).

    Raises:
        ArgumentError: there is none.
    """
    word = metric.lower()
    criterion = to_bigdl_criterion(loss) if isinstance(loss, str) else loss
    if word == "loss":
        return _optim.Loss(criterion)
    if word not in ("accuracy", "acc"):
        return _found(_METRICS, word, "metric")()
    name = type(criterion).__name__
    if name not in _ACCURACIES:
        raise ArgumentError(
            f"the metric {metric!r} has no meaning for the loss {name}: it needs one of {', '.join(_ACCURACIES)}, or "
            "give the validation method itself."
        )
    return _ACCURACIES[name]()


def to_bigdl_metrics(metrics: Any, loss: Any) -> list[Any]:
    """The validation methods of several words."""
    return [to_bigdl_metric(metric, loss) for metric in metrics]


def _found(table: Any, word: str, what: str) -> Any:
    if word.lower() not in table:
        raise ArgumentError(f"there is no {what} {word!r}: known are {', '.join(table)}, or give the object itself.")
    return table[word.lower()]
