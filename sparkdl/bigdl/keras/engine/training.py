"""How Keras-style models are compiled, trained, evaluated and applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark import RDD
from pyspark.sql import DataFrame

from sparkdl.bigdl.feature.image import ImageSet
from sparkdl.bigdl.feature.text import TextSet
from sparkdl.bigdl.keras.autograd import CustomLoss
from sparkdl.bigdl.keras.base import ZooKerasLayer
from sparkdl.bigdl.keras.engine.applying import predict_frame, predict_set
from sparkdl.bigdl.keras.engine.data import IMAGE, image_rows, is_arrays, rows, samples, split
from sparkdl.bigdl.keras.words import to_bigdl_criterion, to_bigdl_metric, to_bigdl_optim_method
from sparkdl.bigdl.nn.criterion import Criterion
from sparkdl.bigdl.optim.optimizer import EveryEpoch, Loss, MaxEpoch, Optimizer, SeveralIteration
from sparkdl.bigdl.optim.summaries import TrainSummary, ValidationSummary
from sparkdl.bigdl.util.arguments import told
from sparkdl.errors import ArgumentError

TRAIN_TAGS = ("Loss", "LearningRate", "Throughput")


@dataclass(frozen=True)
class Settings:
    """What a model was told before it is trained.

    Attributes:
        method: the optimization method, which remembers the epochs that are done.
        criterion: the loss.
        metrics: validation methods.
        tensorboard: the folder and the name of the application.
        checkpoint: the folder, and whether older files may be overwritten.
        clip_range: bounds of each element of the gradient.
        clip_norm: the greatest length of the gradient.
    """

    method: Any = None
    criterion: Any = None
    metrics: tuple[Any, ...] = ()
    tensorboard: tuple[str, str] | None = None
    checkpoint: tuple[str, bool] | None = None
    clip_range: tuple[float, float] | None = None
    clip_norm: float | None = None


class Training(ZooKerasLayer):
    """The part of a model that trains."""

    settings = Settings()
    _trained: list[str] | None = None

    def compile(self, optimizer: Any, loss: Any, metrics: Any = None) -> None:
        """Says how the model is trained; call it before `fit` and `evaluate`.

        Args:
            optimizer: an optimization method, or one of Keras's words, such as "adam".
            loss: a criterion, one of Keras's words, or a function of the variables (y_true, y_pred).
            metrics: validation methods, or Keras's words, such as ["accuracy"].
        """
        if isinstance(loss, str):
            criterion = self.criterion_of(loss)
        elif callable(loss) and not isinstance(loss, Criterion):
            criterion = CustomLoss(loss, self.get_output_shape()[1:])
        else:
            criterion = loss
        if not isinstance(criterion, Criterion):
            raise ArgumentError(f"loss={told(loss)} is no criterion: give one, one of Keras's words, or a function.")
        given = [metrics] if isinstance(metrics, str) else list(metrics or ())
        self.settings = replace(
            self.settings,
            method=self.method_of(optimizer) if isinstance(optimizer, str) else optimizer,
            criterion=criterion,
            metrics=tuple(self.metric_of(metric, loss) if isinstance(metric, str) else metric for metric in given),
        )

    def method_of(self, word: str) -> Any:
        """The optimization method that a word means."""
        return to_bigdl_optim_method(word)

    def criterion_of(self, word: str) -> Any:
        """The loss that a word means."""
        return to_bigdl_criterion(word)

    def metric_of(self, word: str, loss: Any) -> Any:
        """The validation method that a word means."""
        return to_bigdl_metric(word, loss)

    def set_tensorboard(self, log_dir: str, app_name: str) -> None:
        """Writes curves into `log_dir/app_name/train` and `.../validation` while the model is trained."""
        self.settings = replace(self.settings, tensorboard=(log_dir, app_name))

    def get_train_summary(self, tag: str | None = None) -> Any:
        """A curve of the training as rows (iteration, value, wall time): "Loss", "LearningRate" or "Throughput"."""
        if tag not in TRAIN_TAGS:
            raise ArgumentError(f"the curves of a training are {', '.join(TRAIN_TAGS)}, received {tag!r}.")
        return TrainSummary(*self._tensorboard()).read_scalar(tag)

    def get_validation_summary(self, tag: str | None = None) -> Any:
        """A curve of the validations as rows (iteration, value, wall time), by the name of the validation method."""
        return ValidationSummary(*self._tensorboard()).read_scalar(str(tag))

    def _tensorboard(self) -> tuple[str, str]:
        if self.settings.tensorboard is None:
            raise ArgumentError(f"{self.name()} writes no curves: call set_tensorboard(log_dir, app_name) before fit.")
        return self.settings.tensorboard

    def set_checkpoint(self, path: str, over_write: bool = True) -> None:
        """Writes a snapshot into a folder after every epoch."""
        self.settings = replace(self.settings, checkpoint=(path, over_write))

    def clear_gradient_clipping(self) -> None:
        """Leaves gradients as they are."""
        self.settings = replace(self.settings, clip_range=None, clip_norm=None)

    def set_constant_gradient_clipping(self, min: float, max: float) -> None:
        """Keeps each element of the gradient between two bounds."""
        self.settings = replace(self.settings, clip_range=(float(min), float(max)))

    def set_gradient_clipping_by_l2_norm(self, clip_norm: float) -> None:
        """Shortens the gradient where it is longer."""
        self.settings = replace(self.settings, clip_norm=float(clip_norm))

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        nb_epoch: int = 10,
        validation_split: float = 0,
        validation_data: Any = None,
        distributed: bool = True,
        feature_cols: Any = None,
        label_cols: Any = None,
        transform: Any = None,
    ) -> None:
        """Trains the model for `nb_epoch` more epochs.

        Args:
            x: an array, a list of arrays (one per input), an RDD of Sample, an ImageSet, a TextSet, a FeatureSet, or a
                DataFrame.
            y: labels, where `x` are arrays.
            batch_size: rows of a step, over all workers.
            nb_epoch: number of epochs.
            validation_split: the last part of the rows of arrays that is kept for validation.
            validation_data: (x, y), or data as `x`.
            distributed: no matter: it runs where Spark does.
            feature_cols: columns of a DataFrame.
            label_cols: columns of a DataFrame.
            transform: of a DataFrame's column "image".
        """
        settings = self._compiled("fit")
        if is_arrays(x) and y is not None and validation_split and not validation_data:
            (x, y), validation_data = split(x, y, validation_split)
        columns = (feature_cols, label_cols, transform)
        done = settings.method.state["epoch"] - 1
        optimizer: Any = Optimizer.create(
            self,
            self._samples(x, y, columns),
            settings.criterion,
            MaxEpoch(done + nb_epoch),
            batch_size,
            settings.method,
        )
        if validation_data is not None and settings.metrics:
            held_x, held_y = validation_data if isinstance(validation_data, (list, tuple)) else (validation_data, None)
            held_back = self._samples(held_x, held_y, columns)
            optimizer.set_validation(batch_size, held_back, EveryEpoch(), list(settings.metrics))
        self._tell(optimizer)
        self._forget_others(settings.method)
        self.training(True)
        optimizer.optimize()

    def _forget_others(self, method: Any) -> None:
        """A method has learnt about the weights that it trained: where layers were frozen since, it begins anew."""
        trained = [f"{module.name}/{name}" for module, name in self.value.weights() if not module.frozen]
        if trained != self._trained:
            method.arrays = {}
        self._trained = trained

    def _tell(self, optimizer: Any) -> None:
        settings = self.settings
        if settings.tensorboard is not None:
            curves = TrainSummary(*settings.tensorboard).set_summary_trigger("LearningRate", SeveralIteration(1))
            optimizer.set_train_summary(curves)
            optimizer.set_val_summary(ValidationSummary(*settings.tensorboard))
        if settings.checkpoint is not None:
            optimizer.set_checkpoint(EveryEpoch(), *settings.checkpoint)
        if settings.clip_range is not None:
            optimizer.set_gradclip_const(*settings.clip_range)
        if settings.clip_norm is not None:
            optimizer.set_gradclip_l2norm(settings.clip_norm)

    def evaluate(  # type: ignore[override]
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        feature_cols: Any = None,
        label_cols: Any = None,
        transform: Any = None,
    ) -> Any:
        """What the metrics of `compile` say of data; see `fit`.

        Returns:
            A list of numbers: the loss, and what each metric says, in their order.
        """
        settings = self._compiled("evaluate")
        data = self._samples(x, y, (feature_cols, label_cols, transform))
        methods = [Loss(settings.criterion), *settings.metrics]
        return [found.result for found in super().evaluate(data, batch_size, methods)]

    def predict(  # type: ignore[override]
        self,
        x: Any,
        batch_per_thread: int = 4,
        distributed: bool = True,
        feature_cols: Any = None,
        prediction_col: str | None = None,
        transform: Any = None,
    ) -> Any:
        """The outputs for data.

        Args:
            x: as for `fit`.
            batch_per_thread: rows of a call, of each worker.
            distributed: whether arrays give an RDD; else they give a list.
            feature_cols: columns of a DataFrame.
            prediction_col: the new column of a DataFrame.
            transform: of a DataFrame's column "image".

        Returns:
            An RDD of arrays (lists of them for a table); a list of those; the same ImageSet or TextSet with
            predictions; or the DataFrame with a column more.
        """
        if isinstance(x, DataFrame):
            given = self._samples(x, None, (feature_cols, [], transform))
            return predict_frame(self.predict_distributed, x, given, prediction_col)
        if isinstance(x, (ImageSet, TextSet)):
            return predict_set(self.predict_distributed, x)
        found = self.predict_distributed(samples(x)).map(_listed)
        return found if distributed else found.collect()

    def predict_classes(self, x: Any, batch_per_thread: int = 4, zero_based_label: bool = True) -> RDD:
        """An RDD of the classes of rows, which count from 0 or from 1."""
        first = 0 if zero_based_label else 1
        return self.predict_distributed(samples(x)).map(lambda output: int(np.argmax(output)) + first)

    def _compiled(self, who: str) -> Settings:
        if self.settings.criterion is None:
            raise ArgumentError(f"{who} needs a compiled model: call compile(optimizer, loss, metrics) before it.")
        return self.settings

    def _samples(self, x: Any, y: Any, columns: tuple[Any, Any, Any]) -> RDD:
        if not isinstance(x, DataFrame):
            return samples(x, y)
        features, labels, transform = columns
        if IMAGE not in x.columns:
            return rows(x, features, labels)
        return image_rows(x, labels, transform, len(self.get_input_shape()) - 1)


def _listed(output: Any) -> Any:
    return list(output) if isinstance(output, tuple) else output
