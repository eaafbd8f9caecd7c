"""`sdl.load_caffe`: from a prototxt and a caffemodel to a Keras model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import keras

# Each of these registers its converters.
import sparkdl.importers.caffe.detection
import sparkdl.importers.caffe.ends
import sparkdl.importers.caffe.forks
import sparkdl.importers.caffe.neurons
import sparkdl.importers.caffe.pooling
import sparkdl.importers.caffe.recurrent
import sparkdl.importers.caffe.shapes
import sparkdl.importers.caffe.windows  # noqa: F401
from sparkdl.errors import ArgumentError, ImporterError, SparkDLError
from sparkdl.importers.caffe.blobs import read_weights
from sparkdl.importers.caffe.net import Layer, Net, resolve, with_weights
from sparkdl.importers.caffe.passes import cut, fuse_batch_norms, outputs_of
from sparkdl.importers.caffe.site import Blob, Builder, Site, fill_weights, keras_name
from sparkdl.importers.caffe.table import CONVERTERS, check_supported, fields_of
from sparkdl.importers.caffe.text import parse
from sparkdl.importers.caffe.upgrade import upgrade
from sparkdl.importers.files import map_file
from sparkdl.storage.paths import path_text

Path = str | os.PathLike[str]
CustomLayer = Callable[[list[Any], Mapping[str, Any]], Any]


def load_caffe(
    prototxt: Path,
    caffemodel: Path | None = None,
    data_format: Literal["channels_first", "channels_last"] = "channels_first",
    phase: Literal["TEST", "TRAIN"] = "TEST",
    *,
    outputs: Sequence[str] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    custom_layers: Mapping[str, CustomLayer] | None = None,
    level: int = 0,
    stages: Iterable[str] = (),
) -> keras.Model:
    """Reads a Caffe net as a Keras model, without Caffe.

    The model's inputs and outputs are the net's blobs, by their names and in the order of the file; the batch is
    open, whatever the file says. Keras layers have the names of Caffe's (with `_` for `/`), and their weights are
    trainable. Inside, images are kept channels last, in which convolutions are fast.

    Args:
        prototxt: the definition of the net, in any of the forms that Caffe ever had.
        caffemodel: its weights, binary or HDF5; without them they start as the file's fillers say.
        data_format: the order of axes of images (4 and 5 axes) that go in and come out: "channels_first" is Caffe's
            own, "channels_last" TensorFlow's.
        phase: which layers of the net to take: those of "TEST" or of "TRAIN".
        outputs: names of blobs; None takes those that no layer reads.
        input_shapes: the shape of one row, channels first, for inputs whose shape the file does not tell (nets that
            read data bases), or tells otherwise.
        custom_layers: functions for types of layers that are not known (for Python layers: by the `layer` of its
            `python_param`): from the list of tensors, in Caffe's order of axes, and the fields of the layer as a dict,
            to a tensor, or to a list of them.
        level: the level of the net, for rules that ask for one.
        stages: the stages of the net, for rules that ask for them.

    Returns:
        A functional model, not compiled.

    Raises:
        ImporterError: where a file is damaged, or the two do not fit.
        UnsupportedError: where layers cannot be converted exactly; it names them all.

    Example:
        >>> import tempfile, numpy as np, sparkdl as sdl
        >>> net = '''
        ...     layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
        ...     layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { kernel_size: 2 } }
        ... '''
        >>> with tempfile.NamedTemporaryFile("w") as file:
        ...     _ = file.write(net), file.flush()
        ...     model = sdl.load_caffe(file.name)
        >>> [tensor.name for tensor in model.inputs], model.output_names, model(np.zeros((5, 3, 4, 4))).shape
        (['data'], ['pool'], TensorShape([5, 3, 3, 3]))
    """
    _check_choices(data_format=(data_format, ("channels_first", "channels_last")), phase=(phase, ("TEST", "TRAIN")))
    custom = dict(custom_layers or {})
    net = resolve(read_definition(prototxt), path_text(prototxt), phase, level, stages)
    wanted = list(outputs) if outputs is not None else outputs_of(net)
    net = fuse_batch_norms(cut(net, wanted) if outputs is not None else net, wanted)
    check_supported(net, {layer.type for layer in net.layers if _custom(layer, custom)})
    builder = Builder(net.path, phase, data_format, input_shapes or {})
    blobs = lower(net, builder, custom)
    model = _model(net, builder, {name: blobs[name] for name in wanted}, data_format)
    if caffemodel is not None:
        _fill(net, builder, caffemodel)
    return model


def read_definition(path: Path) -> Mapping[str, Any]:
    """The net in a prototxt, in the newest form.

    Raises:
        ImporterError: where it is none.
    """
    name = path_text(path)
    try:
        text = bytes(map_file(path)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImporterError(
            f"{name}, byte {error.start}: no text, expected a prototxt: is it the caffemodel?"
        ) from None
    return upgrade(parse(text, "Net", name), name)


def _check_choices(**choices: tuple[str, Sequence[str]]) -> None:
    for name, (value, known) in choices.items():
        if value not in known:
            raise ArgumentError(f"{name} is {value!r}; expected {' or '.join(map(repr, known))}.")


def _custom(layer: Layer, custom: Mapping[str, CustomLayer]) -> CustomLayer | None:
    """The user's function for a layer, by its type, or by the name of the class of a Python layer."""
    python = layer.message.get("python_param", {}).get("layer", "")
    return custom.get(python) if layer.type == "Python" and python in custom else custom.get(layer.type)


def lower(net: Net, builder: Builder, custom: Mapping[str, CustomLayer]) -> Mapping[str, Blob]:
    """Makes the Keras layers of a net; gives its blobs by name."""
    blobs: dict[str, Blob] = {}
    for layer in net.layers:
        site, given = Site(builder, layer), [blobs[name] for name in layer.bottoms]
        try:
            function = _custom(layer, custom)
            made = _call_custom(site, given, function) if function else _call(site, given)
        except SparkDLError:
            raise
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, MemoryError) as error:
            shapes = ", ".join(str(blob.shape) for blob in given) or "no blobs"
            raise ImporterError(f"{net.path}: {layer}, which reads {shapes}, cannot be built: {error}.") from error
        results = made if isinstance(made, list) else [made]
        tops = layer.tops or ((layer.name,) if layer.type.endswith("Loss") else ())
        if len(tops) != len(results):
            raise ImporterError(f"{net.path}: {layer} has {len(tops)} tops; expected {len(results)}.")
        blobs.update(zip(tops, results, strict=True))
    return blobs


def _call(site: Site, given: Sequence[Blob]) -> Any:
    row = CONVERTERS[site.layer.type]
    return row.function(site, *given, **fields_of(site.layer, row))


def _call_custom(site: Site, given: Sequence[Blob], function: CustomLayer) -> Any:
    made = function([site.first(blob) for blob in given], site.layer.message)
    return [Blob(tensor) for tensor in made] if isinstance(made, (list, tuple)) else Blob(made)


def _model(net: Net, builder: Builder, outputs: Mapping[str, Blob], data_format: str) -> keras.Model:
    if not builder.inputs:
        raise ImporterError(f"{net.path} has no inputs in phase {net.phase}; expected input fields or an Input layer.")
    tensors = [_output(builder, name, blob, data_format) for name, blob in outputs.items()]
    inputs = list(builder.inputs.values())
    model = keras.Model(
        inputs if len(inputs) > 1 else inputs[0],
        tensors if len(tensors) > 1 else tensors[0],
        name=keras_name(net.name or "caffe"),
    )
    # Where a layer with weights has the name already, Keras would call the output by another.
    model.output_names = [keras_name(name) for name in outputs]
    return model


def _output(builder: Builder, name: str, blob: Blob, data_format: str) -> Any:
    """The tensor that leaves the model, made by a layer with the blob's name."""
    if blob.rank > 3 or not blob.last:
        blob = builder.turn(blob, data_format == "channels_last" and blob.rank > 3)
    else:
        blob = builder.turn(blob, False)
    maker = blob.tensor._keras_history.operation
    if maker.name == keras_name(name):
        return blob.tensor
    holder = builder.names.get(keras_name(name))
    if holder is not None and not holder.weights and not isinstance(holder, keras.layers.InputLayer):
        builder.rename(holder, f"{name}_inside")
    return builder.make(keras.layers.Identity, blob.tensor, name)[1]


def _fill(net: Net, builder: Builder, caffemodel: Path) -> None:
    path = path_text(caffemodel)
    filled = {layer.name: layer for layer in with_weights(net, read_weights(caffemodel), path).layers}
    without = []
    for item in builder.awaiting:
        source = filled[item.source.name]
        if source.blobs:
            fill_weights(source, item, path)
        else:
            without.append(item.source.name)
    if without:
        warnings.warn(
            f"{path} has no weights for the layers {', '.join(without)} of {net.path}: they start as new ones do.",
            stacklevel=3,
        )
