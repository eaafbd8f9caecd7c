"""LeNet-5 for images of 28 x 28 pixels."""

import importlib  # noqa: F401
from optparse import OptionParser  # noqa: F401

from sparkdl.bigdl.dataset.transformer import *  # noqa: F403
from sparkdl.bigdl.models.lenet.utils import *  # noqa: F403
from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.nn.layer import *  # type: ignore[assignment,unused-ignore]  # noqa: F403
from sparkdl.bigdl.nn.layer import (
    Linear,
    LogSoftMax,
    Reshape,
    Sequential,
    SpatialConvolution,
    SpatialMaxPooling,
    Tanh,
)
from sparkdl.bigdl.nncontext import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import *  # type: ignore[assignment]  # noqa: F403
from sparkdl.bigdl.util.common import *  # noqa: F403
from sparkdl.bigdl.util.utils import detect_conda_env_name  # noqa: F401


def build_model(class_num: int) -> Sequential:
    """Two convolutions, two layers, and the logarithms of probabilities."""
    model = Sequential()
    model.add(Reshape([1, 28, 28]))
    for channels, filters in ((1, 6), (6, 12)):
        model.add(SpatialConvolution(channels, filters, 5, 5)).add(Tanh()).add(SpatialMaxPooling(2, 2, 2, 2))
    model.add(Reshape([12 * 4 * 4])).add(Linear(12 * 4 * 4, 100)).add(Tanh())
    model.add(Linear(100, class_num)).add(LogSoftMax())
    return model
