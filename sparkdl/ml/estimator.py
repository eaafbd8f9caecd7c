"""Any model with any loss as a stage of a Spark ML pipeline."""

from __future__ import annotations

from typing import Any

from pyspark.ml import Estimator, Model
from pyspark.sql import DataFrame

from sparkdl.ml import converters as to
from sparkdl.ml.fitted import Fitted
from sparkdl.ml.params import StageParams, getter, param, setter
from sparkdl.ml.training import Trainer
from sparkdl.spark.predict import output_columns


class HasLabelCols(StageParams):
    """Labels of several outputs."""

    labelCols = param(
        "labelCols",
        "label column names, in place of labelCol: one for each output of the model.",
        to.names("labelCols"),
    )
    getLabelCols = getter("labelCols")


class DLEstimator(HasLabelCols, Trainer, Estimator):
    """Trains any Keras model on the executors, and returns a `DLModel`.

    The model's outputs become columns as they are; `DLClassifier` and `DLRegressor` make of them what Spark ML's
    evaluators read. All Params are keywords of the constructor; `explainParams()` tells what they mean.

    Example:
        >>> estimator = DLEstimator(model="networks:build", modelParams={"units": 128}, epochs=5)
        >>> estimator.getEpochs(), estimator.getPredictionCol()
        (5, 'prediction')
    """

    setLabelCols = setter("labelCols")

    def _fitted_class(self) -> type[Fitted]:
        return DLModel

    def _labels(self) -> Any:
        return self.value_of("labelCols") or self.getLabelCol()


class DLModel(HasLabelCols, Fitted, Model):
    """A trained Keras model. `transform` adds `predictionCol`, or for several outputs a column with the name of each.

    Attributes:
        model: the Keras model.
        summary: the `History` of the training.
    """

    def predict(self, value: Any) -> Any:
        """The output of the model for one row, a vector or an array; a list of them where it has several outputs."""
        found = [output[0] for output in self._outputs_of(value)]
        return found[0] if len(found) == 1 else found

    def _transform(self, dataset: DataFrame) -> DataFrame:
        name = self.getPredictionCol()
        return self._score(dataset, output_columns(self.model, name) if name else [], list)
