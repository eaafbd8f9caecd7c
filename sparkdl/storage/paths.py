"""Paths as users write them: with a scheme (`hdfs://...`) or without one, which means a local path.

Nothing in a path is decoded: a space is a space and `%20` is three characters, as for Spark and Hadoop.
"""

from __future__ import annotations

import os
import re
from typing import Any

from sparkdl.errors import ArgumentError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):/")
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_BARE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:(?://?[^/]*)?)?")
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/@\s]*)@")
_QUERY = re.compile(r"(://[^?'\"\n]*)\?[^\s'\"]*=[^\s'\"]*")
# Here the part before the @ names a container, and is no secret.
_CONTAINERS = frozenset({"abfs", "abfss", "wasb", "wasbs"})


def path_text(path: Any) -> str:
    """The text of a path that a user gave.

    Raises:
        ArgumentError: where it is no path.

    Example:
        >>> from pathlib import Path
        >>> path_text("hdfs://name/m.keras"), path_text(Path("runs") / "m.keras")
        ('hdfs://name/m.keras', 'runs/m.keras')
        >>> path_text(None)
        Traceback (most recent call last):
        sparkdl.errors.ArgumentError: a path is None; expected a str or a pathlib.Path: give the path or URL of a file.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if isinstance(text, str):
        return text
    received = "None" if path is None else f"of type {type(path).__name__}"
    raise ArgumentError(f"a path is {received}; expected a str or a pathlib.Path: give the path or URL of a file.")


def scheme_of(path: str) -> str:
    """The scheme of a path, in lower case; empty for a plain path.

    Example:
        >>> scheme_of("hdfs://name:8020/runs"), scheme_of("/runs"), scheme_of("runs/a:b")
        ('hdfs', '', '')
    """
    found = _SCHEME.match(path)
    return found[1].lower() if found else ""


def local_path(path: str) -> str | None:
    """The local path that is meant by a plain path or a `file:` URL; None for any other scheme.

    Example:
        >>> local_path("runs"), local_path("file:///a b"), local_path("file:/a"), local_path("hdfs://name/a")
        ('runs', '/a b', '/a', None)
    """
    scheme = scheme_of(path)
    if scheme == "file":
        return _LOCAL.sub("", path, count=1)
    return None if scheme else path


def split(path: str) -> tuple[str, str]:
    """A path as its directory and the name in it; a query (`?scheme=http`) goes with the directory.

    Example:
        >>> split("hdfs://name/runs/m.keras"), split("m.keras"), split("s3://b/runs/m.keras?scheme=http")
        (('hdfs://name/runs', 'm.keras'), ('', 'm.keras'), ('s3://b/runs?scheme=http', 'm.keras'))
    """
    base, query = cut_query(path)
    directory, slash, name = base.rpartition("/")
    return (with_root(directory) if slash else directory) + query, name


def with_root(directory: str) -> str:
    """A directory, with the slash that makes the bare name of a file system its root.

    Example:
        >>> with_root("hdfs://name"), with_root("hdfs://name/runs")
        ('hdfs://name/', 'hdfs://name/runs')
    """
    return directory + "/" if _BARE.fullmatch(directory) else directory


def join(directory: str, name: str) -> str:
    """The path of a name in a directory.

    Example:
        >>> join("hdfs://name/runs/", "a/m.keras"), join("", "m.keras"), join("s3://b/runs?scheme=http", "m.keras")
        ('hdfs://name/runs/a/m.keras', 'm.keras', 's3://b/runs/m.keras?scheme=http')
    """
    base, query = cut_query(directory)
    slash = "/" if base and name and not base.endswith("/") else ""
    return base + slash + name + query


def join_below(directory: str, name: str) -> str:
    """`join`, for a name that somebody else has sent.

    Raises:
        ValueError: where it leads out of the directory.

    Example:
        >>> join_below("runs", "a/m.keras")
        'runs/a/m.keras'
        >>> join_below("runs", "../m.keras")
        Traceback (most recent call last):
        ValueError: '../m.keras' is not the name of a file below 'runs'
    """
    if not name or "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name!r} is not the name of a file below {directory!r}")
    return join(directory, name)


def cut_query(path: str) -> tuple[str, str]:
    """A URL as what stands before its query, and the query with its question mark (plain and Hadoop paths have none).

    Example:
        >>> cut_query("s3://b/a?scheme=http"), cut_query("/a?b")
        (('s3://b/a', '?scheme=http'), ('/a?b', ''))
    """
    if scheme_of(path) in ("", "file") or "?" not in path:
        return path, ""
    base, _, query = path.partition("?")
    return base, "?" + query


def without_credentials(text: str) -> str:
    """A path or a message without what may be secret in its URLs: users, passwords and queries.

    Example:
        >>> without_credentials("cannot read s3://KEY:SECRET@bucket/a?token=b: no such file")
        'cannot read s3://bucket/a no such file'
        >>> without_credentials("abfss://container@account/a")
        'abfss://container@account/a'
    """
    return _QUERY.sub(r"\1", _USER_INFO.sub(_keep_container, text))


def _keep_container(found: re.Match[str]) -> str:
    harmless = found[1].lower() in _CONTAINERS and ":" not in found[2]
    return found[0] if harmless else f"{found[1]}://"
