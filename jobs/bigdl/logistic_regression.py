"""Logistic regression of handwritten digits, in BigDL's way."""

from bigdl.nn.layer import Linear, LogSoftMax, Reshape, Sequential
from kit import CLASSES, SIDE, arguments, digits, start, train


def build_model():
    """One linear function of the pixels for each class."""
    model = Sequential()
    model.add(Reshape([SIDE * SIDE]))
    model.add(Linear(SIDE * SIDE, CLASSES))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=30)
    rdds = digits(start(options))
    train(build_model(), options, *rdds, name="logistic_regression")
