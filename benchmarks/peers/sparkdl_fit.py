"""sparkdl: `sdl.fit` on a DataFrame, with the held-out rows as its validation data."""

import time
from importlib.metadata import version

import common
import keras
import keras_models
import pandas as pd
from common import parse_arguments, read, report, warm_up

import sparkdl as sdl
from sparkdl.spark.session import local_session


def frame_of(spark, features, labels, workers):
    """A DataFrame of raw bytes and labels, in Spark's memory."""
    rows = pd.DataFrame({"features": [row.tobytes() for row in features], "label": labels})
    frame = spark.createDataFrame(rows, "features binary, label bigint").repartition(workers).cache()
    frame.count()
    return frame


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__)
    features, labels, test_features, test_labels = read(arguments.data)
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "4g", "spark.log.level": "ERROR"}
    with local_session(f"local[{arguments.workers}]", settings) as spark:
        spark.sparkContext.addPyFile(common.__file__)  # the callback's, which runs on a worker
        warm_up(spark, arguments.workers)
        train = frame_of(spark, features, labels, arguments.workers)
        test = frame_of(spark, test_features, test_labels, arguments.workers)
        keras.utils.set_random_seed(arguments.seed)
        optimizer = keras.optimizers.SGD(arguments.rate)
        model = keras_models.compiled(keras, arguments.model, features.shape[1:], optimizer)
        began = time.time()
        clock = keras_models.clock(keras, began)
        sdl.fit(
            model,
            train,
            dtypes={"features": "float32"},
            batch_size=arguments.batch,
            epochs=arguments.epochs,
            validation_data=test,
            callbacks=[clock],
            seed=arguments.seed,
            verbose=0,
        )
        seconds = time.time() - began
        names = ("tensorflow", "keras", "pyspark")
        versions = {"sparkdl": sdl.__version__, **{name: version(name) for name in names}}
        report("sparkdl", arguments, len(features), seconds, clock.epochs, versions)


if __name__ == "__main__":
    main()
