"""`sdl.inspect`: what a file of another framework holds, before it is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkdl.errors import ImporterError, MissingFileError
from sparkdl.importers.files import local_copy
from sparkdl.importers.inspection import Inspection
from sparkdl.storage.paths import path_text

PathLike = str | os.PathLike[str]

KNOWN = (
    "Caffe's prototxt, Keras's .keras, .h5 and JSON, TensorFlow's GraphDef (.pb, .pbtxt), MetaGraph (.meta), "
    "checkpoints with their graph, and SavedModel"
)
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_START = 1 << 16
_CAFFE = re.compile(rb"^\s*(layers?\s*\{|input(_dim|_shape)?\s*[:{]|(train_|test_)?net(_param)?\s*[:{])", re.MULTILINE)
_GRAPH = re.compile(
    rb"^\s*((node|meta_graphs|meta_info_def|graph_def|library)\s*\{|model_checkpoint_path\s*:)", re.MULTILINE
)
# Fields of Caffe's NetParameter that begin its binary form: layer (100) and layers (2) with their lengths.
_CAFFEMODEL = (b"\xa2\x06", b"\x12")


def inspect(
    path: PathLike,
    weights: PathLike | None = None,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    phase: str = "TEST",
    tags: Sequence[str] = ("serve",),
    signature: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Inspection:
    """Looks into the file of a model without loading it: every layer or op, and whether it can be loaded.

    Nothing of the file is run, and weights stay where they are. What the file is, is found by its content.

    Args:
        path: a net of Caffe (prototxt), a model of Keras, or a graph or SavedModel of TensorFlow.
        weights: the file of weights that belongs to it, where that is another one: a caffemodel, Keras's weights, a
            checkpoint, or BigDL's values of variables.
        inputs: tensors where a TensorFlow model shall begin.
        outputs: tensors or blobs where a TensorFlow model or Caffe net shall end.
        phase: of a Caffe net.
        tags: which graph of a SavedModel.
        signature: which of its signatures.
        custom_objects: your own classes and functions of a Keras model, by name.

    Returns:
        What was found: printed, it is a table; `rows`, `inputs`, `outputs`, `supported` and `suggestion` have it all.

    Raises:
        ImporterError: where the file is damaged, or of no known format.
        MissingFileError: where it does not exist.

    Example:
        >>> import tempfile, sparkdl as sdl
        >>> net = '''
        ...     layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
        ...     layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 2 } }
        ... '''
        >>> with tempfile.NamedTemporaryFile("w") as file:
        ...     _ = file.write(net), file.flush()
        ...     found = sdl.inspect(file.name)
        >>> found.supported, found.parameters, [(row.type, row.shape) for row in found.rows]
        (True, 98, [('Input', (None, 3, 4, 4)), ('InnerProduct', (None, 2))])
    """
    kind = format_of(path)
    if kind == "caffe":
        from sparkdl.importers.caffe.describe import describe as describe_caffe

        return describe_caffe(path, weights, outputs, phase)
    if kind == "keras":
        from sparkdl.importers.keras.describe import describe as describe_keras

        return describe_keras(path, weights, dict(custom_objects or {}))
    from sparkdl.importers.tensorflow.describe import describe as describe_tensorflow

    try:
        return describe_tensorflow(path, weights, inputs, outputs, tags, signature)
    except ImporterError as error:
        raise ImporterError(f"{str(error).rstrip('.')}; known formats are {KNOWN}.") from error


def format_of(path: PathLike) -> str:
    """ "caffe", "keras" or "tensorflow", by the content of a file or folder.

    Raises:
        ImporterError: where it is none of them.
        MissingFileError: where there is nothing.
    """
    with local_copy(path) as local:
        place = Path(local)
        if place.is_dir():
            return _of_folder(place, path_text(path))
        if not place.is_file():
            if any(place.parent.glob(f"{place.name}.*")) and place.name:
                return "tensorflow"  # the beginning of the names of a checkpoint's files
            raise MissingFileError(f"{path_text(path)} does not exist; give the path of a file.")
        with place.open("rb") as file:
            start = file.read(_START)
        return _of_start(start, place, path_text(path))


def _of_folder(place: Path, shown: str) -> str:
    if any((place / name).is_file() for name in (*_SAVED_MODEL, "checkpoint")):
        return "tensorflow"
    if (place / "config.json").is_file():
        return "keras"
    raise ImporterError(f"{shown} is a folder of no known format; known are {KNOWN}.")


def _of_start(start: bytes, place: Path, shown: str) -> str:
    if start.startswith(_ZIP):
        return "keras"
    if start.startswith(_HDF5):
        return _of_hdf5(place, shown)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "keras"
    if not _is_text(start):
        if _is_caffemodel(start):
            raise ImporterError(
                f"{shown} holds the weights of a Caffe net; give its prototxt as the path, and this by weights=."
            )
        return "tensorflow"  # whose reader says what is wrong with it, if it is none
    if _GRAPH.search(start):
        return "tensorflow"
    if _CAFFE.search(start):
        return "caffe"
    raise ImporterError(f"{shown} is of no known format; known are {KNOWN}.")


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3 or len(start) < _START:
            return False
        text = start[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\f\v" for letter in text)


def _is_caffemodel(start: bytes) -> bool:
    """Whether the first message is a net's name, followed by a layer; a graph begins with a node."""
    rest = start
    if rest[:1] == b"\x0a" and len(rest) > 2 and rest[1] < 128:
        name = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
        if not name.isascii() or b"\x0a" in name:
            return False
    return rest.startswith(_CAFFEMODEL)


def _of_hdf5(place: Path, shown: str) -> str:
    from sparkdl.importers.keras.hdf5 import opened

    with opened(place, shown) as file:
        if "data" in file and "model_config" not in file.attrs:
            raise ImporterError(
                f"{shown} holds the weights of a Caffe net; give its prototxt as the path, and this by weights=."
            )
    return "keras"
