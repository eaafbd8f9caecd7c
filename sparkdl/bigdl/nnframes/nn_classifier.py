"""BigDL 2.x's `nnframes.nn_classifier`: every name of it, and what a star import of it gives."""

import json  # noqa: F401

from pyspark.ml.param.shared import *  # noqa: F403
from pyspark.ml.util import JavaMLWriter, MLReadable, MLWritable  # noqa: F401
from pyspark.ml.wrapper import JavaEstimator, JavaModel, JavaTransformer  # noqa: F401

from sparkdl.bigdl.feature.common import *  # noqa: F403
from sparkdl.bigdl.nn.layer import Layer  # noqa: F401
from sparkdl.bigdl.nncontext import init_nncontext  # noqa: F401
from sparkdl.bigdl.nnframes.estimators import NNClassifier, NNEstimator  # noqa: F401
from sparkdl.bigdl.nnframes.fitted import NNClassifierModel, NNModel, NNModelWriter  # noqa: F401
from sparkdl.bigdl.nnframes.params import (  # noqa: F401
    HasBatchSize,
    HasOptimMethod,
    HasSamplePreprocessing,
    HasThreshold,
)
from sparkdl.bigdl.optim.optimizer import SGD  # noqa: F401
from sparkdl.bigdl.util.file_utils import put_local_file_to_remote  # noqa: F401
