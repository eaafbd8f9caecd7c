"""BigDL 2.x's `feature.common`: the preprocessing chain, relations and feature sets."""

import math  # noqa: F401
import sys  # noqa: F401
import warnings  # noqa: F401

from pyspark.serializers import CloudPickleSerializer  # noqa: F401

from sparkdl.bigdl.dataset.dataset import DataSet  # noqa: F401
from sparkdl.bigdl.feature.feature_set import FeatureSet  # noqa: F401
from sparkdl.bigdl.feature.preprocessing import (  # noqa: F401
    ArrayToTensor,
    BigDLAdapter,
    ChainedPreprocessing,
    FeatureLabelPreprocessing,
    FeatureToTupleAdapter,
    MLlibVectorToTensor,
    Preprocessing,
    SampleToMiniBatch,
    ScalarToTensor,
    SeqToMultipleTensors,
    SeqToTensor,
    TensorToSample,
    ToTuple,
)
from sparkdl.bigdl.feature.relations import Relation, Relations  # noqa: F401
from sparkdl.bigdl.util.bridge import callZooFunc  # noqa: F401
from sparkdl.bigdl.util.common import *  # noqa: F403
