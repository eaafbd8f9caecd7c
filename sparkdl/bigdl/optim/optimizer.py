"""BigDL's `optim.optimizer`: every name of it, and what a star import of it gives."""

import multiprocessing  # noqa: F401
import os
import sys  # noqa: F401
import warnings
from typing import Any

import numpy as np
from py4j.java_gateway import JavaObject  # noqa: F401
from pyspark import RDD

from sparkdl.bigdl.dataset.dataset import *  # noqa: F403
from sparkdl.bigdl.dataset.dataset import DataSet
from sparkdl.bigdl.nn.layers import noise
from sparkdl.bigdl.optim.average_precision import (  # noqa: F401
    MeanAveragePrecision,
    MeanAveragePrecisionObjectDetection,
)
from sparkdl.bigdl.optim.methods import (  # noqa: F401
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    Ftrl,
    JavaMethod,
    LarsSGD,
    OptimMethod,
    ParallelAdam,
    RMSprop,
)
from sparkdl.bigdl.optim.regularizers import (  # noqa: F401
    L1L2Regularizer,
    L1Regularizer,
    L2Regularizer,
)
from sparkdl.bigdl.optim.schedules import (  # noqa: F401
    Default,
    EpochDecay,
    EpochDecayWithWarmUp,
    EpochSchedule,
    EpochStep,
    Exponential,
    Fixed,
    MultiStep,
    NaturalExp,
    Plateau,
    Poly,
    Regime,
    SequentialSchedule,
    Step,
    Warmup,
)
from sparkdl.bigdl.optim.summaries import TrainSummary, ValidationSummary
from sparkdl.bigdl.optim.triggers import (  # noqa: F401
    EveryEpoch,
    MaxEpoch,
    MaxIteration,
    MaxScore,
    MinLoss,
    SeveralIteration,
    Trigger,
    TriggerAnd,
    TriggerOr,
)
from sparkdl.bigdl.optim.validation import (  # noqa: F401
    MAE,
    NDCG,
    HitRatio,
    Loss,
    Top1Accuracy,
    Top5Accuracy,
    TreeNNAccuracy,
    ValidationMethod,
    checked,
)
from sparkdl.bigdl.util.arguments import told
from sparkdl.bigdl.util.common import (  # noqa: F401
    DOUBLEMAX,
    JavaValue,
    JTensor,
    Sample,
    callBigDlFunc,
    callJavaFunc,
    get_node_and_core_number,
    get_spark_context,
    init_engine,
    to_list,
)
from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.spark.session import is_local


class ActivityRegularization(noise.ActivityRegularization):
    """The layer of this name, whose strengths must be given here."""

    def __init__(self, l1: float, l2: float, bigdl_type: str = "float") -> None:
        super().__init__(l1, l2, bigdl_type)


def mkpath(name: str) -> list[str]:
    """Makes a folder with those above it."""
    os.makedirs(name, exist_ok=True)
    return [name]


class BaseOptimizer(JavaValue):
    """What all optimizers can do.

    Attributes:
        halves_exchange: whether workers exchange only the upper half of each number, as BigDL's did between
            executors: its numbers come out to the last digit, and weights are float32 in the end. Set it to False
            for float32 throughout.
    """

    halves_exchange = False

    def __init__(
        self,
        model: Any,
        data: Any,
        criterion: Any,
        end_trigger: Any,
        batch_size: int,
        optim_method: Any,
        bigdl_type: str,
    ) -> None:
        super().__init__(self, bigdl_type)
        if not hasattr(criterion, "value"):
            raise ArgumentError(
                f"an Optimizer takes a criterion such as ClassNLLCriterion(), received a {type(criterion).__name__}."
            )
        self.model, self.data, self.criterion = model, data, criterion
        self.end_trigger, self.batch_size = end_trigger, batch_size
        self.method = _method(optim_method)
        self.clip_range: tuple[float, float] | None = None
        self.clip_norm: float | None = None
        self.validation: tuple[Any, int, Trigger, list[ValidationMethod]] | None = None
        self.checkpoint: tuple[Trigger, str] | None = None
        self.train_summary: TrainSummary | None = None
        self.validation_summary: ValidationSummary | None = None

    def set_model(self, model: Any) -> None:
        """Trains another model."""
        self.model = model

    def set_criterion(self, criterion: Any) -> None:
        """Minimises another criterion."""
        self.criterion = criterion

    def set_checkpoint(self, checkpoint_trigger: Trigger, checkpoint_path: str, isOverWrite: bool = True) -> None:
        """Writes `model.<iteration>` and `optimMethod-<model>.<iteration>` into a folder named after the moment.

        Args:
            checkpoint_trigger: when.
            checkpoint_path: the folder that this folder is in, local or of any storage that Spark knows.
            isOverWrite: no matter here: each training has a folder of its own.
        """
        if "://" not in checkpoint_path:
            mkpath(checkpoint_path)
        self.checkpoint = (_trigger(checkpoint_trigger, "set_checkpoint"), checkpoint_path)

    def set_gradclip_const(self, min_value: float, max_value: float) -> None:
        """Clips each element of the gradient to a range."""
        if min_value > max_value:
            raise ArgumentError(f"set_gradclip_const was given the range from {min_value!r} to {max_value!r}.")
        self.clip_range = (float(min_value), float(max_value))

    def set_gradclip_l2norm(self, clip_norm: float) -> None:
        """Shortens the gradient to that length, where it is longer; before `set_gradclip_const`."""
        if clip_norm <= 0:
            raise ArgumentError(f"set_gradclip_l2norm needs a length above 0, received {clip_norm!r}.")
        self.clip_norm = float(clip_norm)

    def disable_gradclip(self) -> None:
        """Leaves gradients as they are."""
        self.clip_range = self.clip_norm = None

    def set_train_summary(self, summary: TrainSummary) -> "BaseOptimizer":
        """Writes curves of the training."""
        self.train_summary = summary
        return self

    def set_val_summary(self, summary: ValidationSummary) -> "BaseOptimizer":
        """Writes curves of the validations."""
        self.validation_summary = summary
        return self

    def set_end_when(self, end_when: Trigger) -> "BaseOptimizer":
        """Ends at another time."""
        self.end_trigger = end_when
        return self

    def prepare_input(self) -> None:
        """Looks at the first sample; workers read the others once, when the training begins."""
        from sparkdl.spark.samples import first_sample

        first_sample(_samples(self.data))

    def optimize(self) -> Any:
        """Trains, and gives the model that was trained.

        Raises:
            DataError: where samples do not fit the model.
            ClusterError: where the cluster cannot run the workers.
            NonFiniteLossError: where the loss became NaN; the model then holds the last good weights.
            WorkerError: with the first real traceback of a failing worker.
        """
        from sparkdl.bigdl.optim.training import Clipping, Training, Validation

        validation = None
        if self.validation is not None:
            data, batch_size, trigger, methods = self.validation
            validation = Validation(_samples(data), batch_size, trigger, tuple(methods))
        Training(
            self.model,
            self.criterion,
            _samples(self.data),
            int(self.batch_size),
            _trigger(self.end_trigger, type(self).__name__),
            self.method,
            self.halves_exchange,
            Clipping(self.clip_range, self.clip_norm),
            validation,
            self.checkpoint,
            self.train_summary,
            self.validation_summary,
            self._workers(),
        ).run()
        return self.model

    def _workers(self) -> int | None:
        """The greatest number of workers; None for one per task slot."""
        return None


class Optimizer(BaseOptimizer):
    """Trains a model on an RDD of samples; made by `Optimizer.create`."""

    halves_exchange = True

    def __init__(
        self,
        model: Any,
        training_rdd: Any,
        criterion: Any,
        end_trigger: Any,
        batch_size: int,
        optim_method: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        if type(self) is Optimizer:
            # The caller is two calls away: arguments are checked before.
            warnings.warn("You are recommended to use `create` method to create an optimizer.", stacklevel=3)
        if not isinstance(training_rdd, (RDD, DataSet)):
            raise ArgumentError(
                f"{type(self).__name__} takes an RDD of Sample or a DataSet, received a {type(training_rdd).__name__}; "
                "for arrays there is Optimizer.create(model, (X, Y), ...)."
            )
        super().__init__(model, training_rdd, criterion, end_trigger, batch_size, optim_method, bigdl_type)

    @staticmethod
    def create(
        model: Any,
        training_set: Any,
        criterion: Any,
        end_trigger: Any = None,
        batch_size: int = 32,
        optim_method: Any = None,
        cores: Any = None,
        bigdl_type: str = "float",
    ) -> Any:
        """An optimizer for an RDD of samples, a DataSet, or a pair of arrays (features, labels).

        Raises:
            ArgumentError: the training set is something else.
        """
        end_trigger = end_trigger or MaxEpoch(1)
        if isinstance(training_set, (RDD, DataSet)):
            return DistriOptimizer(model, training_set, criterion, end_trigger, batch_size, optim_method, bigdl_type)
        if isinstance(training_set, tuple) and len(training_set) == 2:
            x, y = training_set
            return LocalOptimizer(x, y, model, criterion, end_trigger, batch_size, optim_method, cores, bigdl_type)
        raise ArgumentError(
            f"Optimizer.create takes an RDD of Sample, a DataSet or a pair of arrays (X, Y), received a "
            f"{type(training_set).__name__}."
        )

    def set_validation(self, batch_size: int, val_rdd: Any, trigger: Trigger, val_method: Any = None) -> None:
        """Measures a model on other samples now and then, by default with Top1Accuracy."""
        methods = checked(val_method if val_method is not None else [Top1Accuracy()])
        self.validation = (val_rdd, int(batch_size), _trigger(trigger, "set_validation"), methods)

    def set_traindata(self, training_rdd: Any, batch_size: int) -> None:
        """Trains on other samples."""
        self.data, self.batch_size = training_rdd, batch_size


class DistriOptimizer(Optimizer):
    """Trains a model on an RDD of samples or a DataSet."""

    def __init__(
        self,
        model: Any,
        training_rdd: Any,
        criterion: Any,
        end_trigger: Any,
        batch_size: int,
        optim_method: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(model, training_rdd, criterion, end_trigger, batch_size, optim_method, bigdl_type)


class LocalOptimizer(BaseOptimizer):
    """Trains a model on arrays, with a worker per task slot, but no more than `cores`.

    Where Spark runs on this machine alone, `cores` is by default as many as the machine has: slots beyond them, as of
    `local[8]` on a smaller machine, would only wait for one another.
    """

    def __init__(
        self,
        X: Any,
        Y: Any,
        model: Any,
        criterion: Any,
        end_trigger: Any,
        batch_size: int,
        optim_method: Any = None,
        cores: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(model, (X, Y), criterion, end_trigger, batch_size, optim_method, bigdl_type)
        self.cores = cores

    def set_validation(self, batch_size: int, X_val: Any, Y_val: Any, trigger: Trigger, val_method: Any = None) -> None:
        """Measures a model on other arrays now and then, by default with Top1Accuracy."""
        for name, array in (("X_val", X_val), ("Y_val", Y_val)):
            if not isinstance(array, (np.ndarray, list, tuple)):
                raise ArgumentError(
                    f"set_validation({name}=) of an optimizer for arrays must be an ndarray, received a "
                    f"{type(array).__name__}: give set_validation(batch_size, X_val, Y_val, trigger, val_method)."
                )
        methods = checked(val_method if val_method is not None else [Top1Accuracy()])
        self.validation = ((X_val, Y_val), int(batch_size), _trigger(trigger, "set_validation"), methods)

    def _workers(self) -> int | None:
        if self.cores is not None:
            return int(self.cores)
        return os.cpu_count() if is_local(get_spark_context().master) else None


def _method(given: Any) -> OptimMethod:
    if isinstance(given, dict):
        if len(given) != 1:
            raise UnsupportedError(
                f"an Optimizer was given {len(given)} optim methods for parts of a model, and here one trains all of "
                "it: freeze the other parts, and train one after the other."
            )
        given = next(iter(given.values()))
    if isinstance(given, JavaMethod):
        given = given.method
    if given is not None and not isinstance(given, OptimMethod):
        raise ArgumentError(f"optim_method= must be SGD(...), Adam(...) or another one, received {told(given)}.")
    return given if given is not None else SGD()


def _trigger(given: Any, who: str) -> Trigger:
    if not isinstance(given, Trigger):
        raise ArgumentError(f"{who} needs a trigger (MaxEpoch(5), EveryEpoch(), ...), received {told(given)}.")
    return given


def _samples(data: Any) -> RDD:
    """An RDD of samples of what the user gave."""
    if isinstance(data, RDD):
        return data
    if isinstance(data, DataSet):
        samples = data.get_image_frame().get_sample()
        return samples if isinstance(samples, RDD) else get_spark_context().parallelize(samples)
    x, y = data
    features = [np.asarray(array) for array in (x if isinstance(x, (list, tuple)) else [x])]
    labels = np.asarray(y)
    lengths = {len(array) for array in (*features, labels)}
    if len(lengths) != 1:
        raise ArgumentError(f"the arrays have {sorted(lengths)} rows: give as many labels as rows of each feature.")
    made = [Sample.from_ndarray([array[i] for array in features], labels[i]) for i in range(len(labels))]
    return get_spark_context().parallelize(made)
