"""Classification by a Keras model as a stage of a Spark ML pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.ml.classification import ProbabilisticClassificationModel, ProbabilisticClassifier
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import DenseVector
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField

from sparkdl.engine.class_output import ClassOutput, class_output, default_loss
from sparkdl.errors import ArgumentError, ModelError
from sparkdl.ml.fitted import Fitted
from sparkdl.ml.labels import class_labels
from sparkdl.ml.outputs import Classes
from sparkdl.ml.params import ClassifierParams, setter
from sparkdl.ml.persistence import StageFolder
from sparkdl.ml.training import Trainer
from sparkdl.spark.columns import quoted

_VECTORS = ("rawPrediction", "probability")


class DLClassifier(ClassifierParams, Trainer, ProbabilisticClassifier):
    """Trains a Keras model that tells classes apart on the executors, and returns a `DLClassificationModel`.

    The model has one output: a unit for each class (softmax, or logits with a loss that has `from_logits=True`), or one
    unit for the second of two classes (sigmoid or logit). A model that is not compiled gets the cross-entropy that
    fits its output. Labels are class numbers from 0, or strings, which are numbered in their order. All Params are
    keywords of the constructor; `explainParams()` tells what they mean.

    Example:
        >>> classifier = DLClassifier(model="networks:build", modelParams={"units": 128}, learningRate=0.01)
        >>> classifier.getProbabilityCol(), classifier.setEpochs(3).getEpochs()
        ('probability', 3)
    """

    setRawPredictionCol = setter("rawPredictionCol")
    setProbabilityCol = setter("probabilityCol")
    setThresholds = setter("thresholds")
    setAbstainBelow = setter("abstainBelow")
    setPredictedLabelCol = setter("predictedLabelCol")

    def _fitted_class(self) -> type[Fitted]:
        return DLClassificationModel

    def _default_loss(self, model: Any) -> Any:
        return default_loss(model)

    def _checked(self, frame: DataFrame, model: Any) -> dict[str, Any]:
        output = class_output(model)
        classes = None if output is None else output.classes
        if classes is not None:
            check_thresholds(self, classes)
        return {"labels": class_labels(frame, self.getLabelCol(), classes, self._training_rows(frame))}


class DLClassificationModel(ClassifierParams, Fitted, ProbabilisticClassificationModel):
    """A trained classifier. `transform` adds `rawPredictionCol`, `probabilityCol` (ML vectors), `predictionCol` (the
    class number, double) and, where it is set, `predictedLabelCol`; a column whose name is "" is left out.

    Logits of the model are the raw predictions (of one unit z, as in Spark ML, -z and z); where the model gives
    probabilities, these are. The prediction's metadata hold the labels, so `IndexToString` needs no others.

    Attributes:
        model: the Keras model.
        labels: the label of each class where it has a name, in the order of class numbers.
        summary: the `History` of the training.
    """

    labels: tuple[str, ...] = ()

    setRawPredictionCol = setter("rawPredictionCol")
    setProbabilityCol = setter("probabilityCol")
    setThresholds = setter("thresholds")
    setAbstainBelow = setter("abstainBelow")
    setPredictedLabelCol = setter("predictedLabelCol")

    @classmethod
    def from_keras(cls, model: Any, *, labels: Sequence[str] = (), **params: Any) -> Any:
        """As in `DLModel`; `labels` are the names of the classes, in the order of their numbers."""
        stage = super().from_keras(model, **params)
        learnt = getattr(model, "label_values", {})
        stage.labels = tuple(labels or next(iter(learnt.values()), ()))
        return stage

    @property
    def output(self) -> ClassOutput:
        """What the output of the model means."""
        found = class_output(self.model)
        if found is None:
            raise ModelError(f"the model of {self.uid} does not know its output: call it once on an Input.")
        return found

    @property
    def numClasses(self) -> int:
        """Number of classes."""
        return self.output.classes

    def predictRaw(self, value: Any) -> DenseVector:
        """The raw prediction of one row: a vector, or an array of the model's shape."""
        return DenseVector(self._derived(value, "rawPrediction"))

    def predictProbability(self, value: Any) -> DenseVector:
        """The probability of each class for one row."""
        return DenseVector(self._derived(value, "probability"))

    def predict(self, value: Any) -> float:
        """The class number of one row; NaN where the stage abstains."""
        found = self._derived(value, "prediction")
        found = found.as_py() if hasattr(found, "as_py") else found
        return float("nan") if found is None else float(found)

    def _derived(self, value: Any, name: str) -> Any:
        return self._classes((name,))(self._outputs_of(value))[0][0]

    def _classes(self, wanted: tuple[str, ...]) -> Classes:
        thresholds = tuple(self.value_of("thresholds") or ())
        check_thresholds(self, self.numClasses)
        return Classes(self.output.kind, wanted, thresholds, self.getAbstainBelow(), self.labels)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        names = {
            "rawPrediction": self.getRawPredictionCol(),
            "probability": self.getProbabilityCol(),
            "prediction": self.getPredictionCol(),
            "label": self.value_of("predictedLabelCol"),
        }
        names = {kind: name for kind, name in names.items() if name}
        if "label" in names and not self.labels:
            raise ArgumentError(
                f"{self.uid} has predictedLabelCol={names['label']!r}, but its labels were numbers without names: "
                f"clear the Param, and read the predictionCol."
            )
        columns = [self._field(kind, name) for kind, name in names.items()]
        scored = self._score(dataset, columns, self._classes(tuple(names)))
        vectors = {name for kind, name in names.items() if kind in _VECTORS}
        return scored.select(*[_column(field, field.name in vectors) for field in scored.schema.fields])

    def _field(self, kind: str, name: str) -> StructField:
        """A new column, with what Spark ML notes of such columns."""
        if kind in _VECTORS:
            return StructField(name, ArrayType(DoubleType(), False), False, {"ml_attr": {"num_attrs": self.numClasses}})
        if kind == "label":
            return StructField(name, StringType(), True)
        values = {"vals": list(self.labels)} if self.labels else {"num_vals": self.numClasses}
        noted = {"ml_attr": {"type": "nominal", "name": name, **values}}
        return StructField(name, DoubleType(), self.getAbstainBelow() > 0, noted)

    def _more(self) -> dict[str, Any]:
        return {**super()._more(), "labels": list(self.labels)}

    def _take(self, metadata: Mapping[str, Any], folder: StageFolder) -> None:
        super()._take(metadata, folder)
        self.labels = tuple(metadata["labels"])


def _column(field: StructField, vector: bool) -> Column:
    """A column of the scored rows; probabilities as ML vectors, which Arrow has not."""
    column = F.col(quoted(field.name))
    if not vector:
        return column
    made = array_to_vector(column)
    if field.nullable:
        made = F.when(column.isNotNull(), made)
    return made.alias(field.name, metadata=field.metadata)


def check_thresholds(stage: Any, classes: int) -> None:
    """Raises ArgumentError where there is not one threshold for each class."""
    given = stage.value_of("thresholds")
    if given is not None and len(given) != classes:
        raise ArgumentError(
            f"{stage.uid} has {len(given)} thresholds, but its model has {classes} classes: give one for each."
        )
