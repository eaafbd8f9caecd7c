"""A convolutional network for handwritten digits, in BigDL's way: SGD with momentum and a schedule."""

from bigdl.nn.layer import (
    Linear,
    LogSoftMax,
    ReLU,
    Reshape,
    Sequential,
    SpatialBatchNormalization,
    SpatialConvolution,
    SpatialMaxPooling,
)
from bigdl.optim.optimizer import SGD, Poly
from kit import CLASSES, SIDE, TRAINING, arguments, digits, start, train


def build_model():
    """Two convolutions and two linear layers, after LeNet."""
    model = Sequential()
    model.add(Reshape([1, SIDE, SIDE]))
    model.add(SpatialConvolution(1, 16, 3, 3, 1, 1, 1, 1).set_name("conv1"))
    model.add(SpatialBatchNormalization(16))
    model.add(ReLU())
    model.add(SpatialMaxPooling(2, 2, 2, 2))
    model.add(SpatialConvolution(16, 32, 3, 3, 1, 1, 1, 1).set_name("conv2"))
    model.add(SpatialBatchNormalization(32))
    model.add(ReLU())
    model.add(SpatialMaxPooling(2, 2, 2, 2))
    model.add(Reshape([32 * 2 * 2]))
    model.add(Linear(32 * 2 * 2, 64).set_name("fc1"))
    model.add(ReLU())
    model.add(Linear(64, CLASSES).set_name("score"))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=15)
    rdds = digits(start(options))
    steps = options.epochs * -(-TRAINING // options.batch_size)
    method = SGD(learningrate=0.05, momentum=0.9, dampening=0.0, leaningrate_schedule=Poly(1.0, steps))
    train(build_model(), options, *rdds, name="cnn", method=method)
