"""LeNet-5 of layers in the manner of Keras, which BigDL 2.x ships with an import that fails there."""

from optparse import OptionParser  # noqa: F401
from typing import Any

import sparkdl.bigdl as bigdl  # noqa: F401
from sparkdl.bigdl.dataset import mnist  # noqa: F401
from sparkdl.bigdl.keras.layers import *  # noqa: F403
from sparkdl.bigdl.keras.layers import Convolution2D, Dense, Flatten, MaxPooling2D, Reshape
from sparkdl.bigdl.keras.models import Sequential


def build_model(class_num: int) -> Any:
    """Two convolutions, two layers, and probabilities."""
    model = Sequential()
    model.add(Reshape((1, 28, 28), input_shape=(28, 28, 1)))
    model.add(Convolution2D(6, 5, 5, activation="tanh", name="conv1_5x5"))
    model.add(MaxPooling2D())
    model.add(Convolution2D(12, 5, 5, activation="tanh", name="conv2_5x5"))
    model.add(MaxPooling2D())
    model.add(Flatten())
    model.add(Dense(100, activation="tanh", name="fc1"))
    model.add(Dense(class_num, activation="softmax", name="fc2"))
    return model
