from __future__ import annotations

import pytest

from sparkdl.storage.paths import join, local_path, scheme_of, split, without_credentials


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
        ("abfss://container@account/a", "abfss://container@account/a"),
        ("wasbs://container:word@account/a", "wasbs://account/a"),
        ("'s3://bucket/a?secret_key=x' is wrong", "'s3://bucket/a' is wrong"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
