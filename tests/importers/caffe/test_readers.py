"""The two readers: what they make of good files, and that they refuse bad ones."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparkdl.errors import ImporterError, MissingFileError
from sparkdl.importers.caffe.blobs import blob_array, read_caffe_mean, read_weights
from sparkdl.importers.caffe.net import resolve
from sparkdl.importers.caffe.schema import ENUMS, MESSAGES, SCALARS
from sparkdl.importers.caffe.text import parse
from sparkdl.importers.caffe.upgrade import upgrade
from sparkdl.importers.caffe.wire import decode
from tests.importers.caffe.files import blob, caffemodel, field, varint
from tests.importers.caffe.places import COPIES
from tests.importers.mutation import mutant

MUTANTS = 2500
LEGACY = COPIES / "legacy"


def test_the_table_of_messages_is_whole() -> None:
    for message, fields in MESSAGES.items():
        numbers = [item.number for item in fields.values() if item.number]
        assert len(set(numbers)) == len(numbers), message
        for item in fields.values():
            assert item.kind in SCALARS or item.kind in ENUMS or item.kind in MESSAGES, (message, item)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("name: 'a' 'b' # c", {"name": "ab"}),
        (r'name: "\x41\101\n"', {"name": "AA\n"}),
        ("name: 'ü'", {"name": "ü"}),
        ("input_dim: [1, 2] input_dim: 0x10", {"input_dim": [1, 2, 16]}),
        ("force_backward: true, debug_info: 0;", {"force_backward": True, "debug_info": False}),
        ("state < phase: TEST >", {"state": {"phase": "TEST"}}),
        ("state: { phase: 0 level: -1 }", {"state": {"phase": "TRAIN", "level": -1}}),
        (
            "layer { lrn_param { alpha: 1e-4 beta: .75f k: 2. } }",
            {"layer": [{"lrn_param": {"alpha": 1e-4, "beta": 0.75, "k": 2.0}}]},
        ),
        ("layer { power_param { shift: -inf } }", {"layer": [{"power_param": {"shift": float("-inf")}}]}),
        ("of_a_fork: 3 of_a_fork { x: YES y: 'z' }", {"of_a_fork": [3.0, {"x": ["YES"], "y": ["z"]}]}),
        ("layers { type: PRELU_OF_A_FORK }", {"layers": [{"type": "PRELU_OF_A_FORK"}]}),
    ],
)
def test_text(text: str, expected: dict[str, Any]) -> None:
    assert parse(text, "Net", "net.prototxt") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: 'a'\nname: 'b'", r"net\.prototxt, line 2, column 5.*'name' is given more than once"),
        ("name 'a'", "line 1, column 6: expected ':'"),
        ("name: a", "takes a string, found 'a'"),
        ("state { phase: Test }", "one of TRAIN, TEST.*found 'Test'"),
        ("state: 3", "takes a message"),
        ("name { }", "takes a string, found a message"),
        ("layer { ", "expected the name of a field or '}', found the end"),
        ("layer { >", "found '>'"),
        ("input_dim: 1.5", "takes a int"),
        ("input_dim: 99999999999999999999", "takes a int"),
        ("layer { pooling_param { pad: -1 } }", "takes a uint"),
        ("name: 'a", 'found "\'"'),
        (r"name: '\xff'", "escapes that make no text"),
        ("layer {" * 1000, "nested more than"),
        ("a {" * 1000, "nested more than"),
        ("name: 'x' @", "found '@'"),
    ],
)
def test_text_that_is_refused(text: str, words: str) -> None:
    with pytest.raises(ImporterError, match=words):
        parse(text, "Net", "net.prototxt")


def test_wire_reads_packed_and_single_numbers_alike() -> None:
    packed = field(5, struct.pack("<3f", 1, 2, 3))
    single = b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in (1, 2, 3))
    for data in (packed, single, packed[:2] + packed[2:], single + field(77, b"what only forks know")):
        assert decode(data, "Blob", "mean")["data"].tolist() == [1, 2, 3]
    assert decode(packed + single, "Blob", "mean")["data"].tolist() == [1, 2, 3, 1, 2, 3]
    assert decode(field(8, struct.pack("<d", 0.1)), "Blob", "mean")["double_data"].tolist() == [0.1]


def test_wire_does_not_copy_weights() -> None:
    data = caffemodel({"big": [np.ones(2**20, "float32")]})
    tracemalloc.start()
    values = decode(data, "Net", "w")["layer"][0]["blobs"][0]["data"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.sum() == 2**20
    assert peak < 2**18


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x0a", "w, byte 1: a number does not end"),
        (b"\x0a\x05abc", "byte 0: a field of 5 bytes where 3 are left"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "bytes where 0 are left"),
        (b"\xff" * 11, "does not end"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "number 0"),
        (b"\x08\x01", "takes a string, found wire type 0"),
        (b"\x0a\x01\xff", "holds no text"),
        (field(100, field(7, field(5, b"abc"))), "takes floats"),
    ],
)
def test_wire_that_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ImporterError, match=words):
        decode(data, "Net", "w")


@pytest.mark.parametrize("shape", [{"dim": [2, 3]}, {"dim": [2**62, 2**62]}, {"dim": [-1, -5]}, {"dim": [1] * 40}])
def test_shapes_that_do_not_fit_their_values(shape: dict[str, Any]) -> None:
    with pytest.raises(ImporterError, match="5 values"):
        blob_array({"shape": shape, "data": np.zeros(5, "float32")}, "w: layer 'a'")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\nxyz" * 100])
def test_files_that_are_no_weights(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    if content:
        with pytest.raises(ImporterError, match="HDF5"):
            read_weights(tmp_path / "w")
    else:
        assert read_weights(tmp_path / "w") == {}
        with pytest.raises(ImporterError, match="0 values"):
            read_caffe_mean(tmp_path / "w")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nothing.caffemodel"):
        read_weights(tmp_path / "nothing.caffemodel")


def _read_text(data: bytes) -> None:
    resolve(upgrade(parse(data.decode("utf-8", "replace"), "Net", "n"), "n"), "n", "TEST")


def _read_wire(data: bytes) -> None:
    for layer in upgrade(decode(data, "Net", "w"), "w")["layer"]:
        for item in layer.get("blobs", []):
            blob_array(item, "w")


def _read_mean(data: bytes) -> None:
    blob_array(decode(data, "Blob", "m"), "m")


READERS: dict[str, tuple[Callable[[bytes], None], bytes]] = {
    "v0": (_read_text, (LEGACY / "v0_input_dim.prototxt").read_bytes()),
    "v1": (_read_text, (LEGACY / "v1_input_dim.prototxt").read_bytes()),
    "v2": (_read_text, (LEGACY / "v2_layer.prototxt").read_bytes()),
    "caffemodel": (_read_wire, (LEGACY / "w_v2.caffemodel").read_bytes()),
    "old caffemodel": (_read_wire, (LEGACY / "w_v1.caffemodel").read_bytes()),
    "mean": (_read_mean, blob(np.ones((1, 3, 2, 2)))),
}
NUMBERS = (b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x80" * 12, b"\x00", b"{" * 40, b'"', b"99999999999")


@pytest.mark.parametrize("name", READERS)
def test_altered_files_are_read_or_refused(name: str) -> None:
    reader, good = READERS[name]
    dice, refused = random.Random(name), 0
    reader(good)
    tracemalloc.start()
    for _ in range(MUTANTS):
        try:
            reader(mutant(good, dice, NUMBERS, truncated=1.0))
        except ImporterError as error:
            refused += 1
            assert str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > MUTANTS / 4
    assert peak < 2**22


def test_altered_files_of_hdf5_are_read_or_refused(tmp_path: Path) -> None:
    good, dice, refused = (LEGACY / "w.caffemodel.h5").read_bytes(), random.Random("hdf5"), 0
    for _ in range(2000):
        (tmp_path / "w").write_bytes(good[:8] + mutant(good[8:], dice, NUMBERS, truncated=1.0))
        try:
            read_weights(tmp_path / "w")
        except ImporterError:
            refused += 1
    assert refused > 1000
