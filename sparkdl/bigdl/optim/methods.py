"""BigDL's optimization methods: their arguments, and what they remember from one training to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark import SparkContext

from sparkdl.bigdl.optim.method_files import describe_method, method_of
from sparkdl.bigdl.optim.schedules import Default, LearningRateSchedule, Plateau, Start, decayed
from sparkdl.bigdl.util.common import DOUBLEMAX, JavaValue
from sparkdl.errors import ArgumentError, DataError, UnsupportedError
from sparkdl.spark.storage import read_file, storage_for
from sparkdl.storage.paths import split
from sparkdl.train.checkpoint import MALFORMED, seal, unseal
from sparkdl.train.checkpoint import encode_state as encoded
from sparkdl.types import TrainingState

Arrays = dict[str, np.ndarray]


class OptimMethod(JavaValue):
    """What all methods have in common.

    Attributes:
        state: `epoch` and `neval`, the numbers (from 1) of the epoch and iteration that come next, and what else the
            last training left.
        arrays: what the method has learnt in trainings, by Keras's names.
    """

    schedule: LearningRateSchedule | None = None

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        super().__init__(JavaMethod(self) if jvalue is None else jvalue, bigdl_type)
        self.state: dict[str, Any] = {"epoch": 1, "neval": 1}
        self.arrays: Arrays = {}

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """A Keras optimizer with this method's formula.

        Args:
            steps_per_epoch: iterations of an epoch, for schedules that count epochs.
            **clipping: arguments of `sparkdl.nn.torch_optim.TorchOptimizer`.
        """
        raise UnsupportedError(f"{type(self).__name__} is no optimization method: take SGD, Adam or another one.")

    def save(self, path: str, overWrite: bool) -> None:
        """Writes the method with all that it remembers into a file.

        Raises:
            ArgumentError: there is a file, and it is not to be overwritten.
        """
        folder, name = split(path)
        storage = storage_for(folder, _context())
        if not overWrite and storage.exists(name):
            raise ArgumentError(f"{path!r} exists: give overWrite=True, or another path.")
        storage.write(name, self.to_bytes())

    def to_bytes(self) -> list[Any]:
        """The content of a file."""
        return seal(encoded(TrainingState(self.arrays, {"method": describe_method(self)})))

    @staticmethod
    def load(path: str, bigdl_type: str = "float") -> JavaMethod:
        """Reads a file that `save` or a checkpoint wrote; gives what an Optimizer takes for an optim method.

        Raises:
            DataError: it is no such file.
        """
        content = read_file(path, _context())
        try:
            state = unseal(content)
            method = method_of(state.info["method"], OptimMethod)
        except MALFORMED + (DataError,) as error:
            raise DataError(
                f"{path!r} is no optim method that was saved here (BigDL's own files are serialised Java objects, "
                f"which nothing but its Java code can read): {error}"
            ) from error
        method.arrays = {name: np.array(array) for name, array in state.arrays.items()}
        method.value = JavaMethod(method)
        return method.value


class JavaMethod:
    """An optim method as scripts know it from Java: its arguments are functions, under Java's names.

    Attributes:
        method: the method.

    Example:
        >>> value = SGD(0.5, learningrate_decay=0.25).value
        >>> value.learningRate(), value.learningRateDecay(), value.nesterov()
        (0.5, 0.25, False)
    """

    def __init__(self, method: OptimMethod) -> None:
        self.method = method

    def __getattr__(self, name: str) -> Any:
        if name != "method" and not name.startswith("_"):
            for known, value in vars(self.method).items():
                if known.replace("_", "") == name.lower():
                    return lambda: value
        raise AttributeError(f"an optim method has no {name!r}.")


def _context() -> Any:
    """The running Spark context, whose storages paths may name; None where there is none."""
    return SparkContext._active_spark_context  # type: ignore[attr-defined]


class SGD(OptimMethod):
    """Stochastic gradient descent with momentum, penalties, and rates of single weights."""

    def __init__(
        self,
        learningrate: float = 1e-3,
        learningrate_decay: float = 0.0,
        weightdecay: float = 0.0,
        momentum: float = 0.0,
        dampening: float = DOUBLEMAX,
        nesterov: bool = False,
        leaningrate_schedule: LearningRateSchedule | None = None,
        learningrates: Any = None,
        weightdecays: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        if nesterov and (momentum <= 0 or dampening not in (0, 0.0)):
            raise ArgumentError(
                f"SGD(nesterov=True) needs a momentum and dampening=0.0, received momentum={momentum!r} and "
                f"dampening={'none' if dampening == DOUBLEMAX else repr(dampening)}."
            )
        self.learningrate, self.learningrate_decay, self.weightdecay = learningrate, learningrate_decay, weightdecay
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.schedule = leaningrate_schedule if leaningrate_schedule is not None else Default()
        self.learningrates, self.weightdecays = _flat(learningrates), _flat(weightdecays)

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchSGD

        start = Start(self.learningrate, self.learningrate_decay, 0, steps_per_epoch)
        rate = self.schedule.rates(start) if self.schedule is not None else self.learningrate
        if isinstance(self.schedule, Plateau):
            rate = self.state.get("rate", rate)
        return TorchSGD(
            rate,
            momentum=self.momentum,
            dampening=self.momentum if self.dampening == DOUBLEMAX else self.dampening,
            nesterov=self.nesterov,
            l2=self.weightdecay,
            factors=self.learningrates is not None or self.weightdecays is not None,
            **clipping,
        )


def _flat(values: Any) -> np.ndarray | None:
    if values is None:
        return None
    return np.asarray(values.to_ndarray() if hasattr(values, "to_ndarray") else values, np.float32).reshape(-1)


class Adam(OptimMethod):
    """Adam."""

    def __init__(
        self,
        learningrate: float = 1e-3,
        learningrate_decay: float = 0.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        self.learningrate, self.learningrate_decay = learningrate, learningrate_decay
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchAdam

        rate = decayed(self.learningrate, self.learningrate_decay)
        return TorchAdam(rate, self.beta1, self.beta2, self.epsilon, **clipping)


class ParallelAdam(Adam):
    """Adam; workers share its work in any case, so `parallel_num` changes nothing."""

    def __init__(
        self,
        learningrate: float = 1e-3,
        learningrate_decay: float = 0.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        parallel_num: int = -1,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(learningrate, learningrate_decay, beta1, beta2, epsilon, bigdl_type)
        self.parallel_num = parallel_num


class Adagrad(OptimMethod):
    """Adagrad."""

    def __init__(
        self,
        learningrate: float = 1e-3,
        learningrate_decay: float = 0.0,
        weightdecay: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        self.learningrate, self.learningrate_decay, self.weightdecay = learningrate, learningrate_decay, weightdecay

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchAdagrad

        return TorchAdagrad(decayed(self.learningrate, self.learningrate_decay), self.weightdecay, **clipping)


class Adadelta(OptimMethod):
    """Adadelta."""

    def __init__(self, decayrate: float = 0.9, epsilon: float = 1e-10, bigdl_type: str = "float") -> None:
        super().__init__(None, bigdl_type)
        self.decayrate, self.epsilon = decayrate, epsilon

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchAdadelta

        return TorchAdadelta(rho=self.decayrate, epsilon=self.epsilon, **clipping)


class Adamax(OptimMethod):
    """Adamax."""

    def __init__(
        self,
        learningrate: float = 0.002,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-38,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        self.learningrate, self.beta1, self.beta2, self.epsilon = learningrate, beta1, beta2, epsilon

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchAdamax

        return TorchAdamax(self.learningrate, self.beta1, self.beta2, self.epsilon, **clipping)


class RMSprop(OptimMethod):
    """RMSprop."""

    def __init__(
        self,
        learningrate: float = 1e-2,
        learningrate_decay: float = 0.0,
        decayrate: float = 0.99,
        epsilon: float = 1e-8,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        self.learningrate, self.learningrate_decay = learningrate, learningrate_decay
        self.decayrate, self.epsilon = decayrate, epsilon

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchRMSprop

        rate = decayed(self.learningrate, self.learningrate_decay)
        return TorchRMSprop(rate, self.decayrate, self.epsilon, **clipping)


class Ftrl(OptimMethod):
    """FTRL-proximal."""

    def __init__(
        self,
        learningrate: float = 1e-3,
        learningrate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        if (
            learningrate_power > 0
            or min(
                learningrate,
                initial_accumulator_value,
                l1_regularization_strength,
                l2_regularization_strength,
                l2_shrinkage_regularization_strength,
            )
            < 0
        ):
            raise ArgumentError("Ftrl takes a learningrate_power of at most 0, and no other number below 0.")
        self.learningrate, self.learningrate_power = learningrate, learningrate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchFtrl

        return TorchFtrl(
            self.learningrate,
            self.learningrate_power,
            self.initial_accumulator_value,
            self.l1_regularization_strength,
            self.l2_regularization_strength,
            self.l2_shrinkage_regularization_strength,
            **clipping,
        )


class LBFGS(OptimMethod):
    """L-BFGS: one quasi-Newton step on each minibatch, as an Optimizer of BigDL makes it.

    An Optimizer gives a method one loss and one gradient per minibatch, so that more evaluations (`max_iter`,
    `max_eval`) tell nothing new and BigDL's own loop ends after the first.
    """

    def __init__(
        self,
        max_iter: int = 20,
        max_eval: float = DOUBLEMAX,
        tolfun: float = 1e-5,
        tolx: float = 1e-9,
        ncorrection: int = 100,
        learningrate: float = 1.0,
        verbose: bool = False,
        linesearch: Any = None,
        linesearch_options: Any = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        if linesearch is not None:
            raise UnsupportedError(
                "LBFGS(linesearch=) needs several losses of one minibatch, and an Optimizer computes one: leave it out."
            )
        self.max_iter, self.max_eval, self.tolfun, self.tolx = max_iter, max_eval, tolfun, tolx
        self.ncorrection, self.learningrate, self.verbose = ncorrection, learningrate, verbose

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchLBFGS

        return TorchLBFGS(self.learningrate, self.ncorrection, self.tolfun, self.tolx, **clipping)


class LarsSGD(OptimMethod):
    """SGD with momentum whose steps are as long, for each array of weights, as the weights are."""

    def __init__(
        self,
        trust: float = 1.0,
        learningrate: float = 1e-3,
        learningrate_decay: float = 0.01,
        weightdecay: float = 0.0005,
        momentum: float = 0.5,
        leaningrate_schedule: LearningRateSchedule | None = None,
        bigdl_type: str = "float",
    ) -> None:
        super().__init__(None, bigdl_type)
        if not 0 < trust <= 1:
            raise ArgumentError(f"LarsSGD(trust=) must be above 0 and at most 1, received {trust!r}.")
        self.trust, self.learningrate, self.learningrate_decay = trust, learningrate, learningrate_decay
        self.weightdecay, self.momentum = weightdecay, momentum
        self.schedule = leaningrate_schedule if leaningrate_schedule is not None else Default()

    def optimizer(self, steps_per_epoch: int | None = None, **clipping: Any) -> Any:
        """See `OptimMethod`."""
        from sparkdl.nn.torch_optim import TorchLARS

        start = Start(self.learningrate, self.learningrate_decay, 0, steps_per_epoch)
        rate = self.schedule.rates(start) if self.schedule is not None else self.learningrate
        return TorchLARS(rate, self.trust, self.momentum, self.weightdecay, **clipping)
