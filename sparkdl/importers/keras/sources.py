"""What a path is: which of Keras's formats, with its config read and its weights found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from sparkdl.errors import ImporterError, MissingFileError, StorageError
from sparkdl.importers.keras import archive, hdf5
from sparkdl.importers.keras.nodes import LARGEST_TEXT, Node, Origin, parse
from sparkdl.storage.paths import path_text

_SHOWN = 20  # layers in an error


@dataclass(frozen=True, slots=True)
class Weights:
    """A file with weights: HDF5, in the layout of Keras 2 (`by_layer`) or of Keras 3.

    Attributes:
        path: the file, for messages.
        content: where the HDF5 file is, or what is in it.
        by_layer: the group with the weights by layer, or None for the layout of Keras 3.
        size: the size of the file.
        archive: the `.keras` file around it, where it has vocabularies and the like.
    """

    path: str
    content: Path | bytes
    by_layer: str | None
    size: int
    archive: Path | None = None

    def misfit(self, lines: Sequence[str], origin: Origin) -> ImporterError:
        """The error for weights that are not those of the model; a line for each layer."""
        shown = "".join(f"\n  {line}" for line in lines[:_SHOWN])
        more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return ImporterError(f"the weights in {self.path} do not fit the model of {origin.path}:{shown}{more}")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that describes a model.

    Attributes:
        origin: who wrote it.
        form: "keras", "h5" or "json".
        config: the description, as it stands in the file.
        compiling: how the model was compiled, if the file tells.
        weights: its weights, if it has them.
    """

    origin: Origin
    form: str
    config: Node
    compiling: Node | None = None
    weights: Weights | None = None


def is_saved_model(path: str | PathLike[str]) -> bool:
    """Whether a path is a folder with a SavedModel."""
    return any(Path(path, name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt"))


def read_source(path: str | PathLike[str], shown: str | None = None) -> Source:
    """The description of a model: a `.keras` file or folder, a whole-model HDF5 file, or an architecture in JSON.

    Args:
        path: a local file or folder.
        shown: what messages call it, if it is a copy.

    Raises:
        ImporterError: where it is none of these, or damaged.
        MissingFileError: where there is no such file.
    """
    shown = shown or path_text(path)
    file = _existing(path, shown)
    if file.is_dir():
        return _folder(file, shown)
    start = _start(file, shown)
    if start.startswith(archive.MAGIC):
        return _archive(file, shown)
    if start == hdf5.MAGIC:
        return _whole_model(file, shown)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _architecture(file, shown)
    raise ImporterError(
        f"{shown} is no model of Keras: expected a .keras archive, HDF5, an architecture in JSON (of model.to_json()), "
        "or the folder of a SavedModel. YAML is no longer read by any Keras."
    )


def read_weights(path: str | PathLike[str], shown: str | None = None) -> Weights:
    """The weights in a file: `.h5` and `.weights.h5` of any Keras, or those of a `.keras` archive.

    Args:
        path: a local file.
        shown: what messages call it, if it is a copy.

    Raises:
        ImporterError: where it has none, or is damaged.
    """
    shown = shown or path_text(path)
    file = _existing(path, shown)
    start = _start(file, shown) if file.is_file() else b""
    if start.startswith(archive.MAGIC):
        found = _archive(file, shown).weights
        if found is not None:
            return found
    if start != hdf5.MAGIC:
        raise ImporterError(f"{shown} holds no weights of Keras: expected HDF5 (.h5, .weights.h5) or a .keras archive.")
    with hdf5.opened(file, shown) as opened:
        kind = _kind(opened)
    if kind is None:
        raise ImporterError(f"{shown} is HDF5, but holds no weights of Keras.")
    return Weights(shown, file, kind[1], file.stat().st_size)


def _existing(path: str | PathLike[str], shown: str) -> Path:
    file = Path(path_text(path))
    if not file.exists():
        raise MissingFileError(f"{shown} does not exist; give the path of a file.")
    return file


def _start(file: Path, shown: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(len(hdf5.MAGIC))
    except OSError as error:
        raise StorageError(f"{shown} cannot be read: {error.strerror or error}.") from error


def _kind(file: Any) -> tuple[str, str | None] | None:
    """What an HDF5 file holds: a "model" or "weights", and the group with the weights by layer."""
    if "model_config" in file.attrs:
        return "model", "model_weights"
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return "weights", "/"
    if "model_weights" in file:
        return "weights", "model_weights"
    if any(name in file for name in ("layers", "vars", "_layer_checkpoint_dependencies")):
        return "weights", None
    return None


def _whole_model(file: Path, path: str) -> Source:
    with hdf5.opened(file, path) as opened:
        kind = _kind(opened)
        if kind is None:
            raise ImporterError(f"{path} is HDF5, but no model of Keras: it has no model_config.")
        if kind[0] == "weights":
            raise ImporterError(
                f"{path} holds weights and no architecture: load_keras(architecture, weights={file.name!r}) with the "
                "model's JSON (of model.to_json()), or load_weights() into a model that you build."
            )
        config = parse(hdf5.text(opened, "model_config", path) or "", path)
        told = hdf5.text(opened, "training_config", path)
        compiling = parse(told, path) if told else None
        version = hdf5.text(opened, "keras_version", path) or ""
        backend = hdf5.text(opened, "backend", path) or "tensorflow"
    weights = Weights(path, file, "model_weights", file.stat().st_size)
    return Source(_origin(path, version, backend, config), "h5", config, _object(compiling, path), weights)


def _architecture(file: Path, path: str) -> Source:
    if file.stat().st_size > LARGEST_TEXT:
        raise ImporterError(f"{path} has {file.stat().st_size} bytes; expected an architecture, up to {LARGEST_TEXT}.")
    config = parse(file.read_bytes(), path)
    if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
        raise ImporterError(f"{path} is JSON, but no architecture of Keras: expected class_name and config.")
    version, backend = config.get("keras_version"), config.get("backend")
    origin = _origin(path, str(version or ""), str(backend or "tensorflow"), config)
    return Source(origin, "json", config, _object(config.get("compile_config"), path))


def _archive(file: Path, path: str) -> Source:
    found, names = archive.read_members(file, path, (archive.CONFIG, archive.METADATA, archive.WEIGHTS))
    source = _parts(path, found.get(archive.CONFIG), found.get(archive.METADATA))
    content = found.get(archive.WEIGHTS)
    if content is None:
        if any(name.endswith(".npz") for name in names):
            raise ImporterError(f"{path} has its weights as .npz; expected {archive.WEIGHTS}: save it as .keras again.")
        raise ImporterError(f"{path} has no {archive.WEIGHTS}; expected a .keras archive.")
    outside = file if any(name.startswith("assets/") for name in names) else None
    return replace(source, weights=Weights(path, content, None, len(content), outside))


def _folder(file: Path, path: str) -> Source:
    """A `.keras` archive that is no archive: `model.save(folder, zipped=False)`."""
    if not (file / archive.CONFIG).is_file():
        raise ImporterError(f"{path} is a folder, but neither a SavedModel nor the parts of a .keras archive.")
    metadata = file / archive.METADATA
    source = _parts(path, (file / archive.CONFIG).read_bytes(), metadata.read_bytes() if metadata.is_file() else None)
    weights = file / archive.WEIGHTS
    if not weights.is_file():
        raise ImporterError(f"{path} has no {archive.WEIGHTS}; expected the parts of a .keras archive.")
    return replace(source, weights=Weights(path, weights, None, weights.stat().st_size))


def _parts(path: str, config: bytes | None, metadata: bytes | None) -> Source:
    if config is None:
        raise ImporterError(f"{path} has no {archive.CONFIG}; expected a .keras archive.")
    described = parse(config, path)
    told = parse(metadata, path) if metadata else {}
    version = told.get("keras_version", "") if isinstance(told, dict) else ""
    if not isinstance(described, dict):
        raise ImporterError(f"{path}: {archive.CONFIG} is no object; the file is damaged.")
    origin = _origin(path, str(version), "tensorflow", described)
    return Source(origin, "keras", described, _object(described.get("compile_config"), path))


def _origin(path: str, version: str, backend: str, config: Any) -> Origin:
    if not isinstance(config, dict):
        raise ImporterError(f"{path}: the description of the model is no object; the file is damaged.")
    if version.startswith("1."):
        raise ImporterError(f"{path} is of Keras {version}; load it with Keras 2 and save it again.")
    old = version.startswith("2.") if version else "module" not in config
    return Origin(path, version, old, backend)


def _object(value: Any, path: str) -> Node | None:
    if value is not None and not isinstance(value, dict):
        raise ImporterError(f"{path}: how the model was compiled is no object, but {json.dumps(value)[:60]}.")
    return value
