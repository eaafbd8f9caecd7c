"""What all estimators do: take the data and a new model to `sdl.fit`, and the result to a fitted stage."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sparkdl.engine.archive import model_archive
from sparkdl.engine.checks import check_model
from sparkdl.engine.definition import compile_model, early_stopping, function_name, is_model, make_model
from sparkdl.engine.monitoring import modes_of
from sparkdl.errors import ArgumentError, StorageError
from sparkdl.history import History
from sparkdl.ml.fitted import MODEL_FILE, Fitted, model_of, read_archive
from sparkdl.ml.params import HasModel, TrainingParams, setter
from sparkdl.ml.persistence import Persistent, StageFolder
from sparkdl.spark.arguments import refuse_stream
from sparkdl.spark.columns import did_you_mean, find_column, quoted
from sparkdl.spark.expectations import shapes_of
from sparkdl.spark.fit import ON_A_STREAM, fit
from sparkdl.spark.frames import DataArguments, prepare
from sparkdl.spark.storage import storage_for
from sparkdl.spark.whole_rows import whole_rows
from sparkdl.storage.paths import join
from sparkdl.train.checkpoint_folder import Checkpoint
from sparkdl.types import Content

logger = logging.getLogger("sparkdl")
# A fit that goes on may have others; whether the model is the same, the checkpoint tells.
_IMMATERIAL = frozenset({"model", "checkpointPath", "verbose", "numWorkers", "coresPerWorker"})


class Trainer(TrainingParams, HasModel, Persistent):
    """The part of an estimator that trains. Each fit trains a new model; the one that was given stays as it is."""

    setModel = setter("model")
    setModelParams = setter("modelParams")
    setOptimizer = setter("optimizer")
    setLoss = setter("loss")
    setMetrics = setter("metrics")
    setLearningRate = setter("learningRate")
    setBatchSize = setter("batchSize")
    setEpochs = setter("epochs")
    setValidationSplit = setter("validationSplit")
    setEarlyStopping = setter("earlyStopping")
    setMonitor = setter("monitor")
    setMonitorMode = setter("monitorMode")
    setCheckpointPath = setter("checkpointPath")
    setNumWorkers = setter("numWorkers")
    setCoresPerWorker = setter("coresPerWorker")
    setTrainingPrecision = setter("trainingPrecision")
    setExchangePrecision = setter("exchangePrecision")
    setTransformation = setter("transformation")
    setVerbose = setter("verbose")
    setSeed = setter("seed")
    setFeaturesCol = setter("featuresCol")
    setFeaturesCols = setter("featuresCols")
    setShapes = setter("shapes")
    setDtypes = setter("dtypes")
    setLabelCol = setter("labelCol")
    setWeightCol = setter("weightCol")
    setValidationIndicatorCol = setter("validationIndicatorCol")
    setPredictionCol = setter("predictionCol")
    setHandleInvalid = setter("handleInvalid")
    setScoringBatchSize = setter("scoringBatchSize")
    setRuntime = setter("runtime")
    setPrecision = setter("precision")

    def _fit(self, dataset: DataFrame) -> Any:
        refuse_stream(f"{type(self).__name__}.fit", dataset, ON_A_STREAM)
        model = self._new_model()
        frame = self._usable(dataset, model)
        more = self._checked(frame, model)
        history = self._train(model, frame)
        fitted = self._fitted_class().from_keras(model, history=history, **more)
        return self._copyValues(fitted._resetUid(self.uid))

    def _fitted_class(self) -> type[Fitted]:
        """The class of the stage that `fit` returns."""
        raise NotImplementedError

    def _default_loss(self, model: Any) -> Any:
        """The loss of a model that has none, where the kind of task says it."""

    def _checked(self, frame: DataFrame, model: Any) -> dict[str, Any]:
        """Checks model and labels before the training; what the fitted stage must know of them."""
        return {}

    def _labels(self) -> Any:
        """The label column, or columns."""
        return self.getLabelCol()

    def _weight(self) -> str | None:
        """The weight column; as in Spark ML, an empty name is none."""
        return self.value_of("weightCol") or None

    def _indicator(self) -> str | None:
        """The column that tells validation rows; an empty name is none."""
        return self.value_of("validationIndicatorCol") or None

    def _new_model(self) -> Any:
        """A new model, compiled."""
        if not self.isDefined("model"):
            raise ArgumentError(f"{self.uid} has no model: give model= a Keras model, or a function that returns one.")
        model = make_model(self.getModel(), self.getModelParams(), self.getSeed())
        loss = self.value_of("loss")
        if loss is None and not model.compiled:
            loss = self._default_loss(model)
        compile_model(
            model,
            optimizer=self.value_of("optimizer"),
            loss=loss,
            metrics=self.value_of("metrics"),
            learning_rate=self.value_of("learningRate"),
        )
        return model

    def _train(self, model: Any, frame: DataFrame) -> History:
        """Trains the model in place."""
        callbacks, place = self._early_stopping(model, frame), self._checkpoints()
        history = fit(
            model,
            frame,
            features=self.features,
            label=self._labels(),
            weight=self._weight(),
            batch_size=self.getBatchSize(),
            epochs=self.getEpochs(),
            verbose=self.getVerbose(),
            callbacks=callbacks if place is None else [*callbacks, Checkpoint(place)],
            validation_split=self.getValidationSplit(),
            validation_indicator=self._indicator(),
            workers=self.value_of("numWorkers"),
            cores_per_worker=self.value_of("coresPerWorker"),
            precision=self.getTrainingPrecision(),
            exchange_precision=self.getExchangePrecision(),
            seed=self.getSeed(),
            shapes=self._shapes(),
            dtypes=self.value_of("dtypes"),
            transform=self.transform_of_images,
            resume=place,
        )
        if place is not None:
            self._forget_states(frame, place)
        return history

    def _early_stopping(self, model: Any, frame: DataFrame) -> list[Any]:
        """The callback that ends the training, and puts the best weights back; what it watches will be there."""
        if not self.getEarlyStopping():
            return []
        validates = self._indicator() is not None or self.getValidationSplit() > 0
        monitor = self.value_of("monitor") or ("val_loss" if validates else "loss")
        check_model(model, prepare(frame, self._arguments(), shapes_of(model)).spec)  # which builds its metrics
        mode = watched(self.uid, monitor, self.getMonitorMode(), modes_of(model), validates)
        return [early_stopping(monitor, mode, self.getEarlyStopping())]

    def _checkpoints(self) -> str | None:
        """The directory of this fit's states: fits with other Params, as in a grid, have others."""
        path = self.value_of("checkpointPath")
        return None if path is None else join(path, self._digest())

    def _forget_states(self, frame: DataFrame, place: str) -> None:
        try:
            storage_for(self.getCheckpointPath(), frame.sparkSession).delete(self._digest())
        except StorageError as error:  # the model is trained all the same
            logger.warning("the states of %s in %s, which is over, could not be removed: %s", self.uid, place, error)

    def _digest(self) -> str:
        values = {item.name: value for item, value in self.extractParamMap().items() if item.name not in _IMMATERIAL}
        text = json.dumps(values, sort_keys=True, default=lambda item: getattr(item, "__qualname__", repr(item)))
        return f"fit-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def _usable(self, dataset: DataFrame, model: Any) -> DataFrame:
        """The rows to train on: where rows may be left out, without those that the fitted stage would leave out."""
        if self.getHandleInvalid() == "error":
            return dataset
        return whole_rows(dataset, self._arguments(), shapes_of(model))

    def _arguments(self) -> DataArguments:
        """Which columns are what, as `fit` is told."""
        return DataArguments(
            self.features,
            self._labels(),
            self._weight(),
            shapes=self._shapes(),
            dtypes=self.value_of("dtypes") or {},
            transform=self.transform_of_images,
        )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(shape) for name, shape in (self.value_of("shapes") or {}).items()}

    def _training_rows(self, frame: DataFrame) -> Column:
        """True for rows that are no validation rows by their column."""
        indicator = self._indicator()
        if indicator is None:
            return F.lit(True)
        return ~F.col(quoted(find_column(indicator, frame.schema, "validationIndicatorCol"))).cast("boolean")

    def _values(self) -> dict[str, Any]:
        """Params as JSON has them; functions by their names, models in a file of their own."""
        values = {item.name: value for item, value in self._paramMap.items()}
        if is_model(values.get("model")):
            del values["model"]
        return {name: _named(value, name) for name, value in values.items()}

    def _files(self) -> Mapping[str, Content]:
        model = self.value_of("model")
        return {MODEL_FILE: model_archive(model)} if is_model(model) else {}

    def _more(self) -> dict[str, Any]:
        return {"modelFile": MODEL_FILE} if is_model(self.value_of("model")) else {}

    def _take(self, metadata: Mapping[str, Any], folder: StageFolder) -> None:
        if "modelFile" in metadata:
            self._set(model=model_of(read_archive(folder), folder.path_of(MODEL_FILE)))


def watched(stage: str, monitor: str, mode: str, modes: Mapping[str, str | None], validates: bool) -> str:
    """Which way what early stopping watches gets better: "min" or "max".

    Args:
        stage: named in messages.
        monitor: what is watched.
        mode: "auto", or the answer.
        modes: for each name that the training logs, the way it gets better, where that is known.
        validates: whether there are validation rows, of which the same names come with "val_".

    Raises:
        ArgumentError: there will be no such name in the history, or nobody knows which way it gets better.

    Example:
        >>> watched("DLClassifier_1", "val_accuracy", "auto", {"loss": "min", "accuracy": "max"}, validates=True)
        'max'
    """
    logged = monitor.removeprefix("val_")
    if logged in modes and logged != monitor and not validates:
        raise ArgumentError(
            f"monitor={monitor!r} of {stage} needs validation rows, and it has none: set validationSplit or "
            f"validationIndicatorCol, or monitor={logged!r}."
        )
    if logged not in modes:
        known = [*modes, *(f"val_{name}" for name in modes if validates)]
        raise ArgumentError(
            f"monitor={monitor!r} will be no name in the history of {stage}: {did_you_mean(monitor, known)}."
        )
    found = modes[logged] if mode == "auto" else mode
    if found is None:
        raise ArgumentError(
            f"monitor={monitor!r} of {stage} may get better by growing or by falling, and Keras does not know which: "
            f"set monitorMode='max' or 'min'."
        )
    return found


def _named(value: Any, name: str) -> Any:
    """A value in which functions are names."""
    if isinstance(value, Mapping):
        return {key: _named(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, name) for item in value]
    return function_name(value, name) if callable(value) else value
