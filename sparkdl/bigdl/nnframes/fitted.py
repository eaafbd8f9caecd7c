"""`NNModel` and `NNClassifierModel`: trained models as stages."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from pyspark.ml import Transformer
from pyspark.ml.param.shared import HasFeaturesCol, HasPredictionCol
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DoubleType, FloatType, StructField

from sparkdl.bigdl.feature.columns import ClassNumber, Flat, Tensors, tensors_of
from sparkdl.bigdl.feature.preprocessing import ChainedPreprocessing, Preprocessing, TensorToSample, preprocessing_of
from sparkdl.bigdl.nnframes.configs import from_config, to_config
from sparkdl.bigdl.nnframes.params import HasBatchSize, HasSamplePreprocessing, HasThreshold
from sparkdl.errors import ArgumentError, ModelError
from sparkdl.ml.persistence import Persistent, StageFolder, StageWriter
from sparkdl.types import Content

MODEL_FILE = "model.bigdl"


class NNModelWriter(StageWriter):
    """Writes a stage."""

    def __init__(self, instance: Any) -> None:
        super().__init__(instance)

    def save(self, path: str) -> None:
        """Saves it."""
        super().save(path)


class NNModel(Transformer, HasFeaturesCol, HasPredictionCol, HasBatchSize, HasSamplePreprocessing, Persistent):
    """Applies a model: the numbers of its output become an array column.

    Args:
        model: a trained model.
        feature_preprocessing: makes a tensor of the feature column: a shape, several shapes, or a Preprocessing.

    Attributes:
        model: the model.
    """

    def __init__(
        self, model: Any, feature_preprocessing: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        super().__init__()
        self.model = jvalue if model is None else model
        self.value, self.bigdl_type = None, bigdl_type
        first = preprocessing_of(feature_preprocessing, "feature_preprocessing")
        self.samplePreprocessing = ChainedPreprocessing([first, TensorToSample()])
        self._setDefault(batchSize=4)
        self._made: tuple[Any, Any] | None = None

    @classmethod
    def _empty(cls) -> Any:
        return cls(None)

    def setFeaturesCol(self, value: str) -> Any:
        """Sets the value of `featuresCol`."""
        return self._set(featuresCol=value)

    def setPredictionCol(self, value: str) -> Any:
        """Sets the value of `predictionCol`."""
        return self._set(predictionCol=value)

    def getModel(self) -> Any:
        """The model."""
        return self.model

    def _column(self) -> tuple[StructField, Any]:
        """The new column, and what makes its values."""
        return StructField(self.getPredictionCol(), ArrayType(FloatType(), False)), Flat()

    def _transform(self, dataset: DataFrame) -> DataFrame:
        from sparkdl.spark.scoring import score

        tensors = tensors_of(dataset, self.getFeaturesCol(), self.samplePreprocessing)
        model = self._network(tensors)
        column, derive = self._column()
        # A call of one row costs as much as one of a hundred; results do not depend on it.
        size = max(256, self.getBatchSize())
        scored = score(
            model,
            tensors.frame,
            features=tensors.features,
            columns=[column],
            derive=derive,
            batch_size=size,
            shapes=tensors.shapes,
        )
        return scored.drop(*tensors.added)

    def _network(self, tensors: Tensors) -> Any:
        """The Keras model; made once for each form of the features."""
        from sparkdl.nn.torch.network import network

        if self.model is None:
            raise ModelError(f"{self.uid} has no model: it is made by fit, load, or of a trained model.")
        if self._made is None or self._made[0] != tensors.row_shapes:
            made = network(self.model.value, tensors.row_shapes).model
            if len(made.outputs) != 1:
                raise ModelError(f"the model of {self.uid} gives {len(made.outputs)} outputs, expected one.")
            self._made = tensors.row_shapes, made
        return self._made[1]

    def write(self) -> NNModelWriter:
        """A writer: `model.write().overwrite().save(path)`."""
        return NNModelWriter(self)

    @staticmethod
    def load(path: str) -> Any:
        """The stage that was saved at a path."""
        return NNModel.read().load(path)

    def _files(self) -> Mapping[str, Content]:
        with tempfile.TemporaryDirectory(prefix="sparkdl-stage-") as folder:
            path = os.path.join(folder, MODEL_FILE)
            self.model.saveModel(path, over_write=True)
            with open(path, "rb") as file:
                return {MODEL_FILE: file.read()}

    def _more(self) -> dict[str, Any]:
        return {"preprocessing": to_config(self.samplePreprocessing)}

    def _take(self, metadata: Mapping[str, Any], folder: StageFolder) -> None:
        from sparkdl.bigdl.nn.layer import Model

        with tempfile.TemporaryDirectory(prefix="sparkdl-stage-") as copy:
            path = os.path.join(copy, MODEL_FILE)
            with open(path, "wb") as file:
                file.write(folder.read(MODEL_FILE))
            self.model = Model.loadModel(path)
        self.samplePreprocessing = from_config(metadata["preprocessing"])

    def setSamplePreprocessing(self, val: Any) -> Any:
        """Sets what makes a sample of a feature."""
        if not isinstance(val, Preprocessing):
            raise ArgumentError(f"setSamplePreprocessing takes a Preprocessing, received a {type(val).__name__}.")
        return super().setSamplePreprocessing(val)


class NNClassifierModel(NNModel, HasThreshold):
    """Applies a model that tells classes apart: the number of the class, from 1, becomes a column of doubles.

    A model with one output says 1 or 0, see `setThreshold`.
    """

    def __init__(
        self, model: Any, feature_preprocessing: Any = None, jvalue: Any = None, bigdl_type: str = "float"
    ) -> None:
        super().__init__(model, feature_preprocessing, jvalue, bigdl_type)

    def _column(self) -> tuple[StructField, Any]:
        return StructField(self.getPredictionCol(), DoubleType()), ClassNumber(self.getThreshold())

    @staticmethod
    def load(path: str) -> Any:
        """The stage that was saved at a path."""
        return NNClassifierModel.read().load(path)
