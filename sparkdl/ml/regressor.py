"""Regression by a Keras model as a stage of a Spark ML pipeline."""

from __future__ import annotations

from typing import Any

from pyspark.ml.regression import RegressionModel, Regressor
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparkdl.errors import DataError, ModelError
from sparkdl.ml.fitted import Fitted
from sparkdl.ml.outputs import Numbers
from sparkdl.ml.training import Trainer
from sparkdl.spark.columns import find_column


class DLRegressor(Trainer, Regressor):
    """Trains a Keras model with one output of one number on the executors, and returns a `DLRegressionModel`.

    A model that is not compiled gets the mean squared error as its loss. All Params are keywords of the constructor;
    `explainParams()` tells what they mean.

    Example:
        >>> DLRegressor(model="networks:build", labelCol="price", loss="mae").getLoss()
        'mae'
    """

    def _fitted_class(self) -> type[Fitted]:
        return DLRegressionModel

    def _default_loss(self, model: Any) -> Any:
        return "mean_squared_error"

    def _checked(self, frame: DataFrame, model: Any) -> dict[str, Any]:
        check_one_number(model)
        name = find_column(self.getLabelCol(), frame.schema, "labelCol")
        kind = frame.schema[name].dataType
        if not isinstance(kind, T.NumericType):
            raise DataError(
                f"label column {name!r} has the type {kind.simpleString()}, expected a number: cast it, or for other "
                f"labels use DLClassifier or DLEstimator."
            )
        return {}


class DLRegressionModel(Fitted, RegressionModel):
    """A trained regression. `transform` adds `predictionCol` (double).

    Attributes:
        model: the Keras model.
        summary: the `History` of the training.
    """

    def predict(self, value: Any) -> float:
        """The prediction for one row: a vector, or an array of the model's shape."""
        return float(Numbers()(self._outputs_of(value))[0][0])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        check_one_number(self.model)
        names = [name for name in (self.getPredictionCol(),) if name]
        return self._score(dataset, [T.StructField(name, T.DoubleType(), False) for name in names], Numbers())


def check_one_number(model: Any) -> None:
    """Raises ModelError where a model is known to give anything but one number per row."""
    shapes = [tuple(output.shape[1:]) for output in getattr(model, "outputs", None) or ()]
    if shapes and shapes not in ([()], [(1,)]):
        raise ModelError(
            f"a regressor needs a model with one output of one number, but {model.name!r} gives "
            f"{', '.join(map(str, shapes))} per row: change its last layer, or use DLEstimator."
        )
