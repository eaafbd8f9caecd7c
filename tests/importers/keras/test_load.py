"""What is refused and how it is said: code in files, damage, sizes, weights that do not fit, custom objects."""

from __future__ import annotations

import base64
import io
import json
import marshal
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ArgumentError, ImporterError, MissingFileError, UnsupportedError
from tests.importers.keras.files import functional, layer, sequential, write_hdf5, write_json
from tests.importers.keras.places import unpacked

DENSE = layer("Dense", "d", units=2, batch_input_shape=[None, 3])
ARRAYS = {"d": [("d/kernel:0", np.ones((3, 2), "float32")), ("d/bias:0", np.zeros(2, "float32"))]}


def new_model() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])


def archive(path: Path, **members: bytes | None) -> Path:
    """A `.keras` file of a small model, with some members (`config_json=`) exchanged, or left out (None)."""
    new_model().save(path)
    with zipfile.ZipFile(path) as saved:
        content = {name: saved.read(name) for name in saved.namelist()}
    content.update({name.replace("_", "."): value for name, value in members.items() if value is not None})
    with zipfile.ZipFile(path, "w") as written:
        for name, value in content.items():
            if members.get(name.replace(".", "_"), b"") is not None:
                written.writestr(name, value)
    return path


def lambda_code(mark: Path) -> str:
    """Marshalled code that leaves a file behind when it is called, and as a default argument when it is read."""
    code = compile(f"open({str(mark)!r}, 'w').close()", "x", "eval")
    return base64.b64encode(marshal.dumps(code)).decode()


def lambdas(mark: Path) -> list[Any]:
    code = lambda_code(mark)
    node = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None, "value": code}}
    start = layer("InputLayer", "x", batch_input_shape=[None, 3])
    return [
        sequential(DENSE, layer("Lambda", "l", function=[code, None, None], function_type="lambda")),
        sequential(DENSE, layer("Lambda", "l", function=node)),
        sequential(DENSE, layer("Activation", "l", activation=node)),
        sequential(DENSE, layer("TimeDistributed", "l", layer=layer("Lambda", "inner", function=[code, None, None]))),
        functional([start, layer("Lambda", "l", function=node, output_shape=node)], ["l"]),
        functional([start, {**layer("ReLU", "l"), "inbound_nodes": [[["x", 0, 0, {"mask": node}]]]}], ["l"]),
    ]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("form", ["h5", "json", "keras"])
def test_code_is_never_read_nor_run(number: int, form: str, tmp_path: Path) -> None:
    mark, model = tmp_path / "mark", lambdas(tmp_path / "mark")[number]
    if form == "keras":
        path = archive(tmp_path / "m.keras", config_json=json.dumps(model).encode())
    else:
        path = tmp_path / f"m.{form}"
        write_json(path, model) if form == "json" else write_hdf5(path, model, ARRAYS)
    with pytest.raises(UnsupportedError, match="code of Python.*safe_mode=False") as error:
        sdl.load_keras(path)
    assert "'l'" in str(error.value) or "'inner'" in str(error.value)
    assert not mark.exists()


def test_code_runs_when_it_is_asked_for(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2, name="twice")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match="'twice'"):
        sdl.load_keras(tmp_path / "m.keras")
    assert sdl.load_keras(tmp_path / "m.keras", safe_mode=False)(np.ones((1, 3))).numpy().tolist() == [[2.0] * 3]


def test_code_of_keras_2_runs_when_it_is_asked_for(tmp_path: Path) -> None:
    code = base64.b64encode(marshal.dumps((lambda x, factor=3: x * factor).__code__)).decode()
    twice = layer("Lambda", "l", function=[code, [3], None], function_type="lambda", module="__main__", arguments={})
    path = write_hdf5(tmp_path / "m.h5", sequential(DENSE, twice), ARRAYS)
    assert sdl.load_keras(path, safe_mode=False)(np.ones((1, 3))).numpy().tolist() == [[9.0, 9.0]]
    broken = write_hdf5(
        tmp_path / "b.h5",
        sequential(DENSE, {**twice, "config": {**twice["config"], "function": ["4wE=", None, None]}}),
        ARRAYS,
    )
    with pytest.raises(ImporterError, match="b.h5"):
        sdl.load_keras(broken, safe_mode=False)


@pytest.mark.parametrize(
    ("module", "name"),
    [("keras.utils", "get_file"), ("keras.applications", "ResNet50"), ("os", "system"), ("keras.utils", "plot_model")],
)
def test_functions_of_a_lambda_compute_and_do_nothing_else(module: str, name: str, tmp_path: Path) -> None:
    node = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    path = write_json(tmp_path / "m.json", sequential(DENSE, layer("Lambda", "l", function=node)))
    with pytest.raises(UnsupportedError, match=f"'l'.*{name}"):
        sdl.load_keras(path)


def test_everything_that_is_not_supported_is_said_at_once(tmp_path: Path) -> None:
    start = layer("InputLayer", "x", batch_input_shape=[None, 3, 4])
    layers = [
        start,
        layer("LSTM", "time", units=2, time_major=True, return_sequences=True),
        layer("DenseFeatures", "local", feature_columns=[]),
        {**layer("TFOpLambda", "read", function="io.read_file"), "inbound_nodes": [["local", 0, 0, {}]]},
        layer("Dense", "own", units=1, kernel_initializer={"class_name": "Mine", "config": {}}),
    ]
    with pytest.raises(UnsupportedError) as error:
        sdl.load_keras(write_json(tmp_path / "m.json", functional(layers, ["own"])))
    for words in (
        "4 objects",
        "'time' (LSTM): arg",
        "time_major",
        "'local' (DenseFeatures): Keras",
        "tf.io.read_file",
        "'own' (Dense): Keras",
        "no such class: Mine",
    ):
        assert words in str(error.value)


def test_the_users_own_objects_are_taken_by_name(tmp_path: Path) -> None:
    class Twice(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    path = write_hdf5(
        tmp_path / "m.h5", sequential(DENSE, layer("Twice", "t"), layer("Lambda", "l", function="act")), ARRAYS
    )
    with pytest.raises(UnsupportedError, match="(?s)'t' .Twice.*'l' .Lambda.*custom_objects"):
        sdl.load_keras(path)
    model = sdl.load_keras(path, {"Twice": Twice, "act": lambda x: x + 1})
    assert model(np.ones((1, 3))).numpy().tolist() == [[7.0, 7.0]]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"d": [("d/kernel:0", np.ones((4, 2))), ("d/bias:0", np.ones(2))]},
            r"'d'.*\(4, 2\), expected \(3, 2\) of .*d/ker",
        ),
        ({"d": [("d/kernel:0", np.ones((3, 2)))]}, "layer 'd' .Dense.: 1 arrays, expected 2"),
        ({}, "weights for 0 layers; expected 1; it has none for d"),
        ({**ARRAYS, "e": ARRAYS["d"]}, "2 layers; expected 1; the model has no e"),
    ],
)
def test_weights_that_do_not_fit_are_named(arrays: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match=f"(?s)m.h5.*{words}"):
        sdl.load_keras(write_hdf5(tmp_path / "m.h5", sequential(DENSE), arrays))


def test_weights_of_keras_3_that_do_not_fit_are_named(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    other.save_weights(tmp_path / "w.weights.h5")
    path = write_json(tmp_path / "m.json", json.loads(new_model().to_json()))
    with pytest.raises(ImporterError, match=r"(?s)w.weights.h5 do not fit.*m.json.*'d' .Dense.*\(3, 2\).*\(4, 2\)"):
        sdl.load_keras(path, weights=tmp_path / "w.weights.h5")


def test_weights_may_come_from_any_file(tmp_path: Path) -> None:
    model = new_model()
    model.save_weights(tmp_path / "w.weights.h5")
    model.save(tmp_path / "m.h5")
    model.save(tmp_path / "m.keras")
    path = write_json(tmp_path / "m.json", sequential(DENSE))
    for name in ("w.weights.h5", "m.h5", "m.keras"):
        assert np.array_equal(sdl.load_keras(path, weights=tmp_path / name).get_weights()[0], model.get_weights()[0])
    renamed = sequential({**DENSE, "config": {**DENSE["config"], "name": "other"}})
    again = sdl.load_keras(write_json(tmp_path / "o.json", renamed), weights=tmp_path / "m.h5")
    assert np.array_equal(again.get_weights()[0], model.get_weights()[0])


def test_the_order_of_a_frozen_model_within_is_told_by_names(tmp_path: Path) -> None:
    """Keras 2.3 wrote all that would be trained first, then the statistics; Keras 3 reads layer by layer."""
    inner = [layer("Dense", "a", units=2, batch_input_shape=[None, 2]), layer("BatchNormalization", "n", axis=1)]
    inside = {"class_name": "Sequential", "config": {"name": "in", "layers": [*inner, layer("Dense", "b", units=2)]}}
    inside["config"]["trainable"] = False
    for item in inside["config"]["layers"]:
        item["config"]["trainable"] = False
    names = ["a/kernel", "a/bias", "n/gamma", "n/beta", "b/kernel", "b/bias", "n/moving_mean", "n/moving_variance"]
    values = [np.full((2, 2) if name.endswith("kernel") else 2, index, "float32") for index, name in enumerate(names)]
    arrays = {"in": [(f"{name}_1:0", value) for name, value in zip(names, values, strict=True)]}
    model = sdl.load_keras(write_hdf5(tmp_path / "m.h5", sequential(inside), arrays))
    found = {weight.path.split("/", 1)[-1]: float(np.ravel(weight.numpy())[0]) for weight in model.weights}
    assert found == {name: float(index) for index, name in enumerate(names)}


class Own(keras.Model):
    """A subclassed model, which Keras builds again from its class alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_models_of_classes_that_are_not_known_here(tmp_path: Path) -> None:
    model, rows = Own(), np.ones((2, 3), "float32")
    expected = model(rows)
    model.save(tmp_path / "own.keras")
    with pytest.raises(ImporterError, match="a model of the class 'Own', which is none of Keras's: register it"):
        sdl.load_keras(tmp_path / "own.keras")
    again = sdl.load_keras(tmp_path / "own.keras", custom_objects={"Own": Own})
    np.testing.assert_allclose(again(rows), expected)


def test_kinds_of_files_that_are_no_models(tmp_path: Path) -> None:
    new_model().save_weights(tmp_path / "w.weights.h5")
    write_hdf5(tmp_path / "w.h5", None, ARRAYS)
    for name in ("w.weights.h5", "w.h5"):
        with pytest.raises(ImporterError, match=f"{name} holds weights and no architecture.*weights='{name}'"):
            sdl.load_keras(tmp_path / name)
    for name, content in {
        "a.yaml": b"backend: x\n",
        "a.h5": b"\x89HDF\r\n\x1a\nxyz",
        "a.keras": b"PK\x03\x04xyz",
        "a": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImporterError, match=name):
            sdl.load_keras(tmp_path / name)
    with pytest.raises(MissingFileError, match="nowhere"):
        sdl.load_keras(tmp_path / "nowhere")
    with pytest.raises(ImporterError, match="neither a SavedModel"):
        sdl.load_keras(tmp_path)
    for model in (
        [],
        {"class_name": "Dense", "config": {"units": 2}},
        {"a": 1},
        {"class_name": "Sequential", "config": 3},
    ):
        with pytest.raises(ImporterError, match=r"m.json"):
            sdl.load_keras(write_json(tmp_path / "m.json", model))
    with pytest.raises(ImporterError, match="Keras 1.2.2; load it with Keras 2"):
        sdl.load_keras(write_json(tmp_path / "m.json", sequential(DENSE, version="1.2.2")))


def test_archives_that_are_made_to_harm(tmp_path: Path) -> None:
    for name in ("../evil", "/evil", "assets/../../evil", "assets\\..\\..\\evil"):
        path = archive(tmp_path / "m.keras")
        with zipfile.ZipFile(path, "a") as opened:
            opened.writestr(zipfile.ZipInfo(name), b"x")
        with pytest.raises(ImporterError, match="leads out of the archive"):
            sdl.load_keras(path)
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("config.json", b" " * 2**27)
    with pytest.raises(ImporterError, match="config.json.*grows"):
        sdl.load_keras(tmp_path / "bomb.keras")
    with pytest.raises(ImporterError, match="no model.weights.h5"):
        with zipfile.ZipFile(tmp_path / "none.keras", "w") as opened:
            opened.writestr("config.json", new_model().to_json())
        sdl.load_keras(tmp_path / "none.keras")


def test_sizes_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    huge = layer("Dense", "d", units=10**9, batch_input_shape=[None, 10**5])
    for write in (lambda m: write_hdf5(tmp_path / "m.h5", m, ARRAYS), lambda m: write_json(tmp_path / "m.json", m)):
        with pytest.raises(ImporterError, match="describes weights of .* bytes, '.*d/kernel' alone"):
            sdl.load_keras(write(sequential(huge)))
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "float32", chunks=(1000, 1000), compression="gzip")
        file.create_dataset("layers/dense/vars/1", (2,), "float32")
    path = archive(tmp_path / "m.keras", model_weights_h5=content.getvalue())
    with pytest.raises(ImporterError, match="(?s)m.keras.*1000000"):
        sdl.load_keras(path)


def test_weights_in_other_files_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((3, 2), "float32")
    path = write_hdf5(tmp_path / "m.h5", sequential(DENSE), ARRAYS)
    with h5py.File(path, "a") as file:
        del file["model_weights/d/d/kernel:0"]
        file["model_weights/d/d/kernel:0"] = h5py.ExternalLink("other.h5", "secret")
    with pytest.raises(ImporterError, match="'d/kernel:0' is missing.*or lies in another file"):
        sdl.load_keras(path)


def test_what_a_model_was_compiled_with_may_be_unknown(tmp_path: Path) -> None:
    training = {"optimizer_config": {"class_name": "Mine", "config": {}}, "loss": "mse", "metrics": []}
    path = write_hdf5(tmp_path / "m.h5", sequential(DENSE), ARRAYS, training)
    with pytest.warns(UserWarning, match="m.h5: the model is not compiled.*'Mine' is not known") as told:
        model = sdl.load_keras(path)
    assert (len([item for item in told if "m.h5" in str(item.message)]), model.compiled) == (1, False)
    assert sdl.load_keras(path, compile=False).compiled is False
    training["optimizer_config"] = {"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.5, "momentum": 0.9}}
    model = sdl.load_keras(write_hdf5(tmp_path / "n.h5", sequential(DENSE), ARRAYS, training))
    assert (model.loss, float(model.optimizer._learning_rate(1))) == (
        keras.losses.mean_squared_error,
        pytest.approx(0.1 / 1.5),
    )


def test_saved_models_are_read_as_tensorflow_writes_them(tmp_path: Path) -> None:
    model = new_model()
    model.export(tmp_path / "saved", verbose=False)
    loaded = sdl.load_keras(tmp_path / "saved")
    assert np.abs(loaded(np.ones((2, 3), "float32")) - model(np.ones((2, 3)))).max() < 1e-6
    with pytest.raises(ArgumentError, match="its own weights"):
        sdl.load_keras(tmp_path / "saved", weights=tmp_path / "w.h5")


def test_vocabularies_come_along(tmp_path: Path) -> None:
    words = keras.layers.StringLookup(vocabulary=["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), words])
    model.save(tmp_path / "m.keras")
    loaded = sdl.load_keras(tmp_path / "m.keras")
    assert loaded.get_layer(words.name).get_vocabulary() == words.get_vocabulary()


def test_a_graph_in_a_round_or_with_strange_references_is_refused(tmp_path: Path) -> None:
    def layers(nodes: Any) -> Any:
        return functional(
            [layer("InputLayer", "x", batch_input_shape=[None, 3]), {**layer("ReLU", "r"), "inbound_nodes": nodes}],
            ["r"],
        )

    for nodes in (
        [[["r", 0, 0, {}]]],
        [[["y", 0, 0, {}]]],
        [[["x", 7, 0, {}]]],
        [[["x", 0, 9, {}]]],
        [[3]],
        3,
        [[["x", 0, 0, 3]]],
    ):
        with pytest.raises(ImporterError, match="m.json"):
            sdl.load_keras(write_json(tmp_path / "m.json", layers(nodes)))


def test_deep_and_endless_json(tmp_path: Path) -> None:
    for text in ('{"a":' * 100_000, "{" + '"class_name": "Sequential", "config": ' + "[" * 5000 + "]" * 5000 + "}"):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(ImporterError, match="m.json"):
            sdl.load_keras(tmp_path / "m.json")


def test_layers_keep_their_mixed_precision(tmp_path: Path) -> None:
    model = sdl.load_keras(unpacked("mixed.h5", tmp_path))
    assert [item.compute_dtype for item in model.layers][:2] == ["float16", "float32"]


def test_models_and_weights_may_lie_elsewhere(tmp_path: Path) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    model = new_model()
    for name in ("m.keras", "w.weights.h5"):
        (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)
        memory.pipe(f"/keras/{name}", (tmp_path / name).read_bytes())
    memory.pipe("/keras/m.json", json.dumps(sequential(DENSE)).encode())
    memory.pipe("/keras/bad.json", b"{")
    try:
        for arguments in (["memory://keras/m.keras"], ["memory://keras/m.json", "memory://keras/w.weights.h5"]):
            found = sdl.inspect(*arguments)
            loaded = sdl.load_keras(arguments[0], weights=arguments[1] if len(arguments) > 1 else None)
            assert np.array_equal(loaded.get_weights()[0], model.get_weights()[0])
            assert found.supported and "memory://keras/m" in found.suggestion
        with pytest.raises(ImporterError, match="memory://keras/bad.json"):
            sdl.load_keras("memory://keras/bad.json")
    finally:
        memory.rm("/keras", recursive=True)


def test_texts_that_never_end_are_refused(tmp_path: Path) -> None:
    """An object without a size in the heap of texts: libhdf5 1.14 looks for the next one for ever."""
    path = write_hdf5(tmp_path / "m.h5", sequential(DENSE), ARRAYS)
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL")
    size = int.from_bytes(data[heap + 8 : heap + 16], "little")
    place = heap + 16
    while data[place : place + 2] != b"\0\0" and place < heap + size:
        place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    data[place : place + 16] = bytes(16)
    path.write_bytes(data)
    with pytest.raises(ImporterError, match=f"m.h5: the texts at byte {heap}"):
        sdl.load_keras(path)
