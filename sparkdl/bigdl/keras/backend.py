"""Keras models that train as BigDL's do."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark import RDD

from sparkdl.bigdl.keras.converter import DefinitionLoader, unsupport_exp
from sparkdl.bigdl.keras.optimization import *  # noqa: F403
from sparkdl.bigdl.keras.optimization import OptimConverter
from sparkdl.bigdl.optim.optimizer import EveryEpoch, MaxEpoch, Optimizer
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.common import init_engine, redire_spark_logs, show_bigdl_info_logs, to_sample_rdd
from sparkdl.errors import ArgumentError


class KerasModelWrapper:
    """A compiled Keras model with BigDL's way to train, measure and apply it; labels count from 1.

    Attributes:
        bmodel: the layer of the model.
    """

    def __init__(self, kmodel: Any) -> None:
        redire_spark_logs()
        show_bigdl_info_logs()
        compiled = kmodel.get_compile_config() or {}
        loss, metrics = compiled.get("loss"), compiled.get("metrics")
        optimizer = getattr(kmodel, "optimizer", None)
        self.bmodel: Any = DefinitionLoader.from_kmodel(kmodel)
        self.criterion = OptimConverter.to_bigdl_criterion(loss) if loss else None
        self.optim_method = OptimConverter.to_bigdl_optim_method(optimizer) if optimizer is not None else None
        self.metrics = OptimConverter.to_bigdl_metrics(list(metrics)) if metrics else None

    def evaluate(
        self, x: Any, y: Any, batch_size: int = 32, sample_weight: Any = None, is_distributed: bool = False
    ) -> list[float]:
        """What the metrics say of arrays, or of an RDD of Sample."""
        if sample_weight is not None:
            unsupport_exp("sample_weight")
        if not self.metrics:
            raise ArgumentError("evaluate has nothing to say: compile the Keras model with metrics=['accuracy'].")
        data = x if isinstance(x, RDD) else to_sample_rdd(x, y)
        return [found.result for found in self.bmodel.evaluate(data, batch_size, self.metrics)]

    def predict(self, x: Any, batch_size: Any = None, verbose: Any = None, is_distributed: bool = False) -> Any:
        """The outputs for an array (an array, or an RDD with `is_distributed`) or an RDD of Sample (an RDD)."""
        if isinstance(x, RDD):
            return self.bmodel.predict(x)
        if is_distributed:
            return self.bmodel.predict(to_sample_rdd(x, np.zeros(len(x))))
        return self.bmodel.predict_local(x)

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        nb_epoch: int = 10,
        verbose: int = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        is_distributed: bool = False,
    ) -> None:
        """Trains on arrays, or on an RDD of Sample, with as many workers as Spark has slots."""
        refused = {
            "callbacks": callbacks,
            "class_weight": class_weight,
            "sample_weight": sample_weight,
            "initial_epoch": initial_epoch,
            "validation_split": validation_split,
            "shuffle": not shuffle,
        }
        for name, given in refused.items():
            if given:
                unsupport_exp(name)
        if self.criterion is None:
            raise ArgumentError("fit needs a compiled Keras model: call compile(optimizer, loss) before it.")
        data = x if isinstance(x, RDD) else to_sample_rdd(x, y)
        optimizer: Any = Optimizer.create(
            self.bmodel, data, self.criterion, MaxEpoch(nb_epoch), batch_size, self.optim_method
        )
        if validation_data is not None and self.metrics:
            pair = isinstance(validation_data, (list, tuple))
            held = to_sample_rdd(*validation_data) if pair else validation_data
            optimizer.set_validation(batch_size, held, EveryEpoch(), self.metrics)
        optimizer.optimize()


def with_bigdl_backend(kmodel: Any) -> KerasModelWrapper:
    """A compiled Keras model with BigDL's way to train, measure and apply it."""
    init_engine()
    return KerasModelWrapper(kmodel)
