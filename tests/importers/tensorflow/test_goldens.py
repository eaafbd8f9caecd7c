"""What TensorFlow 1.15 and tf.keras answered: outputs, and gradients of inputs and weights."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

import sparkdl as sdl
from tests.importers.tensorflow.oracle import Recorded, apart, compare, factors_of, v1
from tests.importers.tensorflow.places import COPIES, RECORDED, SHARED

FOLDERS = [path.parent for folder in (COPIES, RECORDED) for path in sorted(folder.glob("*/golden.npz"))]
GRAPHS = sorted({folder.name: folder for folder in FOLDERS if folder.name != "queue_train_slim"}.values())
WITHOUT_LOOPS = ["bn_infer_fused", "bn_train_fused", "conv_zoo"]
APPLICATIONS = sorted((SHARED / "golden" / "tf_apps").glob("*.npz"))
# The gradient of each element of an output is computed: of more than that it takes minutes.
MOST_SLOPES = 40
TRAINED = {"efficientnetb0": 213, "mobilenetv2": 158, "resnet50": 214, "vgg16": 32}  # as Keras counts them
FORMS = {
    "frozen": ("graph.pb", {}),
    "text_v2": ("graph_unfrozen.pbtxt.gz", {"checkpoint": "model.ckpt"}),
    "text_v1": ("graph_unfrozen.pbtxt.gz", {"checkpoint": "model_v1.ckpt"}),
    "meta": ("model.ckpt.meta", {}),
    "saved_model": ("saved_model", {}),
    "bigdl": ("bigdl_pair.pb", {"bin_file": "bigdl_pair.bin"}),
}


@pytest.fixture(scope="module")
def regenerate() -> Any:
    """The program that comes with the recorded files, and rebuilds what they do not store."""
    folder = SHARED / "golden" / "gen"
    if not folder.is_dir():
        return None
    return _module(folder / "seedgen.py"), _module(folder / "regenerate.py")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    sys.modules[path.stem] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def graph_file(folder: Path, tmp_path: Path, regenerate: Any) -> Path:
    """The graph of a case, whose weights may have to be filled in."""
    packed = folder / "graph.elided.pb.gz"
    if not packed.is_file():
        return folder / "graph.pb"
    graph = regenerate[1].fill_tf(graph_pb2.GraphDef.FromString(gzip.decompress(packed.read_bytes())))
    file = tmp_path / "graph.pb"
    file.write_bytes(graph.SerializeToString())
    return file


def given(case: Mapping[str, np.ndarray], name: str, regenerate: Any) -> tf.Tensor:
    if f"in_tag/{name}" in case:
        tag, shape = json.loads(str(case[f"in_tag/{name}"]))
        return tf.constant(regenerate[0].uniform(tag, shape))
    value = case[f"in/{name}"]
    return tf.constant(value.item() if value.dtype == object else value)


@pytest.mark.parametrize("folder", GRAPHS, ids=lambda folder: folder.name)
def test_graph_answers_as_in_tensorflow(folder: Path, tmp_path: Path, regenerate: Any) -> None:
    with np.load(folder / "golden.npz", allow_pickle=True) as file:
        case = dict(file)
    meta = json.loads(str(case["meta"]))
    model = sdl.load_tensorflow(graph_file(folder, tmp_path, regenerate), meta["inputs"], meta["outputs"])
    inputs = {name: given(case, name, regenerate) for name in meta["inputs"]}
    values = list(inputs.values())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([value for value in values if value.dtype.is_floating])
        made = model(values if len(values) > 1 else values[0])
        made = made if isinstance(made, list) else [made]
    for name, found in zip(meta["outputs"], made, strict=True):
        assert apart(found, case[f"out/{name}"]) < 1e-5, name
    weights = {variable.path.partition("/")[2]: variable.value for variable in model.weights}
    slopes = {key[5:]: value for key, value in case.items() if key.startswith("grad/") and "#" not in key}
    assert {name for name in slopes if name not in inputs} <= set(weights)
    if slopes and int(tf.size(made[0])) <= MOST_SLOPES:
        assert_one_sum_has_these_slopes(tape, made[0], {**weights, **inputs}, slopes)
    sums = {key[5:-6]: value for key, value in case.items() if key.startswith("grad/") and key.endswith("#stats")}
    if sums and int(tf.size(made[0])) > MOST_SLOPES:
        assert_the_sum_of_the_last_layer_has_these_slopes(tape, made[0], {**weights, **inputs}, slopes, sums)


@pytest.mark.parametrize(
    "folder", [folder for folder in GRAPHS if folder.name in WITHOUT_LOOPS], ids=lambda path: path.name
)
def test_gradients_are_those_of_a_session(folder: Path) -> None:
    with np.load(folder / "golden.npz") as case:
        meta, feeds = json.loads(str(case["meta"])), {"Placeholder": case["in/Placeholder"]}
        slopes = [name[5:] for name in case.files if name.startswith("grad/")]
    with tf.Graph().as_default() as graph:
        definition = graph_pb2.GraphDef.FromString((folder / "graph.pb").read_bytes())
        tf.graph_util.import_graph_def(definition, name="")
        outputs = {name: graph.get_tensor_by_name(f"{name}:0") for name in meta["outputs"]}
        loss = [tf.reduce_sum(tensor * factors_of(tensor)) for tensor in outputs.values()]
        wanted = dict(
            zip(slopes, tf.gradients(loss, [graph.get_tensor_by_name(f"{n}:0") for n in slopes]), strict=True)
        )
        with v1.Session(graph=graph) as session:
            values, gradients = session.run([outputs, wanted], {"Placeholder:0": feeds["Placeholder"]})
    recorded = Recorded(folder / "graph.pb", feeds, values, gradients)
    compare(recorded, recorded.model())


def assert_one_sum_has_these_slopes(
    tape: tf.GradientTape, output: tf.Tensor, sources: Mapping[str, Any], slopes: Mapping[str, np.ndarray]
) -> None:
    """The recorded gradients are those of one weighted sum of the output; its factors were not recorded."""
    found = tape.jacobian(output, [sources[name] for name in slopes], experimental_use_pfor=False)
    rows = [tf.reshape(tf.convert_to_tensor(part), [tf.size(output), -1]).numpy() for part in found]
    matrix = np.concatenate(rows, axis=1).astype("float64")
    expected = np.concatenate([value.ravel() for value in slopes.values()])
    factors = np.linalg.lstsq(matrix.T, expected, rcond=1e-6)[0]
    start = 0
    for name, value in slopes.items():
        part = (factors @ matrix[:, start : start + value.size]).reshape(value.shape)
        assert apart(part, value) < 1e-4, name
        start += value.size


def assert_the_sum_of_the_last_layer_has_these_slopes(
    tape: tf.GradientTape,
    output: tf.Tensor,
    sources: Mapping[str, Any],
    slopes: Mapping[str, np.ndarray],
    sums: Mapping[str, np.ndarray],
) -> None:
    """As above for one row of a large net: the factors follow from the last bias, the other slopes from the factors.

    The net ends in a softmax of the sums with that bias, so that the slopes of its outputs are known without it.
    """
    shares = tf.reshape(output, [-1]).numpy().astype("float64")
    matrix = np.diag(shares) - np.outer(shares, shares)
    factors = np.linalg.lstsq(matrix, slopes[list(slopes)[-1]].ravel(), rcond=1e-6)[0].astype("float32")
    names = [*slopes, *sums]
    found = tape.gradient(output, [sources[name] for name in names], tf.reshape(factors, output.shape))
    made = {name: tf.convert_to_tensor(part).numpy() for name, part in zip(names, found, strict=True)}
    for name, value in slopes.items():
        assert apart(made[name], value) < 1e-4, name
    for name, (size, total, norm, *_) in sums.items():
        slope = made[name].astype("float64")
        assert slope.size == size
        assert np.abs(slope).sum() == pytest.approx(total, rel=1e-4), name
        assert np.linalg.norm(slope) == pytest.approx(norm, rel=1e-4), name


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_the_same_model_answer_alike(form: str) -> None:
    folder = RECORDED / "blog_lstm_static"
    folder = folder if folder.is_dir() else COPIES / "blog_lstm_static"
    file, arguments = FORMS[form]
    if not (folder / file).exists() or not (folder / "golden.npz").is_file():
        pytest.skip("recorded answers are not here")
    arguments = {key: folder / value for key, value in arguments.items()}
    model = sdl.load_tensorflow(folder / file, ["Placeholder"], ["prediction/Softmax:0"], **arguments)
    with np.load(folder / "golden.npz") as case:
        assert apart(model(case["in/Placeholder"]), case["out/prediction/Softmax"]) < 1e-5
    assert sorted(variable.path for variable in model.trainable_variables) == [
        "graph/prediction/W",
        "graph/prediction/bias",
        "graph/rnn/basic_lstm_cell/bias",
        "graph/rnn/basic_lstm_cell/kernel",
    ]
    assert (model.input_shape, model.output_shape, model.output_names) == (
        (None, 20, 8),
        (None, 5),
        ["prediction_Softmax"],
    )


@pytest.mark.parametrize("path", APPLICATIONS, ids=lambda path: path.stem)
def test_application_answers_as_in_keras(path: Path, tmp_path: Path, regenerate: Any) -> None:
    with np.load(path) as case:
        meta, expected = json.loads(str(case["meta"])), case["y"]
    packed = path.with_suffix(".elided.pb.gz").read_bytes()
    graph = regenerate[1].fill_tf_app(graph_pb2.GraphDef.FromString(gzip.decompress(packed)), meta)
    file = tmp_path / "graph.pb"
    file.write_bytes(graph.SerializeToString())
    model = sdl.load_tensorflow(file, [meta["input"]], [meta["output"]])
    assert apart(model(regenerate[0].uniform(*meta["x"])), expected) < (1e-3 if "efficient" in path.stem else 1e-4)
    trained = {variable.path.partition("/")[2] for variable in model.trainable_variables}
    assert len(trained) == TRAINED[path.stem]
    for name, weight in meta["const_to_weight"].items():  # the larger ones
        assert (name in trained) != weight.endswith(("moving_mean", "moving_variance")), name


def test_a_training_graph_is_cut_at_the_batch() -> None:
    folder = RECORDED / "queue_train_slim"
    if not folder.is_dir():
        pytest.skip("recorded answers are not here")
    with pytest.raises(sdl.errors.ImporterError, match="name the tensor behind it as an input, for example"):
        sdl.load_tensorflow(folder / "graph_def.pb", None, ["prediction/Softmax"], checkpoint=folder / "model.ckpt")
    for file, arguments in (("graph_def.pb", {"checkpoint": folder / "model.ckpt"}), ("model.ckpt.meta", {})):
        model = sdl.load_tensorflow(folder / file, ["shuffle_batch"], ["prediction/Softmax"], **arguments)
        assert [variable.path for variable in model.trainable_variables] == [
            "graph/conv1/weights",
            "graph/conv1/BatchNorm/beta",
            "graph/logits/weights",
            "graph/logits/biases",
        ]
        assert apart(tf.reduce_sum(model(np.ones((8, 8, 8, 1), "float32")), -1), np.ones(8)) < 1e-5
