"""`NNEstimator` and `NNClassifier`: models that are trained on DataFrames."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pyspark.ml import Estimator
from pyspark.ml.param.shared import HasFeaturesCol, HasLabelCol, HasPredictionCol
from pyspark.sql import DataFrame

from sparkdl.bigdl.feature.columns import samples_of
from sparkdl.bigdl.feature.preprocessing import (
    ChainedPreprocessing,
    FeatureLabelPreprocessing,
    Preprocessing,
    ScalarToTensor,
    TensorToSample,
    ToTuple,
    preprocessing_of,
)
from sparkdl.bigdl.nnframes.fitted import NNClassifierModel, NNModel
from sparkdl.bigdl.nnframes.params import (
    HasBatchSize,
    HasCachingSample,
    HasLearningRate,
    HasLearningRateDecay,
    HasMaxEpoch,
    HasOptimMethod,
    HasSamplePreprocessing,
)
from sparkdl.errors import ArgumentError


class NNEstimator(
    Estimator,
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasBatchSize,
    HasMaxEpoch,
    HasLearningRate,
    HasLearningRateDecay,
    HasCachingSample,
    HasOptimMethod,
    HasSamplePreprocessing,
):
    """Trains a model on a DataFrame, and gives an `NNModel`.

    Args:
        model: the model; it is trained itself, no copy of it, unless `fit` is given Params.
        criterion: what is minimised.
        feature_preprocessing: makes a tensor of the feature column: a shape, several shapes, or a Preprocessing.
        label_preprocessing: the same of the label column.
    """

    def __init__(
        self,
        model: Any,
        criterion: Any,
        feature_preprocessing: Any = None,
        label_preprocessing: Any = None,
        jvalue: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__()
        self.model, self.criterion = model, criterion
        self.value, self.bigdl_type = None, bigdl_type
        feature = preprocessing_of(feature_preprocessing, "feature_preprocessing")
        label = preprocessing_of(label_preprocessing, "label_preprocessing")
        self.samplePreprocessing = FeatureLabelPreprocessing(feature, label)
        self.train_summary: Any = None
        self.validation_summary: Any = None
        self.validation_config: list[Any] | None = None
        self.checkpoint_config: list[Any] | None = None
        self.endWhen: Any = None
        self.dataCacheLevel: Any = "DRAM"
        self._clipping: tuple[str, tuple[float, ...]] | None = None

    def setSamplePreprocessing(self, val: Any) -> Any:
        """Sets what makes a sample of (feature, label or None)."""
        if not isinstance(val, Preprocessing):
            raise ArgumentError(f"setSamplePreprocessing takes a Preprocessing, received a {type(val).__name__}.")
        return super().setSamplePreprocessing(val)

    def setFeaturesCol(self, value: str) -> Any:
        """Sets the value of `featuresCol`."""
        return self._set(featuresCol=value)

    def setLabelCol(self, value: str) -> Any:
        """Sets the value of `labelCol`."""
        return self._set(labelCol=value)

    def setPredictionCol(self, value: str) -> Any:
        """Sets the value of `predictionCol`."""
        return self._set(predictionCol=value)

    def setEndWhen(self, trigger: Any) -> Any:
        """Ends the training by a trigger instead of `maxEpoch`."""
        self.endWhen = trigger
        return self

    def getEndWhen(self) -> Any:
        """The trigger that ends the training, or None."""
        return self.endWhen

    def setDataCacheLevel(self, level: str, numSlice: int | None = None) -> Any:
        """Remembered: the engine keeps rows in memory, and in files beyond what fits there."""
        self.dataCacheLevel = level if numSlice is None else (level, numSlice)
        return self

    def getDataCacheLevel(self) -> Any:
        """What was set."""
        return self.dataCacheLevel

    def setTrainSummary(self, val: Any) -> Any:
        """Writes curves of the training."""
        self.train_summary = val
        return self

    def getTrainSummary(self) -> Any:
        """The TrainSummary, or None."""
        return self.train_summary

    def setValidationSummary(self, val: Any) -> Any:
        """Writes curves of the validation."""
        self.validation_summary = val
        return self

    def getValidationSummary(self) -> Any:
        """The ValidationSummary, or None."""
        return self.validation_summary

    def setValidation(self, trigger: Any, val_df: DataFrame, val_method: Any, batch_size: int) -> Any:
        """Measures the model on another DataFrame while it is trained."""
        self.validation_config = [trigger, val_df, val_method, batch_size]
        return self

    def getValidation(self) -> list[Any] | None:
        """[trigger, DataFrame, methods, batch size], or None."""
        return self.validation_config

    def setCheckpoint(self, path: str, trigger: Any, isOverWrite: bool = True) -> Any:
        """Writes the model and the state of the training now and then."""
        self.checkpoint_config = [path, trigger, isOverWrite]
        return self

    def getCheckpoint(self) -> list[Any] | None:
        """[path, trigger, whether files are replaced], or None."""
        return self.checkpoint_config

    def clearGradientClipping(self) -> Any:
        """Leaves gradients as they are."""
        self._clipping = None
        return self

    def setConstantGradientClipping(self, min: float, max: float) -> Any:
        """Keeps gradients between two numbers."""
        self._clipping = "set_gradclip_const", (float(min), float(max))
        return self

    def setGradientClippingByL2Norm(self, clip_norm: float) -> Any:
        """Keeps the norm of the gradient below a number."""
        self._clipping = "set_gradclip_l2norm", (float(clip_norm),)
        return self

    def copy(self, extra: Any = None) -> Any:
        """A copy with these Params and a model of its own, so that each fit of a grid trains another one."""
        made = super().copy(extra)
        made.model = deepcopy(self.model)
        return made

    def _method(self) -> Any:
        """The optim method, with the learning rate and decay that were set."""
        method = self.getOptimMethod()
        if self.isSet(self.learningRate):
            method.learningrate = self.getLearningRate()
        if self.isSet(self.learningRateDecay):
            method.learningrate_decay = self.getLearningRateDecay()
        return method

    def _samples(self, frame: DataFrame) -> Any:
        return samples_of(frame, self.getFeaturesCol(), self.getLabelCol(), self.samplePreprocessing)

    def _fit(self, dataset: DataFrame) -> NNModel:
        from sparkdl.bigdl.optim.optimizer import DistriOptimizer, MaxEpoch

        if self.endWhen is not None and self.isSet(self.maxEpoch):
            raise ArgumentError(f"{self.uid} has both setEndWhen and setMaxEpoch: set one of them.")
        end = self.endWhen or MaxEpoch(self.getMaxEpoch())
        optimizer = DistriOptimizer(
            self.model, self._samples(dataset), self.criterion, end, self.getBatchSize(), self._method()
        )
        if self._clipping is not None:
            name, bounds = self._clipping
            getattr(optimizer, name)(*bounds)
        if self.checkpoint_config is not None:
            path, trigger, replace = self.checkpoint_config
            optimizer.set_checkpoint(trigger, path, replace)
        if self.train_summary is not None:
            optimizer.set_train_summary(self.train_summary)
        if self.validation_config is not None:
            trigger, frame, methods, size = self.validation_config
            optimizer.set_validation(size, self._samples(frame), trigger, methods)
            if self.validation_summary is not None:
                optimizer.set_val_summary(self.validation_summary)
        return self._fitted(optimizer.optimize())

    def _fitted(self, model: Any) -> NNModel:
        made = self._fitted_class()(model)
        own = self.samplePreprocessing
        if type(own) is FeatureLabelPreprocessing:
            made.samplePreprocessing = ChainedPreprocessing([own.feature_transformer, TensorToSample()])
        else:
            made.samplePreprocessing = ChainedPreprocessing([ToTuple(), own])
        return self._copyValues(made)

    def _fitted_class(self) -> type[NNModel]:
        return NNModel


class NNClassifier(NNEstimator):
    """Trains a model that tells classes apart, from 1, and gives an `NNClassifierModel`."""

    def __init__(
        self,
        model: Any,
        criterion: Any,
        feature_preprocessing: Any = None,
        jvalue: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(model, criterion, feature_preprocessing, ScalarToTensor(), jvalue, bigdl_type)

    def _fitted_class(self) -> type[NNModel]:
        return NNClassifierModel
