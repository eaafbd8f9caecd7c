"""What a script of BigDL meets here that it did not meet there: the tables of docs/from-bigdl.md."""

from __future__ import annotations

from collections.abc import Mapping

from sparkdl.bigdl.names import REFUSED as MODULES

CHANGED: Mapping[str, str] = {
    "Python, Spark, Java": "Python 3.11, Spark 3.5 to 4.3, Java 17 or newer; no jar, no `spark-bigdl.conf`",
    "`init_engine()`": "needs not be called; it lets functions on executors import `bigdl...`",
    "`create_spark_conf()`, `get_spark_context()`": "work without spark-submit too, with their own Java if need be",
    "batch size": "any number, of all workers together: it need not divide by the cores, and may exceed the rows",
    "cores": "one worker per task slot, `spark.task.cpus` threads each; no `coreNumber`, `mklNumThreads` and the like",
    "`LocalOptimizer(cores=)`": "the greatest number of workers; on one machine no more than it has cores",
    "`zoo.*` of Analytics Zoo": "means what became of it in BigDL 2: `zoo.common.nncontext`, `zoo.pipeline.api.keras`, "
    "`zoo.pipeline.nnframes`, `zoo.feature` and the like; a package `zoo` of your own stays yours",
    "engine types": "`MklDnn` and its layouts have no counterpart; `get_bigdl_engine_type()` says `MklBlas`",
    "a training": "one Spark job with a barrier stage; dynamic allocation must be off",
    "a lost executor": "the training goes on from the newest state in memory; no checkpoint is needed for that",
    "numbers between workers": "gradients and weights are cut to 16 bits, as BigDL did, so that its losses come out; "
    "`optimizer.halves_exchange = False` keeps 32",
    "labels": "from 1, as before, in criterions, validation methods, `predict_class` and `NNClassifier`",
    "`redire_spark_logs()`": "keeps Spark quiet; no file is written, as Spark's own logging settings say where",
    "`show_bigdl_info_logs()`": "shows BigDL's lines of iterations and validations, those of an epoch when it is over; "
    "without it there is a bar, and the lines of validations; rows of an epoch are told in whole batches",
    "`ZooContext.log_output`": "is remembered: errors of executors come to the driver anyway, and no file is written",
    "data sets": "are read from local files; what BigDL would have downloaded is named, with its place",
    "pickles of IMDB and Reuters": "only lists, numbers and text are read of them",
    "`sentence` functions": "split by rules of their own; NLTK and its models are not needed",
    "`ChannelNormalize(mean_r, mean_g, mean_b)`": "takes red, green, blue, as its names say; 2.4 took blue first",
    "`ChannelScaledNormalizer`": "subtracts each channel's mean from that channel; BigDL mixed them up",
    "`PixelBytesToMat` on encoded images": "decodes them; BigDL left them out",
    "random transforms of images in an RDD": "draw once per image; `sparkdl.fit(transform=)` draws in every epoch",
    "`get_image()` and the like of local frames": "are lists, no iterators",
    "gradients that 2.4 got wrong": "are right: of arrays that `CMulTable` repeats, of the bias of "
    "`VolumetricFullConvolution` in groups, of a row alone in `LocallyConnected1D` and in NHWC convolutions, of `Pack` "
    "of one tensor",
    "`SReLU`": "keeps its weights; each `forward` of 2.4 moved its right thresholds",
    "`reset()` of cells, `Maxout`, `Highway`, attention and trees": "draws all weights anew; 2.4 left most of them as "
    "they were",
    "`SpatialConvolutionMap` with two strides": "takes each for its own axis",
    "word numbers of words that are as frequent": "follow the alphabet, so that every run gives the same",
    "numbers for sizes and rates": "may be numpy's, and whole ones for others; what is no number is refused at once",
    "`.bigdl` files of Keras-style models": "are read; those written here hold the layers that these are made of",
    "`.bigdl` files with recurrent layers": "of BigDL are read; those written here are read here only",
    "`NNModel`, `NNClassifierModel` files": "hold a `.bigdl` model and JSON; those of BigDL itself are not read",
    "`quantize()`": "products of int8 with the ranges of the last `forward`; before any, weights of int8 alone, which "
    "only `Linear` multiplies as such; the copy has a `report` of size and speed, and is not saved",
    "sparse `JTensor`s": "`to_ndarray()` gives a dense array",
    "`decrypt_with_AES_GCM`": "notices alterations",
}

REFUSED: Mapping[str, str] = {
    **{f"`{name}.*`": why for name, why in MODULES.items()},
    "`callBigDlFunc`, `callZooFunc`, `GatewayWrapper`": "there is no Java behind this package",
    "layers, criterions, optim methods with code in Scala": "build them of layers, or as Keras layers",
    "models built of Keras 1.2's own classes": "Keras 1.2 runs on no Python of today; files that it wrote are read "
    "(`load_keras`), and models of Keras 3 are converted",
    "`Model.train`": "it trained a TensorFlow 1 session: use `Model.load_tensorflow` and an `Optimizer`",
    "`SequenceBeamSearch.forward`": "BigDL's Python could not run it either: it searches with a Scala function",
    "`XGBClassifier`, `LightGBMClassifier`, ...": "they called JVM libraries, which have packages for Spark",
    "`FeatureSet.tf_dataset`": "a tf.data pipeline would run in every worker beside Spark's data",
    "`FeatureSet.pytorch_dataloader`": "this package does not know PyTorch",
    "`init_spark_on_yarn_cluster`, `init_spark_on_k8s_cluster`": "a program cannot move its driver: use spark-submit",
    "`LocalImageFrame.random_split`, `LocalTextSet.random_split`": "BigDL refuses them too: use the distributed ones",
    "preprocessing of your own in a saved `NNModel`": "its code would be run by whoever loads it: set it again",
}


def changed() -> str:
    """The table of what changed, for the page."""
    return _table(CHANGED)


def refused() -> str:
    """The table of what is refused, for the page."""
    return _table(REFUSED)


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {name} | {text} |" for name, text in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])
