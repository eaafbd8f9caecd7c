"""Exact metrics, for `sparkdl.measure` and for the validation points of `sparkdl.fit`."""

from sparkdl.metrics.base import Metric
from sparkdl.metrics.classification import F1, Accuracy, ConfusionMatrix, Precision, Recall, TopK
from sparkdl.metrics.grouped import NDCG, HitRatio
from sparkdl.metrics.probability import BrierScore, ExpectedCalibrationError, LogLoss
from sparkdl.metrics.ranking import AUROC, AveragePrecision
from sparkdl.metrics.regression import MAE, MAPE, MSE, R2, RMSE, ExplainedVariance

__all__ = [
    "AUROC",
    "F1",
    "MAE",
    "MAPE",
    "MSE",
    "NDCG",
    "R2",
    "RMSE",
    "Accuracy",
    "AveragePrecision",
    "BrierScore",
    "ConfusionMatrix",
    "ExpectedCalibrationError",
    "ExplainedVariance",
    "HitRatio",
    "LogLoss",
    "Metric",
    "Precision",
    "Recall",
    "TopK",
]
