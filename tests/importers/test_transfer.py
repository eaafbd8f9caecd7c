"""Cutting and freezing: plain Keras models, Caffe nets and TensorFlow graphs; training leaves frozen weights alone."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from training_graph import training_graph

from sparkdl.errors import ArgumentError, SparkDLError
from sparkdl.importers.transfer import cut, freeze, unfreeze
from sparkdl.nn.graph_layer import GraphLayer


@pytest.fixture
def net() -> keras.Model:
    """Two branches that meet, with BatchNorm in one of them."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    x = keras.Input((6,), name="x")
    stem = layers.Dense(5, "relu", name="stem")(x)
    left = layers.BatchNormalization(name="left_norm")(layers.Dense(4, name="left")(stem))
    right = layers.Dense(4, name="right")(x)
    both = layers.Add(name="both")([left, right])
    model = keras.Model(x, layers.Dense(3, "softmax", name="head")(both), name="net")
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def rows(number: int = 32) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(number, 6)).astype("float32"), random.integers(0, 3, number)


def names(model: keras.Model) -> set[str]:
    return {variable.path for variable in model.trainable_variables}


def test_a_part_shares_its_weights_with_the_whole(net: keras.Model) -> None:
    x, _ = rows()
    part = cut(net, "left_norm")
    assert [layer.name for layer in part.layers] == ["x", "stem", "left", "left_norm"]
    before = np.asarray(part(x))
    net.get_layer("stem").kernel.assign_add(np.ones((6, 5), "float32"))
    assert np.abs(np.asarray(part(x)) - before).max() > 0.1


def test_several_ends_come_in_the_order_of_their_names(net: keras.Model) -> None:
    part = cut(net, ["both", "stem"])
    assert part.output_shape == [(None, 4), (None, 5)]
    assert isinstance(cut(net, ["both"]).output, list)


def test_up_to_a_layer_means_all_that_it_depends_on(net: keras.Model) -> None:
    frozen = freeze(net, up_to="left")
    assert frozen == ["stem/kernel", "stem/bias", "left/kernel", "left/bias"]
    assert names(net) == {
        "left_norm/gamma", "left_norm/beta", "right/kernel", "right/bias", "head/kernel", "head/bias",
    }  # fmt: skip
    assert freeze(net, up_to="left") == []
    assert unfreeze(net) == frozen


def test_by_name_and_pattern(net: keras.Model) -> None:
    assert freeze(net, "left*", "head") == [
        "left/kernel", "left/bias", "left_norm/gamma", "left_norm/beta", "head/kernel", "head/bias",
    ]  # fmt: skip
    assert unfreeze(net, "head") == ["head/kernel", "head/bias"]


def test_frozen_weights_and_statistics_stay_as_they_are(net: keras.Model) -> None:
    freeze(net, up_to="both")
    net.compile("adam", "sparse_categorical_crossentropy")
    before = {variable.path: np.array(variable) for variable in net.variables}
    net.fit(*rows(), epochs=2, verbose=0)
    changed = {v.path for v in net.variables if not np.array_equal(before.get(v.path, np.nan), np.asarray(v))}
    assert {path for path in changed if path in before} == {"head/kernel", "head/bias"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net: cut(net, "steam"), "model 'net' has no layer 'steam': did you mean 'stem'"),
        (lambda net: cut(net, []), "no outputs"),
        (lambda net: freeze(net, "conv*"), "no layer or weight 'conv\\*': it has x, stem"),
        (lambda net: freeze(net, up_to="haed"), "did you mean 'head'"),
    ],
)
def test_unknown_names_are_told(net: keras.Model, call, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call(net)


@pytest.fixture
def tuned(net: keras.Model) -> keras.Model:
    """Models inside of models, as where a head is put on a trained one."""
    inner = keras.Sequential([keras.Input((6,)), net, keras.layers.Dense(5, name="neck")], name="body")
    return keras.Sequential([keras.Input((6,)), inner, keras.layers.Dense(2, name="head")], name="tuned")


def test_a_part_ends_inside_of_a_model_that_is_a_layer(net: keras.Model, tuned: keras.Model) -> None:
    x, _ = rows()
    part = cut(tuned, ["body/net/left_norm", "body/neck", "head"])
    expected = keras.Model(net.input, net.get_layer("left_norm").output)(x)
    for made, kept in zip(part(x), (expected, tuned.get_layer("body")(x), tuned(x)), strict=True):
        np.testing.assert_array_equal(made, kept)
    only = cut(tuned, "body/net/stem")
    assert [variable.path for variable in only.variables] == ["stem/kernel", "stem/bias"]
    assert only.variables[0] is net.get_layer("stem").kernel
    with pytest.raises(ArgumentError, match="model 'net' has no layer 'steam': did you mean 'stem'"):
        cut(tuned, "body/net/steam")
    with pytest.raises(ArgumentError, match="model 'tuned' has no layer 'stem': did you mean 'body/net/stem'"):
        cut(tuned, "stem")


def test_layers_inside_of_a_model_are_frozen_by_path_and_up_to_one(tuned: keras.Model) -> None:
    assert freeze(tuned, "body/net/left*") == ["left/kernel", "left/bias", "left_norm/gamma", "left_norm/beta"]
    assert freeze(tuned, up_to="body/net/both") == ["stem/kernel", "stem/bias", "right/kernel", "right/bias"]
    assert unfreeze(tuned, "body/net/st*") == ["stem/kernel", "stem/bias"]
    assert len(freeze(tuned)) == 8  # stem, and the heads of net, body and tuned


def test_a_layer_that_is_used_twice_has_no_single_output() -> None:
    x, shared = keras.Input((4,)), keras.layers.Dense(4, name="shared")
    model = keras.Model(x, shared(shared(x)))
    with pytest.raises(ArgumentError, match="'shared' is used 2 times"):
        cut(model, "shared")


@pytest.fixture
def graph(tmp_path: Path) -> keras.Model:
    return training_graph(tmp_path)


def trained(model: keras.Model) -> set[str]:
    """The names of the weights and statistics that change in training."""
    layer = next(layer for layer in model.layers if isinstance(layer, GraphLayer))
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = {name: variable.numpy() for name, variable in layer.variables_by_name.items()}
    model.fit(*rows(), epochs=1, verbose=0)
    return {name for name, old in before.items() if not np.array_equal(old, layer.variables_by_name[name].numpy())}


def test_a_graph_is_cut_at_its_tensors_and_shares_its_weights(graph: keras.Model) -> None:
    x, _ = rows()
    part = cut(graph, ["norm/out:0", "stem/Relu"])
    assert part.output_shape == [(None, 5), (None, 5)]
    layer = next(layer for layer in part.layers if isinstance(layer, GraphLayer))
    assert set(layer.variables_by_name) == {"stem/kernel", "norm/gamma", "norm/moving_mean"}
    np.testing.assert_allclose(
        part(x)[1], np.maximum(x @ layer.variables_by_name["stem/kernel"].numpy(), 0), 1e-5, 1e-5
    )
    before = layer.variables_by_name["stem/kernel"].numpy()
    trained(graph)
    assert not np.array_equal(before, layer.variables_by_name["stem/kernel"].numpy())


def test_weights_of_a_graph_are_frozen_by_name_and_up_to_a_tensor(graph: keras.Model) -> None:
    assert trained(graph) == {"stem/kernel", "norm/gamma", "norm/moving_mean", "head/kernel"}
    freeze(graph, "stem/*")
    assert trained(graph) == {"norm/gamma", "norm/moving_mean", "head/kernel"}
    freeze(graph, up_to="norm/out")
    assert trained(graph) == {"head/kernel"}
    unfreeze(graph)
    assert trained(graph) == {"stem/kernel", "norm/gamma", "norm/moving_mean", "head/kernel"}
    freeze(graph)
    assert graph.trainable_variables == []


def test_what_is_frozen_is_frozen_after_saving(graph: keras.Model, tmp_path: Path) -> None:
    freeze(graph, up_to="norm/out")
    graph.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert trained(again) == {"head/kernel"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda graph: cut(graph, "norm/oud"), "did you mean 'norm/out'"),
        (lambda graph: freeze(graph, "steam/kernel"), "no layer or weight 'steam/kernel': did you mean 'stem/kernel'"),
        (lambda graph: cut(graph, "stem/Relu:1"), "stem/Relu:1"),
    ],
)
def test_unknown_names_in_a_graph_are_told(graph: keras.Model, call, words: str) -> None:
    with pytest.raises(SparkDLError, match=words):
        call(graph)


def test_a_model_that_is_no_graph_of_layers_cannot_be_cut() -> None:
    with pytest.raises(ArgumentError, match="Sequential one that has been built"):
        cut(keras.Sequential([keras.layers.Dense(2, name="a")]), "a")
