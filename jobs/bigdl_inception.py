"""Fine-tunes Inception-v1, whose weights come from Caffe, on folders of images: in BigDL's way, with a warm-up.

    python -m sparkdl.bigdl jobs/bigdl_inception.py --images photos --caffemodel bvlc_googlenet.caffemodel

Each folder below `--images` is a class. The last layer is new; all others start with Caffe's weights of their names.
The learning rate grows for an epoch and falls to nothing in the others.
"""

import argparse
import glob
import os

import numpy as np
from bigdl.models.inception.inception import inception_v1_no_aux_classifier
from bigdl.nn.criterion import ClassNLLCriterion
from bigdl.nn.layer import Model
from bigdl.optim.optimizer import (
    SGD,
    EveryEpoch,
    MaxEpoch,
    Optimizer,
    Poly,
    SequentialSchedule,
    Top1Accuracy,
    TrainSummary,
    Warmup,
)
from bigdl.util.common import Sample, create_spark_conf, get_spark_context, init_engine

SIZE = 224
MEANS = np.array([104.0, 117.0, 123.0], np.float32)  # of blue, green and red in ImageNet


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder with a folder of images per class")
    parser.add_argument("--prototxt", default="", help="the net's definition; its weights are enough")
    parser.add_argument("--caffemodel", required=True, help="weights of GoogLeNet from Caffe")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the images (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="images of one step (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="the highest (default %(default)s)")
    parser.add_argument("--validation", type=float, default=0.2, help="part held out (default %(default)s)")
    parser.add_argument("--logs", default="inception-logs", help="folder for TensorBoard (default %(default)s)")
    parser.add_argument("--output", help="write the model here, as a .bigdl file")
    parser.add_argument("--master", default="local[2]", help="Spark master (default %(default)s)")
    return parser.parse_args()


def read_images(sc, folder):
    """An RDD of samples [3, 224, 224] with labels from 1, and the names of the classes."""
    classes = sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(os.path.join(folder, "*", "")))
    if not classes:
        raise SystemExit(f"{folder} has no folders: put the images of each class into a folder of their own.")
    numbers = {name: number + 1.0 for number, name in enumerate(classes)}

    def sample(file):
        import cv2

        path, content = file
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        image = cv2.resize(image, (SIZE, SIZE)).astype(np.float32) - MEANS
        label = numbers[os.path.basename(os.path.dirname(path))]
        return Sample.from_ndarray(image.transpose(2, 0, 1), np.array(label))

    files = sc.binaryFiles(os.path.join(folder, "*", "*"), 2)
    return files.map(sample), classes


def learning_rates(highest, steps, epochs):
    """Grows for the first epoch, and then falls to nothing."""
    schedule = SequentialSchedule(steps)
    schedule.add(Warmup(highest / (2 * steps)), steps)
    schedule.add(Poly(0.5, steps * max(1, epochs - 1)), steps * max(1, epochs - 1))
    return SGD(highest / 2, momentum=0.9, dampening=0.0, weightdecay=0.0002, leaningrate_schedule=schedule)


def main():
    """Reads, trains, measures."""
    options = parse_arguments()
    conf = create_spark_conf().setMaster(options.master).setAppName("inception")
    sc = get_spark_context(conf)
    init_engine()
    samples, classes = read_images(sc, options.images)
    held_out, training = samples.randomSplit([options.validation, 1.0 - options.validation], seed=1)
    model = inception_v1_no_aux_classifier(len(classes))
    model.flattened_layers()[-2].set_name("classes")
    Model.load_caffe(model, options.prototxt, options.caffemodel, match_all=False)
    steps = max(1, -(-training.count() // options.batch_size))
    optimizer = Optimizer(
        model=model,
        training_rdd=training,
        criterion=ClassNLLCriterion(),
        optim_method=learning_rates(options.learning_rate, steps, options.epochs),
        end_trigger=MaxEpoch(options.epochs),
        batch_size=options.batch_size,
    )
    optimizer.set_validation(options.batch_size, held_out, EveryEpoch(), [Top1Accuracy()])
    optimizer.set_train_summary(TrainSummary(options.logs, "inception"))
    trained = optimizer.optimize()
    print("{} classes: {}".format(len(classes), ", ".join(classes)))
    for result in trained.evaluate(held_out, options.batch_size, [Top1Accuracy()]):
        print(result)
    if options.output:
        trained.saveModel(options.output, over_write=True)


if __name__ == "__main__":
    main()
