"""BigDL's example models have the shapes and sizes that they had."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.models.inception import inception
from sparkdl.bigdl.models.lenet import lenet as keras_lenet
from sparkdl.bigdl.models.lenet import lenet5
from sparkdl.bigdl.models.lenet import utils as lenet
from sparkdl.bigdl.models.rnn import rnnexample
from sparkdl.bigdl.models.textclassifier import textclassifier
from sparkdl.bigdl.models.utils.model_broadcast import broadcast_model
from sparkdl.errors import ArgumentError


def _size(model: Any) -> int:
    return sum(array.size for array in model.get_weights())


def test_lenet() -> None:
    model = lenet5.build_model(10)
    assert _size(model) == 22278 and model.forward(np.zeros((2, 28, 28, 1))).shape == (2, 10)
    assert _size(keras_lenet.build_model(10)) == 22278
    options = SimpleNamespace(endTriggerType="epoch", endTriggerNum=3)
    assert lenet.get_end_trigger(options).max_epoch == 3


def test_inception() -> None:
    model = inception.inception_v1_no_aux_classifier(1000)
    assert _size(model) == 6998552
    names = [layer.name() for layer in model.flattened_layers()]
    assert names[0] == "conv1/7x7_s2" and "inception_5b/relu_pool_proj" in names
    block = inception.inception_layer_v1(8, inception.t([inception.t(c) for c in ([4], [2, 3], [2, 3], [5])]))
    assert block.forward(np.zeros((1, 8, 6, 6))).shape == (1, 15, 6, 6)
    assert _size(inception.inception_v1(10, has_dropout=False)) > 10_000_000
    parsed, _ = inception.config_option_parser().parse_args(["-b", "64", "--maxLr", "0.5", "-o"])
    assert (parsed.batchSize, parsed.maxLr, parsed.overwrite, parsed.maxIteration) == (64, 0.5, True, 62000)


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_recurrent(kind: str) -> None:
    assert rnnexample.build_model(4, 3, 5, kind).forward(np.zeros((2, 6, 4))).shape == (2, 6, 5)
    sample = rnnexample._OneHot({"a": 0, "SENTENCEEND": 1}, 3)(["a", "b", "SENTENCEEND"])
    assert sample.feature.to_ndarray().argmax(1).tolist() == [0, 2, 1] and sample.label.to_ndarray().tolist() == [
        3,
        2,
        2,
    ]
    with pytest.raises(ArgumentError, match='"rnn" or "lstm"'):
        rnnexample.build_model(1, 1, 1, "gru")


@pytest.mark.parametrize("kind", ["cnn", "lstm", "gru"])
def test_texts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("model_type", kind), ("embedding_dim", 4), ("sequence_len", 8)):
        monkeypatch.setattr(textclassifier, name, value)
    assert textclassifier.build_model(3).forward(np.zeros((2, 8, 4))).shape == (2, 3)
    sample = textclassifier.to_sample([textclassifier.to_vec("x", {"x": [1.0, 2]}, 2)], 3, 2)
    assert sample.feature.shape == (1, 2)


class _Context:
    def broadcast(self, value: bytes) -> Any:
        return SimpleNamespace(value=value)


def test_models_travel() -> None:
    model = lenet5.build_model(2)
    received = pickle.loads(pickle.dumps(broadcast_model(_Context(), model)))
    for mine, theirs in zip(model.get_weights(), received.value.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
