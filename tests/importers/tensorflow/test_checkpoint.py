"""Reading checkpoints: every type of numbers in both formats, slices, shards, and what other machines wrote."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from sparkdl.errors import ImporterError, MissingFileError, UnsupportedError
from sparkdl.importers.tensorflow.checkpoint import newest, read_checkpoint
from sparkdl.importers.tensorflow.slices import Slice, parse_slice, slice_key
from sparkdl.importers.tensorflow.sorted_table import read_table
from tests.importers.tensorflow.tables import bundle, crc_of, write_table

TYPES = (
    "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128"
).split()
NOT_IN_FORMAT_1 = {"bfloat16", "uint32", "uint64"}
SHAPES = {"matrix": (3, 4), "scalar": (), "empty": (0, 3)}


def save(form: int, prefix: Path, tensors: dict[str, tf.Tensor], slices: Sequence[str] | None = None) -> None:
    names, parts, values = list(tensors), slices or [""] * len(tensors), list(tensors.values())
    if form == 2:
        tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=parts, tensors=values)
    else:
        tf.raw_ops.SaveSlices(filename=str(prefix), tensor_names=names, shapes_and_slices=parts, data=values)


@pytest.mark.parametrize("form", [1, 2])
def test_every_type_of_numbers(form: int, tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    tensors = {
        f"{dtype}/{name}": tf.cast(dice.integers(0, 2 if dtype == "bool" else 100, shape), dtype)
        for dtype in TYPES
        for name, shape in SHAPES.items()
        if form == 2 or dtype not in NOT_IN_FORMAT_1
    }
    save(form, tmp_path / "c", tensors)
    entries = read_checkpoint(tmp_path / "c")
    assert set(entries) == set(tensors)
    for name, tensor in tensors.items():
        value = entries[name].read()
        assert value.dtype == tensor.numpy().dtype, name
        np.testing.assert_array_equal(value, tensor.numpy(), err_msg=name)


def test_strings_are_no_numbers(tmp_path: Path) -> None:
    words = tf.constant([[b"a", b""], [b"xyz" * 100, b"\xff\x00"]])
    save(2, tmp_path / "v2", {"words": words})
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "v2")["words"].read(), words.numpy())
    save(1, tmp_path / "v1", {"words": words})
    with pytest.raises(UnsupportedError, match="'words' is a string; expected numbers"):
        read_checkpoint(tmp_path / "v1")["words"].read()


@pytest.mark.parametrize("form", [1, 2])
def test_slices_are_read_alone_or_joined(form: int, tmp_path: Path) -> None:
    full = np.arange(300 * 70, dtype="float32").reshape(300, 70)
    cuts = [(0, 0, 200, 70), (200, 0, 100, 65), (200, 65, 100, 5)]
    parts = [f"300 70 {r},{rs}:{c},{cs}" for r, c, rs, cs in cuts]
    pieces = [tf.constant(full[r : r + rs, c : c + cs]) for r, c, rs, cs in cuts]
    file = tmp_path / "c"
    if form == 2:
        names = ["full"] * 3
        tf.raw_ops.SaveV2(prefix=str(file), tensor_names=names, shape_and_slices=parts, tensors=pieces)
    else:
        tf.raw_ops.SaveSlices(filename=str(file), tensor_names=["full"] * 3, shapes_and_slices=parts, data=pieces)
    entry = read_checkpoint(file)["full"]
    np.testing.assert_array_equal(entry.read(), full)
    for part, piece in zip(parts, pieces, strict=True):
        np.testing.assert_array_equal(entry.read(parse_slice(part, "graph.pb")), piece)
    np.testing.assert_array_equal(entry.read(Slice((190, 60), (20, 8))), full[190:210, 60:68])
    with pytest.raises(ImporterError, match="has no part"):
        entry.read(Slice((290, 0), (20, 5)))


@pytest.mark.parametrize("number", [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**20, 2**31, 2**40, 2**62, 2**63 - 1])
def test_keys_of_slices_are_those_of_tensorflow(number: int) -> None:
    """TensorFlow's table has the key of a slice where an index names it; its bytes sort as the numbers do."""
    keys = [slice_key("t", Slice((value,), (1,))) for value in sorted({number, 0, -5, 100, 2**50})]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)


@pytest.mark.parametrize("form", [1, 2])
def test_files_of_several_machines(form: int, tmp_path: Path) -> None:
    first, second = {"a": tf.range(5)}, {"b": tf.range(3.0)}
    if form == 2:
        save(2, tmp_path / "one", first)
        save(2, tmp_path / "two", second)
        prefixes = [str(tmp_path / "one"), str(tmp_path / "two")]
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=str(tmp_path / "c"))
    else:
        save(1, tmp_path / "c-00000-of-00002", first)
        save(1, tmp_path / "c-00001-of-00002", second)
    entries = read_checkpoint(tmp_path / "c")
    assert entries["a"].read().tolist() == [0, 1, 2, 3, 4] and entries["b"].read().tolist() == [0, 1, 2]


def test_numbers_of_a_big_endian_machine(tmp_path: Path) -> None:
    values = {"a": np.arange(3, dtype=">f4"), "b": np.array([1 + 2j], ">c16"), "c": np.array([True])}
    bundle(tmp_path / "c", values, endianness=tensor_bundle_pb2.BundleHeaderProto.BIG)
    entries = read_checkpoint(tmp_path / "c")
    for name, value in values.items():
        read = entries[name].read()
        assert read.dtype.isnative
        np.testing.assert_array_equal(read, value)


def test_many_keys_in_many_blocks(tmp_path: Path) -> None:
    tensors = {f"layer_{number}/{'x' * (number % 50)}/kernel": tf.fill([2], number) for number in range(3000)}
    save(2, tmp_path / "c", tensors)
    entries = read_checkpoint(tmp_path / "c")
    assert set(entries) == set(tensors)
    assert all(entries[name].read()[0] == tensor[0] for name, tensor in list(tensors.items())[::100])


def test_reading_copies_nothing(tmp_path: Path) -> None:
    for form in (1, 2):
        save(form, tmp_path / f"c{form}", {"big": tf.ones([2**22])})
        tracemalloc.start()
        value = read_checkpoint(tmp_path / f"c{form}")["big"].read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert value.sum() == 2**22 and not value.flags.writeable
        assert peak < 2**22  # of 2**24 bytes


def test_the_newest_checkpoint_of_a_training(tmp_path: Path) -> None:
    save(2, tmp_path / "model.ckpt-7", {"a": tf.range(5)})
    note = tmp_path / "checkpoint"
    for path in ("/elsewhere/model.ckpt-7", "model.ckpt-7"):
        note.write_text(f'model_checkpoint_path: "{path}"\nall_model_checkpoint_paths: "x"\n')
        for given in (tmp_path, str(note), str(tmp_path) + "/"):
            assert newest(given) == str(tmp_path / "model.ckpt-7")
            assert read_checkpoint(given)["a"].read().tolist() == [0, 1, 2, 3, 4]
    note.write_text("")
    with pytest.raises(ImporterError, match="names no checkpoint"):
        newest(tmp_path)
    note.write_bytes(b"\xff{")
    with pytest.raises(ImporterError, match="is no note of a newest checkpoint"):
        newest(tmp_path)
    note.unlink()
    assert newest(tmp_path) is None
    with pytest.raises(MissingFileError, match="is no checkpoint: neither"):
        read_checkpoint(tmp_path / "other")


def _bundle_of(tmp_path: Path, **changes: object) -> Path:
    bundle(tmp_path / "c", {"a": np.arange(4, dtype="float32")}, **changes)
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtype": 999}, "of type 999, which TensorFlow does not have"),
        ({"dtype": 20}, "is a resource; expected numbers"),
        ({"dtype": 7}, "strings of"),
        ({"size": 12}, "has 12 bytes; expected 4 times 4"),
        ({"size": -1}, "takes bytes 0 to -1"),
        ({"offset": 8}, "takes bytes 8 to 24 of file 0, which has 16"),
        ({"offset": 2**62, "size": 2**62}, "is it truncated"),
        ({"shard_id": 5}, "but uses others"),
        ({"shard_id": -1}, "but uses others"),
        ({"crc32c": 1}, "another checksum than stored"),
        ({"shape": [2**40, 2**40]}, "has 16 bytes; expected"),
        ({"shape": [0, 2**62], "size": 0}, "The file is damaged"),
        ({"shape": [-1, 4]}, "expected a known one"),
        ({"shape": [1] * 300}, "expected a known one"),
        ({"slices": [[(0, 4)]]}, "no data for"),
        ({"slices": [[(0, 3)], [(2, 9)]]}, "slices that lie outside"),
        ({"slices": [[(0, 1)]], "shape": [2**60]}, "other numbers of elements"),
        ({"slices": [[(0, 2**59)], [(2**59, 2**59)]], "shape": [2**60]}, "slices of 4611686018427387904 bytes"),
        ({"min_consumer": 9}, "has version 9; expected at most 1"),
        ({"header": b"\x0a"}, "an entry cannot be read"),
        ({"header": None}, "has no header"),
        ({"num_shards": 2**31 - 1}, "of-2147483647, which .* does not exist"),
    ],
)
def test_indexes_that_lie(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    """The checksums are right: somebody made these files so."""
    with pytest.raises((ImporterError, UnsupportedError, MissingFileError), match=words):
        read_checkpoint(_bundle_of(tmp_path, **changes))["a"].read()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([(b"", 0, b""), (b"a", 9, b"")], "longer than the block"),
        ([(b"x" * 4000, 0, b"")] + [(b"", 4000, b"")] * 20000, "many times larger than the file"),
    ],
)
def test_tables_that_lie(entries: list[tuple[bytes, int, bytes]], words: str) -> None:
    with pytest.raises(ImporterError, match=words):
        read_table(memoryview(write_table(entries)), "c.index")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "does not end as one does"),
        (lambda data: data[40:], "checksum|does not fit"),
        (lambda data: b"", "does not end as one does"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "another checksum than stored"),
        (lambda data: data[:-48] + b"\xff" * 40 + data[-8:], "a number does not end"),
        (lambda data: data[:-48] + bytes(40) + data[-8:], "another checksum|restarts"),
    ],
)
def test_tables_that_are_damaged(change: object, words: str) -> None:
    data = write_table([(b"", 0, b"1"), (b"a", 0, b"2")])
    assert {key: bytes(value) for key, value in read_table(memoryview(data), "c").items()} == {b"": b"1", b"a": b"2"}
    with pytest.raises(ImporterError, match=words):
        read_table(memoryview(change(data)), "c.index")


def test_compressed_tables_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="is compressed"):
        read_table(memoryview(write_table([(b"", 0, b"1")], compression=1)), "c.index")


@pytest.mark.parametrize("text", ["1 2 x", "4 0", "4 0,1,2", "4 ,"])
def test_texts_that_are_no_slices(text: str) -> None:
    with pytest.raises(ImporterError, match=re.escape(repr(text))):
        parse_slice(text, "graph.pb")


def test_checksums_are_those_of_the_format() -> None:
    assert crc_of(b"123456789") == 0xE3069283
