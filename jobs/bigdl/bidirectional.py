"""A network that reads handwritten digits from the first line and from the last one, in BigDL's way."""

from bigdl.nn.layer import GRU, BiRecurrent, JoinTable, Linear, LogSoftMax, Reshape, Sequential
from kit import CLASSES, SIDE, arguments, digits, start, train


def build_model(hidden=32):
    """The outputs at all lines, of both ways, tell the class."""
    model = Sequential()
    model.add(BiRecurrent(JoinTable(3, 3)).add(GRU(SIDE, hidden)))
    model.add(Reshape([SIDE * 2 * hidden]))
    model.add(Linear(SIDE * 2 * hidden, CLASSES))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=20)
    rdds = digits(start(options))
    train(build_model(), options, *rdds, name="bidirectional")
