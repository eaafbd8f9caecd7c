"""Records per second that a script of BigDL's trains with: the same script on the real BigDL 2.4, or here.

    python -m sparkdl.bigdl benchmarks/bigdl_training.py                # here: LeNet, LSTM and MLP
    python -m sparkdl.bigdl benchmarks/bigdl_training.py resnet50
    python benchmarks/bigdl_training.py lenet --json bigdl.json         # in an environment with BigDL 2.4 and its Java
    python -m sparkdl.bigdl benchmarks/bigdl_training.py --against bigdl.json

Data is random and lies in an RDD of samples. A rate is that of whole epochs: what a long training took more than a
short one, so that starting costs nothing. Without a file of the real BigDL's figures of the same machine, those that
were measured on another machine of 2 cores stand beside: a lead, and no comparison. The last line is one JSON object.

The code keeps to Python 3.7, which BigDL 2.4 runs on.
"""

import argparse
import json
import os
import time

import numpy as np
from bigdl.dllib.nn.criterion import ClassNLLCriterion
from bigdl.dllib.nn.layer import (
    LSTM,
    CAddTable,
    ConcatTable,
    Identity,
    Linear,
    LogSoftMax,
    Recurrent,
    ReLU,
    Reshape,
    Select,
    Sequential,
    SpatialAveragePooling,
    SpatialBatchNormalization,
    SpatialConvolution,
    SpatialMaxPooling,
    Tanh,
)
from bigdl.dllib.optim.optimizer import SGD, MaxEpoch, Optimizer
from bigdl.dllib.utils.common import Sample, create_spark_conf, get_spark_context, init_engine

# The real BigDL 2.4, its faster engine, on 2 cores: records per second; and how many times that is wanted.
MEASURED = {"lenet": (2400, 8.0), "lstm": (2100, 10.0), "mlp": (4500, 12.0), "resnet50": (5.9, 1.7)}


def lenet():
    """LeNet-5 on 28x28 images, batch 128."""
    model = Sequential().add(Reshape([1, 28, 28]))
    model.add(SpatialConvolution(1, 6, 5, 5)).add(Tanh()).add(SpatialMaxPooling(2, 2, 2, 2))
    model.add(SpatialConvolution(6, 12, 5, 5)).add(Tanh()).add(SpatialMaxPooling(2, 2, 2, 2))
    model.add(Reshape([12 * 4 * 4])).add(Linear(12 * 4 * 4, 100)).add(Tanh()).add(Linear(100, 10)).add(LogSoftMax())
    return model, (28, 28), 10, 128, 12800


def lstm():
    """An LSTM over 48 steps of 16 numbers, 64 units, batch 256."""
    model = Sequential().add(Recurrent().add(LSTM(16, 64))).add(Select(2, -1)).add(Linear(64, 2)).add(LogSoftMax())
    return model, (48, 16), 2, 256, 12800


def mlp():
    """784-512-512-10, batch 256."""
    model = Sequential().add(Linear(784, 512)).add(ReLU()).add(Linear(512, 512)).add(ReLU())
    model.add(Linear(512, 10)).add(LogSoftMax())
    return model, (784,), 10, 256, 25600


def resnet50():
    """ResNet-50 on 224x224 images, batch 16."""

    def convolution(inputs, outputs, size, stride=1):
        pad = size // 2
        return SpatialConvolution(inputs, outputs, size, size, stride, stride, pad, pad, with_bias=False)

    def block(inputs, width, stride):
        main = Sequential().add(convolution(inputs, width, 1)).add(SpatialBatchNormalization(width)).add(ReLU())
        main.add(convolution(width, width, 3, stride)).add(SpatialBatchNormalization(width)).add(ReLU())
        main.add(convolution(width, 4 * width, 1)).add(SpatialBatchNormalization(4 * width))
        if inputs == 4 * width and stride == 1:
            shortcut = Identity()
        else:
            shortcut = Sequential().add(convolution(inputs, 4 * width, 1, stride))
            shortcut.add(SpatialBatchNormalization(4 * width))
        return Sequential().add(ConcatTable().add(main).add(shortcut)).add(CAddTable()).add(ReLU())

    model = Sequential().add(convolution(3, 64, 7, 2)).add(SpatialBatchNormalization(64)).add(ReLU())
    model.add(SpatialMaxPooling(3, 3, 2, 2, 1, 1))
    inputs = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(blocks):
            model.add(block(inputs, width, stride if index == 0 else 1))
            inputs = 4 * width
    model.add(SpatialAveragePooling(7, 7)).add(Reshape([2048])).add(Linear(2048, 1000)).add(LogSoftMax())
    return model, (3, 224, 224), 1000, 16, 64


EPOCHS = {"lenet": 20, "lstm": 20, "mlp": 20, "resnet50": 2}
MODELS = {"lenet": lenet, "lstm": lstm, "mlp": mlp, "resnet50": resnet50}


def random_samples(sc, rows, shape, classes):
    """Samples of random numbers with labels from 1, in memory."""

    def sample(row):
        rng = np.random.RandomState(row)
        return Sample.from_ndarray(rng.rand(*shape).astype(np.float32), np.array(float(rng.randint(1, classes + 1))))

    samples = sc.parallelize(range(rows), 2).map(sample).cache()
    samples.count()
    return samples


def training_seconds(model, samples, batch, epochs):
    """How long a training of so many epochs takes."""
    optimizer = Optimizer(
        model=model,
        training_rdd=samples,
        criterion=ClassNLLCriterion(),
        optim_method=SGD(learningrate=0.01),
        end_trigger=MaxEpoch(epochs),
        batch_size=batch,
    )
    start = time.time()
    optimizer.optimize()
    return time.time() - start


def rate(sc, name, turns):
    """Records per second of whole epochs: the median over turns."""
    model, shape, classes, batch, rows = MODELS[name]()
    samples = random_samples(sc, rows, shape, classes)
    epochs = EPOCHS[name]
    training_seconds(model, samples, batch, 1)  # starts what the first training starts
    rates = []
    for _ in range(turns):
        short, long = (training_seconds(model, samples, batch, n) for n in (1, 1 + epochs))
        rates.append(epochs * rows / (long - short))
    samples.unpersist()
    return float(np.median(rates))


def main():
    """Measures, prints a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["lenet", "lstm", "mlp"], help=", ".join(MODELS))
    parser.add_argument("--turns", type=int, default=3, help="repetitions (default %(default)s)")
    parser.add_argument("--master", default="local[2]", help="Spark master (default %(default)s)")
    parser.add_argument("--memory", default="8g", help="memory of the driver (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    parser.add_argument("--against", metavar="FILE", help="what --json wrote with the real BigDL")
    options = parser.parse_args()
    conf = create_spark_conf().setMaster(options.master).setAppName("bigdl benchmark")
    conf.set("spark.driver.memory", options.memory).set("spark.ui.enabled", "false")
    sc = get_spark_context(conf)
    init_engine()
    rates = {name: rate(sc, name, options.turns) for name in options.models}
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rates, file)
    theirs = {name: value for name, (value, _) in MEASURED.items()}
    if options.against:
        with open(options.against) as file:
            theirs = json.load(file)
    print("{:10} {:>12} {:>12} {:>8} {:>8}".format("model", "records/s", "BigDL 2.4", "ratio", "goal"))
    for name, value in rates.items():
        ratio = value / theirs[name] if name in theirs else float("nan")
        print("{:10} {:12,.1f} {:12,.1f} {:8.1f} {:8.1f}".format(name, value, theirs[name], ratio, MEASURED[name][1]))
    print(json.dumps({"benchmark": "bigdl", "load": os.getloadavg()[0], "records_per_second": rates}))


if __name__ == "__main__":
    main()
