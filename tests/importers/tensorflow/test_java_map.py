"""BigDL's file of weights: what BigDL wrote, what it might write, and what it never would."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkdl.errors import ImporterError, MissingFileError, UnsupportedError
from sparkdl.importers.tensorflow.java_map import read_java_map
from tests.importers.tensorflow.places import COPIES

RECORDED = COPIES / "blog_lstm_static" / "bigdl_pair.bin"
CLASS = "com.intel.analytics.bigdl.python.api.JTensor"


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


def described(name: str, flags: int, *fields: bytes) -> bytes:
    """A class that is met for the first time."""
    return b"\x72" + text(name) + bytes(8) + bytes([flags]) + struct.pack(">H", len(fields)) + b"".join(fields) + b"xp"


def field(code: str, name: str, type_name: str = "") -> bytes:
    return code.encode() + text(name) + (b"t" + text(type_name) if type_name else b"")


MAP = described("java.util.HashMap", 3, field("F", "loadFactor"), field("I", "threshold"))
FIELDS = (
    field("L", "bigdlType", "Ljava/lang/String;"),
    field("[", "indices", "[[I"),
    field("[", "shape", "[I"),
    field("[", "storage", "[F"),
)
TENSOR = described(CLASS, 2, *FIELDS)
TYPE = b"t" + text("float")


def array(name: str, form: str, *values: float) -> bytes:
    return b"u" + described(name, 2) + struct.pack(f">I{len(values)}{form}", len(values), *values)


def tensor(shape: tuple[int, ...], *values: float, head: bytes = TENSOR, indices: bytes = b"p") -> bytes:
    return b"s" + head + TYPE + indices + array("[I", "i", *shape) + array("[F", "f", *values)


def map_of(*entries: bytes, count: int | None = None, end: bytes = b"x") -> bytes:
    size = len(entries) if count is None else count
    head = b"\xac\xed\x00\x05s" + MAP + bytes(8) + b"w\x08" + struct.pack(">II", 16, size)
    return head + b"".join(entries) + end


def read(data: bytes, folder: Path) -> dict[str, list[float]]:
    (folder / "model.bin").write_bytes(data)
    return {name: value.tolist() for name, value in read_java_map(folder / "model.bin").items()}


def test_what_bigdl_wrote() -> None:
    found = read_java_map(RECORDED)
    assert {name: value.shape for name, value in found.items()} == {
        "rnn/basic_lstm_cell/bias": (64,),
        "prediction/W": (16, 5),
        "prediction/bias": (5,),
        "rnn/basic_lstm_cell/kernel": (24, 64),
    }
    assert found["prediction/bias"][0] == pytest.approx(0.05577285)


def test_own_maps(tmp_path: Path) -> None:
    assert read(map_of(), tmp_path) == {}
    one = b"t" + text("a/b") + tensor((2, 1), 1, 2.5)
    assert read(map_of(one), tmp_path) == {"a/b": [[1], [2.5]]}
    assert read(map_of(b"|" + struct.pack(">Q", 1) + b"c" + tensor((0, 3))), tmp_path) == {"c": []}
    assert read(map_of(b"t" + text("scalar") + tensor((), 3)), tmp_path) == {"scalar": 3}
    # Handles: map class, map, name, tensor class, its four types, tensor, ...
    again = b"t" + text("d") + b"q" + struct.pack(">I", 0x7E0000 + 8)
    assert read(map_of(one, again), tmp_path) == {"a/b": [[1], [2.5]], "d": [[1], [2.5]]}


def test_tensors_of_the_first_versions_have_no_indices(tmp_path: Path) -> None:
    head = described(CLASS, 2, FIELDS[0], *FIELDS[2:])
    assert read(map_of(b"t" + text("a") + tensor((1,), 5, head=head, indices=b"")), tmp_path) == {"a": [5]}


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="sparse"):
        read(map_of(b"t" + text("a") + tensor((1,), 5, indices=array("[I", "i", 1))), tmp_path)


NAME = b"t" + text("a")
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "4 bytes are to come where 0 are left"),
    "another file": (b"PK\x03\x04" + bytes(100), "not written by Java"),
    "a string": (b"\xac\xed\x00\x05" + NAME, "expected a map"),
    "another class": (
        b"\xac\xed\x00\x05s" + described("javax.swing.event.EventListenerList", 3),
        "'javax.swing.event.EventListenerList', which is never read",
    ),
    "another class in the map": (map_of(NAME + b"s" + described("java.net.URL", 2)), "'java.net.URL', which is never"),
    "a map in the map": (map_of(NAME + b"s" + MAP), "expected the class .JTensor"),
    "other fields": (map_of(NAME + b"s" + described(CLASS, 2, field("J", "storage"))), "has fields"),
    "a field twice": (map_of(NAME + b"s" + described(CLASS, 2, *FIELDS[:3], FIELDS[2])), "has fields"),
    "other flags": (map_of(NAME + b"s" + described(CLASS, 12, *FIELDS)), "has fields"),
    "a class above": (map_of(NAME + b"s" + TENSOR[:-1] + MAP), "no class above"),
    "a proxy": (map_of(NAME + b"s\x7d" + bytes(20)), "expected one of"),
    "an exception": (map_of(b"\x7b" + bytes(20)), "expected one of"),
    "a wrong number": (map_of(NAME + tensor((3,), 1, 2)), r"shape \(3,\) with 2 numbers"),
    "a negative size": (map_of(NAME + tensor((-1, -2), 1, 2)), "with 2 numbers"),
    "an overflow": (map_of(NAME + tensor((2**16, 2**16)), end=b""), "with 0 numbers"),
    "no shape": (map_of(NAME + b"s" + TENSOR + TYPE + b"pp" + array("[F", "f", 1)), "without shape"),
    "shape and numbers exchanged": (
        map_of(NAME + b"s" + TENSOR + TYPE + b"p" + array("[F", "f", 1) + array("[I", "i", 1)),
        "without shape",
    ),
    "itself": (map_of(NAME + b"q" + struct.pack(">I", 0x7E0001)), "expected a name and a tensor"),
    "the future": (map_of(NAME + b"q" + struct.pack(">I", 0x7E0100)), "a reference to object 256 of"),
    "the past": (map_of(NAME + b"q" + bytes(4)), "a reference to object -"),
    "a tensor in itself": (
        map_of(NAME + b"s" + TENSOR + TYPE + b"pq" + struct.pack(">I", 0x7E0008) + b"p"),
        "without shape",
    ),
    "a huge array": (
        map_of(NAME + b"s" + TENSOR + TYPE + b"pu" + described("[I", 2) + b"\xff\xff\xff\xff", end=b""),
        "17179869180 bytes are to come where 0 are left",
    ),
    "a huge map": (map_of(count=2**32 - 1), "expected one of"),
    "a huge name": (map_of(b"|" + b"\xff" * 8), "bytes are to come"),
    "no text": (map_of(b"t\x00\x01\xff"), "make no text"),
    "a map that goes on": (map_of(NAME + tensor((1,), 1), end=b"w"), "the end of the map"),
    "a number as name": (map_of(tensor((1,), 1) * 2), "expected one of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_bigdl_never_writes(case: str, tmp_path: Path) -> None:
    data, words = REFUSED[case]
    with pytest.raises(ImporterError, match=words):
        read(data, tmp_path)


@pytest.mark.parametrize("cut", [lambda data: data[:-1], lambda data: data[:200], lambda data: data[:4]])
def test_truncated(cut: Callable[[bytes], bytes], tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="damaged"):
        read(cut(RECORDED.read_bytes()), tmp_path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="model.bin does not exist"):
        read_java_map(tmp_path / "model.bin")
