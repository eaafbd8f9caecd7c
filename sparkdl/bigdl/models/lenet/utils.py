"""MNIST for LeNet, and the options of its script."""

from typing import Any

from sparkdl.bigdl.dataset import mnist
from sparkdl.bigdl.dataset.transformer import *  # noqa: F403
from sparkdl.bigdl.dataset.transformer import normalizer
from sparkdl.bigdl.optim.optimizer import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import EveryEpoch, MaxEpoch, MaxIteration, Top1Accuracy
from sparkdl.bigdl.util.sample import Sample


def get_mnist(sc: Any, data_type: str = "train", location: str = "/tmp/mnist") -> Any:
    """An RDD of (image, label from 1); the files must be at the location."""
    images, labels = mnist.read_data_sets(location, data_type)
    return sc.parallelize(list(zip(images, labels + 1, strict=True)))


def preprocess_mnist(sc: Any, options: Any) -> tuple[Any, Any]:
    """RDDs of normalized samples for training and test; `options.dataPath` says where the files are."""
    return (
        get_mnist(sc, "train", options.dataPath).map(_Normalized(mnist.TRAIN_MEAN, mnist.TRAIN_STD)),
        get_mnist(sc, "test", options.dataPath).map(_Normalized(mnist.TEST_MEAN, mnist.TEST_STD)),
    )


class _Normalized:
    """Makes a normalized sample of an image and its label."""

    def __init__(self, mean: float, std: float) -> None:
        self.mean, self.std = mean, std

    def __call__(self, pair: Any) -> Sample:
        return Sample.from_ndarray(normalizer(pair[0], self.mean, self.std), pair[1])


def get_end_trigger(options: Any) -> Any:
    """After `options.endTriggerNum` epochs or iterations."""
    kind = MaxEpoch if options.endTriggerType.lower() == "epoch" else MaxIteration
    return kind(options.endTriggerNum)


def validate_optimizer(optimizer: Any, test_data: Any, options: Any) -> None:
    """Validates and writes a checkpoint after every epoch."""
    optimizer.set_validation(
        batch_size=options.batchSize, val_rdd=test_data, trigger=EveryEpoch(), val_method=[Top1Accuracy()]
    )
    optimizer.set_checkpoint(EveryEpoch(), options.checkpointPath)
