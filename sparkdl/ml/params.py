"""The Params of all stages: name, meaning, type and default, and how they are set and read, as in Spark ML."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, get_args

from pyspark import keyword_only
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasSeed,
    HasThresholds,
    HasValidationIndicatorCol,
    HasWeightCol,
)

from sparkdl.data.transforms.base import from_config
from sparkdl.errors import ArgumentError
from sparkdl.ml import converters as to
from sparkdl.types import ExchangePrecision, Precision

T = TypeVar("T")
S = TypeVar("S")


def param(name: str, doc: str, converter: to.Converter) -> Any:
    """A Param that a class of stages has; each of its objects gets one of its own."""
    return Param(Params._dummy(), name, doc, typeConverter=converter)


def getter(name: str) -> Callable[[Any], Any]:
    """The method that reads a Param: `getEpochs = getter("epochs")`."""

    def get(self: Any) -> Any:
        return self.getOrDefault(name)

    get.__name__ = get.__qualname__ = f"get{name[0].upper()}{name[1:]}"
    get.__doc__ = f"Gets the value of `{name}` or its default value."
    return get


def setter(name: str) -> Callable[[S, Any], S]:
    """The method that sets a Param and returns the stage: `setEpochs = setter("epochs")`."""

    def set_value(self: Any, value: Any) -> Any:
        return self._set(**{name: value})

    set_value.__name__ = set_value.__qualname__ = f"set{name[0].upper()}{name[1:]}"
    set_value.__doc__ = f"Sets the value of `{name}`."
    return set_value


class StageParams(Params):
    """What all our stages share: Params by keyword in the constructor and in `setParams`, and their defaults.

    It stands before Spark ML's own classes among the bases, whose constructors take no keywords.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}

    @keyword_only
    def __init__(self, **params: Any) -> None:
        super().__init__()
        self._setDefault(**self._all_defaults())
        self.setParams(**params)

    @keyword_only
    def setParams(self, **params: Any) -> Any:
        """Sets Params by keyword; one that is None keeps the value it has."""
        for name in params:
            if not self.hasParam(name):
                close = difflib.get_close_matches(name, [item.name for item in self.params], 1)
                hint = f": did you mean {close[0]!r}?" if close else "; see explainParams()."
                raise TypeError(f"{type(self).__name__} has no Param {name!r}{hint}")
        return self._set(**{name: value for name, value in params.items() if value is not None})

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Tells `help` and editors the keywords of the constructor, which are the Params."""
        super().__init_subclass__(**arguments)
        defaults = cls._all_defaults()
        found = sorted(name for name in dir(cls) if isinstance(inspect.getattr_static(cls, name), Param))
        keyword = inspect.Parameter.KEYWORD_ONLY
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, keyword, default=defaults.get(name)) for name in found]
        )

    @classmethod
    def _all_defaults(cls) -> dict[str, Any]:
        """The defaults of a class and of those that it is derived from."""
        found: dict[str, Any] = {}
        for part in reversed(cls.__mro__):
            found.update(vars(part).get("DEFAULTS", {}))
        return found

    def value_of(self, name: str) -> Any:
        """The value of a Param; None where it has none."""
        return self.getOrDefault(name) if self.isDefined(name) else None


class HasFeatures(StageParams):
    """The columns that a model reads, beside Spark ML's featuresCol."""

    featuresCols = param(
        "featuresCols",
        "features column names, in place of featuresCol: columns of single numbers make one vector (or one input each "
        "where the model has as many), columns of arrays one input each.",
        to.names("featuresCols"),
    )
    shapes = param(
        "shapes",
        "shape per row of a column, by its name, where neither the model nor the column says it.",
        to.shapes("shapes"),
    )
    dtypes = param("dtypes", "numpy type of a binary column of raw tensors, by its name.", to.dtypes("dtypes"))

    getFeaturesCols = getter("featuresCols")
    getShapes = getter("shapes")
    getDtypes = getter("dtypes")

    @property
    def features(self) -> str | list[str]:
        """The column, or the list of columns, that is meant.

        Raises:
            ArgumentError: both were set.
        """
        if self.isSet("featuresCols") and self.isSet("featuresCol"):
            raise ArgumentError(
                f"{self.uid} has featuresCol={self.getFeaturesCol()!r} and featuresCols={self.getFeaturesCols()!r}: "
                f"set one of them, and clear the other."
            )
        found: str | list[str] = self.value_of("featuresCols") or self.getFeaturesCol()
        return found


class HasHandleInvalid(StageParams):
    """What becomes of rows that have no value where one is needed."""

    handleInvalid = param(
        "handleInvalid",
        "what to do with rows that have a null, a NaN or an array of the wrong length in a feature: 'error', 'skip' "
        "(leave them out), or 'keep' (their prediction is null). Training leaves them out, and those without a label, "
        "unless it is 'error'.",
        to.choice("handleInvalid", "error", "skip", "keep"),
    )
    getHandleInvalid = getter("handleInvalid")


class HasTransformation(StageParams):
    """What is done to images."""

    # Not "transform", which is the method of every Transformer.
    transformation = param(
        "transformation",
        "a transform of sdl.images (Resize, Normalize, Compose, ...), or its config, for image features: what it draws "
        "at random is drawn afresh in each epoch of fit, and in transform it is without chance.",
        to.transformation("transformation"),
    )

    def getTransformation(self) -> Any:
        """Gets the transform itself."""
        return from_config(self.getOrDefault("transformation"))

    @property
    def transform_of_images(self) -> Any:
        """The transform; None where there is none."""
        return self.getTransformation() if self.isDefined("transformation") else None


class ScoringParams(HasFeatures, HasTransformation, HasHandleInvalid):
    """What a fitted model needs to transform a DataFrame."""

    scoringBatchSize = param(
        "scoringBatchSize",
        "rows per call of the model in transform; the result does not depend on it.",
        to.whole("scoringBatchSize", 1),
    )
    runtime = param(
        "runtime",
        "what applies the model: 'auto' (OpenVINO where it is installed and takes the model, else TensorFlow), "
        "'openvino' or 'tensorflow'.",
        to.choice("runtime", "auto", "openvino", "tensorflow"),
    )
    precision = param(
        "precision", "of the arithmetic of transform: 'float32' or 'bf16'.", to.choice("precision", "float32", "bf16")
    )

    getScoringBatchSize = getter("scoringBatchSize")
    getRuntime = getter("runtime")
    getPrecision = getter("precision")

    DEFAULTS = {"handleInvalid": "error", "scoringBatchSize": 1024, "runtime": "auto", "precision": "float32"}


class TrainingParams(
    ScoringParams, HasLabelCol, HasFeaturesCol, HasPredictionCol, HasWeightCol, HasValidationIndicatorCol, HasSeed
):
    """How a model is trained; fitted models keep the values they were trained with.

    The order of the bases is that of Spark ML's Predictor.
    """

    modelParams = param(
        "modelParams",
        "keyword arguments of the function that was given as model; a grid may vary them.",
        to.values("modelParams"),
    )
    optimizer = param(
        "optimizer",
        "name or object of a Keras optimizer, in place of the one that the model is compiled with.",
        to.compiling("optimizer"),
    )
    loss = param(
        "loss",
        "name or object of a Keras loss, or a function, in place of the one that the model is compiled with.",
        to.compiling("loss"),
    )
    metrics = param(
        "metrics",
        "list of names or objects of Keras metrics, or functions, in place of those that the model is compiled with.",
        to.compiling("metrics"),
    )
    learningRate = param(
        "learningRate", "learning rate (> 0), in place of the optimizer's own.", to.positive("learningRate")
    )
    batchSize = param(
        "batchSize", "rows per step of the training over all workers together (>= 1).", to.whole("batchSize", 1)
    )
    epochs = param("epochs", "how often all rows are visited (>= 1).", to.whole("epochs", 1))
    validationSplit = param(
        "validationSplit",
        "fraction of the rows (>= 0 and < 1), drawn with the seed, that is held out for validation.",
        to.between("validationSplit", 0, 1, including_high=False),
    )
    earlyStopping = param(
        "earlyStopping",
        "epochs without an improvement of `monitor` after which the training stops, and the best weights are put "
        "back; 0 trains all epochs and keeps the last weights.",
        to.whole("earlyStopping", 0),
    )
    monitor = param(
        "monitor",
        "what earlyStopping watches, a name in the history; by default val_loss where there are validation rows, else "
        "loss.",
        TypeConverters.toString,
    )
    monitorMode = param(
        "monitorMode",
        "which way `monitor` gets better: 'min', 'max', or 'auto', which knows losses and the metrics of Keras.",
        to.choice("monitorMode", "auto", "min", "max"),
    )
    checkpointPath = param(
        "checkpointPath",
        "directory or URL for the states of an unfinished fit; the same fit, run again after a crash, goes on from the "
        "newest, and a fit that has ended removes its own.",
        TypeConverters.toString,
    )
    numWorkers = param(
        "numWorkers", "training processes (>= 1); one per task slot where it is not set.", to.whole("numWorkers", 1)
    )
    coresPerWorker = param(
        "coresPerWorker",
        "threads of each training process (>= 1); spark.task.cpus where it is not set.",
        to.whole("coresPerWorker", 1),
    )
    trainingPrecision = param(
        "trainingPrecision",
        "of the layers' arithmetic in fit: 'float32', 'bf16', or 'auto', which tries both on the first batches.",
        to.choice("trainingPrecision", *get_args(Precision)),
    )
    exchangePrecision = param(
        "exchangePrecision",
        "what hosts round to before they exchange gradients: 'float32', 'bf16' or 'fp16'.",
        to.choice("exchangePrecision", *get_args(ExchangePrecision)),
    )
    verbose = param("verbose", "progress of fit: 0 silent, 1 a bar, 2 a line per epoch.", to.whole("verbose", 0))

    getModelParams = getter("modelParams")
    getOptimizer = getter("optimizer")
    getLoss = getter("loss")
    getMetrics = getter("metrics")
    getLearningRate = getter("learningRate")
    getBatchSize = getter("batchSize")
    getEpochs = getter("epochs")
    getValidationSplit = getter("validationSplit")
    getEarlyStopping = getter("earlyStopping")
    getMonitor = getter("monitor")
    getMonitorMode = getter("monitorMode")
    getCheckpointPath = getter("checkpointPath")
    getNumWorkers = getter("numWorkers")
    getCoresPerWorker = getter("coresPerWorker")
    getTrainingPrecision = getter("trainingPrecision")
    getExchangePrecision = getter("exchangePrecision")
    getVerbose = getter("verbose")

    DEFAULTS = {
        "featuresCol": "features",
        "labelCol": "label",
        "predictionCol": "prediction",
        "seed": 0,  # Spark ML's own default differs from process to process
        "modelParams": {},
        "batchSize": 256,
        "epochs": 1,
        "validationSplit": 0.0,
        "earlyStopping": 0,
        "monitorMode": "auto",
        "trainingPrecision": "float32",
        "exchangePrecision": "float32",
        "verbose": 0,
    }


class HasModel(StageParams):
    """What an estimator trains."""

    model = param(
        "model",
        "a Keras model, of which a copy is trained; or a function that returns one, called with modelParams; or the "
        "name of such a function, 'module:function'.",
        to.model("model"),
    )
    getModel = getter("model")


class ClassifierParams(StageParams, HasProbabilityCol, HasThresholds, HasRawPredictionCol):
    """What classifiers have beside; the threshold of a class divides its probability before the largest is taken."""

    thresholds = param("thresholds", HasThresholds.thresholds.doc, to.divisors("thresholds"))
    abstainBelow = param(
        "abstainBelow",
        "probability (0 to 1) that the predicted class must reach: below it the prediction is null, which says "
        "nothing; probability and rawPrediction are there all the same.",
        to.between("abstainBelow", 0, 1),
    )
    predictedLabelCol = param(
        "predictedLabelCol",
        "column for the predicted label as the training data had it: a string where the labels were strings; none "
        "where it is not set.",
        TypeConverters.toString,
    )
    getAbstainBelow = getter("abstainBelow")
    getPredictedLabelCol = getter("predictedLabelCol")
    DEFAULTS = {"rawPredictionCol": "rawPrediction", "probabilityCol": "probability", "abstainBelow": 0.0}
