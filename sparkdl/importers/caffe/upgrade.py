"""Old forms of a net to the newest one (V2), once, before anything else looks at it.

V0 nests a `layer` of flat fields in each of `layers`; V1 has `layers` with an enum as type; V2 has `layer`. Inputs were
fields of the net (`input` with `input_dim` or `input_shape`) before they were layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkdl.errors import ImporterError

Message = dict[str, Any]

# The names of types that do not follow from V1's by capitals: INNER_PRODUCT is InnerProduct.
_V1_NAMES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BN": "BN",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "PRELU": "PReLU",
    "RELU": "ReLU",
    "ROI_POOLING": "ROIPooling",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
_FILLED = {"weight_filler": "weight_filler", "bias_filler": "bias_filler"}
_WINDOW = {"pad": "pad", "kernelsize": "kernel_size", "stride": "stride"}
_SUMS = {"num_output": "num_output", "biasterm": "bias_term", **_FILLED}
# V0's type: the type now, the message of its fields, and which of V0's fields go where in it.
_V0_TYPES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "accuracy": ("Accuracy", "", {}),
    "bnll": ("BNLL", "", {}),
    "concat": ("Concat", "concat_param", {"concat_dim": "concat_dim"}),
    "conv": ("Convolution", "convolution_param", {**_SUMS, **_WINDOW, "group": "group"}),
    "data": ("Data", "data_param", {"source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip"}),
    "dropout": ("Dropout", "dropout_param", {"dropout_ratio": "dropout_ratio"}),
    "euclidean_loss": ("EuclideanLoss", "", {}),
    "flatten": ("Flatten", "", {}),
    "hdf5_data": ("HDF5Data", "hdf5_data_param", {"source": "source", "batchsize": "batch_size"}),
    "hdf5_output": ("HDF5Output", "", {}),
    "im2col": ("Im2col", "convolution_param", _WINDOW),
    "images": (
        "ImageData",
        "image_data_param",
        {"source": "source", "batchsize": "batch_size", "new_height": "new_height", "new_width": "new_width"},
    ),
    "infogain_loss": ("InfogainLoss", "infogain_loss_param", {"source": "source"}),
    "innerproduct": ("InnerProduct", "inner_product_param", _SUMS),
    "lrn": ("LRN", "lrn_param", {name: name for name in ("local_size", "alpha", "beta", "k")}),
    "multinomial_logistic_loss": ("MultinomialLogisticLoss", "", {}),
    "pool": ("Pooling", "pooling_param", {**_WINDOW, "pool": "pool"}),
    "relu": ("ReLU", "", {}),
    "sigmoid": ("Sigmoid", "", {}),
    "softmax": ("Softmax", "", {}),
    "softmax_loss": ("SoftmaxWithLoss", "", {}),
    "split": ("Split", "", {}),
    "tanh": ("TanH", "", {}),
    "window_data": ("WindowData", "window_data_param", {"source": "source", "batchsize": "batch_size"}),
}
_V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}
_TRANSFORMED = ("scale", "mean_file", "crop_size", "mirror")
_READERS = ("data_param", "image_data_param", "window_data_param")
_REPEATED = frozenset({"pad", "kernel_size", "stride"})  # of convolutions, since V2


def upgrade(net: Message, path: str) -> Message:
    """The net with `layer` alone, its inputs among them.

    Args:
        net: what a reader made of a file.
        path: the file, for error messages.

    Raises:
        ImporterError: where forms are mixed, or an old form contradicts itself.

    Example:
        >>> upgrade({"layers": [{"name": "r", "type": "RELU", "bottom": ["x"], "top": ["x"]}]}, "net.prototxt")
        {'layer': [{'name': 'r', 'type': 'ReLU', 'bottom': ['x'], 'top': ['x']}]}
    """
    if "layer" in net and "layers" in net:
        raise ImporterError(f"{path} has both `layer` and `layers`; expected one form: name them all `layer`.")
    old = net.get("layers", [])
    layers = [_from_v0(item, path) if "layer" in item else _from_v1(item) for item in old]
    layers = _without_padding(layers, path) + [_with_transform(layer) for layer in net.get("layer", [])]
    rest = {name: value for name, value in net.items() if name not in ("layers", "input", "input_dim", "input_shape")}
    return {**rest, "layer": _inputs(net, path) + layers}


def _inputs(net: Message, path: str) -> list[Message]:
    names, dims = net.get("input", []), net.get("input_dim", [])
    shapes = net.get("input_shape") or [{"dim": dims[start : start + 4]} for start in range(0, len(dims), 4)]
    if shapes and (len(shapes) != len(names) or len(dims) % 4):
        raise ImporterError(
            f"{path} has {len(names)} `input` and {len(shapes)} shapes for them; expected an `input_shape`, or four "
            "`input_dim`, for each."
        )
    parameters: list[Message] = [{"shape": [shape]} for shape in shapes] or [{} for _ in names]
    return [
        {"name": name, "type": "Input", "top": [name], "input_param": parameter}
        for name, parameter in zip(names, parameters, strict=True)
    ]


def _from_v1(old: Message) -> Message:
    kind = old.get("type", "NONE")
    layer = {**old, "type": _V1_NAMES.get(kind, kind.title().replace("_", ""))}
    shares, names, rates = layer.pop("blob_share_mode", []), layer.pop("param", []), layer.pop("blobs_lr", [])
    decays = layer.pop("weight_decay", [])
    specs = [
        {
            **({"name": names[index]} if index < len(names) else {}),
            **({"share_mode": shares[index]} if index < len(shares) else {}),
            **({"lr_mult": float(rates[index])} if index < len(rates) else {}),
            **({"decay_mult": float(decays[index])} if index < len(decays) else {}),
        }
        for index in range(max(len(names), len(shares), len(rates), len(decays)))
    ]
    return _with_transform({**layer, "param": specs} if specs else layer)


def _with_transform(layer: Message) -> Message:
    """What readers of data did themselves before there was a `transform_param`."""
    for name in _READERS:
        found = {key: layer.get(name, {})[key] for key in _TRANSFORMED if key in layer.get(name, {})}
        if found:
            kept = {key: value for key, value in layer[name].items() if key not in found}
            layer = {**layer, name: kept, "transform_param": {**layer.get("transform_param", {}), **found}}
    return layer


def _from_v0(old: Message, path: str) -> Message:
    flat = dict(old["layer"])
    name, kind = flat.pop("name", ""), flat.pop("type", "")
    outer: Message = {key: old[key] for key in ("bottom", "top", "include", "exclude") if key in old}
    blobs = {key: flat.pop(key) for key in ("blobs", "blobs_lr", "weight_decay") if key in flat}
    if kind == "padding":
        return {**outer, "name": name, "type": "padding", "pad": flat.get("pad", 0)}
    if kind not in _V0_TYPES:
        raise ImporterError(
            f"{path}: layer {name!r} has the type {kind!r} of the oldest form; expected one of {', '.join(_V0_TYPES)}."
        )
    new, message, fields = _V0_TYPES[kind]
    transform = {_V0_TRANSFORM[key]: flat.pop(key) for key in _V0_TRANSFORM if key in flat}
    strange = sorted(set(flat) - set(fields))
    if strange:
        raise ImporterError(
            f"{path}: layer {name!r} ({kind}) has the fields {', '.join(strange)}; expected some of "
            f"{', '.join(fields) or 'none'}."
        )
    repeated = _REPEATED if message == "convolution_param" else frozenset()
    moved = {fields[key]: [value] if fields[key] in repeated else value for key, value in flat.items()}
    layer = _from_v1({**outer, **blobs, "name": name, "type": "NONE"})
    return {
        **layer,
        "type": new,
        **({message: moved} if moved else {}),
        **({"transform_param": transform} if transform else {}),
    }


def _without_padding(layers: list[Message], path: str) -> list[Message]:
    """Padding was a layer of its own in V0; now it is a field of the layer that follows."""
    padded = {layer["top"][0]: layer for layer in layers if layer.get("type") == "padding" and layer.get("top")}
    result = []
    for layer in layers:
        if layer.get("type") == "padding":
            continue
        source = next((padded[name] for name in layer.get("bottom", []) if name in padded), None)
        if source is not None:
            message = {"Convolution": "convolution_param", "Pooling": "pooling_param"}.get(layer["type"])
            if message is None or len(layer["bottom"]) != 1 or len(source.get("bottom", [])) != 1:
                raise ImporterError(
                    f"{path}: padding layer {source['name']!r} leads to layer {layer.get('name')!r} ({layer['type']}); "
                    "expected a convolution or pooling with this one input."
                )
            pad = [source["pad"]] if message == "convolution_param" else source["pad"]
            layer = {**layer, "bottom": source["bottom"], message: {**layer.get(message, {}), "pad": pad}}
        result.append(layer)
    return result
