"""Trees: their names, which are refused. XGBoost and LightGBM have packages for Spark of their own."""

from __future__ import annotations

from typing import Any, NoReturn

from sparkdl.bigdl.feature.common import *  # noqa: F403
from sparkdl.errors import UnsupportedError


def _refuse(name: str, package: str) -> NoReturn:
    raise UnsupportedError(
        f"{name} is not here: it called the JVM library of {package}, and this package trains neural networks; use "
        f"{package}'s own package for Spark (xgboost.spark, SynapseML), whose stages fit into the same pipelines."
    )


class LightGBMClassifier:
    """Refused: a tree of LightGBM."""

    def __init__(self, params: Any = None) -> None:
        _refuse("LightGBMClassifier", "LightGBM")

    def fit(self, df: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setBoostType(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setFeaturesCol(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setLabelCol(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setLearningRate(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setMaxDepth(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setNumIterations(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")

    def setObjective(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifier", "LightGBM")


class LightGBMClassifierModel:
    """Refused: a tree of LightGBM."""

    def __init__(self, jvalue: Any) -> None:
        _refuse("LightGBMClassifierModel", "LightGBM")

    @staticmethod
    def loadModel(path: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifierModel", "LightGBM")

    def saveModel(self, path: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifierModel", "LightGBM")

    def setFeaturesCol(self, features: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifierModel", "LightGBM")

    def setPredictionCol(self, prediction: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifierModel", "LightGBM")

    def transform(self, dataset: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMClassifierModel", "LightGBM")


class LightGBMRegressor:
    """Refused: a tree of LightGBM."""

    def __init__(self, params: Any = None) -> None:
        _refuse("LightGBMRegressor", "LightGBM")

    def fit(self, df: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setBoostType(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setFeaturesCol(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setLabelCol(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setLearningRate(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setMaxDepth(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setNumIterations(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")

    def setObjective(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressor", "LightGBM")


class LightGBMRegressorModel:
    """Refused: a tree of LightGBM."""

    def __init__(self, jvalue: Any) -> None:
        _refuse("LightGBMRegressorModel", "LightGBM")

    @staticmethod
    def loadModel(path: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressorModel", "LightGBM")

    def saveModel(self, path: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressorModel", "LightGBM")

    def setFeaturesCol(self, features: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressorModel", "LightGBM")

    def setPredictionCol(self, prediction: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressorModel", "LightGBM")

    def transform(self, dataset: Any) -> NoReturn:
        """Refused."""
        _refuse("LightGBMRegressorModel", "LightGBM")


class XGBClassifier:
    """Refused: a tree of XGBoost."""

    def __init__(self, params: Any = None) -> None:
        _refuse("XGBClassifier", "XGBoost")

    def fit(self, df: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setEta(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setFeaturesCol(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setGamma(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setMaxDepth(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setMissing(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setNthread(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setNumClass(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setNumRound(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setNumWorkers(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setObjective(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")

    def setTreeMethod(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifier", "XGBoost")


class XGBClassifierModel:
    """Refused: a tree of XGBoost."""

    def __init__(self, jvalue: Any) -> None:
        _refuse("XGBClassifierModel", "XGBoost")

    @property
    def feature_importances(self) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def getFScore(self, fmap: Any = "") -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def getScore(self, fmap: Any = "", importance_type: Any = "weight") -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    @staticmethod
    def loadModel(path: Any, numClasses: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def saveModel(self, path: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def setFeaturesCol(self, features: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def setInferBatchSize(self, batch_size: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def setPredictionCol(self, prediction: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")

    def transform(self, dataset: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBClassifierModel", "XGBoost")


class XGBRegressor:
    """Refused: a tree of XGBoost."""

    def __init__(self, params: Any = None) -> None:
        _refuse("XGBRegressor", "XGBoost")

    def fit(self, df: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressor", "XGBoost")

    def setNthread(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressor", "XGBoost")

    def setNumRound(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressor", "XGBoost")

    def setNumWorkers(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressor", "XGBoost")


class XGBRegressorModel:
    """Refused: a tree of XGBoost."""

    def __init__(self, jvalue: Any) -> None:
        _refuse("XGBRegressorModel", "XGBoost")

    @staticmethod
    def load(path: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")

    def save(self, path: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")

    def setFeaturesCol(self, features: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")

    def setInferBatchSize(self, value: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")

    def setPredictionCol(self, prediction: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")

    def transform(self, dataset: Any) -> NoReturn:
        """Refused."""
        _refuse("XGBRegressorModel", "XGBoost")
