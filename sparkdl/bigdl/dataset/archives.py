"""Archives of data sets, unpacked beside where they lie, and never outside of there."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from sparkdl.errors import DataError


def unpacked(archive: str, folder: str, where: str) -> str:
    """The folder in which the content of an archive is, unpacked if it is not there yet.

    Args:
        archive: a zip or tar.gz file.
        folder: the folder that holds the content afterwards.
        where: where it is unpacked; `folder` or the one above it.

    Raises:
        DataError: it is damaged, or not what it should be.
    """
    if not Path(folder).exists():
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(where)
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(where, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise DataError(f"the archive {archive} cannot be unpacked: {error}; get it again.") from error
    if not Path(folder).is_dir():
        raise DataError(f"the archive {archive} holds no folder {Path(folder).name!r}: is it another one?")
    return folder
