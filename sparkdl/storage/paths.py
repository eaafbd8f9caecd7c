"""Paths as users write them: with a scheme (`hdfs://...`) or without one, which means a local path.

Nothing in a path is decoded: a space is a space and `%20` is three characters, as for Spark and Hadoop.
"""

from __future__ import annotations

import os
import re
from typing import TypeAlias

from sparkdl.errors import ArgumentError

AnyPath: TypeAlias = str | os.PathLike[str]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):/")
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_BARE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:(?://?[^/]*)?)?")
# A key may hold slashes; what follows a host's colon are digits.
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/@\s]*|[^/@\s:]+:(?!\d+/)[^@\s]*)@")
_QUERY = re.compile(r"(://[^?'\"\n]*)\?[^\s'\"]*=[^\s'\"]*")
# Here the part before the @ names a container, and is no secret.
_CONTAINERS = frozenset({"abfs", "abfss", "wasb", "wasbs"})


def path_text(path: AnyPath, argument: str = "path") -> str:
    """A path that the user gave, as text.

    Args:
        path: text, or a `pathlib.Path` and its like.
        argument: its name, for the message.

    Raises:
        ArgumentError: it is empty, or no path.

    Example:
        >>> import pathlib
        >>> path_text(pathlib.PurePosixPath("/runs/a"), "log_dir"), path_text("hdfs://name/runs", "log_dir")
        ('/runs/a', 'hdfs://name/runs')
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str) or not text:
        raise ArgumentError(f"{argument} must be a path or a URL, received {path!r}: give a string or a pathlib.Path.")
    return text


def same_place(one: str, other: str) -> bool:
    """Whether two paths mean the same directory, as far as their text and this machine's directories tell.

    Example:
        >>> same_place("/runs/a", "file:///runs/./a/"), same_place("s3://b/a/", "s3://b/a"), same_place("/a", "/b")
        (True, True, False)
    """
    return _meaning(one) == _meaning(other)


def _meaning(path: str) -> tuple[str, str]:
    local = local_path(path)
    if local is not None:
        return os.path.realpath(local), ""
    base, query = cut_query(path)
    scheme = scheme_of(path)
    return scheme + base[len(scheme) :].rstrip("/"), query


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
