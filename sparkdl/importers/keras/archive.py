"""`.keras` files: zip archives of a config, metadata, weights, and sometimes vocabularies."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from sparkdl.errors import ImporterError
from sparkdl.importers.keras.hdf5 import EXPANSION, SMALL
from sparkdl.importers.keras.nodes import LARGEST_TEXT

MAGIC = b"PK\x03\x04"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MEMBERS = 100_000
_ENCRYPTED = 1


def read_members(file: Path, path: str, wanted: tuple[str, ...]) -> tuple[dict[str, bytes], list[str]]:
    """Some members of an archive, and the names of all.

    Args:
        file: the archive.
        path: what messages call it.
        wanted: names of members, read where they are there.

    Raises:
        ImporterError: where it is no sound archive, has paths that lead out of it, or members that are small in the
            file and large in memory.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = _checked(archive, path)
            found = {name: archive.read(name) for name in wanted if name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ImporterError(f"{path} cannot be read: {error}; expected a .keras archive.") from error
    return found, names


def _checked(archive: zipfile.ZipFile, path: str) -> list[str]:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > MEMBERS or len(set(names)) < len(names):
        raise ImporterError(f"{path} has {len(names)} members, some of them twice; expected a .keras archive.")
    for member in members:
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in place.parts[0:1]:
            raise ImporterError(f"{path}: the member {member.filename!r} leads out of the archive; it is refused.")
        if member.flag_bits & _ENCRYPTED:
            raise ImporterError(f"{path}: the member {member.filename!r} is encrypted; expected a .keras archive.")
        limit = LARGEST_TEXT if place.suffix == ".json" else max(SMALL, EXPANSION * member.compress_size)
        if member.file_size > limit:
            raise ImporterError(
                f"{path}: the member {member.filename!r} grows from {member.compress_size} to {member.file_size} "
                f"bytes, more than {limit}; it is refused."
            )
    return names
