"""BigDL 0.x's `DLEstimator` and `DLClassifier`: those of `nnframes` with shapes in place of preprocessing."""

from typing import Any

from pyspark.ml import Estimator, Model  # noqa: F401
from pyspark.ml.param.shared import *  # noqa: F403

from sparkdl.bigdl.nnframes.estimators import NNEstimator
from sparkdl.bigdl.nnframes.fitted import NNClassifierModel, NNModel
from sparkdl.bigdl.nnframes.params import HasBatchSize, HasFeatureSize, HasLearningRate, HasMaxEpoch  # noqa: F401
from sparkdl.bigdl.util.common import *  # noqa: F403


class DLModel(NNModel, HasFeatureSize):
    """Applies a model to a column of numbers; the numbers of its output become an array column."""

    def __init__(self, model: Any, featureSize: Any, jvalue: Any = None, bigdl_type: str = "float") -> None:
        super().__init__(model, featureSize, jvalue, bigdl_type)
        self._set(featureSize=featureSize)

    @classmethod
    def _empty(cls) -> Any:
        return cls(None, None)

    def setFeatureSize(self, val: Any) -> Any:
        """Sets the shape of a row."""
        self.samplePreprocessing = NNModel(self.model, val).samplePreprocessing
        return super().setFeatureSize(val)

    @staticmethod
    def load(path: str) -> Any:
        """The stage that was saved at a path."""
        return DLModel.read().load(path)

    @classmethod
    def of(cls, jvalue: Any, feature_size: Any = None, bigdl_type: str = "float") -> "DLModel":
        """A stage of a trained model."""
        return DLModel(jvalue, feature_size, bigdl_type=bigdl_type)


class DLClassifierModel(NNClassifierModel, DLModel):
    """Applies a model that tells classes apart: the number of the class, from 1, becomes a column of doubles."""

    def __init__(self, model: Any, featureSize: Any, jvalue: Any = None, bigdl_type: str = "float") -> None:
        DLModel.__init__(self, model, featureSize, jvalue, bigdl_type)

    @staticmethod
    def load(path: str) -> Any:
        """The stage that was saved at a path."""
        return DLClassifierModel.read().load(path)

    @classmethod
    def of(cls, jvalue: Any, feature_size: Any = None, bigdl_type: str = "float") -> "DLClassifierModel":
        """A stage of a trained model."""
        return DLClassifierModel(jvalue, feature_size, bigdl_type=bigdl_type)


class DLEstimator(NNEstimator):
    """Trains a model on columns of numbers, and gives a `DLModel`.

    Args:
        feature_size: the shape of a row of features.
        label_size: the shape of a label.
    """

    def __init__(
        self,
        model: Any,
        criterion: Any,
        feature_size: Any,
        label_size: Any,
        jvalue: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(model, criterion, feature_size, label_size, jvalue, bigdl_type)
        self.featureSize = feature_size

    def _fitted(self, model: Any) -> Any:
        return self._copyValues(self._fitted_class()(model, self.featureSize))

    def _fitted_class(self) -> Any:
        return DLModel


class DLClassifier(DLEstimator):
    """Trains a model that tells classes apart, from 1, and gives a `DLClassifierModel`."""

    def __init__(self, model: Any, criterion: Any, feature_size: Any, bigdl_type: str = "float") -> None:
        super().__init__(model, criterion, feature_size, [1], None, bigdl_type)

    def _fitted_class(self) -> Any:
        return DLClassifierModel
