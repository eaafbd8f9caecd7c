"""Stages of BigDL: trained on DataFrames of every kind of column, saved, loaded, in pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.linalg import Vectors

from sparkdl.bigdl.dlframes.dl_classifier import DLClassifier, DLClassifierModel, DLEstimator, DLModel
from sparkdl.bigdl.dlframes.dl_image_reader import DLImageReader
from sparkdl.bigdl.dlframes.dl_image_transformer import DLImageTransformer
from sparkdl.bigdl.feature import image
from sparkdl.bigdl.feature.common import ChainedPreprocessing, Preprocessing, SeqToTensor
from sparkdl.bigdl.nn.criterion import ClassNLLCriterion, MSECriterion
from sparkdl.bigdl.nn.layer import Linear, LogSoftMax, Sequential, Sigmoid
from sparkdl.bigdl.nnframes import (
    NNClassifier,
    NNClassifierModel,
    NNEstimator,
    NNImageReader,
    NNModel,
    XGBClassifier,
    with_origin_column,
)
from sparkdl.bigdl.nnframes.configs import from_config, to_config
from sparkdl.bigdl.optim.optimizer import Adam, MaxIteration
from sparkdl.bigdl.transform.vision.image import HFlip, MatToTensor, Resize
from sparkdl.bigdl.transform.vision.image import Pipeline as Transforms
from sparkdl.errors import ArgumentError, DataError, StorageError, UnsupportedError


def _linear(*more: Any) -> Any:
    model = Sequential().add(Linear(2, 2))
    for layer in more:
        model.add(layer)
    return model


@pytest.fixture(scope="module")
def frame(spark_local: Any) -> Any:
    rows = [([2.0, 1.0], Vectors.dense([2, 1]), [1.0, 2.0], 1.0), ([1.0, 2.0], Vectors.dense([1, 2]), [2.0, 1.0], 2.0)]
    return spark_local.createDataFrame(rows * 8, ["features", "vector", "target", "label"])


def test_an_estimator_learns_arrays(frame: Any) -> None:
    estimator = NNEstimator(_linear(), MSECriterion(), SeqToTensor([2]), [2]).setLabelCol("target")
    fitted = estimator.setBatchSize(4).setLearningRate(0.2).setMaxEpoch(10).fit(frame)
    assert isinstance(fitted, NNModel) and fitted.getBatchSize() == 4 and estimator.getOptimMethod().learningrate == 0.2
    rows = fitted.setPredictionCol("out").transform(frame).collect()
    assert rows[0].asDict().keys() == {"features", "vector", "target", "label", "out"}
    np.testing.assert_allclose([row.out for row in rows], [row.target for row in rows], rtol=0.1)


def test_columns_of_other_sizes_are_told_in_a_sentence(frame: Any) -> None:
    estimator = NNEstimator(_linear(), MSECriterion(), SeqToTensor([3]), [2]).setLabelCol("target").setBatchSize(4)
    with pytest.raises(DataError, match=r"^SeqToTensor\(\[3\]\) received 2 numbers.$"):
        estimator.setMaxEpoch(1).fit(frame)
    with pytest.raises(DataError, match=r"takes 3 features \(input_size\), but was given 2"):
        NNEstimator(Sequential().add(Linear(3, 2)), MSECriterion(), [2], [2]).setLabelCol("target").fit(frame)


def test_a_classifier_says_classes_from_one_and_is_saved_in_a_pipeline(frame: Any, tmp_path: Path) -> None:
    classifier = DLClassifier(_linear(LogSoftMax()), ClassNLLCriterion(), [2]).setFeaturesCol("both")
    classifier.setOptimMethod(Adam(learningrate=0.2)).setBatchSize(16).setEndWhen(MaxIteration(20))
    with pytest.raises(ArgumentError, match="both setEndWhen and setMaxEpoch"):
        classifier.copy().setMaxEpoch(1).fit(frame)
    numbers = frame.selectExpr("features[0] AS a", "features[1] AS b", "label")
    fitted = Pipeline(stages=[VectorAssembler(inputCols=["a", "b"], outputCol="both"), classifier]).fit(numbers)
    rows = fitted.transform(numbers).collect()
    assert [row.prediction for row in rows] == [row.label for row in rows]
    fitted.write().overwrite().save(str(tmp_path / "stage"))
    loaded = PipelineModel.load(str(tmp_path / "stage"))
    stage = loaded.stages[-1]
    assert isinstance(stage, DLClassifierModel) and (stage.getFeatureSize(), stage.getFeaturesCol()) == ([2], "both")
    assert [row.prediction for row in loaded.transform(numbers).collect()] == [row.label for row in rows]


def test_a_fit_with_params_trains_a_copy(frame: Any) -> None:
    classifier = NNClassifier(_linear(LogSoftMax()), ClassNLLCriterion(), [2]).setBatchSize(16).setMaxEpoch(1)
    before = [weight.copy() for weight in classifier.model.get_weights()]
    fitted = classifier.fit(frame, {classifier.learningRate: 0.5})
    np.testing.assert_array_equal(classifier.model.get_weights()[0], before[0])
    assert fitted.model is not classifier.model and (fitted.model.get_weights()[0] != before[0]).any()


def test_models_of_one_output_say_one_or_zero(frame: Any) -> None:
    model = Sequential().add(Linear(2, 1, init_weight=np.array([[1.0, -1.0]]), init_bias=np.zeros(1))).add(Sigmoid())
    stage = NNClassifierModel(model, [2]).setFeaturesCol("vector")
    assert [row.prediction for row in stage.transform(frame).take(2)] == [1.0, 0.0]
    assert [row.prediction for row in stage.setThreshold(0.9).transform(frame).take(2)] == [0.0, 0.0]


def test_the_older_names(frame: Any) -> None:
    estimator = DLEstimator(_linear(), MSECriterion(), [2], [2]).setPredictionCol("out")
    fitted = estimator._fitted(estimator.model)
    assert type(fitted) is DLModel and fitted.getFeatureSize() == [2] and fitted.getPredictionCol() == "out"
    assert DLModel.of(_linear(), [2]).getBatchSize() == 4 and DLClassifierModel.of(_linear(), [2]).getThreshold() == 0.5


def test_gray_images_have_one_channel_unless_the_codec_says_otherwise(spark_local: Any, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "gray.bmp"), np.full((8, 6), 30, np.uint8))
    cv2.imwrite(str(tmp_path / "blue.png"), np.full((8, 6, 3), (90, 0, 0), np.uint8))
    for codec, expected in ((-1, {"gray.bmp": 1, "blue.png": 3}), (0, {"gray.bmp": 1, "blue.png": 1})):
        images = NNImageReader.readImages(str(tmp_path), spark_local.sparkContext, image_codec=codec).collect()
        assert {row.image.origin[-8:]: row.image.nChannels for row in images} == expected


def test_images(spark_local: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 6, 3), 10 * number, np.uint8))
    context = spark_local.sparkContext
    images = NNImageReader.readImages(str(tmp_path), context, minPartitions=2)
    assert sorted(row.origin[-5:] for row in with_origin_column(images).collect()) == ["1.png", "2.png"]
    files = DLImageReader.readImages(str(tmp_path), context)
    first = files.first().image
    assert (first.height, first.mode) == (8, 16) and bytes(first.data) == (tmp_path / first.origin[-5:]).read_bytes()
    resized = NNImageReader.readImages(str(tmp_path), context, resizeH=4, resizeW=5).first().image
    assert (resized.height, resized.width) == (4, 5)
    turned = DLImageTransformer(Transforms([Resize(2, 2), HFlip()])).setOutputCol("small").transform(images)
    assert (turned.first().small.height, turned.first().small.mode, len(turned.first().small.data)) == (2, 21, 12)
    cut = DLImageTransformer(Transforms([Resize(2, 2), MatToTensor()]))
    once = cut.transform(files)
    twice = DLImageTransformer(Resize(1, 1)).setInputCol("output").setOutputCol("again").transform(once)
    assert sorted(row.again.data for row in twice.collect()) == [[10.0] * 3, [20.0] * 3]

    chain = ChainedPreprocessing(
        [image.RowToImageFeature(), image.ImageResize(1, 1), image.ImageMatToTensor(), image.ImageFeatureToTensor()]
    )
    from sparkdl.bigdl.nn.layer import Reshape

    model = Sequential().add(Reshape([3])).add(Linear(3, 1, init_weight=np.ones((1, 3)), init_bias=np.zeros(1)))
    stage = NNModel(model, chain).setFeaturesCol("image")
    assert sorted(row.prediction[0] for row in stage.transform(images).collect()) == [30, 60]
    stage.save(str(tmp_path / "stage"))
    loaded = NNModel.load(str(tmp_path / "stage"))
    assert sorted(row.prediction[0] for row in loaded.transform(images).collect()) == [30, 60]


class _Own(Preprocessing):
    def convert(self, value: Any) -> Any:
        return value


def test_chains_are_saved_as_data() -> None:
    chain = ChainedPreprocessing([image.ImageFixedCrop(0, 0, 1, 1), image.ImageChannelNormalize(1, 2, 3)])
    copy = from_config(to_config(chain))
    assert [type(item) for item in copy.transformers] == [type(item) for item in chain.transformers]
    with pytest.raises(UnsupportedError, match="_Own is not of this package"):
        to_config(ChainedPreprocessing([_Own()]))
    for config in ({"class": "system", "module": "os", "state": {}}, {"class": "np", "module": _HOME, "state": {}}):
        with pytest.raises(StorageError, match="none of this package"):
            from_config(config)


_HOME = "sparkdl.bigdl.feature.preprocessing"


def test_setters_and_getters() -> None:
    estimator = NNEstimator(_linear(), MSECriterion())
    assert (estimator.getMaxEpoch(), estimator.getLearningRate(), estimator.isCachingSample()) == (50, 1e-3, True)
    assert estimator.setBatchSize(30).setMaxEpoch(40).getBatchSize() == 30
    assert estimator.setCheckpoint("p", "t").getCheckpoint() == ["p", "t", True] and estimator.getValidation() is None
    assert estimator.setDataCacheLevel("DISK_AND_DRAM", 2).getDataCacheLevel() == ("DISK_AND_DRAM", 2)
    assert NNModel(_linear()).getBatchSize() == 4 and estimator.copy().getBatchSize() == 30
    with pytest.raises(ArgumentError, match="takes a Preprocessing, received a list"):
        estimator.setSamplePreprocessing([2])
    with pytest.raises(UnsupportedError, match="XGBoost's own package for Spark"):
        XGBClassifier()
