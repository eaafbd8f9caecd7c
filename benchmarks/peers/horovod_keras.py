"""Horovod on Spark: `horovod.spark.run` of Keras 2's `fit` with Horovod's optimizer, over gloo."""

import time

import horovod
import horovod.spark
import pyspark
from common import parse_arguments, read, report, spark_session


def train(path, name, epochs, batch, rate, seed, began):
    """What each worker runs: its part of the file, below Horovod's optimizer and callbacks."""
    import horovod.tensorflow.keras as hvd
    import keras_models
    import tensorflow as tf

    keras_models.one_thread(tf)
    hvd.init()
    tf.keras.utils.set_random_seed(seed)
    features, labels, test_features, test_labels = read(path)
    mine = slice(hvd.rank(), len(features) // hvd.size() * hvd.size(), hvd.size())
    dataset = tf.data.Dataset.from_tensor_slices((features[mine], labels[mine])).shuffle(len(features), seed=seed)
    dataset = dataset.batch(batch // hvd.size()).prefetch(tf.data.AUTOTUNE)
    # Horovod averages gradients over workers, as the loss over a whole batch does: the rate stays as it is.
    optimizer = hvd.DistributedOptimizer(tf.keras.optimizers.SGD(rate))
    model = keras_models.compiled(tf.keras, name, features.shape[1:], optimizer)
    clock = keras_models.clock(tf.keras, began)
    broadcast = hvd.callbacks.BroadcastGlobalVariablesCallback(0)
    model.fit(
        dataset,
        epochs=epochs,
        validation_data=(test_features, test_labels),
        callbacks=[broadcast, clock],
        verbose=0,
    )
    return clock.epochs, tf.__version__


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__)
    spark = spark_session(arguments.workers)
    rows = len(read(arguments.data)[0])
    began = time.time()
    told = horovod.spark.run(
        train,
        args=(
            *(arguments.data, arguments.model, arguments.epochs, arguments.batch, arguments.rate),
            *(arguments.seed, began),
        ),
        num_proc=arguments.workers,
        use_gloo=True,
        verbose=0,
    )
    seconds = time.time() - began
    epochs, tensorflow = told[0]
    versions = {"horovod": horovod.__version__, "tensorflow": tensorflow, "pyspark": pyspark.__version__}
    report("Horovod", arguments, rows, seconds, epochs, versions)
    spark.stop()


if __name__ == "__main__":
    main()
