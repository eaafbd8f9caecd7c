"""elephas: a `SparkModel`, whose workers train an epoch each by themselves, whereupon their weights are averaged."""

import time
from importlib.metadata import version

import keras
import keras_models
import pyspark
import tensorflow as tf
from common import Stopwatch, parse_arguments, read, report, spark_session
from elephas.spark_model import SparkModel
from elephas.utils.rdd_utils import to_simple_rdd

# It has no place where its workers could be told otherwise.
ONE_THREAD = {
    "spark.executorEnv." + name: "1" for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
}


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__)
    keras_models.one_thread(tf)
    spark = spark_session(arguments.workers, **ONE_THREAD)
    features, labels, test_features, test_labels = read(arguments.data)
    rows = to_simple_rdd(spark.sparkContext, features, labels).repartition(arguments.workers).cache()
    rows.count()
    keras.utils.set_random_seed(arguments.seed)
    optimizer = keras.optimizers.SGD(arguments.rate)
    net = keras_models.compiled(keras, arguments.model, features.shape[1:], optimizer)
    watch = Stopwatch(time.time())
    model = SparkModel(net)
    # A call for each epoch is what one call for all does inside; only so the accuracy between them can be seen.
    for _ in range(arguments.epochs):
        watch.start_steps()
        model.fit(rows, epochs=1, batch_size=arguments.batch // arguments.workers, verbose=0)
        watch.end_steps()
        watch.end_epoch(net.evaluate(test_features, test_labels, verbose=0)[1])
    seconds = time.time() - watch.began
    versions = {
        "elephas": version("elephas"),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "pyspark": pyspark.__version__,
    }
    report("elephas", arguments, len(features), seconds, watch.epochs, versions)
    spark.stop()


if __name__ == "__main__":
    main()
