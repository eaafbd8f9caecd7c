"""Inception-v1 (GoogLeNet) for images of 224 x 224 pixels, channels first."""

import importlib  # noqa: F401
import os
from math import ceil  # noqa: F401
from optparse import OptionParser
from typing import Any

from sparkdl.bigdl.nn.criterion import *  # noqa: F403
from sparkdl.bigdl.nn.initialization_method import *  # noqa: F403
from sparkdl.bigdl.nn.initialization_method import ConstInitMethod, Xavier, Zeros
from sparkdl.bigdl.nn.layer import *  # type: ignore[assignment,unused-ignore]  # noqa: F403
from sparkdl.bigdl.nn.layer import (
    Concat,
    Dropout,
    Linear,
    LogSoftMax,
    ReLU,
    Sequential,
    SpatialAveragePooling,
    SpatialConvolution,
    SpatialCrossMapLRN,
    SpatialMaxPooling,
    View,
)
from sparkdl.bigdl.nncontext import *  # noqa: F403
from sparkdl.bigdl.optim.optimizer import *  # type: ignore[assignment]  # noqa: F403
from sparkdl.bigdl.transform.vision.image import *  # noqa: F403
from sparkdl.bigdl.transform.vision.image import ImageFrame, SeqFileFolder
from sparkdl.bigdl.util.utils import detect_conda_env_name  # noqa: F401

# Channels of each block: 1x1; before and in 3x3; before and in 5x5; behind the pooling.
_BLOCKS: dict[str, tuple[int, list[list[int]]]] = {
    "3a": (192, [[64], [96, 128], [16, 32], [32]]),
    "3b": (256, [[128], [128, 192], [32, 96], [64]]),
    "4a": (480, [[192], [96, 208], [16, 48], [64]]),
    "4b": (512, [[160], [112, 224], [24, 64], [64]]),
    "4c": (512, [[128], [128, 256], [24, 64], [64]]),
    "4d": (512, [[112], [144, 288], [32, 64], [64]]),
    "4e": (528, [[256], [160, 320], [32, 128], [128]]),
    "5a": (832, [[256], [160, 320], [32, 128], [128]]),
    "5b": (832, [[384], [192, 384], [48, 128], [128]]),
}


def t(input_t: Any) -> Any:
    """A list as a table of Torch: numbered from 1.

    Example:
        >>> t([64, 32])[1]
        64
    """
    return dict(enumerate([0, *input_t])) if type(input_t) is list else input_t


def _convolution(model: Any, name: str, relu: str, *arguments: Any) -> None:
    layer = SpatialConvolution(*arguments)
    layer.set_init_method(weight_init_method=Xavier(), bias_init_method=ConstInitMethod(0.1))
    model.add(layer.set_name(name)).add(ReLU(True).set_name(relu))


def inception_layer_v1(input_size: int, config: Any, name_prefix: str = "") -> Concat:
    """A block of four branches.

    Args:
        input_size: channels that come in.
        config: a table (see `t`) of tables of the channels of each branch.
        name_prefix: of the names of its layers.
    """
    block = Concat(2)
    one = Sequential()
    _convolution(one, f"{name_prefix}1x1", f"{name_prefix}relu_1x1", input_size, config[1][1], 1, 1, 1, 1)
    block.add(one)
    for place, kernel in ((2, 3), (3, 5)):
        branch, name = Sequential(), f"{kernel}x{kernel}"
        before, inside = config[place][1], config[place][2]
        reduce = f"{name}_reduce"
        _convolution(branch, name_prefix + reduce, f"{name_prefix}relu_{reduce}", input_size, before, 1, 1, 1, 1)
        sizes = (kernel, kernel, 1, 1, kernel // 2, kernel // 2)
        _convolution(branch, name_prefix + name, f"{name_prefix}relu_{name}", before, inside, *sizes)
        block.add(branch)
    pool = Sequential().add(SpatialMaxPooling(3, 3, 1, 1, 1, 1, to_ceil=True).set_name(f"{name_prefix}pool"))
    _convolution(pool, f"{name_prefix}pool_proj", f"{name_prefix}relu_pool_proj", input_size, config[4][1], 1, 1, 1, 1)
    block.add(pool).set_name(f"{name_prefix}output")
    return block


def _blocks(model: Any, *names: str) -> None:
    for name in names:
        size, config = _BLOCKS[name]
        model.add(inception_layer_v1(size, t([t(part) for part in config]), f"inception_{name}/"))


def _stem(propagate_back: bool) -> Any:
    model = Sequential()
    _convolution(model, "conv1/7x7_s2", "conv1/relu_7x7", 3, 64, 7, 7, 2, 2, 3, 3, 1, propagate_back)
    model.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool1/3x3_s2"))
    model.add(SpatialCrossMapLRN(5, 0.0001, 0.75).set_name("pool1/norm1"))
    _convolution(model, "conv2/3x3_reduce", "conv2/relu_3x3_reduce", 64, 64, 1, 1, 1, 1)
    _convolution(model, "conv2/3x3", "conv2/relu_3x3", 64, 192, 3, 3, 1, 1, 1, 1)
    model.add(SpatialCrossMapLRN(5, 0.0001, 0.75).set_name("conv2/norm2"))
    return model.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool2/3x3_s2"))


def _classifier(model: Sequential, class_num: int, has_dropout: bool) -> None:
    model.add(SpatialAveragePooling(7, 7, 1, 1).set_name("pool5/7x7_s1"))
    if has_dropout:
        model.add(Dropout(0.4).set_name("pool5/drop_7x7_s1"))
    linear = Linear(1024, class_num).set_init_method(weight_init_method=Xavier(), bias_init_method=Zeros())
    model.add(View([1024], num_input_dims=3)).add(linear.set_name("loss3/classifier"))
    model.add(LogSoftMax().set_name("loss3/loss3"))


def inception_v1_no_aux_classifier(class_num: int, has_dropout: bool = True) -> Sequential:
    """The network with one output."""
    model = _stem(propagate_back=False)
    _blocks(model, "3a", "3b")
    model.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool3/3x3_s2"))
    _blocks(model, "4a", "4b", "4c", "4d", "4e")
    model.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool4/3x3_s2"))
    _blocks(model, "5a", "5b")
    _classifier(model, class_num, has_dropout)
    return model


def _auxiliary(channels: int, class_num: int, has_dropout: bool, name: str, ceil_mode: bool) -> Any:
    model = Sequential()
    model.add(SpatialAveragePooling(5, 5, 3, 3, ceil_mode=ceil_mode).set_name(f"{name}/ave_pool"))
    model.add(SpatialConvolution(channels, 128, 1, 1, 1, 1).set_name(f"{name}/conv"))
    model.add(ReLU(True).set_name(f"{name}/relu_conv")).add(View([128 * 4 * 4], num_input_dims=3))
    model.add(Linear(128 * 4 * 4, 1024).set_name(f"{name}/fc")).add(ReLU(True).set_name(f"{name}/relu_fc"))
    if has_dropout:
        model.add(Dropout(0.7).set_name(f"{name}/drop_fc"))
    model.add(Linear(1024, class_num).set_name(f"{name}/classifier"))
    return model.add(LogSoftMax().set_name(f"{name}/loss"))


def inception_v1(class_num: int, has_dropout: bool = True) -> Any:
    """The network with two further classifiers; the three outputs stand beside each other, the last one first."""
    last = Sequential()
    _blocks(last, "4e")
    last.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool4/3x3_s2"))
    _blocks(last, "5a", "5b")
    _classifier(last, class_num, has_dropout)
    second: Any = Concat(2).set_name("split2")
    second.add(last).add(_auxiliary(528, class_num, has_dropout, "loss2", False))
    middle = Sequential()
    _blocks(middle, "4b", "4c", "4d")
    first: Any = Concat(2).set_name("split1")
    first.add(middle.add(second)).add(_auxiliary(512, class_num, has_dropout, "loss1", True))
    model = _stem(propagate_back=True)
    _blocks(model, "3a", "3b")
    model.add(SpatialMaxPooling(3, 3, 2, 2, to_ceil=True).set_name("pool3/3x3_s2"))
    _blocks(model, "4a")
    return model.add(first)


def get_inception_data(url: str, sc: Any = None, data_type: str = "train") -> ImageFrame:
    """ImageNet in Hadoop's sequence files, in the folder `train` or `val` of `url`."""
    return SeqFileFolder.files_to_image_frame(url=os.path.join(url, data_type), sc=sc, class_num=1000)


_OPTIONS = (
    ("-f", "--folder", str, "", "url of the folder of sequence files"),
    (None, "--model", str, "", "a model to go on with"),
    (None, "--state", str, "", "an optim method to go on with"),
    (None, "--checkpoint", str, "", "folder of checkpoints"),
    ("-e", "--maxEpoch", int, 0, "number of epochs"),
    ("-i", "--maxIteration", int, 62000, "number of iterations"),
    ("-l", "--learningRate", float, 0.01, "learning rate"),
    (None, "--warmupEpoch", int, 0, "epochs of the warm-up"),
    (None, "--maxLr", float, 0.0, "learning rate after the warm-up"),
    ("-b", "--batchSize", int, None, "batch size"),
    (None, "--classNum", int, 1000, "number of classes"),
    (None, "--weightDecay", float, 0.0001, "weight decay"),
    (None, "--checkpointIteration", int, 620, "iterations between checkpoints"),
    (None, "--gradientMin", float, 0.0, "least value of a gradient"),
    (None, "--gradientMax", float, 0.0, "greatest value of a gradient"),
    (None, "--gradientL2NormThreshold", float, 0.0, "greatest norm of the gradient"),
)


def config_option_parser() -> OptionParser:
    """The options of BigDL's script."""
    parser = OptionParser()
    for short, long, kind, default, text in _OPTIONS:
        names = [name for name in (short, long) if name is not None]
        parser.add_option(*names, type=kind, dest=long[2:], default=default, help=text)
    parser.add_option("-o", "--overwrite", action="store_true", dest="overwrite", default=False, help="replace files")
    return parser
