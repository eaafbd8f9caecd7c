"""The preprocessing chain, relations and feature sets."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.ml.linalg import Vectors

from sparkdl.bigdl.feature import common
from sparkdl.bigdl.feature.preprocessing import preprocessing_of
from sparkdl.bigdl.feature.relations import pairs
from sparkdl.errors import ArgumentError, DataError, UnsupportedError

RELATIONS = [common.Relation("a", "x", 1), common.Relation("a", "y", 0), common.Relation("b", "x", 0)]


@pytest.mark.parametrize(
    "value", [[1, 2, 3, 4], (1.0, 2.0, 3.0, 4.0), Vectors.dense([1, 2, 3, 4]), np.arange(1, 5), [[1, 2], [3, 4]]]
)
def test_numbers_of_every_form_become_tensors(value: Any) -> None:
    for make in (common.SeqToTensor, common.ArrayToTensor, common.MLlibVectorToTensor):
        assert pickle.loads(pickle.dumps(make([2, 2]))).convert(value).to_ndarray().tolist() == [[1, 2], [3, 4]]
    assert common.SeqToTensor().convert(value).shape == (4,)
    one, two = common.SeqToMultipleTensors([[1], [3, 1]]).convert(value)
    assert one.to_ndarray().tolist() == [1] and two.to_ndarray().tolist() == [[2], [3], [4]]


def test_chains_end_in_samples() -> None:
    pair = common.FeatureLabelPreprocessing(common.SeqToTensor([2]), common.ScalarToTensor())
    sample = pair.convert(([1, 2], 3))
    assert sample.feature.to_ndarray().tolist() == [1, 2] and sample.label.to_ndarray().tolist() == [3]
    assert pair.convert(([1, 2], None)).labels == []
    chain = common.ChainedPreprocessing([common.SeqToTensor(), common.TensorToSample()])
    assert chain.convert(5).feature.to_ndarray().tolist() == [5] and chain.convert(5).label is None
    assert common.FeatureToTupleAdapter(pair).convert([1, 2]) == pair.convert(([1, 2], None))
    assert common.ChainedPreprocessing([common.ToTuple(), pair]).convert([1, 2]) == pair.convert(([1, 2], None))
    inner = common.FeatureLabelPreprocessing(chain, common.ScalarToTensor())
    assert inner.convert(([1, 2], 3)) == sample and common.SampleToMiniBatch(4).convert(sample) is sample


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: common.SeqToTensor([3]).convert([1, 2]), r"SeqToTensor\(\[3\]\) received 2 numbers"),
        (lambda: common.SeqToMultipleTensors([[1], [2]]).convert([1]), "received 1 numbers"),
        (lambda: common.SeqToTensor().convert("text"), "received a str, text"),
        (lambda: common.ChainedPreprocessing([1]), "received a int"),
        (lambda: preprocessing_of("x", "feature_preprocessing"), "feature_preprocessing must be a Preprocessing"),
        (lambda: common.SeqToTensor()(1), "applied to an ImageSet or a TextSet"),
    ],
)
def test_what_does_not_fit_is_said(make: Any, message: str) -> None:
    with pytest.raises((DataError, ArgumentError), match=message):
        make()


def test_shapes_stand_for_preprocessing() -> None:
    assert isinstance(preprocessing_of(None, ""), common.SeqToTensor)
    assert preprocessing_of([2, 3], "").size == [2, 3]
    assert isinstance(preprocessing_of([[2], [3]], ""), common.SeqToMultipleTensors)


def test_relations(tmp_path: Path) -> None:
    path = tmp_path / "relations.csv"
    path.write_text("a,x,1\na,y,0\nb,x,0\n")
    assert common.Relations.read(str(path)) == RELATIONS == pickle.loads(pickle.dumps(RELATIONS))
    assert pairs(RELATIONS) == [("a", "x", "y")]
    path.write_text("a,x\n")
    with pytest.raises(DataError, match="id1,id2,label, received 'a,x'"):
        common.Relations.read(str(path))


def test_feature_sets_of_others_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="tf.data pipeline"):
        common.FeatureSet.tf_dataset(None, 1)
    with pytest.raises(UnsupportedError, match="does not know PyTorch"):
        common.FeatureSet.pytorch_dataloader(None)
