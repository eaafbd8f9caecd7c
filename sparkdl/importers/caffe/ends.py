"""Where a net begins and ends: inputs, readers of data (which become inputs), constants, losses and scores."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from sparkdl.importers.caffe.blobs import blob_array
from sparkdl.importers.caffe.site import Blob, Site, caffe_axis
from sparkdl.importers.caffe.table import converter, refusal
from sparkdl.importers.caffe.wire import decode
from sparkdl.importers.files import map_file
from sparkdl.nn.arrangement import Free
from sparkdl.nn.losses import (
    ClassAccuracy,
    ContrastiveLoss,
    EuclideanLoss,
    HingeLoss,
    InfogainLoss,
    LogLoss,
    SigmoidLoss,
    SoftmaxLoss,
    TopAccuracy,
)


@converter("Input", "input_param", inputs=0)
def inputs(site: Site, *, shape: Sequence[Mapping[str, Any]] = ()) -> list[Blob]:
    """Inputs of the model; the first size of each shape is the batch, which stays open."""
    tops = site.layer.tops
    shapes: list[Any] = [list(item.get("dim", [])) for item in shape]
    if len(shapes) == 1:
        shapes = shapes * len(tops)
    if len(shapes) not in (0, len(tops)):
        raise ValueError(f"{len(shapes)} shapes for {len(tops)} tops")
    return [site.input(top, dims) for top, dims in zip(tops, shapes or [None] * len(tops), strict=True)]


def _reader(site: Site) -> list[Blob]:
    """Inputs of the model: images of transform_param's crop_size, then labels; see input_shapes."""
    tops, image = site.layer.tops, _image(site.layer.message)
    return [site.input(top, image if index == 0 else [0]) for index, top in enumerate(tops)]


def _dense_reader(site: Site) -> list[Blob]:
    """Inputs of the model: images, and labels of each place of them; see input_shapes."""
    tops, image = site.layer.tops, _image(site.layer.message)
    given = site.builder.input_shapes.get(tops[0])
    sizes = list(given)[1:] if given else image[2:] if image else None
    labels = [0, 1, *sizes] if sizes else None
    return [site.input(top, labels if index else image) for index, top in enumerate(tops)]


def _object_reader(site: Site) -> list[Blob]:
    """Inputs of the model: images, and labels of objects, whose shape input_shapes says where they are needed."""
    image = _image(site.layer.message)
    return [site.input(top, None if index else image) for index, top in enumerate(site.layer.tops)]


def _image(message: Mapping[str, Any]) -> list[int] | None:
    """The shape of the images that a reader makes, where its fields tell."""
    changed = message.get("transform_param", {})
    own: Mapping[str, Any] = next((message[key] for key in _MESSAGES if key in message), {})
    colours = 1 if changed.get("force_gray") or own.get("is_color") is False else 3
    crop, resized = changed.get("crop_size"), changed.get("resize_param", {})
    sizes = [
        crop or own.get(f"crop_{side}") or own.get(side) or own.get(f"new_{side}") or resized.get(side)
        for side in ("height", "width")
    ]
    return [0, own.get("channels", colours), *sizes] if all(sizes) else None


_MESSAGES = (
    "data_param",
    "image_data_param",
    "memory_data_param",
    "hdf5_data_param",
    "window_data_param",
    "dense_image_data_param",
)
for _type in ("Data", "ImageData", "MemoryData", "HDF5Data", "WindowData"):
    converter(_type, inputs=0)(_reader)
for _type in ("DenseImageData", "ImageSegData"):
    converter(_type, inputs=0)(_dense_reader)
converter("AnnotatedData", inputs=0)(_object_reader)

refusal("Python", "it is a program that is not in the file; give a function for the `layer` of its python_param")


@converter("HDF5Output", inputs=(1, 1000))
def hdf5_output(site: Site, *xs: Blob) -> list[Blob]:
    """Wrote blobs to a file; here they are outputs if nothing else reads them."""
    return []


@converter("DummyData", "dummy_data_param", inputs=0)
def dummy_data(
    site: Site,
    *,
    data_filler: Sequence[Mapping[str, Any]] = (),
    shape: Sequence[Mapping[str, Any]] = (),
    num: Sequence[int] = (),
    channels: Sequence[int] = (),
    height: Sequence[int] = (),
    width: Sequence[int] = (),
) -> list[Blob]:
    """Constants; random fillers are refused."""
    tops = site.layer.tops
    shapes = [list(item.get("dim", [])) for item in shape]
    shapes = shapes or [list(sizes) for sizes in zip(num, channels, height, width, strict=False)]
    fillers = list(data_filler) or [{}]
    if len(shapes) not in (1, len(tops)) or len(fillers) not in (1, len(tops)):
        raise ValueError(f"{len(shapes)} shapes and {len(fillers)} fillers for {len(tops)} tops")
    if any(filler.get("type", "constant") != "constant" for filler in fillers):
        site.refuse("it fills blobs with random numbers; known are constants")
    shapes, fillers = shapes * (len(tops) // len(shapes)), fillers * (len(tops) // len(fillers))
    return [
        Blob(site.add(Free, site.anchor, f"_{top}", shape=dims, constant=filler.get("value", 0.0)))
        for top, dims, filler in zip(tops, shapes, fillers, strict=True)
    ]


@converter("Parameter", "parameter_param", inputs=0)
def parameter(site: Site, *, shape: Mapping[str, Any]) -> Blob:
    """Weights as a blob."""
    dims = list(shape.get("dim", []))
    return Blob(site.add_filled(Free, site.anchor, [dims], lambda value: [value], shape=dims))


def _normalization(given: str | None, normalize: bool | None, default: str) -> str:
    """What a loss is divided by; the older of two fields counts where the newer is absent."""
    if given is None and normalize is not None:
        given = "VALID" if normalize else "BATCH_SIZE"
    return (given or default).lower()


@converter("SoftmaxWithLoss", "loss_param", "softmax_param", inputs=2)
def softmax_with_loss(
    site: Site,
    x: Blob,
    labels: Blob,
    *,
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str | None = None,
    normalize: bool | None = None,
    weight_by_label_freqs: bool = False,
    class_weighting: Sequence[float] = (),
) -> Any:
    """The loss of a batch, without loss_weight; a second top is the softmax."""
    along = caffe_axis(axis, x.rank)
    if weight_by_label_freqs and len(class_weighting) != x.shape[along]:
        raise ValueError(f"{len(class_weighting)} class_weighting for {x.shape[along]} classes")
    config: dict[str, Any] = {
        "ignored": ignore_label,
        "normalization": _normalization(normalization, normalize, "VALID"),
        "class_weights": [float(weight) for weight in class_weighting] if weight_by_label_freqs else None,
    }
    loss = Blob(site.add(SoftmaxLoss, [site.first(x), site.first(labels)], axis=along, **config))
    return _with_softmax(site, loss, x, axis)


def _with_softmax(site: Site, loss: Blob, x: Blob, axis: int) -> Any:
    if len(site.layer.tops) < 2:
        return loss
    return [loss, Blob(site.add(keras.layers.Softmax, x.tensor, "_softmax", axis=x.axis(axis)), x.last)]


@converter("InfogainLoss", "loss_param", "infogain_loss_param", inputs=(2, 3))
def infogain_loss(
    site: Site,
    x: Blob,
    labels: Blob,
    matrix: Blob | None = None,
    *,
    source: str = "",
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str = "VALID",
) -> Any:
    """The loss of a batch, its matrix a third blob or a file; a second top is the softmax."""
    along = caffe_axis(axis, x.rank)
    classes = x.shape[along] or 0
    tensors = [site.first(blob) for blob in (x, labels, *([matrix] if matrix else []))]
    weights = None
    if matrix is None:
        weights = _read_matrix(site, source, classes)
    config: dict[str, Any] = {"ignored": ignore_label, "normalization": normalization.lower()}
    loss = Blob(site.add(InfogainLoss, tensors, matrix=weights, axis=along, **config))
    return _with_softmax(site, loss, x, axis)


def _read_matrix(site: Site, source: str, classes: int) -> list[list[float]]:
    """The matrix in a file that lies beside the net, or where its path leads."""
    if not source:
        raise ValueError("neither a third blob nor a source")
    path = os.path.join(os.path.dirname(site.builder.path), source)
    values = blob_array(decode(map_file(path), "Blob", path), path)
    if values.size != classes**2:
        raise ValueError(f"{values.size} numbers in {path} for {classes} classes")
    return values.reshape(classes, classes).tolist()


@converter("SigmoidCrossEntropyLoss", "loss_param", inputs=2)
def sigmoid_cross_entropy_loss(
    site: Site,
    x: Blob,
    labels: Blob,
    *,
    ignore_label: int | None = None,
    normalization: str | None = None,
    normalize: bool | None = None,
) -> Blob:
    """The loss of a batch, without loss_weight."""
    config: dict[str, Any] = {
        "ignored": ignore_label,
        "normalization": _normalization(normalization, normalize, "BATCH_SIZE"),
    }
    return Blob(site.add(SigmoidLoss, _paired(site, x, labels), **config))


def _paired(site: Site, x: Blob, other: Blob) -> list[Any]:
    """Two blobs with as many elements, whose shapes may differ by axes of 1: then in Caffe's order."""
    if x.shape == other.shape:
        return site.alike([x, other])[0]
    counts = [math.prod(size or 1 for size in blob.shape) for blob in (x, other)]
    if counts[0] != counts[1]:
        raise ValueError(f"{counts[0]} and {counts[1]} elements in a row")
    return [site.first(x), site.first(other)]


@converter("EuclideanLoss", inputs=2)
def euclidean_loss(site: Site, x: Blob, target: Blob) -> Blob:
    """The loss of a batch, without loss_weight."""
    return Blob(site.add(EuclideanLoss, _paired(site, x, target)))


@converter("HingeLoss", "hinge_loss_param", inputs=2)
def hinge_loss(site: Site, x: Blob, labels: Blob, *, norm: str = "L1") -> Blob:
    """The loss of a batch, without loss_weight."""
    return Blob(site.add(HingeLoss, [site.first(x), site.first(labels)], squared=norm == "L2"))


@converter("MultinomialLogisticLoss", inputs=2)
def multinomial_logistic_loss(site: Site, x: Blob, labels: Blob) -> Blob:
    """The loss of a batch, without loss_weight."""
    return Blob(site.add(LogLoss, [site.first(x), site.first(labels)]))


@converter("ContrastiveLoss", "contrastive_loss_param", inputs=3)
def contrastive_loss(
    site: Site, x: Blob, other: Blob, alike: Blob, *, margin: float = 1.0, legacy_version: bool = False
) -> Blob:
    """The loss of a batch of pairs, without loss_weight."""
    tensors = [site.first(x), site.first(other), site.first(alike)]
    return Blob(site.add(ContrastiveLoss, tensors, margin=margin, legacy=legacy_version))


@converter("Accuracy", "accuracy_param", inputs=2)
def accuracy(
    site: Site, x: Blob, labels: Blob, *, top_k: int = 1, axis: int = 1, ignore_label: int | None = None
) -> Any:
    """The share of a batch that is right; a second top is that of each class."""
    tensors = [site.first(x), site.first(labels)]
    config: dict[str, Any] = {"top": top_k, "axis": caffe_axis(axis, x.rank), "ignored": ignore_label}
    share = Blob(site.add(TopAccuracy, tensors, **config))
    if len(site.layer.tops) < 2:
        return share
    return [share, Blob(site.add(ClassAccuracy, tensors, "_classes", **config))]
