"""The whole way: phases and rules, names, sharing, refusals, the user's own layers, saving."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sparkdl as sdl
from sparkdl.errors import ArgumentError, ImporterError, MissingFileError, UnsupportedError
from tests.importers.caffe.files import caffemodel
from tests.importers.caffe.goldens import apart
from tests.importers.caffe.places import ROOT
from tests.servers.preloaded import preloaded_python

DATA = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }\n'
Load = Callable[..., Any]


def layer(name: str, type_: str, bottom: str, top: str, fields: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{type_}" bottom: "{bottom}" top: "{top}" {fields} }}\n'


def full(name: str, bottom: str, top: str, fields: str = "", outputs: int = 2) -> str:
    return layer(name, "InnerProduct", bottom, top, f"inner_product_param {{ num_output: {outputs} }} {fields}")


def convolution(name: str, bottom: str, top: str, outputs: int = 2) -> str:
    return layer(name, "Convolution", bottom, top, f"convolution_param {{ num_output: {outputs} kernel_size: 1 }}")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a net from its text and its layers' blobs."""

    def loaded(text: str, weights: dict[str, list[np.ndarray]] | None = None, **arguments: Any) -> Any:
        path, binary = tmp_path / "net.prototxt", None
        path.write_text(text)
        if weights is not None:
            binary = tmp_path / "net.caffemodel"
            binary.write_bytes(caffemodel(weights))
        return sdl.load_caffe(path, binary, **arguments)

    return loaded


def test_rules_choose_the_layers_of_a_phase(load: Load) -> None:
    text = (
        DATA
        + layer("train", "Power", "data", "p", "power_param { scale: 2 } include { phase: TRAIN }")
        + layer("test", "Power", "data", "p", "power_param { scale: 3 } exclude { phase: TRAIN }")
        + layer("stage", "Power", "p", "p", "power_param { scale: 5 } include { stage: 'deploy' not_stage: 'slow' }")
        + layer("level", "Power", "p", "p", "power_param { scale: 7 } include { min_level: 2 max_level: 3 }")
    )
    ones = np.ones((1, 3, 4, 4), "float32")
    for arguments, expected in [
        ({}, 3),
        ({"phase": "TRAIN"}, 2),
        ({"stages": ["deploy"]}, 15),
        ({"stages": ["deploy", "slow"]}, 3),
        ({"level": 2, "phase": "TRAIN"}, 14),
        ({"level": 4}, 3),
    ]:
        assert float(load(text, **arguments)(ones)[0, 0, 0, 0]) == expected


def test_inputs_and_outputs_have_the_names_of_blobs_in_the_order_of_the_file(load: Load) -> None:
    text = (
        'input: "z" input_shape { dim: 1 dim: 2 } input: "a" input_shape { dim: 1 dim: 2 }\n'
        + full("second/fc", "z", "second")
        + layer("s", "Sigmoid", "second", "second")
        + full("first", "a", "first")
    )
    model = load(text)
    assert [tensor.name for tensor in model.inputs] == ["z", "a"]
    assert model.output_names == ["second", "first"]
    assert [weight.path for weight in model.weights] == [
        "second_fc/kernel",
        "second_fc/bias",
        "first/kernel",
        "first/bias",
    ]
    assert all(weight.trainable for weight in model.weights)


def test_an_output_that_is_an_image_keeps_its_name_and_its_layer(load: Load) -> None:
    model = load(DATA + convolution("score", "data", "score"))
    assert model.output_names == ["score"]
    assert model.get_layer("score").count_params() == 8
    assert model.output_shape == (None, 2, 4, 4)
    softmax = load(DATA + convolution("c", "data", "c") + layer("prob", "Softmax", "c", "prob"))
    assert [tensor._keras_history.operation.name for tensor in softmax.outputs] == ["prob"]


def test_chosen_outputs_leave_out_what_they_do_not_need(load: Load) -> None:
    text = DATA + convolution("c", "data", "c") + full("f", "c", "f") + layer("p", "Softmax", "f", "p")
    assert load(text, outputs=["c", "p"]).output_names == ["c", "p"]
    assert [item.name for item in load(text, outputs=["c"]).layers if item.weights] == ["c"]
    with pytest.raises(ArgumentError, match="'x'.*c, data, f, p"):
        load(text, outputs=["x"])


def test_layers_that_share_all_their_parameters_are_one(load: Load) -> None:
    shared = 'param { name: "w" } param { name: "b" }'
    text = (
        'input: "x" input_shape { dim: 1 dim: 3 } input: "y" input_shape { dim: 1 dim: 3 }\n'
        + full("one", "x", "f", shared)
        + full("two", "y", "g", shared)
    )
    weights = [np.arange(6, dtype="float32").reshape(2, 3), np.ones(2, "float32")]
    model = load(text, {"one": weights, "two": weights})
    assert len(model.weights) == 2
    x = np.ones((1, 3), "float32")
    f, g = model([x, 2 * x])
    assert (np.asarray(f).tolist(), np.asarray(g).tolist()) == ([[4.0, 13.0]], [[7.0, 25.0]])
    filled = text.replace("num_output: 2", "num_output: 2 weight_filler { type: 'xavier' } bias_filler { value: 1 }")
    assert len(load(filled, {"one": weights, "two": weights}).weights) == 2
    partly = text.replace('param { name: "b" }', 'param { name: "b1" }', 1)
    with pytest.raises(UnsupportedError, match="layer 'two'.*shares the parameters w with layer 'one'"):
        load(partly)


def test_weights_that_do_not_fit_are_named(load: Load) -> None:
    text, right = DATA + full("f", "data", "f"), [np.ones((2, 48)), np.ones(2)]
    load(text, {"f": right})
    load(text, {"f": [np.ones((1, 1, 2, 48)), np.ones((1, 1, 1, 2))]})
    with pytest.raises(ImporterError, match=r"blob 0 of layer 'f'.*\(2, 47\); expected \(2, 48\)"):
        load(text, {"f": [np.ones((2, 47)), np.ones(2)]})
    with pytest.raises(ImporterError, match="layer 'f' .* has 1 blobs of weights; expected 2"):
        load(text, {"f": right[:1]})
    with pytest.raises(ImporterError, match="no layers of these names"):
        load(text, {"g": right})
    with pytest.warns(UserWarning, match="no weights for the layers h of"):
        load(text + full("h", "f", "h"), {"f": right})


def test_fillers_start_layers_without_weights(load: Load) -> None:
    filler = "weight_filler { type: 'constant' value: 0.5 } bias_filler { value: 2 }"
    model = load(DATA + layer("f", "InnerProduct", "data", "f", f"inner_product_param {{ num_output: 1 {filler} }}"))
    assert float(model(np.ones((1, 3, 4, 4)))[0, 0]) == 26


def test_a_bilinear_filler_enlarges_images_smoothly(load: Load) -> None:
    fields = (
        "num_output: 3 group: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false weight_filler { type: 'bilinear' }"
    )
    model = load(DATA + layer("up", "Deconvolution", "data", "up", f"convolution_param {{ {fields} }}"))
    ramp = np.arange(4, dtype="float32") * np.ones((1, 3, 4, 1), "float32")
    between = np.asarray(model(ramp))[0, 1, 3, 1:-1]
    np.testing.assert_allclose(between, [0.25, 0.75, 1.25, 1.75, 2.25, 2.75])


REFUSED = [
    (
        layer("a", "Convolutio", "data", "a") + layer("b", "Nothing", "a", "b"),
        "2 layers(.|\n)*'a'.*did you mean 'Convol(.|\n)*'b'",
    ),
    (layer("a", "Pooling", "data", "a", "pooling_param { kernel_size: 2 of_a_fork: 3 }"), "of_a_fork.*known are pool"),
    (layer("a", "ReLU", "data", "a", "of_a_fork { x: 1 }"), "fields of_a_fork are not known"),
    (layer("a", "Crop", "data", "a"), "reads 1 blobs, expected 2"),
    (layer("a", "InnerProduct", "data", "a"), "fields num_output are missing"),
    (layer("a", "Pooling", "data", "a", "pooling_param { kernel_size: 2 pad: 1 pool: STOCHASTIC }"), "with padding"),
    (layer("a", "MultiBoxLoss", "data", "a"), "SSD's loss matches boxes .*outputs="),
    (layer("a", "LRN", "data", "a", "lrn_param { local_size: 4 }"), "an odd number"),
    (
        layer("r", "Reshape", "data", "r", "reshape_param { shape { dim: 0 dim: 3 dim: 16 } }")
        + layer("a", "Deconvolution", "r", "a", "convolution_param { num_output: 3 group: 3 kernel_size: 2 }"),
        "3 groups and 1 spatial axes",
    ),
    (layer("a", "Convolution", "data", "a", "convolution_param { num_output: 1 kernel_size: 2 axis: 2 }"), "axis 2"),
    (layer("a", "Python", "data", "a", "python_param { module: 'm' layer: 'L' }"), "'a' \\(Python\\): it is a program"),
    (
        'layer { name: "a" type: "DummyData" top: "a" '
        'dummy_data_param { shape { dim: 1 } data_filler { type: "gaussian" } } }',
        "random",
    ),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_layers_that_cannot_be_converted_are_refused_before_weights_are_read(
    text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "net").write_text(DATA + text)
    with pytest.raises(UnsupportedError, match=words):
        sdl.load_caffe(tmp_path / "net", tmp_path / "missing.caffemodel")


WRONG = [
    (layer("a", "ReLU", "nothing", "a"), "reads 'nothing', which no layer before it makes"),
    (layer("a", "ReLU", "data", "b") + layer("c", "ReLU", "data", "b"), "another top makes"),
    (
        layer("a", "Pooling", "data", "a", "pooling_param { kernel_size: 9 }"),
        r"\(None, 3, 4, 4\), cannot be built: a window of 9",
    ),
    (layer("a", "Pooling", "data", "a", "pooling_param { kernel_size: 2 stride: 0 }"), "stride"),
    (layer("a", "Pooling", "data", "a", "pooling_param { kernel_size: 2 pad: 2 }"), "padding \\(2, 2\\) of windows"),
    (layer("a", "Interp", "data", "a"), "neither height and width"),
    (layer("a", "Interp", "data", "a", "interp_param { zoom_factor: 99999 }"), "rows of shape .* at most 134,217,728"),
    ('input: "x" input_dim: [1, 3, 1000000000, 1] ' + layer("a", "Pooling", "x", "a"), "rows of shape"),
    (convolution("a", "data", "a", 4_000_000_000), "cannot be built: weights of shape"),
    (layer("a", "Slice", "data", "a", "slice_param { slice_point: 9 }"), "slice points"),
    (layer("a", "Reshape", "data", "a", "reshape_param { shape { dim: 0 dim: 7 dim: -1 } }"), "do not fill"),
    (layer("a", "Softmax", "data", "a", "softmax_param { axis: 7 }"), "axis 7 of a blob with 4 axes"),
    ('layer { name: "a" }', "layer 'a' has no type"),
    ('layer { name: "a" type: "Data" top: "a" }', r"give input_shapes=\{'a': \(channels, height, width\)\}"),
    (layer("a", "ReLU", "data", "a", "include { } exclude { }"), "both include and exclude"),
    (layer("a", "Dropout", "data", "a", "dropout_param { dropout_ratio: 7 }"), "cannot be built"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_nets_that_contradict_themselves_are_named(text: str, words: str, load: Load) -> None:
    with pytest.raises(ImporterError, match=words):
        load(DATA + text)


def test_arguments_and_files_that_cannot_be_used(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="data_format is 'NCHW'"):
        load(DATA, data_format="NCHW")
    with pytest.raises(ArgumentError, match="phase is 'test'"):
        load(DATA, phase="test")
    with pytest.raises(MissingFileError, match="nowhere"):
        sdl.load_caffe(tmp_path / "nowhere")
    with pytest.raises(ImporterError, match="no inputs"):
        load('layer { name: "p" type: "Silence" }'.replace("Silence", "Split"), outputs=[])
    (tmp_path / "w").write_bytes(b"\xff\xfe")
    with pytest.raises(ImporterError, match="is it the caffemodel"):
        sdl.load_caffe(tmp_path / "w")


def test_functions_of_the_user_make_layers(load: Load) -> None:
    text = (
        DATA
        + convolution("c", "data", "c")
        + layer("p", "Python", "c", "p", "python_param { module: 'm' layer: 'Double' param_str: '3' }")
        + layer("o", "Own", "p", "o", "own_param { bias: 1 }")
    )

    def double(tensors: list[Any], fields: Any) -> Any:
        return keras.layers.Rescaling(float(fields["python_param"]["param_str"]))(tensors[0])

    def own(tensors: list[Any], fields: Any) -> list[Any]:
        assert tensors[0].shape == (None, 2, 4, 4)
        return [keras.layers.Rescaling(1.0, fields["own_param"][0]["bias"][0])(tensors[0])]

    model = load(text, {"c": [np.ones((2, 3, 1, 1)), np.ones(2)]}, custom_layers={"Double": double, "Own": own})
    assert np.unique(model(np.ones((1, 3, 4, 4)))).tolist() == [13.0]
    with pytest.raises(UnsupportedError, match="'p'"):
        load(text, custom_layers={"Own": own})


@pytest.mark.parametrize(("between", "layers"), [("", 1), (layer("r", "ReLU", "b", "r"), 2)])
def test_a_scale_is_fused_where_nothing_else_reads_the_norm(between: str, layers: int, load: Load) -> None:
    text = DATA + layer("b", "BatchNorm", "data", "b") + between + layer("s", "Scale", "b", "s")
    weights = {
        "b": [np.ones(3), np.full(3, 8.0), np.full(1, 2.0)],
        "s": [np.full(3, 4.0)],
    }
    model = load(text, weights)
    assert len([item for item in model.layers if item.weights]) == layers
    expected = (1 - 0.5) / np.sqrt(4 + 1e-5) * 4
    outputs = model(np.ones((1, 3, 4, 4), "float32"))
    assert apart((outputs if layers == 1 else outputs[1])[0, 0, 0, 0], np.float32(expected)) < 1e-6


def test_a_norm_that_the_file_freezes_stays_frozen(load: Load) -> None:
    frozen = "batch_norm_param { use_global_stats: true }"
    model = load(DATA + layer("b", "BatchNorm", "data", "b", frozen) + layer("s", "Scale", "b", "s"))
    assert [weight.path for weight in model.trainable_weights] == ["b/gamma"]
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 4)).astype("float32")
    assert apart(model(x, training=True), model(x).numpy()) == 0
    alone = load(DATA + layer("b", "BatchNorm", "data", "b", frozen))
    assert alone.trainable_weights == []


@pytest.mark.parametrize(
    ("dims", "expected"),
    [((0, -1), (None, 48)), ((1, 48), (None, 48)), ((-1, 16), (None, 16)), ((0, 0, 16), (None, 3, 16))],
)
def test_a_shape_that_names_the_batch_leaves_it_open(dims: tuple[int, ...], expected: Any, load: Load) -> None:
    shape = " ".join(f"dim: {size}" for size in dims)
    model = load(DATA + layer("r", "Reshape", "data", "r", f"reshape_param {{ shape {{ {shape} }} }}"))
    assert model.output_shape == expected
    assert len(model(np.ones((6, 3, 4, 4)))) == 6 * 48 // np.prod([size for size in expected if size])


def test_a_loaded_model_is_saved_and_read_by_a_fresh_process(load: Load, tmp_path: Path) -> None:
    text = (
        DATA
        + convolution("c", "data", "c")
        + layer("n", "LRN", "c", "n")
        + layer("p", "Pooling", "n", "p", "pooling_param { kernel_size: 3 stride: 2 pad: 1 pool: AVE }")
        + layer("b", "BatchNorm", "p", "b")
        + layer("s", "Scale", "b", "b", "scale_param { bias_term: true }")
        + layer("w", "Power", "b", "w", "power_param { shift: 1 }")
    )
    model = load(text)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype("float32")
    np.savez(tmp_path / "arrays.npz", x=x, y=model(x))
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, numpy as np, keras, sparkdl; model = keras.saving.load_model(sys.argv[1]);"
        "a = np.load(sys.argv[2]); assert np.abs(model(a['x']) - a['y']).max() < 1e-6; print(model.output_names)"
    )
    arguments = [preloaded_python(), "-c", code, str(tmp_path / "model.keras"), str(tmp_path / "arrays.npz")]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "['w']"
