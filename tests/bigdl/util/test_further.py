"""BigDL 2.x's smaller modules of helpers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import Row
from pyspark.sql import types as T

from sparkdl.bigdl.util import bigdl_export, encryption_utils, file_utils, utils
from sparkdl.errors import ArgumentError, DataError, UnsupportedError


@pytest.mark.parametrize("kind", ["CBC", "GCM"])
@pytest.mark.parametrize("bits", [128, 256])
def test_what_is_encrypted_can_be_read_with_the_key_alone(kind: str, bits: int) -> None:
    encrypt = getattr(encryption_utils, f"encrypt_with_AES_{kind}")
    decrypt = getattr(encryption_utils, f"decrypt_with_AES_{kind}")
    text = encrypt("hello world", "secret", "salt", bits)
    assert decrypt(text, "secret", "salt", bits) == "hello world" != text
    with pytest.raises((DataError, UnicodeDecodeError)):
        decrypt(text, "other", "salt", bits)


def test_alterations_are_noticed() -> None:
    content = bytearray(encryption_utils.encrypt_bytes_with_AES_GCM(b"bytes", "secret", "salt"))
    assert encryption_utils.decrypt_bytes_with_AES_GCM(bytes(content), "secret", "salt") == b"bytes"
    content[14] ^= 1
    with pytest.raises(DataError, match="it was altered"):
        encryption_utils.decrypt_bytes_with_AES_GCM(bytes(content), "secret", "salt")
    with pytest.raises(ArgumentError, match="128, 192 or 256"):
        encryption_utils.get_private_key("secret", "salt", 100)


def test_rows_become_arrays() -> None:
    schema = T.StructType(
        [
            T.StructField("number", T.FloatType()),
            T.StructField("array", T.ArrayType(T.LongType())),
            T.StructField("vector", VectorUDT()),
            T.StructField("text", T.StringType()),
        ]
    )
    row = Row(number=1.0, array=[1, 2], vector=Vectors.sparse(3, [1], [2.0]), text="t")
    (features, label) = utils.convert_row_to_numpy(row, schema, ["array", "vector"], ["number"])
    assert features[0].dtype == np.int64 and features[1].tolist() == [0, 2, 0] and label.dtype == np.float32
    assert utils.convert_row_to_numpy(row, schema, ["text"], None, True)[0] == "t"
    with pytest.raises(DataError, match="column 'text' is of string"):
        utils.convert_row_to_numpy(row, schema, ["text"], None)


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    assert utils.is_valid_ip_address(utils.get_node_ip()) and utils.get_bigdl_class_version()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnsupportedError, match="give penv_archive="):
        utils.pack_penv("env", "python_env")


def test_samples_with_several_labels() -> None:
    sample = file_utils.Sample.from_ndarray([np.ones(2), 3], [1, 2])
    assert [label.to_ndarray().item() for label in sample.labels] == [1, 2] and len(sample.features) == 2
    with pytest.raises(DataError, match="received a dict"):
        file_utils.Sample.from_ndarray({}, 1)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "from" / "deep").mkdir(parents=True)
    for name in ("model.a", "model.b", "deep/c"):
        (tmp_path / "from" / name).write_text(name)
    source, target = str(tmp_path / "from"), str(tmp_path / "to")
    file_utils.put_local_dir_tree_to_remote(source, target)
    assert sorted(file_utils.get_file_list(target, True)) == [f"{target}/{n}" for n in ("deep/c", "model.a", "model.b")]
    assert file_utils.exists(target) and file_utils.is_file(f"{target}/model.a") and not file_utils.is_file(target)
    with pytest.raises(ArgumentError, match="give over_write=True"):
        file_utils.put_local_file_to_remote(f"{source}/model.a", f"{target}/model.a")
    back = tmp_path / "back"
    file_utils.get_remote_dir_tree_to_local(target, str(back))
    assert (back / "deep" / "c").read_text() == "deep/c"
    file_utils.get_remote_files_with_prefix_to_local(f"{target}/model", str(tmp_path))
    assert (tmp_path / "model.b").read_text() == "model.b"


class _Saved:
    @file_utils.enable_multi_fs_save
    def save(self, path: str, overwrite: bool = False) -> None:
        Path(path).write_text("saved")


def test_methods_learn_to_write_elsewhere() -> None:
    pytest.importorskip("fsspec")
    place = "memory://bigdl-files/model.txt"
    _Saved().save(place, overwrite=True)
    assert file_utils.enable_multi_fs_load_static(lambda path: Path(path).read_text())(place) == "saved"


def test_names_are_exported() -> None:
    import sys

    @bigdl_export.keras_export("bigdl_exported_example")
    def function() -> Any:
        return 1

    assert sys.modules.pop("bigdl_exported_example") is function
