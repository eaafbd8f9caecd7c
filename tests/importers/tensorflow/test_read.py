"""Reading TensorFlow's files: every form of the same model, signatures, tags, partitioned variables, and refusals."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from sparkdl.errors import ArgumentError, ImporterError, MissingFileError, UnsupportedError
from sparkdl.importers.tensorflow import large
from sparkdl.importers.tensorflow.message import read_message
from sparkdl.importers.tensorflow.read import read_source
from tests.importers.tensorflow.places import COPIES, RECORDED
from tests.importers.tensorflow.saved import partitioned_graph, run, save_graph, save_module, save_with_tags

LSTM, RECORDED_LSTM, QUEUE = COPIES / "blog_lstm_static", RECORDED / "blog_lstm_static", RECORDED / "queue_train_slim"
UNFROZEN = LSTM / "graph_unfrozen.pbtxt.gz"
TRAINED = ("rnn/basic_lstm_cell/kernel", "rnn/basic_lstm_cell/bias", "prediction/W", "prediction/bias")
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded answers")


def frozen_values() -> dict[str, np.ndarray]:
    """The weights of the LSTM, as constants of its frozen graph."""
    nodes = {node.name: node for node in read_source(LSTM / "graph.pb").graph.node}
    return {name: tf.make_ndarray(nodes[name].attr["value"].tensor) for name in TRAINED}


FORMS: dict[str, tuple[Path, dict[str, Any]]] = {
    "format 2": (UNFROZEN, {"checkpoint": LSTM / "model.ckpt"}),
    "index": (UNFROZEN, {"checkpoint": LSTM / "model.ckpt.index"}),
    "format 1": (UNFROZEN, {"checkpoint": LSTM / "model_v1.ckpt"}),
    "BigDL": (UNFROZEN, {"bin_file": str(LSTM / "bigdl_pair.bin")}),
}
RECORDED_FORMS: dict[str, tuple[Path, dict[str, Any]]] = {
    "meta 2": (RECORDED_LSTM / "model.ckpt.meta", {}),
    "meta 1": (RECORDED_LSTM / "model_v1.ckpt.meta", {}),
    "prefix 2": (RECORDED_LSTM / "model.ckpt", {}),
    "prefix 1": (RECORDED_LSTM / "model_v1.ckpt", {}),
    "data": (RECORDED_LSTM / "model.ckpt.data-00000-of-00001", {}),
    "directory": (RECORDED_LSTM, {}),
    "note": (RECORDED_LSTM / "checkpoint", {}),
    "directory as checkpoint": (UNFROZEN, {"checkpoint": RECORDED_LSTM}),
    "SavedModel": (RECORDED_LSTM / "saved_model", {}),
    "file of SavedModel": (RECORDED_LSTM / "saved_model" / "saved_model.pb", {}),
    "SavedModel with another checkpoint": (RECORDED_LSTM / "saved_model", {"checkpoint": LSTM / "model_v1.ckpt"}),
    "BigDL's pair": (RECORDED_LSTM / "bigdl_pair.pb", {"bin_file": RECORDED_LSTM / "bigdl_pair.bin"}),
}


def _check_form(path: Path, arguments: dict[str, Any]) -> None:
    source = read_source(path, **arguments)
    assert set(source.variables) == set(TRAINED)
    for name, value in frozen_values().items():
        np.testing.assert_array_equal(source.variables[name], value)
        assert source.variables[name].dtype == np.float32 and source.variables[name].dtype.isnative
    golden = np.load(LSTM / "golden.npz")
    scores = run(source, "prediction/Softmax:0", {"Placeholder:0": golden["in/Placeholder"]})
    np.testing.assert_allclose(scores, golden["out/prediction/Softmax"], atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_model(form: str) -> None:
    _check_form(*FORMS[form])


@needs_recorded
@pytest.mark.parametrize("form", RECORDED_FORMS)
def test_every_recorded_form_gives_the_same_model(form: str) -> None:
    _check_form(*RECORDED_FORMS[form])


@needs_recorded
def test_signatures_of_a_saved_model_name_its_tensors() -> None:
    source = read_source(RECORDED_LSTM / "saved_model")
    assert source.inputs == {"x": "Placeholder:0"} and source.outputs == {"y": "prediction/Softmax:0"}
    assert read_source(LSTM / "graph.pb").inputs == {}


@needs_recorded
def test_a_training_graph_reads_with_its_checkpoint() -> None:
    source = read_source(QUEUE / "graph_def.pb", checkpoint=QUEUE)
    reader = tf.train.load_checkpoint(str(QUEUE / "model.ckpt"))
    names = [name for name in source.variables if reader.has_tensor(name)]
    assert len(names) > 5
    for name in names:
        np.testing.assert_array_equal(source.variables[name], reader.get_tensor(name))


def test_frozen_graphs_in_every_wrapping(tmp_path: Path) -> None:
    content = (LSTM / "graph.pb").read_bytes()
    graph = graph_pb2.GraphDef.FromString(content)
    text = text_format.MessageToString(graph).encode()
    # Names of files say nothing here.
    for name, data in {"a.txt": content, "b.pb": text, "c": gzip.compress(content), "d": b"# made\n" + text}.items():
        (tmp_path / name).write_bytes(data)
        source = read_source(str(tmp_path / name))
        assert source.graph == graph and source.variables == {}


def test_large_constants_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_source(LSTM / "graph.pb").graph
    monkeypatch.setattr(large, "LARGE", 16)
    source = read_source(LSTM / "graph.pb")
    nodes = {node.name: node for node in whole.node}
    assert set(TRAINED) <= set(source.variables)
    for name, value in source.variables.items():
        np.testing.assert_array_equal(value, tf.make_ndarray(nodes[name].attr["value"].tensor))
        assert not value.flags.owndata
    for node in source.graph.node:
        if node.name in source.variables:
            node.attr["value"].tensor.tensor_content = source.variables[node.name].tobytes()
    assert source.graph == whole
    # What is no array of numbers stays in the graph, as do values that do not fit: others say what is wrong with them.
    odd = graph_pb2.GraphDef()
    for name, dtype, op in (("a", 7, "Const"), ("b", 11, "Const"), ("c", 1, "Const"), ("d", 1, "Other")):
        tensor = odd.node.add(name=name, op=op, attr={"dtype": {"type": dtype}}).attr["value"].tensor
        tensor.tensor_content, tensor.dtype = bytes(101 if name == "c" else 100), dtype
        tensor.tensor_shape.dim.add(size=25)
    other = odd.node.add(name="e", op="Const").attr["other"].tensor
    other.tensor_content, other.dtype = bytes(100), 1
    (tmp_path / "odd.pb").write_bytes(odd.SerializeToString())
    source = read_source(tmp_path / "odd.pb")
    assert source.graph == odd and source.variables == {}


@pytest.mark.parametrize("form", ["V1", "V2"])
def test_partitioned_variables_are_read_by_slices(form: str, tmp_path: Path) -> None:
    graph, outputs = partitioned_graph()
    values = save_graph(graph, tmp_path / "model.ckpt", form)
    ids = np.array([0, 3, 4, 9, 6])
    expected = np.concatenate([values[f"net/table/part_{i}"] for i in range(3)])[ids] @ values["net/weights"]
    # Ops of the Saver tell what slices there are, collections of a MetaGraph do, and names of nodes.
    forward = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), ["scores"])
    message = meta_graph_pb2.MetaGraphDef.FromString((tmp_path / "model.ckpt.meta").read_bytes())
    message.graph_def.CopyFrom(forward)
    (tmp_path / "forward.meta").write_bytes(message.SerializeToString())
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (tmp_path / "forward.pb").write_bytes(forward.SerializeToString())
    for source in (
        read_source(tmp_path / "model.ckpt.meta"),
        read_source(tmp_path / "graph.pb", checkpoint=tmp_path / "model.ckpt"),
        read_source(tmp_path / "forward.pb", checkpoint=tmp_path / "model.ckpt"),
        read_source(tmp_path / "forward.meta", checkpoint=tmp_path / "model.ckpt"),
    ):
        for name in source.variables:
            if name in values:
                np.testing.assert_array_equal(source.variables[name], values[name])
        np.testing.assert_allclose(run(source, outputs.name, {"ids:0": ids}), expected, rtol=1e-6)
        with pytest.raises(KeyError):
            source.variables["net/table"]
    with pytest.raises(ImporterError, match="model.ckpt.* has no value for variable 'counter' of .*"):
        read_source(tmp_path / "model.ckpt.meta").variables["counter"]


def test_a_graph_without_partitions_joins_the_slices(tmp_path: Path) -> None:
    graph, _ = partitioned_graph()
    values = save_graph(graph, tmp_path / "model.ckpt", "V2")
    whole = tf.Graph()
    with whole.as_default():
        tf.compat.v1.get_variable("net/table", [10, 4], use_resource=True)
        tf.compat.v1.get_variable("net/weight", [4, 2])
        tf.compat.v1.get_variable("net/weights", [4, 3])
    (tmp_path / "graph.pb").write_bytes(whole.as_graph_def().SerializeToString())
    source = read_source(tmp_path / "graph.pb", checkpoint=tmp_path / "model.ckpt")
    parts = np.concatenate([values[f"net/table/part_{i}"] for i in range(3)])
    np.testing.assert_array_equal(source.variables["net/table"], parts)
    with pytest.raises(ImporterError, match="no value for variable 'net/weight' .*did you mean 'net/weights'"):
        source.variables["net/weight"]
    with pytest.raises(ImporterError, match=r"shape \[4, 2\]; expected float32 of shape \[4, 3\], as variable"):
        source.variables["net/weights"]


def test_names_that_a_saver_gives_are_followed(tmp_path: Path) -> None:
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        first = tf.compat.v1.get_variable("first", [2], use_resource=True)
        second = tf.compat.v1.get_variable("second", [2], use_resource=False)
        saver = tf.compat.v1.train.Saver({"second": first, "third": second})
        session.run(tf.compat.v1.global_variables_initializer())
        saver.save(session, str(tmp_path / "m"))
        expected = session.run({"first": first, "second": second})
    source = read_source(tmp_path / "m.meta")
    for name, value in expected.items():
        np.testing.assert_array_equal(source.variables[name], value)


def test_tags_and_signatures_of_tf1(tmp_path: Path) -> None:
    values = save_with_tags(tmp_path / "model")
    source = read_source(tmp_path / "model", signature="a")
    assert (source.inputs, source.outputs) == ({"x": "x:0"}, {"y": "y:0"})
    np.testing.assert_array_equal(source.variables["w"], values["w"])
    np.testing.assert_array_equal(read_source(tmp_path / "model", tags=["tpu", "serve"]).variables["w"], values["w"])
    for arguments, words in (
        ({}, "several signatures; give one of them by signature=: 'a', 'b'"),
        ({"signature": "c"}, "no signature 'c'.*'a', 'b'"),
        ({"tags": ["train"]}, r"no graph with the tags \('train',\); give one of \('serve',\), \('serve', 'tpu'\)"),
        ({"tags": ["serve", "tpu"], "signature": "a"}, "none: leave signature= out"),
    ):
        with pytest.raises(ArgumentError, match=words):
            read_source(tmp_path / "model", **arguments)


def test_modules_of_tf2(tmp_path: Path) -> None:
    module = save_module(tmp_path / "model", {"serving_default": "scores", "other": "scaled"})
    source = read_source(tmp_path / "model")
    assert list(source.inputs) == ["x"] and list(source.outputs) == ["scores"]
    other = read_source(tmp_path / "model", signature="other")
    assert list(other.outputs) == ["scaled"] and other.graph.library.function
    found = sorted((value.tolist() for value in source.variables.values()), key=str)
    assert found == sorted((item.numpy().tolist() for item in module.variables), key=str)
    x = np.ones((2, 2), "float32")
    scores = run(source, source.outputs["scores"], {source.inputs["x"]: x})
    np.testing.assert_allclose(scores, module.scores(x)["scores"])
    scaled = run(other, other.outputs["scaled"], {other.inputs["x"]: np.ones(2)})
    np.testing.assert_allclose(scaled, [9, 9])


def test_text_form_of_a_saved_model(tmp_path: Path) -> None:
    save_module(tmp_path / "model", {"only": "scores"})
    file = tmp_path / "model" / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    file.with_suffix(".pbtxt").write_text(text_format.MessageToString(message))
    file.unlink()
    source = read_source(tmp_path / "model")
    assert list(source.outputs) == ["scores"] and len(source.variables) == 4


def test_what_keras_exports(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    model.layers[1].moving_mean.assign([1, 2, 3, 4])
    model.export(str(tmp_path / "model"), verbose=False)
    source = read_source(tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    ((_, tensor),) = source.inputs.items()
    ((_, output),) = source.outputs.items()
    np.testing.assert_allclose(run(source, output, {tensor: x}), model(x), rtol=1e-5, atol=1e-5)


def test_checkpoints_of_objects_by_the_names_of_variables(tmp_path: Path) -> None:
    graph = tf.Graph()
    with graph.as_default():
        tf.compat.v1.get_variable("dense/kernel", [2, 3], use_resource=True)
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    kernel = tf.Variable(np.arange(6, dtype="float32").reshape(2, 3), name="dense/kernel")
    prefix = tf.train.Checkpoint(layer=tf.train.Checkpoint(k=kernel), step=tf.Variable(1)).write(str(tmp_path / "c"))
    source = read_source(tmp_path / "graph.pb", checkpoint=prefix)
    np.testing.assert_array_equal(source.variables["dense/kernel"], kernel)


def test_a_graph_of_a_big_endian_machine(tmp_path: Path) -> None:
    expected = frozen_values()
    graph = read_source(LSTM / "graph.pb").graph
    for node in graph.node:
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor is not None and tensor.tensor_content:
            unit = tf.dtypes.as_dtype(tensor.dtype).size
            tensor.tensor_content = np.frombuffer(tensor.tensor_content, f">u{unit}").astype(f"<u{unit}").tobytes()
    (tmp_path / "big.pb").write_bytes(graph.SerializeToString())
    nodes = {node.name: node for node in read_source(tmp_path / "big.pb", byte_order="big").graph.node}
    for name, value in expected.items():
        np.testing.assert_array_equal(tf.make_ndarray(nodes[name].attr["value"].tensor), value)
    with pytest.raises(ArgumentError, match="byte_order is 'middle'"):
        read_source(tmp_path / "big.pb", byte_order="middle")


def test_values_that_were_not_given_are_asked_for() -> None:
    source = read_source(UNFROZEN)
    with pytest.raises(
        ImporterError, match="variables whose values are not in it, 'prediction/W', .* and 1 more; give"
    ):
        source.variables["prediction/W"]
    with pytest.raises(ArgumentError, match="both given"):
        read_source(UNFROZEN, checkpoint=LSTM / "model.ckpt", bin_file=LSTM / "bigdl_pair.bin")
    with pytest.raises(ArgumentError, match="has no variables: its values are in it, and .*; leave bin_file= out"):
        read_source(LSTM / "graph.pb", bin_file=LSTM / "bigdl_pair.bin")
    with pytest.raises(ArgumentError, match="is a GraphDef, which has no signatures"):
        read_source(UNFROZEN, signature="a")


def test_values_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    for ending in ("index", "data-00000-of-00001"):
        shutil.copy(LSTM / f"model.ckpt.{ending}", tmp_path / f"model.ckpt.{ending}")
    data = bytearray((tmp_path / "model.ckpt.data-00000-of-00001").read_bytes())
    data[2] ^= 1  # in prediction/W, which comes first
    (tmp_path / "model.ckpt.data-00000-of-00001").write_bytes(data)
    source = read_source(UNFROZEN, checkpoint=tmp_path / "model.ckpt")
    np.testing.assert_array_equal(source.variables["prediction/bias"], frozen_values()["prediction/bias"])
    with pytest.raises(ImporterError, match="'prediction/W' has another checksum than stored"):
        source.variables["prediction/W"]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", ImporterError, "begins with ''"),
        (b"layer { name: 'a' }", ImporterError, "begins with 'layer', expected 'node'"),
        (b"node { name: 'a' op: 'b' of: 3 }", ImporterError, "no text of a GraphDef"),
        (b"node { name: 'a' }", ImporterError, "no nodes with names and ops"),
        (b"node { name: 'a' op: 'b' input: 'c' }", ImporterError, "node 'a' reads 'c', which is not there"),
        (b"node { name: 'a' op: 'b' } node { name: 'a' op: 'b' }", ImporterError, "several nodes called 'a'"),
        (b"\x89HDF\r\n\x1a\n....", UnsupportedError, "sdl.load_keras"),
        (b"PK\x03\x04....", UnsupportedError, "sdl.load_keras"),
        (b"\x1c\x00\x00\x00TFL3....", UnsupportedError, "TensorFlow Lite"),
        (b"\xac\xed\x00\x05....", UnsupportedError, "bin_file="),
        (gzip.compress(b"node")[:-9], ImporterError, "gzipped, but"),
        (b"\x1f\x8b1234", ImporterError, "gzipped, but damaged"),
        (gzip.compress(bytes(2**27)), ImporterError, "more than 200 times as large"),
        (b"\x0a\xff\xff\xff\xff\x0f", ImporterError, "byte 0: no field of a message"),
        (b"\x00" * 100, ImporterError, "no GraphDef, MetaGraphDef or SavedModel"),
        (b"\xff" * 100, ImporterError, "neither text nor a message"),
    ],
)
def test_files_of_other_kinds(content: bytes, error: type[Exception], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(error, match=words):
        read_source(tmp_path / "file")


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nothing.pb does not exist"):
        read_source(tmp_path / "nothing.pb")
    with pytest.raises(ImporterError, match="is a directory with neither saved_model.pb nor"):
        read_source(tmp_path)
    with pytest.raises(MissingFileError, match="is no checkpoint: neither"):
        read_source(UNFROZEN, checkpoint=tmp_path / "nothing")
    with pytest.raises(ImporterError, match="model_v1.ckpt holds values and no graph"):
        read_source(LSTM / "model_v1.ckpt")
    shutil.copy(LSTM / "model.ckpt.index", tmp_path / "model.ckpt.index")
    with pytest.raises(MissingFileError, match="data-00000-of-00001, which .*model.ckpt.index names, does not exist"):
        read_source(UNFROZEN, checkpoint=tmp_path / "model.ckpt")


def test_a_graph_with_one_node_and_functions_is_no_meta_graph(tmp_path: Path) -> None:
    function = tf.function(lambda x: x + 1).get_concrete_function(tf.TensorSpec([], tf.float32))
    graph = graph_pb2.GraphDef()
    graph.node.add(name="a", op="Placeholder")
    graph.library.CopyFrom(function.graph.as_graph_def().library)
    graph.library.function.add().signature.name = "f"
    (tmp_path / "graph.pb").write_bytes(graph.SerializeToString())
    assert read_message(tmp_path / "graph.pb", "graph.pb") == (graph, {})
