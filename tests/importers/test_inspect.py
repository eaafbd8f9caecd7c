"""`sdl.inspect`: every recorded model is described, what is said to be supported loads, and the rest is named."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import sparkdl as sdl
from sparkdl.__main__ import main
from sparkdl.errors import ImporterError, MissingFileError, SparkDLError
from sparkdl.importers.inspection import COMPACT, End, Inspection, Row
from sparkdl.nn.graph.check import why_refused
from tests.importers.caffe.places import recorded
from tests.importers.keras import places as keras_places
from tests.importers.keras.files import layer, sequential, write_json
from tests.importers.tensorflow.places import COPIES, RECORDED
from tests.importers.tensorflow.saved import partitioned_graph, save_graph, save_module, v1

LEGACY = keras_places.ROOT / "tests" / "golden" / "caffe" / "legacy"
GRAPHS = sorted({*RECORDED.glob("*/graph.pb"), *RECORDED.glob("*/graph_def.pb"), *COPIES.glob("*/graph*.pb")})
UNFROZEN = sorted(COPIES.glob("blog_lstm_static/*.meta")) + sorted(COPIES.glob("blog_lstm_static/saved_model"))
SHARED_MODELS = sorted(path for path in keras_places.SHARED.glob("*/*") if path.suffix in (".h5", ".keras", ".json"))


def loads(load: Any, *arguments: Any, **options: Any) -> Any:
    """The model, or None where it is refused."""
    try:
        return load(*arguments, **options)
    except SparkDLError:
        return None


def agrees(found: Inspection, model: Any) -> None:
    """Whether what was said of a model is true of it."""
    assert found.supported == (model is not None), found.text()
    if model is None:
        assert found.problem or all(row.why for row in found.unsupported)
        return
    assert found.parameters is None or found.parameters >= sum(math.prod(w.shape) for w in model.trainable_weights)
    known = [end for end in found.inputs if end.shape is not None]
    assert [end.shape[1:] for end in known] == [tuple(item.shape)[1:] for item in model.inputs][: len(known)]
    assert len(found.outputs) == len(model.outputs)


@pytest.mark.parametrize("path", recorded("caffe_zoo", "zoo", "*.npz"), ids=lambda path: path.stem)
def test_nets_of_caffe(path: Path, tmp_path: Path) -> None:
    with np.load(path) as case:
        text, phase = str(case["proto"]), str(case["phase"])
    (tmp_path / "net.prototxt").write_text(text)
    found = sdl.inspect(tmp_path / "net.prototxt", phase=phase)
    agrees(found, loads(sdl.load_caffe, tmp_path / "net.prototxt", phase=phase))
    assert found.format == f"Caffe net, phase {phase}"


@pytest.mark.parametrize("weights", sorted(LEGACY.glob("w*")), ids=lambda path: path.name)
@pytest.mark.parametrize("prototxt", sorted(LEGACY.glob("*.prototxt")), ids=lambda path: path.stem)
def test_old_nets_of_caffe(prototxt: Path, weights: Path) -> None:
    found = sdl.inspect(prototxt, weights)
    model = sdl.load_caffe(prototxt, weights)
    assert (found.supported, found.parameters) == (True, model.count_params())
    assert found.outputs == [End("prob", (None, 5), "float32")]
    assert found.suggestion == f"sdl.load_caffe({str(prototxt)!r}, {str(weights)!r})"


@pytest.mark.parametrize("name", [f"{name}.{form}" for name in keras_places.MODELS for form in ("h5", "keras")])
def test_models_of_tf_keras(name: str, tmp_path: Path) -> None:
    path = keras_places.unpacked(name, tmp_path)
    found = sdl.inspect(path)
    model = sdl.load_keras(path)
    if not name.startswith("stateful"):  # its layers make their states at once, so it cannot be described only
        agrees(found, model)
        assert found.parameters == model.count_params()
    assert found.supported and found.suggestion == f"sdl.load_keras({str(path)!r})"


@pytest.mark.skipif(not SHARED_MODELS, reason="the recorded models lie beside the repository")
@pytest.mark.parametrize("path", SHARED_MODELS, ids=lambda path: "/".join(path.parts[-2:]))
def test_models_of_keras(path: Path) -> None:
    if path.name.endswith(".weights.h5"):
        with pytest.raises(ImporterError, match="holds weights and no architecture"):
            sdl.inspect(path)
        return
    found = sdl.inspect(path)
    assert found.supported
    assert found.parameters == sdl.load_keras(path, compile=False).count_params()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", GRAPHS + UNFROZEN, ids=lambda path: "/".join(path.parts[-2:]))
def test_graphs_of_tensorflow(path: Path) -> None:
    agrees(sdl.inspect(path), loads(sdl.load_tensorflow, path))


def test_names_of_tensors_are_handed_on_and_suggested() -> None:
    path = COPIES / "blog_lstm_static" / "graph.pb"
    found = sdl.inspect(path, inputs=["Placeholder"], outputs=["prediction/Softmax"])
    call = f"sdl.load_tensorflow({str(path)!r}, inputs=['Placeholder'], outputs=['prediction/Softmax'])"
    assert (found.suggestion, found.supported) == (call, True)
    assert found.inputs == [End("Placeholder", (None, 20, 8), "float32")]
    assert len(found.text().splitlines()) < COMPACT < len(found.text(every=True).splitlines())


def graph_with(tmp_path: Path, *kinds: str) -> Path:
    graph = tf.compat.v1.GraphDef()
    node = graph.node.add(name="x", op="Placeholder")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(tf.TensorShape([None, 2]).as_proto())
    last = "x"
    for kind in kinds:
        graph.node.add(name=kind.lower(), op=kind, input=[last])
        last = kind.lower()
    (tmp_path / "graph.pb").write_bytes(graph.SerializeToString())
    return tmp_path / "graph.pb"


def test_what_is_not_supported_is_named(tmp_path: Path) -> None:
    found = sdl.inspect(graph_with(tmp_path, "PyFunc", "Rleu"))
    assert [(row.name, row.why) for row in found.unsupported] == [
        ("pyfunc", f"it {why_refused('PyFunc')}"),
        ("rleu", f"TensorFlow {tf.__version__} has no such op (did you mean Relu?)"),
    ]
    (tmp_path / "net").write_text(
        'input: "x" input_dim: [1, 2, 3, 3] layer { name: "c" type: "Conv" bottom: "x" top: "c" }'
    )
    found = sdl.inspect(tmp_path / "net")
    assert [(row.name, row.type) for row in found.unsupported] == [("c", "Conv")]
    assert "not known" in found.unsupported[0].why and "custom_layers={'Conv': function}" in found.suggestion
    mine = sequential(layer("Mine", "m", batch_input_shape=[None, 3]), layer("Lambda", "l", function=["x", None, None]))
    found = sdl.inspect(write_json(tmp_path / "m.json", mine))
    assert [row.name for row in found.unsupported] == ["m", "l"]
    assert "custom_objects={'Mine': Mine}" in found.suggestion and "safe_mode=False" in found.suggestion
    assert "l (Lambda): it holds code" in str(found)


def test_no_memory_is_taken_for_weights(tmp_path: Path) -> None:
    wide = "inner_product_param { num_output: 500000 }"
    (tmp_path / "net").write_text(
        'input: "x" input_shape { dim: 1 dim: 1000 }'
        f'layer {{ name: "a" type: "InnerProduct" bottom: "x" top: "a" {wide} }}'
    )
    found = sdl.inspect(tmp_path / "net")
    assert (found.parameters, found.supported) == (500_500_000, True)


@pytest.mark.parametrize("lost", ["variables.index", "*"])
def test_a_saved_model_without_its_values_is_not_supported(lost: str, tmp_path: Path) -> None:
    save_module(tmp_path / "net", {"serving_default": "scores"})
    for path in (tmp_path / "net" / "variables").glob(lost):
        path.unlink()
    found = sdl.inspect(tmp_path / "net")
    assert not found.supported and found.parameters == 9
    with pytest.raises(ImporterError) as refused:
        sdl.load_tensorflow(tmp_path / "net")
    assert found.problem == str(refused.value)


def test_a_checkpoint_without_a_variable_is_not_supported(tmp_path: Path) -> None:
    graph, _ = partitioned_graph()
    save_graph(graph, tmp_path / "net", "V2")
    with tf.Graph().as_default() as other:
        v1.get_variable("net/weights", [4, 2])
    save_graph(other, tmp_path / "other", "V2")
    found = sdl.inspect(tmp_path / "net.meta", tmp_path / "other", inputs=["ids"], outputs=["scores"])
    with pytest.raises(ImporterError, match="has no value for variable 'net/table/part_0'") as refused:
        sdl.load_tensorflow(tmp_path / "net.meta", ["ids"], ["scores"], checkpoint=tmp_path / "other")
    assert found.problem == str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"some words\nof nobody", "no known format; known are Caffe's prototxt, Keras's"),
        ("a.bin", bytes(range(256)) * 9, "a.bin.*known formats are"),
        ("a.caffemodel", (LEGACY / "w_v2.caffemodel").read_bytes(), "weights of a Caffe net; give its prototxt"),
        ("b.caffemodel", (LEGACY / "w_v1.caffemodel").read_bytes(), "weights of a Caffe net; give its prototxt"),
        ("c.h5", (LEGACY / "w.caffemodel.h5").read_bytes(), "weights of a Caffe net; give its prototxt"),
        ("a.zip", b"PK\x03\x04", "a.zip"),
    ],
)
def test_other_files(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImporterError, match=words):
        sdl.inspect(tmp_path / name)
    with pytest.raises(MissingFileError, match="nowhere"):
        sdl.inspect(tmp_path / "nowhere")


def test_it_is_shown_as_text_html_and_json() -> None:
    rows = [Row(f"r{i}", "A" if i % 2 else "<B>", "it is <new>" if i == 3 else "", (None, 3), i) for i in range(50)]
    found = Inspection("m.x", "a format", rows, [End("x", (None, 3), "float32")], [End("y")], 1225, "sdl.load('m.x')")
    text = found.text()
    assert "r3 (A): it is <new>" in text and "r4" not in text and "r4" in found.text(every=True)
    assert "inputs:  x (?, 3) float32" in text and "parameters: 1,225" in text and "no (1 of 50 rows are not)" in text
    assert "&lt;B&gt;" in found._repr_html_() and "<B>" not in found._repr_html_()
    plain = json.loads(json.dumps(found.as_dict()))
    assert (plain["supported"], plain["rows"][3]["supported"], len(plain["rows"])) == (False, False, 50)


def test_from_the_terminal(tmp_path: Path, capsys: Any) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="score")])
    model.save(tmp_path / "m.keras")
    assert main(["inspect", str(tmp_path / "m.keras")]) == 0
    assert "score" in capsys.readouterr().out
    assert main(["inspect", str(graph_with(tmp_path, "PyFunc")), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"][-1]["why"] == f"it {why_refused('PyFunc')}"
    assert main(["inspect", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist" in capsys.readouterr().err
    command = [sys.executable, "-m", "sparkdl", "inspect", "--help"]
    run = subprocess.run(command, cwd=keras_places.ROOT, capture_output=True, text=True, check=True)
    assert "SavedModel" in run.stdout
