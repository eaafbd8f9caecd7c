"""Files that BigDL 2.4 wrote give its own values here, and what is written here has their structure."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ImporterError, StorageError, UnsupportedError
from sparkdl.importers.bigdl.load import read_module, read_torch_module, save_module
from sparkdl.importers.bigdl.schema import message_class
from sparkdl.nn.torch.build import make
from sparkdl.nn.torch.eager import forward
from sparkdl.nn.torch.kernels.keras_model import keras_module
from sparkdl.nn.torch.module import Module

pytestmark = pytest.mark.tf
FILES = Path(__file__).parents[2] / "golden" / "bigdl" / "files"
NETS = ["lenet", "convnet", "rnn"]
SHAPES = {"lenet": (784,), "convnet": (3, 8, 8), "rnn": (7,)}


def close(found: Any, expected: Any, tolerance: float) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=tolerance * scale, rtol=0)


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_values_and_gradients_are_those_of_bigdl(net: str) -> None:
    golden = np.load(FILES / f"{net}.npz")
    module = read_module(FILES / f"{net}.bigdl")
    recording = forward(module, golden["x"])
    close(recording.output, golden["y"], 1e-5)
    gradient = recording.backward(golden["topdiff"])
    if "grad_in" in golden:
        close(gradient, golden["grad_in"], 1e-4)
    for index, (owner, name) in enumerate(module.weights()):
        np.testing.assert_array_equal(owner.parameters[name], golden[f"w{index}"].reshape(owner.parameters[name].shape))


def test_it_is_a_keras_model(net: str, tmp_path: Path) -> None:
    golden = np.load(FILES / f"{net}.npz")
    model = sdl.load_bigdl(FILES / f"{net}.bigdl", input_shape=SHAPES[net])
    close(model.predict(golden["x"], verbose=0), golden["y"], 1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(golden["x"], verbose=0), model.predict(golden["x"], verbose=0))


def test_a_file_of_torch() -> None:
    golden = np.load(FILES / "convnet.npz")
    close(forward(read_torch_module(FILES / "convnet.t7"), golden["x"]).output, golden["y"], 1e-5)
    model = sdl.load_torch(FILES / "convnet.t7", input_shape=(3, 8, 8))
    close(model.predict(golden["x"], verbose=0), golden["y"], 1e-5)


def test_weights_beside_the_model() -> None:
    folder = FILES / "separate_weights"
    module = read_module(folder / "m.bigdl", folder / "m.bin")
    assert [owner.parameters[name].shape for owner, name in module.weights()] == [(3, 4), (3,), (2, 3), (2,)]
    assert module.children[0].parameters["weight"].any()
    assert sdl.load_bigdl(folder / "m.bigdl", folder / "m.bin").input_shape == (None, 4)
    with pytest.raises(ImporterError, match="name that file too"):
        read_module(folder / "m.bigdl")


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_written_is_read_again(net: str, apart: bool, tmp_path: Path) -> None:
    golden = np.load(FILES / f"{net}.npz")
    weights = tmp_path / "model.bin" if apart else None
    save_module(read_module(FILES / f"{net}.bigdl"), tmp_path / "model.bigdl", weights)
    again = read_module(tmp_path / "model.bigdl", weights)
    close(forward(again, golden["x"]).output, golden["y"], 1e-5)
    with pytest.raises(StorageError, match="overwrite"):
        save_module(again, tmp_path / "model.bigdl", weights)


def messages(message: Any) -> Iterator[Any]:
    yield message
    for child in message.subModules:
        yield from messages(child)


# What a cell's own graph is made of, which BigDL makes again when it reads one.
CELL = {"cell", "preTopology", "includePreTopology", "is_cell_module"}


@pytest.mark.parametrize("name", ["lenet", "convnet"])
def test_a_written_file_has_the_structure_of_bigdls(name: str, tmp_path: Path) -> None:
    theirs = message_class("BigDLModule").FromString((FILES / f"{name}.bigdl").read_bytes())
    save_module(read_module(FILES / f"{name}.bigdl"), tmp_path / "model.bigdl")
    ours = message_class("BigDLModule").FromString((tmp_path / "model.bigdl").read_bytes())
    for mine, other in zip(messages(ours), messages(theirs), strict=True):
        assert mine.moduleType == other.moduleType
        assert set(mine.attr) == set(other.attr), mine.moduleType
        for key in mine.attr:
            if key != "global_storage":
                value, expected = mine.attr[key], other.attr[key]
                assert (value.dataType, value.WhichOneof("value")) == (expected.dataType, expected.WhichOneof("value"))
        assert [list(tensor.size) for tensor in mine.parameters] == [list(tensor.size) for tensor in other.parameters]
        assert [list(tensor.stride) for tensor in mine.parameters] == [list(t.stride) for t in other.parameters]
        assert mine.isMklInt8Enabled == other.isMklInt8Enabled, mine.moduleType
        assert (mine.version, mine.hasParameters) == (other.version, other.hasParameters)


def test_a_shared_module_stays_shared(tmp_path: Path) -> None:
    linear = make("Linear", input_size=3, output_size=3)
    save_module(make("Sequential", [linear, make("Tanh"), linear]), tmp_path / "m.bigdl")
    again = read_module(tmp_path / "m.bigdl")
    assert again.children[0] is again.children[2] is not again.children[1]


def test_graphs_are_written_with_their_edges(tmp_path: Path) -> None:
    first, second = (make("Linear", name=name, input_size=4, output_size=3) for name in ("first", "second"))
    added = make("CAddTable", name="added")
    nodes = [[-1, []], [0, [0]], [1, [0]], [2, [1, 2]]]
    graph = make("Graph", [first, second, added], nodes=nodes, inputs=[0], outputs=[3])
    save_module(graph, tmp_path / "m.bigdl")
    x = np.ones((2, 4), np.float32)
    again = read_module(tmp_path / "m.bigdl")
    np.testing.assert_array_equal(forward(again, x).output, forward(graph, x).output)
    assert sdl.load_bigdl(tmp_path / "m.bigdl").output_shape == (None, 3)


def test_graphs_of_bigdl_run_whatever_the_order_of_their_file(tmp_path: Path) -> None:
    golden = np.load(FILES / "graph.npz")
    graph = read_module(FILES / "graph.bigdl")
    save_module(graph, tmp_path / "m.bigdl")
    for module in (graph, read_module(tmp_path / "m.bigdl")):
        recording = forward(module, [golden["x0"], golden["x1"]])
        gradients = recording.backward([golden["topdiff0"], golden["topdiff1"]])
        for index in range(2):
            close(recording.output[index], golden[f"y{index}"], 1e-5)
            close(gradients[index], golden[f"grad_in{index}"], 1e-4)
        for index, (owner, name) in enumerate(module.weights()):
            np.testing.assert_array_equal(owner.parameters[name], golden[f"w{index}"])


def test_a_written_graph_has_bigdls_attributes(tmp_path: Path) -> None:
    theirs = message_class("BigDLModule").FromString((FILES / "graph.bigdl").read_bytes())
    save_module(read_module(FILES / "graph.bigdl"), tmp_path / "m.bigdl")
    ours = message_class("BigDLModule").FromString((tmp_path / "m.bigdl").read_bytes())
    differing = {"global_storage", "inputNames", *(key for key in theirs.attr if key.startswith("Input"))}
    for key in set(theirs.attr) - differing:
        mine, other = ours.attr[key], theirs.attr[key]
        assert mine.dataType == other.dataType
        assert mine.nameAttrListValue.name == other.nameAttrListValue.name
        numbers = {
            name: value.int32Value for name, value in other.nameAttrListValue.attr.items() if "Input" not in name
        }
        assert numbers.items() <= {k: v.int32Value for k, v in mine.nameAttrListValue.attr.items()}.items()
        assert mine.arrayValue == other.arrayValue


def test_modules_tensors_and_storages_have_ids_of_their_own(tmp_path: Path) -> None:
    # BigDL keeps all of them in one table, and takes what it finds under an id for what it looks for.
    save_module(read_module(FILES / "convnet.bigdl"), tmp_path / "m.bigdl")
    root = message_class("BigDLModule").FromString((tmp_path / "m.bigdl").read_bytes())
    tensors = [value.tensorValue for value in root.attr["global_storage"].nameAttrListValue.attr.values()]
    ids = [message.id for message in messages(root)]
    ids += [tensor.id for tensor in tensors] + [tensor.storage.id for tensor in tensors]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ["keras_model", "keras_lstm", "keras_steps"])
def test_models_of_bigdls_keras_style_are_read(name: str) -> None:
    golden = np.load(FILES / f"{name}.npz")
    close(forward(read_module(FILES / f"{name}.bigdl"), golden["x"]).output, golden["y"], 1e-5)


def test_vectors_of_words_are_written_as_bigdl_writes_them(tmp_path: Path) -> None:
    golden = np.load(FILES / "words.npz")
    model = read_module(FILES / "words.bigdl")
    close(forward(model, golden["x"]).output, golden["y"], 1e-5)
    save_module(model, tmp_path / "m.bigdl", tmp_path / "m.bin")
    again = read_module(tmp_path / "m.bigdl", tmp_path / "m.bin")
    np.testing.assert_array_equal(forward(again, golden["x"]).output, forward(model, golden["x"]).output)
    mine, other = (word_embedding(path) for path in (tmp_path / "m.bigdl", FILES / "words.bigdl"))
    assert mine.moduleType == other.moduleType
    assert set(mine.attr) == set(other.attr)
    for key in mine.attr:
        assert (mine.attr[key].dataType, mine.attr[key].subType) == (other.attr[key].dataType, other.attr[key].subType)
    held, expected = (part.attr["embeddingMatrix"].nameAttrListValue.attr for part in (mine, other))
    assert {key: value.dataType for key, value in held.items()} == {k: v.dataType for k, v in expected.items()}


def word_embedding(path: Path) -> Any:
    root = message_class("BigDLModule").FromString(path.read_bytes())
    return next(message for message in messages(root) if message.moduleType.endswith("WordEmbedding"))


def test_vectors_of_words_that_are_missing_are_named(tmp_path: Path) -> None:
    message = word_embedding(FILES / "words.bigdl")
    del message.attr["embeddingMatrix"]
    (tmp_path / "m.bigdl").write_bytes(message.SerializeToString())
    with pytest.raises(ImporterError, match="WordEmbedding lacks its embeddingMatrix"):
        read_module(tmp_path / "m.bigdl")


def test_a_model_of_another_importer_is_kept(tmp_path: Path) -> None:
    layers = [keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    save_module(make("Sequential", [keras_module(model), make("Tanh")]), tmp_path / "m.bigdl")
    x = np.ones((2, 4), np.float32)
    again = sdl.load_bigdl(tmp_path / "m.bigdl", input_shape=(4,))
    np.testing.assert_allclose(again.predict(x, verbose=0), np.tanh(model(x)), atol=1e-6)


def test_damaged_files_say_so(tmp_path: Path) -> None:
    draw = random.Random(0)
    for path, read in ((FILES / "convnet.bigdl", read_module), (FILES / "convnet.t7", read_torch_module)):
        data = path.read_bytes()
        for _ in range(60):
            broken = bytearray(data)
            for _ in range(draw.randint(1, 4)):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            (tmp_path / "broken").write_bytes(broken[: draw.choice([len(broken), draw.randrange(len(broken))])])
            try:
                assert isinstance(read(tmp_path / "broken"), Module)
            except (ImporterError, UnsupportedError) as error:
                assert str(tmp_path / "broken") in str(error)


def test_a_damaged_file_of_weights_is_found(tmp_path: Path) -> None:
    shutil.copytree(FILES / "separate_weights", tmp_path / "m")
    data = bytearray((tmp_path / "m" / "m.bin").read_bytes())
    data[30] ^= 1
    (tmp_path / "m" / "m.bin").write_bytes(data)
    with pytest.raises(ImporterError, match="checksum"):
        read_module(tmp_path / "m" / "m.bigdl", tmp_path / "m" / "m.bin")


def test_a_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    message = message_class("BigDLModule")(moduleType="com.intel.analytics.bigdl.dllib.nn.Frobnicate", name="f")
    (tmp_path / "m.bigdl").write_bytes(message.SerializeToString())
    with pytest.raises(UnsupportedError, match=r"Frobnicate \(named 'f'\)"):
        read_module(tmp_path / "m.bigdl")
    (tmp_path / "m.bigdl").write_bytes(b"no protobuf at all")
    with pytest.raises(ImporterError, match="no model file of BigDL"):
        read_module(tmp_path / "m.bigdl")


def test_a_shape_that_is_not_told_is_asked_for(tmp_path: Path) -> None:
    save_module(make("Sequential", [make("ReLU")]), tmp_path / "m.bigdl")
    with pytest.raises(ImporterError, match="input_shape="):
        sdl.load_bigdl(tmp_path / "m.bigdl")
    assert sdl.load_bigdl(tmp_path / "m.bigdl", input_shape=(3, 2)).output_shape == (None, 3, 2)


def test_recurrent_models_are_what_they_were(tmp_path: Path) -> None:
    from sparkdl.bigdl.nn import layer as bl

    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    for layer in (
        bl.Recurrent().add(bl.RnnCell(3, 4, bl.Tanh())),
        bl.Recurrent().add(bl.GRU(3, 4, 0.2)),
        bl.Recurrent().add(bl.LSTMPeephole(3, 4)),
        bl.BiRecurrent().add(bl.LSTM(3, 4)),
        bl.TimeDistributed(bl.Linear(3, 2)),
        bl.RecurrentDecoder(4).add(bl.RnnCell(3, 3, bl.Tanh())),
    ):
        value = x[:, 0] if isinstance(layer, bl.RecurrentDecoder) else x
        layer.training(False)
        save_module(layer.value, tmp_path / "m.bigdl", overwrite=True)
        again = read_module(tmp_path / "m.bigdl")
        np.testing.assert_array_equal(forward(again, value).output, layer.forward(value))


@pytest.mark.parametrize("no_bias", [False, True])
def test_full_convolutions_keep_whether_they_have_a_bias(no_bias: bool, tmp_path: Path) -> None:
    sizes = {"n_input_plane": 2, "n_output_plane": 3, "kw": 3, "kh": 3, "dw": 2, "dh": 2}
    numbers = {"pad_w": 1, "pad_h": 1, "adj_w": 1, "adj_h": 1, "n_group": 1}
    module = make("SpatialFullConvolution", no_bias=no_bias, **sizes, **numbers)
    save_module(module, tmp_path / "m.bigdl")
    again = read_module(tmp_path / "m.bigdl")
    assert list(again.parameters) == list(module.parameters)
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(forward(again, x).output, forward(module, x).output)


def test_containers_of_one_module_keep_their_arguments(tmp_path: Path) -> None:
    module = make("Bottle", [make("Linear", input_size=3, output_size=4)], n_input_dim=2, n_output_dim1=2)
    save_module(module, tmp_path / "m.bigdl")
    again = read_module(tmp_path / "m.bigdl")
    assert (again.arguments["n_input_dim"], again.arguments["n_output_dim1"]) == (2, 2)
    x = np.ones((2, 5, 3), np.float32)
    np.testing.assert_array_equal(forward(again, x).output, forward(module, x).output)
