"""The methods that all layers of BigDL have, and mistakes in using them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from sparkdl.bigdl.nn import criterion
from sparkdl.bigdl.nn import initialization_method as methods
from sparkdl.bigdl.nn import layer as layers
from sparkdl.bigdl.util.common import RNG, JTensor
from sparkdl.errors import ArgumentError, DataError, UnsupportedError
from sparkdl.nn.torch.initial import constant
from sparkdl.nn.torch.module import Parameter

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


class L1L2:
    """As BigDL's regularizers look to a layer."""

    def __init__(self, l1: float, l2: float) -> None:
        self.l1, self.l2 = l1, l2


def _linear(name: str = "fc") -> Any:
    return layers.Linear(2, 1, init_weight=np.array([[1.0, -2.0]]), init_bias=np.array([0.5])).set_name(name)


def test_names_are_made_up_and_set() -> None:
    assert layers.Linear(2, 1).name().startswith("Linear") and len(layers.Linear(2, 1).name()) == 14
    layer = _linear()
    assert layer.name() == "fc" and str(layer) == "Linear[fc](2 -> 1)"
    assert layer.get_dtype() == "float32"


def test_gradients_add_up_until_they_are_zeroed() -> None:
    layer = _linear()
    layer.zero_grad_parameters()
    assert layer.forward(X).tolist() == [[-2.5], [-4.5]]
    assert layer.backward(X, np.ones((2, 1))).tolist() == [[1.0, -2.0]] * 2
    layer.backward(X, np.ones((2, 1)))
    held = layer.parameters()["fc"]
    assert sorted(held) == ["bias", "gradBias", "gradWeight", "weight"]
    assert held["gradWeight"].tolist() == [[8.0, 12.0]] and held["gradBias"].tolist() == [4.0]
    layer.update_parameters(0.5)
    assert layer.get_weights()[0].tolist() == [[-3.0, -8.0]] and layer.get_weights()[1].tolist() == [-1.5]
    layer.zero_grad_parameters()
    assert layer.parameters()["fc"]["gradWeight"].tolist() == [[0.0, 0.0]]


def test_backward_takes_the_input_that_it_is_given() -> None:
    layer = layers.Square()
    layer.forward(X)
    assert layer.backward(2 * X, np.ones((2, 2))).tolist() == (4 * X).tolist()
    assert layers.Square().backward(X, np.ones((2, 2))).tolist() == (2 * X).tolist()


@pytest.mark.parametrize("value", [X.tolist(), X.astype(int), JTensor.from_ndarray(X), X.astype(np.float64)])
def test_inputs_that_scripts_give(value: Any) -> None:
    assert _linear().forward(value).tolist() == [[-2.5], [-4.5]]


def test_a_table_of_one_value_is_given_as_that_value() -> None:
    narrow = layers.NarrowTable(2, 1)
    assert narrow.forward([X, X + 1]).tolist() == (X + 1).tolist()
    assert [part.tolist() for part in narrow.backward([X, X + 1], X)] == [(0 * X).tolist(), X.tolist()]
    assert layers.JoinTable(1, 2).backward([X], X).tolist() == X.tolist()
    parallel = criterion.ParallelCriterion().add(criterion.MSECriterion())
    assert parallel.backward([X], [X - 1]).tolist() == np.full_like(X, 0.5).tolist()


def test_inputs_that_are_none() -> None:
    with pytest.raises(DataError, match="an input is an empty list"):
        _linear().forward([])


def test_regularizers_act_on_gradients() -> None:
    layer = layers.Linear(2, 1, True, L1L2(0.5, 0.0), L1L2(0.0, 2.0), np.array([[1.0, -2.0]]), np.array([0.5]))
    layer.forward(X)
    layer.backward(X, np.zeros((2, 1)))
    (held,) = layer.parameters().values()
    assert held["gradWeight"].tolist() == [[0.5, -0.5]] and held["gradBias"].tolist() == [1.0]
    layer.setWRegularizer(L1L2(1.0, 1.0))
    layer.zero_grad_parameters()
    layer.backward(X, np.zeros((2, 1)))
    assert layer.value.gradients["weight"].tolist() == [[2.0, -3.0]]


def test_a_bias_that_is_not_used_is_not_regularized() -> None:
    values = np.ones((1, 2, 3, 3), np.float32)
    layer = layers.SpatialSeparableConvolution(2, 3, 1, 2, 2, with_bias=False, b_regularizer=L1L2(0.0, 0.5))
    layer.set_weights([np.ones_like(weight) for weight in layer.get_weights()])
    layer.backward(values, np.ones_like(layer.forward(values)))
    assert layer.parameters()[layer.name()]["gradient2"].tolist() == [0.0, 0.0, 0.0]


def test_weights_are_set_and_checked() -> None:
    layer = _linear()
    layer.set_weights([np.array([5.0, 6.0]), JTensor.from_ndarray(np.array([7.0]))])
    assert layer.get_weights()[0].tolist() == [[5.0, 6.0]]
    assert layer.is_with_weights() and not layers.ReLU().is_with_weights()
    assert layers.ReLU().get_weights() is None
    with pytest.raises(ArgumentError, match="fc has 2 weights and was given 1"):
        layer.set_weights([np.zeros((1, 2))])
    with pytest.raises(ArgumentError, match=r"fc: weight has shape \(3,\), expected \(1, 2\)"):
        layer.set_weights([np.zeros(3), np.zeros(1)])
    with pytest.raises(ArgumentError, match=r"Linear: init_weight has shape \(3, 3\), expected \(1, 2\)"):
        layers.Linear(2, 1, init_weight=np.zeros((3, 3)))


def test_frozen_layers_get_no_gradients() -> None:
    inner = layers.Sequential().add(_linear("a")).add(layers.Linear(1, 1).set_name("b"))
    model = layers.Sequential().add(inner)
    model.freeze(["a"])
    model.forward(X)
    model.backward(X, np.ones((2, 1)))
    held = model.parameters()
    assert not held["a"]["gradWeight"].any() and held["b"]["gradBias"].any()
    assert [module.frozen for module, _ in model.value.weights()] == [True, True, False, False]
    model.unfreeze().freeze()
    assert all(module.frozen for module in model.value.walk())
    model.unfreeze("a")
    assert [module.frozen for module, _ in model.value.weights()] == [False, False, True, True]
    with pytest.raises(ArgumentError, match="has no layer named 'c'; its layers are .*a, b"):
        model.freeze(["c"])


def test_training_and_evaluation_reach_all_layers() -> None:
    model = layers.Sequential().add(layers.Dropout(0.9))
    assert model.is_training()
    model.training(False)
    assert not model.is_training() and model.forward(X).tolist() == X.tolist()
    model.training()
    assert model.children[0].is_training()


def test_reset_draws_by_the_methods_that_were_set() -> None:
    layer = layers.Linear(100, 50)
    before = layer.get_weights()[0]
    assert np.abs(before).max() <= 0.1 and not np.array_equal(layer.reset().get_weights()[0], before)
    layer.set_init_method(methods.ConstInitMethod(2), methods.Zeros())
    assert np.unique(layer.get_weights()[0]) == [2.0] and not layer.get_weights()[1].any()
    layer.set_weights([np.ones((50, 100)), np.ones(50)])
    layer.reset()
    assert np.unique(layer.get_weights()[0]) == [2.0]


@pytest.mark.parametrize(
    ("method", "low", "high", "deviation"),
    [
        (methods.RandomUniform(), -0.05, 0.05, 0.1 / 12**0.5),
        (methods.RandomUniform(-1, 2), -1, 2, 3 / 12**0.5),
        (methods.RandomUniform(2, -1), -1, 2, 3 / 12**0.5),
        (methods.RandomNormal(1, 0.5), -5, 5, 0.5),
        (methods.Xavier(), -0.1, 0.1, 0.2 / 12**0.5),
        (methods.MsraFiller(), -1, 1, (2 / 300) ** 0.5),
        (methods.MsraFiller(False), -1, 1, (2 / 200) ** 0.5),
        (methods.Ones(), 1, 1, 0),
    ],
)
def test_initialization_methods(method: Any, low: float, high: float, deviation: float) -> None:
    drawn = layers.Linear(400, 200).set_init_method(weight_init_method=method).get_weights()[0]
    assert drawn.dtype == np.float32 and drawn.min() >= low and drawn.max() <= high
    assert drawn.std() == pytest.approx(deviation, rel=0.02)


def test_initial_values_without_fans_count_all_elements() -> None:
    drawn = methods.RandomUniform().initial(Parameter((25, 4), constant(0.0)))
    assert 0.09 < np.abs(drawn).max() <= 0.1
    assert np.abs(methods.RandomUniform().initial(Parameter((100,), constant(0.0)))).max() <= 0.1


def test_numbers_are_drawn_as_by_torch() -> None:
    rng = RNG()
    rng.set_seed(100)
    layer = layers.Linear(4, 5)
    found = layer.forward(rng.uniform(0.0, 1.0, [4]))
    np.testing.assert_allclose(found, [0.41366524, 0.00953265, -0.677581, 0.07945433, -0.5742568], atol=1e-6)
    layer.set_seed(2)
    whole = methods.RandomNormal(1, 2).initial(Parameter((3,), constant(0.0)))
    layer.set_seed(2)
    parts = [methods.RandomNormal(1, 2).initial(Parameter((n,), constant(0.0))) for n in (1, 2)]
    np.testing.assert_allclose(np.concatenate(parts), whole)


def test_bilinear_filler_interpolates() -> None:
    filled = methods.BilinearFiller().initial(Parameter((1, 1, 2, 4, 4), constant(0.0)))
    line = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(filled, np.broadcast_to(np.outer(line, line), (1, 1, 2, 4, 4)))
    with pytest.raises(ArgumentError, match="weights of 5 dimensions with a square kernel"):
        layers.Linear(2, 1).set_init_method(methods.BilinearFiller())
    with pytest.raises(UnsupportedError, match="does not say what weights start with"):
        layers.Linear(2, 1).set_init_method(methods.InitializationMethod(None, "float"))


def test_layers_that_stand_twice_share_weights() -> None:
    fc = layers.Linear(2, 2, init_weight=np.eye(2) * 3, init_bias=np.zeros(2))
    row = layers.Sequential().add(fc).add(fc)
    assert row.forward(X).tolist() == (9 * X).tolist() and len(row.get_weights()) == 2
    row.backward(X, np.ones((2, 2)))
    assert row.value.weights()[0][0].gradients["bias"].tolist() == [8.0, 8.0]
    node = layers.Input()
    model = layers.Model([node], [fc(fc(node))])
    assert model.forward(X).tolist() == (9 * X).tolist() and model.children == [fc]


def test_containers_tell_their_layers() -> None:
    inner = layers.Concat(2).add(layers.ReLU()).add(layers.Tanh())
    model = layers.Sequential().add(inner).add(layers.Identity())
    assert model.layers == [inner, model.children[1]]
    kinds = [layer.value.kind for layer in model.flattened_layers()]
    assert kinds == ["ReLU", "Tanh", "Identity"]
    assert [layer.value.kind for layer in model.flattened_layers(True)][2:] == ["Concat", "Identity", "Sequential"]
    assert model.forward(X).shape == (2, 4)
    with pytest.raises(ArgumentError, match="add was given a ndarray, expected a layer"):
        model.add(X)
    with pytest.raises(ArgumentError, match="MapTable.* has no layer yet"):
        layers.MapTable().forward([X])


def test_layers_of_modules_are_of_their_class() -> None:
    model = layers.Sequential().add(layers.Concat(2).add(_linear())).add(layers.ReLU())
    again = layers.Layer.of(model.value)
    assert type(again) is layers.Sequential and type(again.layers[0]) is layers.Concat
    assert type(again.layers[0].layers[0]) is layers.Linear and again.name() == model.name()
    assert type(layers.Layer.from_jvalue(_linear().value)) is layers.Linear
    assert layers.Sequential.from_jvalue(model.value).forward(X).tolist() == model.forward(X).tolist()
    with pytest.raises(ArgumentError, match="Layer was given a str for its module: a layer of your own"):
        layers.Layer("createLinear", "float")


def test_a_row_becomes_a_graph() -> None:
    inner = layers.Sequential().add(_linear("a")).add(layers.ReLU().set_name("r"))
    graph = layers.Sequential().add(inner).add(layers.Power(2.0)).to_graph()
    assert isinstance(graph, layers.Model) and [layer.name() for layer in graph.layers][1:3] == ["a", "r"]
    assert graph.layers[0].value.kind == "Identity" and len(graph.flattened_layers()) == 4  # with its input
    assert graph.forward(-X).tolist() == [[12.25], [30.25]]
    node = graph.node("r")
    assert node.element().name() == "r" and node.before[0].element().name() == "a"
    node.remove_next_edges()
    cut = layers.Model([node.before[0].before[0]], [node])
    assert cut.forward(-X).tolist() == [[3.5], [5.5]]
    node.remove_pre_edges()
    assert node.before == []
    with pytest.raises(ArgumentError, match="has no layer named 'x'; its layers are Input.*, a, r"):
        graph.node("x")


def test_nodes_of_inputs_have_names() -> None:
    first, second = layers.Input(), layers.Input()
    first.element().set_name("left")
    model = layers.Model([first, second], [layers.CSubTable()([first, second])])
    assert model.node("left").after[0].element().value.kind == "CSubTable"
    assert "left" in [layer.name() for layer in model.layers] and len(model.layers) == 3
    assert model.forward([3 * X, X]).tolist() == (2 * X).tolist()


def test_gradients_stop_in_front_of_layers() -> None:
    def model() -> Any:
        node = layers.Input()
        first = layers.Linear(2, 2).set_name("first")
        return layers.Model([node], [layers.Linear(2, 1).set_name("second")(layers.Tanh()(first(node)))])

    plain, stopped = model(), model().stop_gradient(["second"])
    for graph in (plain, stopped):
        graph.forward(X)
    assert plain.backward(X, np.ones((2, 1))).any() and not stopped.backward(X, np.ones((2, 1))).any()
    held = stopped.parameters()
    assert not held["first"]["gradWeight"].any() and held["second"]["gradWeight"].any()
    with pytest.raises(ArgumentError, match="has no layer named 'third'"):
        plain.stop_gradient(["third"])


def test_a_layer_may_prepare_for_another() -> None:
    model = layers.Model(_linear("before"), layers.Linear(1, 1).set_name("behind"))
    model.forward(X)
    assert not model.backward(X, np.ones((2, 1))).any()
    held = model.parameters()
    assert not held["before"]["gradBias"].any() and held["behind"]["gradBias"].any()


def test_graphs_that_cannot_be() -> None:
    node, other = layers.Input(), layers.Input()
    with pytest.raises(ArgumentError, match="Linear.* was called with a ndarray, expected nodes"):
        layers.Linear(2, 1)(X)
    with pytest.raises(ArgumentError, match="a Model is made of nodes, received a Linear"):
        layers.Model([node], [layers.Linear(2, 1)])
    with pytest.raises(ArgumentError, match="also starts at Input.*, which is not among its inputs"):
        layers.Model([node], [layers.CAddTable()([node, other])])
    with pytest.raises(ArgumentError, match="no output of a Model depends on its input"):
        layers.Model([node, other], [layers.ReLU()(node)])
    with pytest.raises(UnsupportedError, match="Model.load_tensorflow"):
        layers.Model([node], [node], model_type="tensorflow")


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("HardTanh(1.0, -1.0)", "max_value -1.0 must be above min_value 1.0"),
        ("RReLU(0.5, 0.2)", "lower 0.5 must be above 0 and below upper 0.2"),
        ("GaussianDropout(1.0)", "rate 1.0 must be at least 0"),
        ("Tile(1, 1)", "copies 1 above 1"),
        ("Replicate(2, 0)", "dim 0 must be above 0"),
        ("InferReshape([-1, -1])", "only one of the sizes"),
        ("View([-1, -1])", "only one of the sizes"),
        ("Highway(3, activation='swish')", "there is no activation 'swish'"),
    ],
)
def test_arguments_are_checked(expression: str, problem: str) -> None:
    with pytest.raises((ArgumentError, UnsupportedError), match=problem):
        eval(expression, vars(layers).copy())


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("Reshape([3], False)", r"cannot give a value of shape \(2, 2\) \(4 elements\) the shape \(3,\)"),
        ("Select(3, 1)", "there is no dimension 3 in a value of shape"),
        ("Select(2, 0)", "cannot take number 0 of dimension 2"),
        ("Narrow(2, 2, 4)", "cannot take 4 from number 2 on"),
        ("ExpandSize([2, 5])", "only dimensions of size 1 grow"),
        ("Unsqueeze(5)", "cannot put a dimension at 5"),
        ("JoinTable(1, 1)", "takes a table"),
        ("CAddTable()", "takes a table"),
        ("SelectTable(3)", "no element 3 in a table of 2"),
        ("Linear(3, 1).set_name('fc')", r"^fc takes 3 features \(input_size\), but was given 2: look at"),
        (
            "ParallelTable().add(ReLU()).set_name('pair')",
            "pair takes a table with one element for each",
        ),
        ("MM()", r"cannot take a value of shape \(2, 2\)"),
        ("Sequential().add(Bilinear(2, 2, 1))", r"Bilinear.*cannot take a value of shape"),
    ],
)
def test_values_are_checked(expression: str, problem: str) -> None:
    layer = eval(expression, vars(layers).copy())
    with pytest.raises((ArgumentError, DataError), match=problem):
        layer.forward([X, X] if "SelectTable" in expression else X)


@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        (lambda: layers.Linear(-4, 3), "^Linear cannot be made with input_size=-4, output_size=3"),
        (lambda: layers.Linear("4", 3), r"^Linear\(input_size=\) must be a whole number, received '4'"),
        (lambda: _linear().forward("abc"), "take numbers, arrays and tables .* received a str"),
        (lambda: _linear().forward(None), "take numbers, arrays and tables .* received a NoneType"),
        (lambda: _linear().predict_local("abc"), "a model takes arrays of numbers, received a str"),
        (
            lambda: _linear().predict_local(np.ones((2, 3))),
            "^fc takes 2 features .* given 3: .*shape .None, 3.",
        ),
        (lambda: _linear().backward(X, X), r"backward of fc was given .* \(2, 2\), expected .*: \(2, 1\)"),
        (lambda: _linear().set_init_method("xavier"), "takes methods such as Xavier.., received a str"),
        (lambda: JTensor.from_ndarray("x"), "a JTensor is made of numbers"),
    ],
)
def test_mistakes_are_told_in_a_sentence(mistake: Any, problem: str) -> None:
    with pytest.raises((ArgumentError, DataError), match=problem) as caught:
        mistake()
    assert "\n" not in str(caught.value)


def test_echo_tells_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    layers.Echo().set_name("here").forward(X)
    assert capsys.readouterr().out == "here : Activation size is 2x2\n"


def test_layers_can_be_pickled_after_a_pass() -> None:
    model = layers.Sequential().add(_linear()).add(layers.ReLU())
    model.forward(X)
    model.backward(X, np.ones((2, 1)))
    again = pickle.loads(pickle.dumps(model))
    assert again.forward(-X).tolist() == model.forward(-X).tolist()
