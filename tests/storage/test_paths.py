from __future__ import annotations

from pathlib import Path

import pytest

from sparkdl.errors import ArgumentError
from sparkdl.storage.paths import join, local_path, path_text, same_place, scheme_of, split, without_credentials


@pytest.mark.parametrize("wrong", ["", 5, None, b"/runs"])
def test_what_is_no_path_is_refused_by_name(wrong: object) -> None:
    with pytest.raises(ArgumentError, match="resume must be a path or a URL, received"):
        path_text(wrong, "resume")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/runs/a", "/runs/a/", True),
        ("rel", "./rel", True),
        ("rel", str(Path.cwd() / "rel"), True),
        ("FILE:/runs//a", "/runs/b/../a", True),
        ("HDFS://name/runs/", "hdfs://name/runs", True),
        ("s3://b/a/?scheme=http", "s3://b/a?scheme=http", True),
        ("s3://b/a?scheme=http", "s3://b/a", False),
        ("hdfs://name/runs", "/runs", False),
        ("hdfs://name/runs", "hdfs://name/Runs", False),
    ],
)
def test_paths_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same


@pytest.mark.parametrize(
    ("path", "scheme", "local"),
    [
        ("", "", ""),
        ("/a", "", "/a"),
        ("a:b/c", "", "a:b/c"),
        ("file:/a", "file", "/a"),
        ("file:///a%20b", "file", "/a%20b"),
        ("file://localhost/a", "file", "/a"),
        ("FILE:///a", "file", "/a"),
        ("HDFS://Name/a", "hdfs", None),
        ("viewfs:/a", "viewfs", None),
    ],
)
def test_schemes(path: str, scheme: str, local: str | None) -> None:
    assert scheme_of(path) == scheme
    assert local_path(path) == local


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/file", ("/", "file")),
        ("hdfs:///file", ("hdfs:///", "file")),
        ("hdfs:/file", ("hdfs:/", "file")),
        ("hdfs://name/file", ("hdfs://name/", "file")),
        ("hdfs://name/a/b", ("hdfs://name/a", "b")),
        ("memory://file", ("memory://", "file")),
        ("a/b?c", ("a", "b?c")),
    ],
)
def test_what_is_split_can_be_joined_again(path: str, parts: tuple[str, str]) -> None:
    assert split(path) == parts
    assert join(*parts) == path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hdfs://name/a", "hdfs://name/a"),
        ("ftp://user:word@host/a and ftp://user@host/b", "ftp://host/a and ftp://host/b"),
        ("s3://KEY:SEC/RET@bucket/a", "s3://bucket/a"),
        ("hdfs://name:8020/runs@home", "hdfs://name:8020/runs@home"),
        ("abfss://container@account/a", "abfss://container@account/a"),
        ("wasbs://container:word@account/a", "wasbs://account/a"),
        ("'s3://bucket/a?secret_key=x' is wrong", "'s3://bucket/a' is wrong"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
