"""A plain recurrent network that reads handwritten digits line by line, in BigDL's way."""

from bigdl.nn.layer import Linear, LogSoftMax, Recurrent, RnnCell, Select, Sequential, Tanh
from kit import CLASSES, SIDE, arguments, digits, start, train


def build_model(hidden=64):
    """The state behind the last line tells the class."""
    model = Sequential()
    model.add(Recurrent().add(RnnCell(SIDE, hidden, Tanh())))
    model.add(Select(2, -1))
    model.add(Linear(hidden, CLASSES))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=30)
    rdds = digits(start(options))
    train(build_model(), options, *rdds, name="rnn")
