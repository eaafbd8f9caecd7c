"""Every golden case of BigDL's criterions, and what the goldens do not reach."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sparkdl.bigdl.keras import objectives
from sparkdl.bigdl.nn import criterion as criterions
from sparkdl.bigdl.nn import layer as layers
from sparkdl.errors import DataError
from sparkdl.nn.torch.criterions.loss import loss, loss_and_gradient, reduction, weight
from sparkdl.nn.torch_loss import TorchLoss

GOLDEN = Path(__file__).parents[2] / "golden" / "bigdl"
INDEX = json.loads((GOLDEN / "criterions.json").read_text())
ARRAYS = dict(np.load(GOLDEN / "criterions.npz"))
NAMES = {**vars(layers), **vars(criterions), "np": np}


def _values(item: dict[str, Any], key: str, table: bool) -> Any:
    """The arrays of a case, in a list where they stood in a table."""
    names = sorted(name for name in ARRAYS if re.fullmatch(rf"{item['id']}/{key}\d+", name))
    found = [ARRAYS[name] for name in names]
    return found if table else found[0]


@pytest.mark.parametrize("item", INDEX["items"], ids=lambda item: f"{item['id']}-{item['class']}")
def test_golden(item: dict[str, Any]) -> None:
    criterion = eval(item["expr"], NAMES)
    tables = [isinstance(item[key][0], list) for key in ("input", "target")]
    x, target = _values(item, "x", tables[0]), _values(item, "t", tables[1])
    assert criterion.forward(x, target) == pytest.approx(item["loss"], rel=1e-6, abs=1e-9)
    expected = _values(item, "gx", tables[0])
    found = criterion.backward(x, target)
    for mine, theirs in zip(found if tables[0] else [found], expected if tables[0] else [expected], strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=1e-4 * max(np.abs(theirs).max(), 1e-30))


@pytest.mark.parametrize("item", INDEX["items"], ids=lambda item: f"{item['id']}-{item['class']}")
def test_same_inside_a_function(item: dict[str, Any]) -> None:
    module = eval(item["expr"], NAMES).value
    tables = [isinstance(item[key][0], list) for key in ("input", "target")]
    x, target = _values(item, "x", tables[0]), _values(item, "t", tables[1])
    traced = tf.function(lambda output, target: loss(module, output, target))
    assert float(traced(x, target)) == pytest.approx(item["loss"], rel=2e-6, abs=1e-9)


RANDOM = np.random.RandomState(7)
PARTS = {
    "MSECriterion()": (RANDOM.rand(6, 3), RANDOM.rand(6, 3)),
    "AbsCriterion(False)": (RANDOM.rand(6, 3), RANDOM.rand(6, 3)),
    "ClassNLLCriterion()": (RANDOM.rand(6, 3), np.array([1, 2, -1, 3, -1, 1])),
    "CrossEntropyCriterion([1.0, 2.0, 5.0])": (RANDOM.rand(6, 3), np.array([1, 2, 3, 3, -1, 1])),
    "SoftmaxWithCriterion(2)": (RANDOM.rand(6, 3), np.array([1, 2, 3, 3, 2, 1])),
    "TimeDistributedCriterion(CrossEntropyCriterion(size_average=False))": (
        RANDOM.rand(6, 4, 3),
        RANDOM.randint(1, 4, (6, 4)),
    ),
    "TimeDistributedMaskCriterion(ClassNLLCriterion(size_average=False))": (
        RANDOM.rand(6, 4, 3),
        RANDOM.randint(0, 4, (6, 4)),
    ),
    "TimeDistributedCriterion(MSECriterion(), True)": (RANDOM.rand(6, 4, 3), RANDOM.rand(6, 4, 3)),
}


def test_padding_that_is_a_class_is_left_out_of_the_count_only() -> None:
    """As BigDL 2.4 answers: the loss of each step is the mean of all labels, times those that are no padding."""
    x = np.log(RANDOM.dirichlet(np.ones(3), (2, 2))).astype(np.float32)
    target = np.array([[1, 2], [3, 1]])
    steps = [-(x[0, 0, 0] + x[1, 0, 2]) / 2 * 2, -(x[0, 1, 1] + x[1, 1, 0]) / 2 * 1]
    found = criterions.TimeDistributedMaskCriterion(criterions.ClassNLLCriterion(), 2).forward(x, target)
    assert found == pytest.approx(sum(steps) / 3, rel=1e-6)


@pytest.mark.parametrize("expression", PARTS)
def test_the_loss_of_a_batch_follows_from_those_of_its_parts(expression: str) -> None:
    module = eval(expression, NAMES).value
    x, target = (tf.constant(value, tf.float32) for value in PARTS[expression])
    parts = [(x[:2], target[:2]), (x[2:], target[2:])]
    losses = [float(loss(module, *part)) for part in parts]
    kind = reduction(module)
    if kind == "sum":
        expected = sum(losses)
    else:
        weights = [len(part[0]) if kind == "mean" else float(weight(module, *part)) for part in parts]
        expected = np.average(losses, weights=weights)
    assert float(loss(module, x, target)) == pytest.approx(expected, rel=1e-6)


def test_sequences_at_once_as_step_by_step() -> None:
    x, target = RANDOM.rand(5, 4, 3), RANDOM.randint(1, 4, (5, 4))
    target[0, 2] = -1
    inner = criterions.CrossEntropyCriterion(weights=np.array([1.0, 2.0, 0.5]))
    steps = [inner.forward(x[:, t], target[:, t]) for t in range(4)]
    assert criterions.TimeDistributedCriterion(inner).forward(x, target) == pytest.approx(sum(steps), rel=1e-6)
    mean = criterions.TimeDistributedCriterion(inner, True)
    assert mean.forward(x, target) == pytest.approx(sum(steps) / 4, rel=1e-6)
    first = criterions.TimeDistributedCriterion(inner, dimension=1)
    assert first.forward(np.swapaxes(x, 0, 1), target.T) == pytest.approx(sum(steps), rel=1e-6)


@pytest.mark.parametrize(
    ("expression", "x", "target", "message"),
    [
        (
            "ClassNLLCriterion()",
            np.zeros((2, 3)),
            [0.0, 1.0],
            "label 0, but its classes are 1 to 3 .*: add 1 to labels",
        ),
        ("CrossEntropyCriterion()", np.zeros((2, 3)), [1.0, 4.0], "label 4, but its classes are 1 to 3"),
        ("SoftmaxWithCriterion()", np.zeros((2, 3)), [0.0, 1.0], "label 0, but its classes are 1 to 3: add 1"),
        ("ClassNLLCriterion()", np.zeros((2, 3)), np.eye(3)[:2], "one label per row, not one-hot"),
        ("ClassNLLCriterion()", np.zeros((2, 3, 4)), np.ones((2, 3)), "TimeDistributedCriterion around it"),
        ("ClassNLLCriterion([1.0])", np.zeros((2, 3)), [1.0, 2.0], "1 weights, but the output has 3 classes"),
        ("MSECriterion()", np.zeros((2, 3)), np.zeros((2, 4)), "differ in their number of elements"),
        ("ParallelCriterion().add(MSECriterion())", np.zeros((2, 3)), np.zeros((2, 3)), "expected a table"),
        ("KLDCriterion()", np.zeros((2, 3)), np.zeros((2, 3)), "expected a table"),
        ("TimeDistributedCriterion(MSECriterion())", np.zeros((2, 3)), np.zeros((2, 4)), "same number of steps"),
    ],
)
def test_mistakes_are_named(expression: str, x: Any, target: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        eval(expression, NAMES).forward(x, np.asarray(target))


def test_labels_inside_a_function_are_checked() -> None:
    module = criterions.ClassNLLCriterion().value
    traced = tf.function(lambda output, target: loss(module, output, target))
    with pytest.raises(tf.errors.InvalidArgumentError, match="none of its classes 1 to 3 .*: add 1 to labels"):
        traced(tf.zeros([2, 3]), tf.constant([0.0, 1.0]))


def test_made_of_a_module() -> None:
    criterion = criterions.Criterion.of(criterions.AbsCriterion(False).value)
    assert criterion.forward(np.array([1.0, 4.0]), np.array([2.0, 2.0])) == 3.0
    assert str(criterion) == "nn.AbsCriterion"


def _recorded() -> list[dict[str, Any]]:
    """Further numbers of BigDL 2.4: unusual shapes, labels and values, and the Keras-style losses."""
    values = iter(np.load(GOLDEN / "losses.npz")["values"])

    def filled(entry: Any) -> Any:
        if isinstance(entry, list):
            return [filled(part) for part in entry]
        size = int(np.prod(entry["shape"]))
        return np.array(list(itertools.islice(values, size)), np.float32).reshape(entry["shape"])

    items = json.loads((GOLDEN / "losses.json").read_text())["items"]
    return [{name: entry if name == "expr" else filled(entry) for name, entry in item.items()} for item in items]


def test_further_numbers() -> None:
    names = {**NAMES, "O": objectives}
    for case in _recorded():
        value, gradient = loss_and_gradient(eval(case["expr"], names).value, case["x"], case["t"])
        assert value == pytest.approx(float(case["loss"]), rel=3e-6, abs=1e-7), case["expr"]
        for mine, theirs in zip(keras.tree.flatten(gradient), keras.tree.flatten(case["gx"]), strict=True):
            scale = max(np.abs(theirs).max(), 1e-2)
            np.testing.assert_allclose(mine.ravel(), theirs.ravel(), atol=1e-4 * scale, err_msg=case["expr"])


@pytest.mark.parametrize("expression", ["ClassNLLCriterion(None, False, False)", "O.SparseCategoricalCrossEntropy()"])
def test_outputs_that_are_no_probabilities_are_taken_to_the_nearest(expression: str) -> None:
    criterion = eval(expression, {**NAMES, "O": objectives})
    outputs = np.array([[0.0, -64.0], [-243.0, 0.0], [2.0, 3.0]], np.float32)
    labels = np.ones(3) if expression.startswith("O.") else np.full(3, 2.0)
    rows = 3 if expression.startswith("O.") else 1  # the first is a sum
    assert criterion.forward(outputs, labels) == pytest.approx(2 * 18.420681 / rows)
    np.testing.assert_allclose(criterion.backward(outputs, labels), np.outer([1e8, 1e8, 1], [0, -1 / rows]), rtol=1e-6)


def test_layers_inside_a_criterion_keep_their_weights() -> None:
    inner = layers.Linear(4, 2, init_weight=RANDOM.rand(2, 4), init_bias=RANDOM.rand(2))
    criterion = criterions.TransformerCriterion(criterions.MSECriterion(), inner)
    x, target = RANDOM.rand(3, 4).astype(np.float32), RANDOM.rand(3, 2).astype(np.float32)
    config = json.loads(json.dumps(TorchLoss(criterion.value).get_config()))
    assert float(TorchLoss.from_config(config)(target, x)) == pytest.approx(criterion.forward(x, target), rel=1e-6)


def test_one_target_per_row_stands_for_the_row() -> None:
    x, t = np.arange(12.0).reshape(3, 4), np.array([1.0, 2.0, 3.0])
    for target in (t, t[:, None]):
        value, gradient = loss_and_gradient(criterions.MSECriterion().value, x, target)
        assert value == pytest.approx(19.5)  # BigDL's own, of a target [3, 1]
        np.testing.assert_allclose(gradient, (x - t[:, None]) / 6, atol=1e-6)
