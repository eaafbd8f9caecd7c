"""The Estimator hands what it was told to an Optimizer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.estimator import Estimator
from sparkdl.bigdl.estimator.estimator import batch_size_of, samples
from sparkdl.bigdl.feature.common import ChainedPreprocessing, FeatureSet, SampleToMiniBatch, ToTuple
from sparkdl.bigdl.keras.layers import Dense
from sparkdl.bigdl.keras.models import Sequential
from sparkdl.bigdl.nn.criterion import MSECriterion
from sparkdl.bigdl.nn.layer import Linear
from sparkdl.bigdl.optim import optimizer
from sparkdl.bigdl.optim.optimizer import Loss
from sparkdl.bigdl.util.sample import Sample
from sparkdl.errors import ArgumentError, ModelError


class _Optimizer:
    """Remembers what it is told."""

    made: list[_Optimizer] = []

    def __init__(self, *arguments: Any) -> None:
        self.told: list[tuple[str, Any]] = [("made", arguments)]
        self.made.append(self)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, arguments))


def test_training_passes_everything_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(optimizer, "DistriOptimizer", _Optimizer)
    monkeypatch.setattr("sparkdl.bigdl.estimator.estimator.samples", lambda data: data)
    estimator = Estimator("model", "method", "folder")
    estimator.set_l2_norm_gradient_clipping(2)
    estimator.set_tensorboard(str(tmp_path), "app")
    data = SimpleNamespace(batch_size=7)
    assert estimator.train_minibatch(data, "criterion", "end", "often", "other", ["method"]) is estimator
    told = dict(_Optimizer.made[-1].told)
    assert told["made"] == ("model", data, "criterion", "end", 7, "method")
    assert told["set_gradclip_l2norm"] == (2.0,) and told["set_checkpoint"] == ("often", "folder")
    assert told["set_validation"] == (7, "other", "often", ["method"]) and told["optimize"] == ()
    estimator.clear_gradient_clipping()
    estimator.train_imagefeature(data, "criterion")
    assert "set_gradclip_l2norm" not in dict(_Optimizer.made[-1].told)
    for folder in (None, ""):
        Estimator("model", "method", folder).train(data, "criterion")
        assert "set_checkpoint" not in dict(_Optimizer.made[-1].told)


def test_data_of_every_kind(spark_local: Any) -> None:
    rdd = spark_local.sparkContext.parallelize([1], 1)
    found = FeatureSet.rdd(rdd).transform(ChainedPreprocessing([ToTuple(), SampleToMiniBatch(5)]))
    assert samples(rdd) is rdd and samples(found) is found.value and batch_size_of(found) == 5
    frame = SimpleNamespace(get_sample=lambda: rdd)
    assert samples(FeatureSet.image_frame(frame)) is rdd and batch_size_of(rdd) == 32
    with pytest.raises(ArgumentError, match="received a list"):
        samples([1])


def test_models_of_both_styles_are_measured(spark_local: Any) -> None:
    rows = [Sample.from_ndarray(np.full(2, value), np.array([value])) for value in (1.0, 3.0)]
    rdd = spark_local.sparkContext.parallelize(rows, 1)
    torch_style, keras_style = Linear(2, 1), Sequential().add(Dense(1, input_shape=(2,)))
    for model in (torch_style, keras_style):
        model.set_weights([np.ones((1, 2)), np.zeros(1)])
        (found,) = Estimator(model).evaluate(rdd, Loss(MSECriterion()), 2)
        assert (found.method, found.total_num, found.result) == ("Loss", 2, 5.0)


def test_curves_need_a_folder() -> None:
    with pytest.raises(ModelError, match="call set_tensorboard before train"):
        Estimator(None).get_train_summary("Loss")
