"""spark-tensorflow-distributor: `MirroredStrategyRunner` with Keras 2, as Keras 3 does not know its strategy."""

import time
from importlib.metadata import version

from common import parse_arguments, read, report, spark_session
from spark_tensorflow_distributor import MirroredStrategyRunner


def train(path, name, epochs, batch, rate, seed, began):
    """What each worker runs, below a strategy that reads its addresses from the environment."""
    import keras_models
    import tensorflow as tf

    keras_models.one_thread(tf)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    features, labels, test_features, test_labels = read(path)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = tf.data.Dataset.from_tensor_slices((features, labels)).shuffle(len(features), seed=seed)
    dataset = dataset.batch(batch).prefetch(tf.data.AUTOTUNE).with_options(options)
    held_out = tf.data.Dataset.from_tensor_slices((test_features, test_labels)).batch(batch).with_options(options)
    with strategy.scope():
        tf.keras.utils.set_random_seed(seed)
        optimizer = tf.keras.optimizers.SGD(rate)
        model = keras_models.compiled(tf.keras, name, features.shape[1:], optimizer)
    clock = keras_models.clock(tf.keras, began)
    model.fit(dataset, epochs=epochs, validation_data=held_out, callbacks=[clock], verbose=0)
    return clock.epochs


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__)
    # Keras 3 refuses the strategy; tf_keras is Keras 2 for new TensorFlows.
    spark = spark_session(arguments.workers, **{"spark.executorEnv.TF_USE_LEGACY_KERAS": "1"})
    rows = len(read(arguments.data)[0])
    began = time.time()
    epochs = MirroredStrategyRunner(num_slots=arguments.workers, use_gpu=False, use_custom_strategy=True).run(
        train,
        path=arguments.data,
        name=arguments.model,
        epochs=arguments.epochs,
        batch=arguments.batch,
        rate=arguments.rate,
        seed=arguments.seed,
        began=began,
    )
    seconds = time.time() - began
    names = ("spark-tensorflow-distributor", "tensorflow", "tf_keras", "pyspark")
    versions = {name: version(name) for name in names}
    report("MirroredStrategyRunner", arguments, rows, seconds, epochs, versions)
    spark.stop()


if __name__ == "__main__":
    main()
