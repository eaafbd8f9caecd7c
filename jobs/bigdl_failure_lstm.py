"""Trains an LSTM on device telemetry as people did with BigDL: its code of 2018, which runs here as it is.

Run it with `spark-submit --py-files jobs/telemetry.py jobs/bigdl_failure_lstm.py`, or plainly with `python`. The
telemetry is that of `train_failure_lstm.py`, in the arrays that such scripts began with. A TensorFlow model of the same
task (`--tensorflow-model`, with BigDL's file of variables where it needs one) is evaluated on the same rows.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence

from counts import count
import numpy as np

import sparkdl.bigdl.install  # from here on `bigdl` is sparkdl's

from bigdl.nn.criterion import *
from bigdl.nn.layer import *
from bigdl.optim.optimizer import *
from bigdl.util.common import *

import telemetry

SPLIT = (0.7, 0.85)  # of the devices: trained on up to here, validated up to there


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains an LSTM on device telemetry with BigDL's API.")
    parser.add_argument("--devices", type=count, default=4000, help="devices to make (default %(default)s)")
    parser.add_argument("--length", type=count, default=48, help="readings per sequence (%(default)s)")
    parser.add_argument("--horizon", type=count, default=8, help="readings up to a failure (%(default)s)")
    parser.add_argument("--hidden", type=count, default=64, help="units of the LSTM (%(default)s)")
    parser.add_argument("--epochs", type=count, default=50, help="passes over the training rows (%(default)s)")
    parser.add_argument("--batch-size", type=count, default=128, help="rows of one iteration (%(default)s)")
    parser.add_argument("--tensorflow-model", metavar="PB", help="a model of the task made by TensorFlow")
    parser.add_argument("--variables", metavar="BIN", help="its variables, where they are in BigDL's file")
    parser.add_argument("--logs", help="folder for TensorBoard (default: a temporary one)")
    parser.add_argument("--seed", type=int, default=0, help="of the data and of the first weights (%(default)s)")
    return parser.parse_args(arguments)


def arrays(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Sequences (devices, length, sensors), and classes that count from 1: healthy and failing."""
    slots = options.length + options.horizon
    fleet = telemetry.simulate(telemetry.PROCESS, options.devices, slots, np.random.default_rng(options.seed))
    values = fleet.values[:, : options.length]
    mean, deviation = np.nanmean(values, (0, 1)), np.nanstd(values, (0, 1))
    return np.nan_to_num((values - mean) / deviation).astype(np.float32), fleet.failed.astype(int) + 1


def convert_to(x, y):
    sequences = x
    labels = y
    record = zip(sequences, labels)
    record_rdd = sc.parallelize(record)
    sample_rdd = record_rdd.map(lambda x: Sample.from_ndarray(x[0], x[1]))
    return sample_rdd


def build_model(input_size, hidden_size, output_size):
    model = Sequential()
    recurrent = Recurrent()
    recurrent.add(LSTM(input_size, hidden_size))
    model.add(InferReshape([-1, input_size], True))
    model.add(recurrent)
    model.add(Select(2, -1))
    model.add(Linear(hidden_size, output_size))
    return model


if __name__ == "__main__":
    options = parse_arguments()
    sc = get_spark_context(create_spark_conf().setAppName("failure LSTM in BigDL"))
    redire_spark_logs()
    init_engine()
    RNG().set_seed(options.seed)

    x, y = arrays(options)
    first, second = (int(part * len(x)) for part in SPLIT)
    train = convert_to(x[:first], y[:first])
    val = convert_to(x[first:second], y[first:second])
    test = convert_to(x[second:], y[second:])

    if options.tensorflow_model:
        model_def = options.tensorflow_model
        model_variable = options.variables
        inputs = ["Placeholder"]
        outputs = ["prediction/Softmax"]
        trained_tf_model = Model.load_tensorflow(
            model_def, inputs, outputs, byte_order="little_endian", bigdl_type="float", bin_file=model_variable
        )
        results = trained_tf_model.evaluate(test, 128, [Top1Accuracy()])
        print("TensorFlow's model:", results[0])

    n_input, n_hidden, n_classes, batch_size = x.shape[2], options.hidden, 2, options.batch_size
    lstm_model = build_model(n_input, n_hidden, n_classes)
    optimizer = Optimizer(
        model=lstm_model,
        training_rdd=train,
        criterion=CrossEntropyCriterion(),
        optim_method=Adam(),
        end_trigger=MaxEpoch(options.epochs),
        batch_size=batch_size,
    )
    optimizer.set_validation(
        batch_size=batch_size,
        val_rdd=val,
        trigger=EveryEpoch(),
        val_method=[Top1Accuracy()],
    )
    logs = options.logs or tempfile.mkdtemp()
    train_summary = TrainSummary(log_dir=logs, app_name="failure-lstm")
    optimizer.set_train_summary(train_summary)
    val_summary = ValidationSummary(log_dir=logs, app_name="failure-lstm")
    optimizer.set_val_summary(val_summary)
    trained_model = optimizer.optimize()

    loss = np.array(train_summary.read_scalar("Loss"))
    best = np.array(val_summary.read_scalar("Top1Accuracy"))[:, 1].max()
    print(f"Loss from {loss[0, 1]:.4f} to {loss[-1, 1]:.4f} in {len(loss)} iterations; best validation {best:.4f}.")
    print("Devices never seen:", trained_model.evaluate(test, 128, [Top1Accuracy()])[0])
    sc.stop()
