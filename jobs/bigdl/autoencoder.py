"""An autoencoder of handwritten digits, in BigDL's way: the label is the image."""

from bigdl.nn.criterion import MSECriterion
from bigdl.nn.layer import Linear, ReLU, Reshape, Sequential, Tanh
from bigdl.optim.optimizer import Loss
from kit import SIDE, arguments, digits, start, train


def build_model(code=12):
    """Pixels to a code of a few numbers, and back."""
    model = Sequential()
    model.add(Reshape([SIDE * SIDE]))
    model.add(Linear(SIDE * SIDE, code).set_name("code"))
    model.add(ReLU())
    model.add(Linear(code, SIDE * SIDE).set_name("pixels"))
    model.add(Tanh())
    return model


if __name__ == "__main__":
    options = arguments(__doc__, epochs=40)
    rdds = digits(start(options), label=lambda image, digit: image.reshape(-1))
    methods = [Loss(MSECriterion())]
    train(build_model(), options, *rdds, name="autoencoder", criterion=MSECriterion(), methods=methods)
