"""LeNet-5 on arrays."""

from optparse import OptionParser  # noqa: F401
from typing import Any

from sparkdl.bigdl.dataset import mnist
from sparkdl.bigdl.models.lenet.lenet5 import build_model  # noqa: F401
from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import *  # noqa: F403
from sparkdl.bigdl.util.common import *  # noqa: F403


def get_mnist(data_type: str = "train", location: str = "/tmp/mnist") -> tuple[Any, Any]:
    """Images, and labels from 1; the files must be at the location."""
    images, labels = mnist.read_data_sets(location, data_type)
    return images, labels + 1
