"""Models that lie elsewhere: files, folders and checkpoints as local copies, read by every importer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ArgumentError, MissingFileError, StorageError, UnsupportedError
from sparkdl.importers import files
from sparkdl.importers.files import local_copy, map_file
from sparkdl.importers.tensorflow.read import read_source
from tests.importers.caffe.places import COPIES as CAFFE
from tests.importers.tensorflow.places import COPIES as TENSORFLOW
from tests.importers.tensorflow.saved import partitioned_graph, save_graph, save_module

LSTM = TENSORFLOW / "blog_lstm_static"
ROOT = "memory://models/of users"


@pytest.fixture
def remote() -> Iterator[str]:
    """A folder in fsspec's memory with files and folders, one of them empty."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    base = "/models/of users"
    memory.makedirs(f"{base}/model/assets")
    for name, content in {
        "net.pb": b"graph",
        "model/a": b"1",
        "model/deep/b": b"2",
        "c.index": b"3",
        "c1.index": b"5",
        "c.data": b"4",
    }.items():
        memory.makedirs(f"{base}/{name}".rpartition("/")[0], exist_ok=True)
        memory.pipe(f"{base}/{name}", content)
    yield ROOT
    memory.rm("/models", recursive=True)


def upload(folder: Path, to: str) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for file in folder.rglob("*"):
        target = f"/models/of users/{to}/{file.relative_to(folder)}"
        memory.makedirs(target.rpartition("/")[0], exist_ok=True)
        if file.is_file():
            memory.pipe(target, file.read_bytes())


def test_local_paths_are_given_back(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", str(tmp_path), f"file://{tmp_path}/a b"):
        with local_copy(path) as local:
            assert local == str(path).removeprefix("file://")


def test_remote_files_and_folders_are_copied_and_gone_afterwards(remote: str) -> None:
    with local_copy(f"{remote}/net.pb") as local:
        assert Path(local).read_bytes() == b"graph"
    assert not Path(local).parent.exists()
    for url in (f"{remote}/model", f"{remote}/model/"):
        with local_copy(url) as local:
            found = {
                str(path.relative_to(local)): path.read_bytes() for path in Path(local).rglob("*") if path.is_file()
            }
        assert found == {"a": b"1", "deep/b": b"2"}
    with local_copy(f"{remote}/c", with_siblings=True) as local:
        assert sorted(path.name for path in Path(local).parent.iterdir()) == ["c.data", "c.index"]


def test_what_is_mapped_stays_readable(remote: str) -> None:
    content = map_file(f"{remote}/net.pb")
    assert content[:] == b"graph"


def test_what_is_not_there_is_named(remote: str, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="models/of users/nothing"), local_copy(f"{remote}/nothing"):
        pass
    with pytest.raises(MissingFileError, match="nothing does not exist; give the path of a file"):
        map_file(tmp_path / "nothing")
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        map_file(tmp_path)
    with pytest.raises(ArgumentError, match="nobody://host"):
        map_file("nobody://user:secret@host/a")


@pytest.mark.parametrize(("given", "said"), [(None, "None"), (5, "5"), (b"n", "b'n'"), ("", "''")])
@pytest.mark.parametrize(
    "load",
    [
        sdl.load_bigdl,
        sdl.load_caffe,
        sdl.load_checkpoint,
        sdl.load_keras,
        sdl.load_quantized,
        sdl.load_tensorflow,
        sdl.load_torch,
        sdl.read_caffe_mean,
        sdl.inspect,
        lambda path: sdl.load_tensorflow(LSTM / "graph_unfrozen.pbtxt.gz", checkpoint=[path]),
        lambda path: sdl.inspect(LSTM / "graph_unfrozen.pbtxt.gz", [path]),
    ],
)
def test_what_is_no_path_is_refused(load: Callable[[Any], Any], given: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=rf"must be a path or a URL, received ({said}|\[.*\]): give a string or"):
        load(given)


def test_another_way_to_open_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkdl.storage.local import LocalStorage

    monkeypatch.setattr(files, "_open", files._open)
    asked = []
    files.open_remote_with(lambda directory: asked.append(directory) or LocalStorage(tmp_path))
    (tmp_path / "net.pb").write_bytes(b"graph")
    assert map_file("hdfs://name:8020/models/net.pb")[:] == b"graph"
    assert asked == ["hdfs://name:8020/models"]


def test_spark_opens_what_hadoop_knows() -> None:
    assert sdl.load_tensorflow and files._open is not files._without_spark


def test_tensorflow_reads_remote_models(remote: str, tmp_path: Path) -> None:
    graph, _ = partitioned_graph()
    values = save_graph(graph, tmp_path / "tf1" / "model.ckpt", "V2")
    module = save_module(tmp_path / "tf2", {"serving_default": "scores"})
    upload(tmp_path, "tf")
    for given in ("tf1/model.ckpt.meta", "tf1/model.ckpt", "tf1"):
        source = read_source(f"{remote}/tf/{given}")
        np.testing.assert_array_equal(source.variables["net/weights"], values["net/weights"])
    for given in ("tf2", "tf2/", "tf2/saved_model.pb"):
        source = read_source(f"{remote}/tf/{given}")
        assert sorted(value.shape for value in source.variables.values()) == sorted(
            tuple(item.shape) for item in module.variables
        )
    upload(LSTM, "lstm")
    for arguments in ({"checkpoint": f"{remote}/lstm/model_v1.ckpt"}, {"bin_file": f"{remote}/lstm/bigdl_pair.bin"}):
        source = read_source(f"{remote}/lstm/graph_unfrozen.pbtxt.gz", **arguments)
        assert source.variables["prediction/W"].shape == (16, 5)
    with pytest.raises(MissingFileError, match="nothing.pb"):
        read_source(f"{remote}/tf/nothing.pb")
    with pytest.raises(UnsupportedError, match="^memory://models/of users/lstm/bigdl_pair.bin was written by Java"):
        read_source(f"{remote}/lstm/bigdl_pair.bin")


def test_caffe_reads_remote_models(remote: str) -> None:
    upload(CAFFE / "legacy", "caffe")
    local = sdl.load_caffe(CAFFE / "legacy" / "v2_layer.prototxt", CAFFE / "legacy" / "w_v2.caffemodel")
    for weights in ("w_v2.caffemodel", "w.caffemodel.h5"):
        model = sdl.load_caffe(f"{remote}/caffe/v2_layer.prototxt", f"{remote}/caffe/{weights}")
        for mine, theirs in zip(model.get_weights(), local.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
