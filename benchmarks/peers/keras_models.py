"""The models in Keras, of whichever generation a peer runs on, and a callback that takes the time."""

from common import Stopwatch

LOSS = "sparse_categorical_crossentropy"


def build(keras, model, shape):
    """LeNet-5, LSTM or MLP with Keras's own initialisation: Glorot's uniform one, and biases of zero."""
    layers = keras.layers
    if model == "lenet":
        body = [layers.Conv2D(6, 5, activation="tanh"), layers.MaxPooling2D()]
        body += [layers.Conv2D(12, 5, activation="tanh"), layers.MaxPooling2D()]
        body += [layers.Flatten(), layers.Dense(100, activation="tanh"), layers.Dense(10, activation="softmax")]
    elif model == "lstm":
        body = [layers.LSTM(64), layers.Dense(2, activation="softmax")]
    else:
        body = [layers.Dense(512, activation="relu"), layers.Dense(512, activation="relu")]
        body += [layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input(shape), *body])


def compiled(keras, model, shape, optimizer):
    """The same, ready to be trained."""
    net = build(keras, model, shape)
    net.compile(optimizer, LOSS, metrics=["accuracy"])
    return net


def clock(keras, began):
    """A callback that is a stopwatch, too."""

    class Clock(keras.callbacks.Callback, Stopwatch):
        """Keras calls it."""

        def __init__(self):
            keras.callbacks.Callback.__init__(self)
            Stopwatch.__init__(self, began)

        def on_epoch_begin(self, epoch, logs=None):
            self.start_steps()

        def on_test_begin(self, logs=None):
            self.end_steps()

        def on_epoch_end(self, epoch, logs=None):
            self.end_epoch(logs["val_accuracy"])

    return Clock()


def one_thread(tf):
    """A worker has one core."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
