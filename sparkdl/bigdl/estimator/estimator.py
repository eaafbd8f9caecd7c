"""`Estimator`: trains a model on FeatureSets, several times if wanted."""

from typing import Any

from pyspark import RDD

from sparkdl.bigdl.util.bridge import JavaValue, callZooFunc  # noqa: F401
from sparkdl.bigdl.util.log4Error import *  # noqa: F403
from sparkdl.errors import ArgumentError, ModelError

_ROWS = 32


class Estimator(JavaValue):
    """Trains and measures a model.

    Args:
        model: the model; it is trained itself, no copy of it.
        optim_methods: the optim method; None for SGD().
        model_dir: where checkpoints go; None or "" for none.
    """

    def __init__(
        self,
        model: Any,
        optim_methods: Any = None,
        model_dir: str | None = None,
        jvalue: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(jvalue, bigdl_type)
        self.model, self.optim_methods, self.model_dir = model, optim_methods, model_dir
        self._clipping: tuple[str, tuple[float, ...]] | None = None
        self._summaries: tuple[Any, Any] | None = None

    def clear_gradient_clipping(self) -> None:
        """Leaves gradients as they are."""
        self._clipping = None

    def set_constant_gradient_clipping(self, min: float, max: float) -> None:
        """Keeps gradients between two numbers."""
        self._clipping = "set_gradclip_const", (float(min), float(max))

    def set_l2_norm_gradient_clipping(self, clip_norm: float) -> None:
        """Keeps the norm of the gradient below a number."""
        self._clipping = "set_gradclip_l2norm", (float(clip_norm),)

    def set_tensorboard(self, log_dir: str, app_name: str) -> None:
        """Writes curves for TensorBoard into a folder."""
        from sparkdl.bigdl.optim.optimizer import TrainSummary, ValidationSummary

        self._summaries = TrainSummary(log_dir, app_name), ValidationSummary(log_dir, app_name)

    def get_train_summary(self, tag: str | None = None) -> Any:
        """A curve of the training: "Loss", "Throughput", ..."""
        return self._curve(0, tag or "Loss")

    def get_validation_summary(self, tag: str | None = None) -> Any:
        """A curve of the validation, by the name of its method."""
        return self._curve(1, tag or "Loss")

    def _curve(self, place: int, tag: str) -> Any:
        if self._summaries is None:
            raise ModelError("the Estimator has written no curves: call set_tensorboard before train.")
        return self._summaries[place].read_scalar(tag)

    def train(
        self,
        train_set: Any,
        criterion: Any,
        end_trigger: Any = None,
        checkpoint_trigger: Any = None,
        validation_set: Any = None,
        validation_method: Any = None,
        batch_size: int = 32,
    ) -> "Estimator":
        """Trains on a FeatureSet of samples.

        Args:
            end_trigger: when to end; None for one epoch.
            checkpoint_trigger: when to write into `model_dir`, and when to validate; None for every epoch.
        """
        from sparkdl.bigdl.optim.optimizer import DistriOptimizer, EveryEpoch, MaxEpoch

        rdd, method = samples(train_set), self.optim_methods
        optimizer = DistriOptimizer(self.model, rdd, criterion, end_trigger or MaxEpoch(1), batch_size, method)
        if self._clipping is not None:
            name, bounds = self._clipping
            getattr(optimizer, name)(*bounds)
        often = checkpoint_trigger or EveryEpoch()
        if self.model_dir:
            optimizer.set_checkpoint(often, self.model_dir)
        if validation_set is not None and validation_method:
            optimizer.set_validation(batch_size, samples(validation_set), often, validation_method)
        if self._summaries is not None:
            optimizer.set_train_summary(self._summaries[0])
            optimizer.set_val_summary(self._summaries[1])
        optimizer.optimize()
        return self

    def train_imagefeature(
        self,
        train_set: Any,
        criterion: Any,
        end_trigger: Any = None,
        checkpoint_trigger: Any = None,
        validation_set: Any = None,
        validation_method: Any = None,
        batch_size: int = 32,
    ) -> "Estimator":
        """Trains on a FeatureSet of images that hold samples."""
        return self.train(
            train_set, criterion, end_trigger, checkpoint_trigger, validation_set, validation_method, batch_size
        )

    def train_minibatch(
        self,
        train_set: Any,
        criterion: Any,
        end_trigger: Any = None,
        checkpoint_trigger: Any = None,
        validation_set: Any = None,
        validation_method: Any = None,
    ) -> "Estimator":
        """Trains on a FeatureSet after `SampleToMiniBatch`, whose batch size counts."""
        size = batch_size_of(train_set)
        return self.train(
            train_set, criterion, end_trigger, checkpoint_trigger, validation_set, validation_method, size
        )

    def evaluate(self, validation_set: Any, validation_method: Any, batch_size: int = 32) -> Any:
        """What each method says of the model on a FeatureSet of samples."""
        methods = validation_method if isinstance(validation_method, (list, tuple)) else [validation_method]
        from sparkdl.bigdl.nn.layers.inference import measured

        # Not the model's own evaluate: that of a Keras-style model takes other arguments.
        return measured(self.model, samples(validation_set), batch_size, list(methods))

    def evaluate_imagefeature(self, validation_set: Any, validation_method: Any, batch_size: int = 32) -> Any:
        """The same of images that hold samples."""
        return self.evaluate(validation_set, validation_method, batch_size)

    def evaluate_minibatch(self, validation_set: Any, validation_method: Any) -> Any:
        """The same after `SampleToMiniBatch`."""
        return self.evaluate(validation_set, validation_method, batch_size_of(validation_set))


def batch_size_of(data: Any) -> int:
    """The batch size that `SampleToMiniBatch` gave to a FeatureSet."""
    return getattr(data, "batch_size", None) or _ROWS


def samples(data: Any) -> RDD:
    """The samples of a FeatureSet, DataSet, ImageFrame or RDD.

    Raises:
        ArgumentError: it is none of these.
    """
    inner = getattr(data, "value", data)
    if hasattr(inner, "get_sample"):
        inner = inner.get_sample()
    if not isinstance(inner, RDD):
        raise ArgumentError(f"an Estimator takes a FeatureSet or an RDD of samples, received a {type(data).__name__}.")
    return inner
