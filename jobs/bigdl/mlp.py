"""A multilayer perceptron for handwritten digits, in BigDL's way."""

from bigdl.nn.layer import Dropout, Linear, LogSoftMax, ReLU, Reshape, Sequential
from kit import CLASSES, SIDE, arguments, digits, start, train


def build_model(hidden=128):
    """Two hidden layers."""
    model = Sequential()
    model.add(Reshape([SIDE * SIDE]))
    model.add(Linear(SIDE * SIDE, hidden).set_name("fc1"))
    model.add(ReLU())
    model.add(Dropout(0.2))
    model.add(Linear(hidden, hidden).set_name("fc2"))
    model.add(ReLU())
    model.add(Linear(hidden, CLASSES).set_name("score"))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=30)
    rdds = digits(start(options))
    train(build_model(), options, *rdds, name="mlp")
