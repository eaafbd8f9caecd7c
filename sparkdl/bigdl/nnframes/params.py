"""The Params of BigDL's stages."""

from __future__ import annotations

from typing import Any

from pyspark.ml.param import Param, Params, TypeConverters


class HasBatchSize(Params):
    """How many rows make a step, over all workers together; of a fitted stage, how many a call of the model."""

    batchSize: Any = Param(Params._dummy(), "batchSize", "rows per step.", TypeConverters.toInt)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(batchSize=1)

    def setBatchSize(self, val: int) -> Any:
        """Sets the value of `batchSize`."""
        return self._set(batchSize=val)

    def getBatchSize(self) -> int:
        """Gets the value of `batchSize` or its default value."""
        return self.getOrDefault(self.batchSize)


class HasMaxEpoch(Params):
    """How often all rows are seen."""

    maxEpoch: Any = Param(Params._dummy(), "maxEpoch", "number of the last epoch.", TypeConverters.toInt)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(maxEpoch=50)

    def setMaxEpoch(self, val: int) -> Any:
        """Sets the value of `maxEpoch`."""
        return self._set(maxEpoch=val)

    def getMaxEpoch(self) -> int:
        """Gets the value of `maxEpoch` or its default value."""
        return self.getOrDefault(self.maxEpoch)


class HasLearningRate(Params):
    """The learning rate of the optim method; the method's own where none is set."""

    learningRate: Any = Param(Params._dummy(), "learningRate", "learning rate.", TypeConverters.toFloat)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(learningRate=1e-3)

    def setLearningRate(self, val: float) -> Any:
        """Sets the value of `learningRate`."""
        return self._set(learningRate=val)

    def getLearningRate(self) -> float:
        """Gets the value of `learningRate` or its default value."""
        return self.getOrDefault(self.learningRate)


class HasLearningRateDecay(Params):
    """How the learning rate falls; as the optim method says where none is set."""

    learningRateDecay: Any = Param(Params._dummy(), "learningRateDecay", "decay.", TypeConverters.toFloat)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(learningRateDecay=0.0)

    def setLearningRateDecay(self, val: float) -> Any:
        """Sets the value of `learningRateDecay`."""
        return self._set(learningRateDecay=val)

    def getLearningRateDecay(self) -> float:
        """Gets the value of `learningRateDecay` or its default value."""
        return self.getOrDefault(self.learningRateDecay)


class HasCachingSample(Params):
    """Whether rows are kept while a model is trained: they always are."""

    cachingSample: Any = Param(Params._dummy(), "cachingSample", "remembered.", TypeConverters.toBoolean)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(cachingSample=True)

    def setCachingSample(self, val: bool) -> Any:
        """Sets the value of `cachingSample`."""
        return self._set(cachingSample=val)

    def isCachingSample(self) -> bool:
        """Gets the value of `cachingSample` or its default value."""
        return self.getOrDefault(self.cachingSample)


class HasFeatureSize(Params):
    """The shape of a row of features."""

    featureSize: Any = Param(Params._dummy(), "featureSize", "shape of a row of features.")

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(featureSize=None)

    def setFeatureSize(self, val: Any) -> Any:
        """Sets the value of `featureSize`."""
        return self._set(featureSize=val)

    def getFeatureSize(self) -> Any:
        """Gets the value of `featureSize` or its default value."""
        return self.getOrDefault(self.featureSize)


class HasThreshold(Params):
    """From which output on a model with one output says 1."""

    threshold: Any = Param(Params._dummy(), "threshold", "from which output on it is 1.", TypeConverters.toFloat)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(threshold=0.5)

    def setThreshold(self, val: float) -> Any:
        """Sets the value of `threshold`."""
        return self._set(threshold=val)

    def getThreshold(self) -> float:
        """Gets the value of `threshold` or its default value."""
        return self.getOrDefault(self.threshold)


class HasSamplePreprocessing:
    """What makes samples of the columns."""

    samplePreprocessing: Any = None

    def __init__(self) -> None:
        super().__init__()

    def setSamplePreprocessing(self, val: Any) -> Any:
        """Sets what makes samples: of (feature, label or None) in an estimator, of a feature in a fitted stage."""
        self.samplePreprocessing = val
        return self

    def getSamplePreprocessing(self) -> Any:
        """What makes samples."""
        return self.samplePreprocessing


class HasOptimMethod:
    """How weights are updated."""

    optimMethod: Any = None

    def __init__(self) -> None:
        super().__init__()

    def setOptimMethod(self, val: Any) -> Any:
        """Sets the optim method: SGD(), Adam(), ..."""
        self.optimMethod = val
        return self

    def getOptimMethod(self) -> Any:
        """The optim method; SGD() where none is set."""
        if self.optimMethod is None:
            from sparkdl.bigdl.optim.optimizer import SGD

            self.optimMethod = SGD()
        return self.optimMethod
