"""An LSTM that reads handwritten digits line by line, in BigDL's way."""

from bigdl.nn.layer import LSTM, Linear, LogSoftMax, Recurrent, Select, Sequential
from kit import CLASSES, SIDE, arguments, digits, start, train


def build_model(hidden=64):
    """The output at the last line tells the class."""
    model = Sequential()
    model.add(Recurrent().add(LSTM(SIDE, hidden)))
    model.add(Select(2, -1))
    model.add(Linear(hidden, CLASSES))
    model.add(LogSoftMax())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=30)
    rdds = digits(start(options))
    train(build_model(), options, *rdds, name="lstm")
