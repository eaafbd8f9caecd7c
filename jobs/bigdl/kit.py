"""What the scripts of this folder share: real handwritten digits as an RDD of samples, and a training in BigDL's way.

The scripts are written as for BigDL, and run on it or here:

    python -m sparkdl.bigdl jobs/bigdl/lstm.py --epochs 20
    spark-submit --py-files jobs/bigdl/kit.py jobs/bigdl/lstm.py      # begin with `import sparkdl.bigdl.install`
"""

import argparse

import numpy as np
from bigdl.nn.criterion import ClassNLLCriterion
from bigdl.optim.optimizer import Adam, EveryEpoch, MaxEpoch, Optimizer, Top1Accuracy, TrainSummary, ValidationSummary
from bigdl.util.common import (
    RNG,
    Sample,
    create_spark_conf,
    get_spark_context,
    init_engine,
    redire_spark_logs,
    show_bigdl_info_logs,
)
from sklearn.datasets import load_digits

SIDE = 8
CLASSES = 10
TRAINING = 1437  # the rest of the 1,797 images is for validation, as in scikit-learn's own example


def arguments(description, epochs):
    """The command line that all scripts have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=epochs, help="passes over the training images (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=96, help="images of one step (%(default)s)")
    parser.add_argument("--logs", help="folder for TensorBoard's event files")
    parser.add_argument("--seed", type=int, default=1, help="of the weights that layers begin with (%(default)s)")
    parser.add_argument("--master", default="local[2]", help="Spark master (%(default)s)")
    return parser.parse_args()


def start(options):
    """Spark and the engine, as every script of BigDL starts them."""
    conf = create_spark_conf().setMaster(options.master).setAppName("digits")
    sc = get_spark_context(conf)
    redire_spark_logs()
    show_bigdl_info_logs()
    init_engine()
    RNG().set_seed(options.seed)
    return sc


def digits(sc, label=None):
    """RDDs of samples to train and to validate on: images [8, 8] from -1 to 1, and classes from 1 to 10.

    `label` makes another label of image and class.
    """
    data = load_digits()
    images = (data.images / 8.0 - 1.0).astype(np.float32)
    rows = list(zip(images, data.target))

    def sample(row):
        image, digit = row
        return Sample.from_ndarray(image, label(image, digit) if label else np.array(digit + 1.0))

    return [sc.parallelize(part, 2).map(sample) for part in (rows[:TRAINING], rows[TRAINING:])]


def train(model, options, train_rdd, test_rdd, name, criterion=None, method=None, methods=None):
    """Trains a model with validation after each epoch, and prints how good it has become."""
    optimizer = Optimizer(
        model=model,
        training_rdd=train_rdd,
        criterion=criterion or ClassNLLCriterion(),
        optim_method=method or Adam(learningrate=0.003),
        end_trigger=MaxEpoch(options.epochs),
        batch_size=options.batch_size,
    )
    methods = methods or [Top1Accuracy()]
    optimizer.set_validation(options.batch_size, test_rdd, EveryEpoch(), methods)
    if options.logs:
        optimizer.set_train_summary(TrainSummary(options.logs, name))
        optimizer.set_val_summary(ValidationSummary(options.logs, name))
    trained = optimizer.optimize()
    for result in trained.evaluate(test_rdd, options.batch_size, methods):
        print(result)
    return trained
