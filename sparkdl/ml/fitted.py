"""What all fitted stages are: a Keras model that is built when it is needed, and what is known of its training."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField

from sparkdl.engine.archive import model_archive
from sparkdl.engine.building import known_spec
from sparkdl.errors import ArgumentError, MissingFileError, ModelError, SparkDLError
from sparkdl.history import History
from sparkdl.importers.keras.load import load_keras
from sparkdl.ml.params import TrainingParams, setter
from sparkdl.ml.persistence import Persistent, StageFolder
from sparkdl.spark.expectations import input_tensors
from sparkdl.spark.quantize import quantize
from sparkdl.spark.quantized import QuantizedModel, quantized_of
from sparkdl.spark.scoring import Derive, check_new, score
from sparkdl.types import Content, SampleSpec, TensorSpec

MODEL_FILE = "model.keras"
QUANTIZED_FILE = "model.int8"


class Fitted(TrainingParams, Persistent):
    """The part of a fitted stage that holds the model. Made by `fit`, `load` or `from_keras`."""

    _model: KerasModel | None = None
    _spec: SampleSpec | None = None
    _history: History | None = None
    _quantized: QuantizedModel | None = None

    setFeaturesCol = setter("featuresCol")
    setFeaturesCols = setter("featuresCols")
    setPredictionCol = setter("predictionCol")
    setShapes = setter("shapes")
    setDtypes = setter("dtypes")
    setHandleInvalid = setter("handleInvalid")
    setScoringBatchSize = setter("scoringBatchSize")
    setTransformation = setter("transformation")
    setRuntime = setter("runtime")
    setPrecision = setter("precision")

    @classmethod
    def from_keras(cls, model: Any, *, history: History | None = None, **params: Any) -> Self:
        """A stage of a model that is trained already, for example an imported one.

        Args:
            model: a built Keras model; the stage keeps it, and no copy.
            history: of its training.
            **params: the stage's Params.
        """
        stage = cls(**params)
        stage._model = KerasModel(model)
        spec = known_spec(model)
        stage._spec = None if spec is None else replace(spec, labels=(), weighted=False, label_structure="single")
        stage._history = history
        return stage

    @property
    def model(self) -> Any:
        """The Keras model; of a stage that was loaded from files it is built when it is first asked for."""
        if self._model is None:
            raise no_model(self)
        return self._model.value

    @property
    def quantized(self) -> QuantizedModel | None:
        """The model in eight bits that `transform` uses; None where it uses the Keras model."""
        return self._quantized

    def quantize(self, dataset: DataFrame, **options: Any) -> Self:
        """A copy of the stage that scores in int8, and is saved with its model in eight bits beside the Keras model.

        Args:
            dataset: rows for the calibration, with the stage's feature columns.
            **options: others of `sparkdl.quantize`: `label`, `metrics`, `rows`, `seed`, `max_accuracy_drop`.
        """
        columns = {"features": self.features, "shapes": self.value_of("shapes"), "dtypes": self.value_of("dtypes")}
        columns["transform"] = self.transform_of_images
        return self.with_quantized(quantize(self.model, dataset, **columns, **options))

    def with_quantized(self, quantized: QuantizedModel | None) -> Self:
        """A copy of the stage that scores by what `sparkdl.quantize` made of its model; None scores by that again."""
        stage: Self = self.copy()
        stage._quantized = quantized
        return stage

    @property
    def hasSummary(self) -> bool:
        """Whether the stage knows its training."""
        return self._history is not None

    @property
    def summary(self) -> History:
        """The training: `history` by epoch, timings of each worker, seconds, attempts.

        Raises:
            ModelError: the stage was not trained here.
        """
        if self._history is None:
            raise ModelError(f"{self.uid} has no summary: it was made of a model that was trained elsewhere.")
        return self._history

    @property
    def numFeatures(self) -> int:
        """Numbers per row that the model takes, over all its inputs; -1 where that is not known."""
        return sum(tensor.size for tensor in self._inputs) if self._inputs else -1

    @property
    def _inputs(self) -> tuple[TensorSpec, ...]:
        """What the model takes of a row, by its training or else by its inputs; nothing where neither tells."""
        if self._spec is not None:
            return self._spec.features
        return () if self._model is None else input_tensors(self.model)

    def _score(self, dataset: DataFrame, columns: Sequence[StructField], derive: Derive) -> DataFrame:
        """The rows with further columns; starts no job where the stage knows its training."""
        if not columns:
            return dataset
        advice = f"set the Param of {self.uid} that names it to another name, or drop the other column"
        check_new(columns, dataset, advice)
        shapes = {name: tuple(shape) for name, shape in (self.value_of("shapes") or {}).items()}
        return score(
            self._quantized or self.model,
            dataset,
            features=self.features,
            columns=columns,
            derive=derive,
            batch_size=self.getScoringBatchSize(),
            shapes=shapes,
            dtypes=self.value_of("dtypes"),
            runtime=self.getRuntime(),
            precision=self.getPrecision(),
            handle_invalid=self.getHandleInvalid(),
            spec=self._spec,
            transform=self.transform_of_images,
        )

    def _outputs_of(self, value: Any) -> list[np.ndarray]:
        """The outputs of the model for one row, with an axis of one row."""
        row = np.asarray(value.toArray() if hasattr(value, "toArray") else value)
        if len(self._inputs) == 1:
            tensor = self._inputs[0]
            if row.size != tensor.size:
                raise ArgumentError(f"{self.uid} takes {tensor.size} numbers per row, received {row.size}.")
            row = row.reshape(tensor.shape).astype(tensor.dtype)
        outputs = self._quantized.predict(row[None]) if self._quantized else self.model(row[None], training=False)
        return [np.asarray(item) for item in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]

    def _files(self) -> Mapping[str, Content]:
        if self._model is None:
            raise no_model(self)
        quantized = {} if self._quantized is None else {QUANTIZED_FILE: self._quantized.content()}
        return {MODEL_FILE: self._model.archive(), **quantized}

    def _more(self) -> dict[str, Any]:
        spec = None if self._spec is None else asdict(self._spec)
        history = None if self._history is None else asdict(self._history)
        found: dict[str, Any] = json.loads(json.dumps({"spec": spec, "summary": history}, default=float))
        return found if self._quantized is None else {**found, "quantized": True}

    def _take(self, metadata: Mapping[str, Any], folder: StageFolder) -> None:
        self._model = KerasModel(archive=read_archive(folder), path=folder.path_of(MODEL_FILE))
        self._spec = None if metadata["spec"] is None else _spec_of(metadata["spec"])
        self._history = None if metadata["summary"] is None else History(**metadata["summary"])
        if metadata.get("quantized"):
            self._quantized = quantized_of(read_archive(folder, QUANTIZED_FILE), folder.path_of(QUANTIZED_FILE))


class KerasModel:
    """A model, or the archive of one, which becomes a model when it is first asked for; copies of a stage share it.

    The archive is in memory, as its file may be gone by then: a stage may be saved over itself.

    Args:
        model: the model; None where there is an archive.
        archive: what Keras wrote of it.
        path: where it was read, for messages.
    """

    def __init__(self, model: Any = None, archive: bytes = b"", path: str = "") -> None:
        self._model, self._archive, self._path = model, archive, path
        self._making = threading.Lock()

    @property
    def value(self) -> Any:
        """The model."""
        with self._making:
            if self._model is None:
                self._model, self._archive = model_of(self._archive, self._path), b""
            return self._model

    def archive(self) -> bytes:
        """What Keras writes of the model."""
        return self._archive or model_archive(self.value)


def read_archive(folder: StageFolder, name: str = MODEL_FILE) -> bytes:
    """The file of a stage's model.

    Raises:
        MissingFileError: its file is not there.
    """
    try:
        return folder.read(name)
    except MissingFileError as error:
        raise MissingFileError(
            f"{folder.shown!r} has no {name}, which the stage needs: save the stage again.", error.reason
        ) from None


def model_of(archive: bytes, path: str) -> Any:
    """The Keras model of an archive.

    Args:
        archive: the bytes.
        path: where they were read, for messages.

    Raises:
        ImporterError: they are damaged.
        UnsupportedError: the model has classes that are not registered, or code.
    """
    with tempfile.TemporaryDirectory(prefix="sparkdl-stage-") as folder:
        copy = Path(folder, MODEL_FILE)
        copy.write_bytes(archive)
        try:
            return load_keras(copy)
        except SparkDLError as error:
            raise type(error)(str(error).replace(str(copy), path)) from error


def no_model(stage: Fitted) -> ModelError:
    """The error of a stage that was made by its constructor."""
    return ModelError(f"{stage.uid} has no model: a {type(stage).__name__} is made by fit, load or from_keras.")


def _spec_of(values: Mapping[str, Any]) -> SampleSpec:
    features = tuple(TensorSpec(item["name"], tuple(item["shape"]), item["dtype"]) for item in values["features"])
    return SampleSpec(features, feature_structure=values["feature_structure"])
