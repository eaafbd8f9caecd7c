"""The table of mendings: what older Keras wrote and newer Keras refuses, or means differently, and how it is rewritten.

A mending is a small function that changes the description of one object in place; its docstring is the reason. Those
with conditions of their own look at the description and leave it alone where they do not apply.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorflow.core.framework import node_def_pb2

from sparkdl.errors import UnsupportedError
from sparkdl.importers.keras.nodes import Node, Origin, name_of

Change = Callable[[Node, Origin], None]


@dataclass(frozen=True, slots=True)
class Mending:
    """One row: what is mended, of which objects, since which Keras it has to be, why and how."""

    what: str
    classes: tuple[str, ...]  # none: all
    since: str
    reason: str
    change: Change


MENDINGS: list[Mending] = []


def mending(what: str, *classes: str, since: str = "3.0") -> Callable[[Change], Change]:
    """Registers a function for objects of old Keras.

    Args:
        what: what of the description is rewritten.
        *classes: the classes of objects that it is for, as they are called after the mendings above; none: all.
        since: the version of Keras that no longer reads the old form.
    """

    def register(function: Change) -> Change:
        reason = " ".join((inspect.getdoc(function) or "").split())
        MENDINGS.append(Mending(what, classes, since, reason, function))
        return function

    return register


def mend(node: Node, origin: Origin) -> None:
    """Applies all mendings for an object, in the order of the table."""
    for row in MENDINGS:
        if not row.classes or node["class_name"] in row.classes:
            row.change(node, origin)


_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_CONVOLUTIONS = (
    *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
)
_OPTIMIZERS = (
    *("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl", "Adafactor", "Lion"),
)
_PREFIXES = ("Experimental>", "Custom>")


@mending("`V1`, `V2`, `Experimental>` around names of classes")
def _strip_class(node: Node, origin: Origin) -> None:
    """TensorFlow's variants of Keras's classes (BatchNormalizationV1, Experimental>Rescaling) are all plain now."""
    name = node["class_name"]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for suffix in ("V1", "V2"):
        name = name.removesuffix(suffix) if name not in ("ResNetV2",) else name
    node["class_name"] = name


@mending("`SyncBatchNormalization`", "SyncBatchNormalization")
def _synchronized(node: Node, origin: Origin) -> None:
    """It is BatchNormalization, with statistics of the whole batch."""
    node["class_name"] = "BatchNormalization"


@mending("`Model`", "Model")
def _functional(node: Node, origin: Origin) -> None:
    """Keras 3 calls models with a graph Functional."""
    node["class_name"] = "Functional"


@mending("`CuDNNLSTM`, `UnifiedLSTM`", "CuDNNLSTM", "UnifiedLSTM")
def _cudnn_lstm(node: Node, origin: Origin) -> None:
    """LSTM runs anywhere now; weights in cuDNN's layout are rearranged as they are read."""
    if node["class_name"] == "CuDNNLSTM":
        node["config"].update(activation="tanh", recurrent_activation="sigmoid")
    node["class_name"] = "LSTM"


@mending("`CuDNNGRU`, `UnifiedGRU`", "CuDNNGRU", "UnifiedGRU")
def _cudnn_gru(node: Node, origin: Origin) -> None:
    """GRU runs anywhere now; cuDNN's is that with `reset_after`, its weights are rearranged as they are read."""
    if node["class_name"] == "CuDNNGRU":
        node["config"].update(activation="tanh", recurrent_activation="sigmoid", reset_after=True)
    node["class_name"] = "GRU"


@mending("`reset_after` left out", "GRU", "GRUCell")
def _reset_after(node: Node, origin: Origin) -> None:
    """Keras before 2.1.3 knew but one GRU, which resets before the multiplication; later ones assume the other."""
    node["config"].setdefault("reset_after", False)


@mending("`time_major=False`, `implementation`", *_RECURRENT, "LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells")
def _recurrent(node: Node, origin: Origin) -> None:
    """How a recurrent layer is computed is no longer an argument; `time_major=True` is refused."""
    config = node["config"]
    config.pop("implementation", None)
    for name in ("time_major", "reverse_state_order"):
        if not config.get(name):
            config.pop(name, None)


@mending('`"hard_sigmoid"`')
def _hard_sigmoid(node: Node, origin: Origin) -> None:
    """Keras 3 gives the name to a function with the slope 1/6; that of Keras 2, with 0.2, is
    `sparkdl>hard_sigmoid_of_keras2` here."""
    for key, value in node["config"].items():
        if key.endswith("activation") and value == "hard_sigmoid":
            name = "sparkdl>hard_sigmoid_of_keras2"
            node["config"][key] = {
                "module": "builtins",
                "class_name": "function",
                "config": name,
                "registered_name": name,
            }


@mending('`"softmax_v2"`')
def _softmax(node: Node, origin: Origin) -> None:
    """A name that TensorFlow 2.0 gave to softmax."""
    for key, value in node["config"].items():
        if key.endswith("activation") and value == "softmax_v2":
            node["config"][key] = "softmax"


@mending("`batch_input_shape`")
def _batch_input_shape(node: Node, origin: Origin) -> None:
    """InputLayer calls it `batch_shape`; other layers do not take it, and where one begins a Sequential, an InputLayer
    is put in front of it."""
    shape = node["config"].pop("batch_input_shape", None)
    if node["class_name"] == "InputLayer" and shape is not None:
        node["config"]["batch_shape"] = shape


@mending("`alpha`", "LeakyReLU")
def _alpha(node: Node, origin: Origin) -> None:
    """It is called `negative_slope`."""
    if "alpha" in node["config"]:
        node["config"]["negative_slope"] = node["config"].pop("alpha")


@mending("`ThresholdedReLU`", "ThresholdedReLU")
def _thresholded(node: Node, origin: Origin) -> None:
    """It is ReLU with a `threshold`."""
    node["class_name"] = "ReLU"
    node["config"]["threshold"] = node["config"].pop("theta", 1.0)


@mending("`axis` as a list, `fused`", "BatchNormalization")
def _batch_norm(node: Node, origin: Origin) -> None:
    """tf.keras wrote one axis as a list, and which code to run; sub-batches (`virtual_batch_size`) and an
    `adjustment` are refused."""
    config = node["config"]
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    config.pop("fused", None)
    if not config.get("renorm", True):
        for name in ("renorm", "renorm_clipping", "renorm_momentum"):
            config.pop(name, None)


@mending("`groups=1`", *_CONVOLUTIONS)
def _groups(node: Node, origin: Origin) -> None:
    """tf.keras wrote the arguments of a parent class too; these layers have no groups, and more than one is refused."""
    if node["config"].get("groups") == 1:
        del node["config"]["groups"]


@mending("arguments of Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
def _depthwise(node: Node, origin: Origin) -> None:
    """tf.keras wrote the arguments of its parent class too: filters and initializers of a kernel that is not there."""
    config = node["config"]
    names = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"]
    if node["class_name"].startswith("Depthwise"):
        names.append("filters")
    for name in names:
        config.pop(name, None)


@mending("`input_length`", "Embedding")
def _embedding(node: Node, origin: Origin) -> None:
    """The length of rows is no longer an argument."""
    node["config"].pop("input_length", None)


@mending("`query_shape`, `key_shape`, `value_shape`", "MultiHeadAttention")
def _attention(node: Node, origin: Origin) -> None:
    """Keras 3 tells the shapes from the tensors; `softmax_robust_masking` of later tf_keras is refused unless it is
    off."""
    for name in ("query_shape", "key_shape", "value_shape"):
        node["config"].pop(name, None)
    if not node["config"].get("softmax_robust_masking"):
        node["config"].pop("softmax_robust_masking", None)


@mending("`causal=False`", "Attention", "AdditiveAttention")
def _causal(node: Node, origin: Origin) -> None:
    """Keras 3 takes `use_causal_mask` with each call; `causal=True` is refused."""
    if not node["config"].get("causal"):
        node["config"].pop("causal", None)


@mending("policies as `dtype`")
def _policy(node: Node, origin: Origin) -> None:
    """A policy of mixed precision was an object of another class; its name says all."""
    dtype = node["config"].get("dtype")
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict) and dtype.get("class_name") != "DTypePolicy":
        name = dtype["config"].get("name")
        node["config"]["dtype"] = None if name == "_infer" else name


@mending('`distribution="normal"`', "VarianceScaling")
def _distribution(node: Node, origin: Origin) -> None:
    """Keras 2 meant a truncated normal distribution, and Keras 3 calls it so."""
    if node["config"].get("distribution") == "normal":
        node["config"]["distribution"] = "truncated_normal"


_INITIALIZERS = (
    "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal Identity GlorotUniform "
    "GlorotNormal HeNormal HeUniform LecunNormal LecunUniform"
).split()


@mending("`dtype` of initializers", *_INITIALIZERS)
def _initializer(node: Node, origin: Origin) -> None:
    """TensorFlow 1 wrote it; Keras 3 takes it from the variable."""
    if not {"name", "trainable"} & set(node["config"]):  # else it is a layer: Identity
        node["config"].pop("dtype", None)


@mending("`LocallyConnected1D`, `LocallyConnected2D`", "LocallyConnected1D", "LocallyConnected2D")
def _locally_connected(node: Node, origin: Origin) -> None:
    """They are gone from Keras, and layers of ours (`sparkdl>LocallyConnected2D`); images that are channels first, and
    the ways to compute it with sparse or masked kernels (`implementation` 2 and 3), are refused."""
    config = node["config"]
    neutral = {"padding": "valid", "data_format": "channels_last", "implementation": 1}
    if all(config.get(name, value) == value for name, value in neutral.items()):
        for name in neutral:
            config.pop(name, None)
        node["registered_name"] = f"sparkdl>{node['class_name']}"
        node["module"] = None


@mending("`TFOpLambda`, `SlicingOpLambda`", "TFOpLambda", "SlicingOpLambda")
def _function(node: Node, origin: Origin) -> None:
    """Calls of TensorFlow's functions were layers of tf.keras; those that only compute are operations of ours
    (`sparkdl>TensorFlowFunction`), others are refused by name."""
    config = node["config"]
    node["class_name"] = "TensorFlowFunction"
    node["registered_name"] = "sparkdl>TensorFlowFunction"
    node["config"] = {"name": config.get("name"), "function": str(config.get("function"))}


@mending("`TensorFlowOpLayer`", "TensorFlowOpLayer")
def _node(node: Node, origin: Origin) -> None:
    """The same up to tf.keras 2.3: single ops of TensorFlow, which are operations of ours (`sparkdl>TensorFlowNode`)
    if they only compute."""
    config = node["config"]
    described, constants = config.get("node_def"), config.get("constants") or {}
    if isinstance(described, str):  # before 2.2
        message = node_def_pb2.NodeDef()
        with contextlib.suppress(DecodeError):
            message.ParseFromString(described.encode())
        described = json_format.MessageToDict(message)
    node["class_name"] = "TensorFlowNode"
    node["registered_name"] = "sparkdl>TensorFlowNode"
    node["config"] = {"name": config.get("name"), "node": described, "constants": constants}


@mending("`Lambda` of the old form", "Lambda")
def _lambda(node: Node, origin: Origin) -> None:
    """The function and what tells its kind stood side by side; its code is still read with `safe_mode=False`
    only."""
    config = node["config"]
    for name in ("module", "function_type", "output_shape_type", "output_shape_module"):
        config.pop(name, None)
    for name in ("function", "output_shape", "mask"):
        parts = config.get(name)
        if isinstance(parts, list) and len(parts) == 3 and isinstance(parts[0], str):
            code = dict(zip(("code", "defaults", "closure"), parts, strict=True))
            config[name] = {"class_name": "__lambda__", "config": code}
        elif isinstance(parts, str):
            config[name] = {"module": "builtins", "class_name": "function", "config": parts, "registered_name": parts}


@mending("bilinear `UpSampling2D` of Keras up to 2.3", "UpSampling2D", since="2.4")
def _upsampling(node: Node, origin: Origin) -> None:
    """It took the corners of pixels and not their centres: refused, as Keras no longer knows it."""
    if origin.standalone and node["config"].get("interpolation") == "bilinear":
        raise UnsupportedError(
            f"{origin.path}: layer {name_of(node)!r} (UpSampling2D) is bilinear as Keras {origin.version} had it, from "
            "corner to corner; newer Keras has another function by that name."
        )


@mending("`lr`", *_OPTIMIZERS)
def _lr(node: Node, origin: Origin) -> None:
    """It is called `learning_rate`."""
    if "lr" in node["config"]:
        node["config"].setdefault("learning_rate", node["config"].pop("lr"))


@mending("`decay`, `schedule_decay`", *_OPTIMIZERS)
def _decay(node: Node, origin: Origin) -> None:
    """By which the rate fell with each step; it becomes the schedule InverseTimeDecay. Nadam's own schedule is gone, so
    its model comes uncompiled."""
    config = node["config"]
    if node["class_name"] == "Nadam" and {"decay", "schedule_decay"} & set(config):
        raise UnsupportedError("Nadam of Keras 2 had another schedule than that of today")
    decay = config.pop("decay", None)
    if decay:
        schedule = {"initial_learning_rate": config.get("learning_rate"), "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": schedule}


@mending("`jit_compile`, `is_legacy_optimizer`", *_OPTIMIZERS)
def _switches(node: Node, origin: Origin) -> None:
    """How and by which code an optimizer ran."""
    for name in ("jit_compile", "is_legacy_optimizer"):
        node["config"].pop(name, None)


@mending('`reduction="auto"` of losses')
def _reduction(node: Node, origin: Origin) -> None:
    """It meant the mean over the batch, except under some distribution strategies."""
    if node["config"].get("reduction") == "auto":
        node["config"]["reduction"] = "sum_over_batch_size"


def markdown() -> str:
    """The table, for the documentation."""
    rows = [
        f"| {row.what} | {', '.join(f'`{name}`' for name in row.classes) or 'all'} | {row.since} | {row.reason} |"
        for row in MENDINGS
    ]
    return (
        "\n".join(
            ["| what | of | refused since Keras | why, and what becomes of it |", "| --- | --- | --- | --- |", *rows]
        )
        + "\n"
    )
