"""Numbers that constructors are given, over all classes that scripts can make."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import numpy as np
import pytest

import sparkdl.bigdl
from sparkdl.bigdl.nn.layer import Linear
from sparkdl.bigdl.optim.optimizer import SGD, EveryEpoch, MaxEpoch, MinLoss, MultiStep
from sparkdl.bigdl.util.arguments import check_of
from sparkdl.bigdl.util.bridge import JavaValue
from sparkdl.errors import ArgumentError

pytestmark = pytest.mark.tf


def _checked_parameters() -> list[tuple[type, inspect.Parameter]]:
    """The parameters of all classes of scripts whose annotations say what numbers they take."""
    for module in pkgutil.walk_packages(sparkdl.bigdl.__path__, "sparkdl.bigdl."):
        if not module.name.endswith(("__main__", "install")):
            importlib.import_module(module.name)
    found: list[tuple[type, inspect.Parameter]] = []
    pending, seen = list(JavaValue.__subclasses__()), set()
    while pending:
        cls = pending.pop()
        pending += cls.__subclasses__()
        if cls in seen or not cls.__module__.startswith("sparkdl.bigdl.") or "__init__" not in vars(cls):
            continue
        seen.add(cls)
        parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        found += [(cls, parameter) for parameter in parameters if check_of(parameter)]
    return found


def test_every_class_refuses_what_is_no_number() -> None:
    parameters = _checked_parameters()
    numbers = [parameter for _, parameter in parameters if parameter.name != "bigdl_type"]
    assert len(numbers) > 500  # layers, criterions, triggers, methods, schedules, transforms, ...
    for cls, parameter in parameters:
        with pytest.raises(ArgumentError, match=rf"^{cls.__name__}\({parameter.name}=\) must be .*, received 'x'\.$"):
            cls(**{parameter.name: "x"})
        if parameter.default is not parameter.empty:
            assert check_of(parameter)[0](parameter.default), (cls, parameter)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxEpoch("a"), r"MaxEpoch\(max_epoch=\) must be a whole number, received 'a'"),
        (lambda: MaxEpoch(2.5), r"MaxEpoch\(max_epoch=\) must be a whole number, received 2.5"),
        (lambda: MaxEpoch(True), r"MaxEpoch\(max_epoch=\) must be a whole number, received True"),
        (lambda: SGD(learningrate="x"), r"SGD\(learningrate=\) must be a number, received 'x'"),
        (lambda: SGD(None), r"SGD\(learningrate=\) must be a number, received None"),
        (lambda: SGD(nesterov="yes"), r"SGD\(nesterov=\) must be True or False, received 'yes'"),
        (lambda: MultiStep([1, "2"], 0.1), r"MultiStep\(step_sizes=\) must be a list of whole numbers"),
        (lambda: EveryEpoch(3), r"EveryEpoch\(bigdl_type=\) must be 'float' or 'double', received 3"),
        (
            lambda: Linear(4, 3).update_parameters("x"),
            r"update_parameters\(learning_rate=\) must be a number, received 'x'",
        ),
        (lambda: Linear("4", 3), r"Linear\(input_size=\) must be a whole number, received '4'"),
        (lambda: Linear(4, 3.0), r"Linear\(output_size=\) must be a whole number, received 3.0"),
    ],
)
def test_mistakes_are_named_where_the_object_is_made(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_numbers_of_numpy_and_whole_ones_for_others_will_do() -> None:
    assert MaxEpoch(np.int64(3)).max_epoch == 3
    assert (MinLoss(1).min, MinLoss(np.float32(0.5)).min) == (1, 0.5)
    assert SGD(1, nesterov=np.bool_(False)).learningrate == 1
    assert MultiStep(np.array([1, 2]), 0.1).step_sizes == [1, 2]
    assert Linear(np.int32(4), 3, with_bias=1).get_weights()[0].shape == (3, 4)


def test_what_scripts_annotate_is_their_own() -> None:
    class Mine(MaxEpoch):
        def __init__(self, max_epoch: int) -> None:
            super().__init__(int(max_epoch))

    assert Mine("3").max_epoch == 3  # type: ignore[arg-type]
