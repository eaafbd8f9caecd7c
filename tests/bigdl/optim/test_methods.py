"""Twenty steps of BigDL's optim methods on one process, with the gradients of BigDL's own layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.bigdl.nn.criterion import MSECriterion
from sparkdl.bigdl.nn.layer import Linear, Sequential, Tanh
from sparkdl.bigdl.optim import optimizer as surface
from sparkdl.bigdl.optim.optimizer import SequentialSchedule
from sparkdl.nn.torch_optim import halve_in_place

GOLDEN = Path(__file__).parents[2] / "golden/bigdl"
ARRAYS = np.load(GOLDEN / "optim.npz")
ITEMS = {item["id"]: item["optim"] for item in json.loads((GOLDEN / "optim.json").read_text())["items"]}
# These need an Optimizer: a Plateau looks at epochs, rates of single weights and penalties are the model's.
WITH_OPTIMIZER = {"015", "019", "041"}
CLIPPED = "039"


def sequence(iterations: int, *parts: tuple[Any, int]) -> SequentialSchedule:
    schedule = SequentialSchedule(iterations)
    for part, length in parts:
        schedule.add(part, length)
    return schedule


def twenty_steps(case: str, nudge: Any = None, **clipping: Any) -> tuple[list[float], float]:
    """The losses, and how far the last weights are from BigDL's; `nudge(step, gradients)` changes gradients."""
    first = Linear(4, 3, init_weight=ARRAYS["W0"], init_bias=ARRAYS["b0"])
    second = Linear(3, 3, init_weight=ARRAYS["W1"], init_bias=ARRAYS["b1"])
    model, criterion = Sequential().add(first).add(Tanh()).add(second), MSECriterion()
    method = eval(ITEMS[case], {**vars(surface), "seq": sequence, "np": np})
    optimizer = method.optimizer(1, halved=True, **clipping)
    weights = [keras.Variable(ARRAYS[name]) for name in ("W0", "b0", "W1", "b1")]
    optimizer.halve(weights)
    losses = []
    for step in range(20):
        model.set_weights([np.asarray(weight) for weight in weights])
        model.zero_grad_parameters()
        outputs = model.forward(ARRAYS["X"])
        losses.append(criterion.forward(outputs, ARRAYS["Y"]))
        model.backward(ARRAYS["X"], criterion.backward(outputs, ARRAYS["Y"]))
        told = model.parameters()
        gradients = [told[part.name()][name] for part in (first, second) for name in ("gradWeight", "gradBias")]
        if nudge is not None:
            nudge(step, gradients)
        for gradient in gradients:
            halve_in_place(gradient)
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], weights)
    optimizer.make_whole(weights)
    ends = [np.abs(np.asarray(weight) - ARRAYS[f"{case}/w{index}"]).max() for index, weight in enumerate(weights)]
    return losses, max(ends)


@pytest.mark.parametrize("case", sorted(set(ITEMS) - WITH_OPTIMIZER - {CLIPPED}), ids=lambda case: ITEMS[case])
def test_twenty_steps_are_bigdls(case: str) -> None:
    losses, distance = twenty_steps(case)
    np.testing.assert_allclose(losses, ARRAYS[f"{case}/loss"], rtol=1e-6, atol=1e-7)
    assert distance < 1e-5


def test_clipped_steps_are_bigdls_but_for_four_units_in_the_last_place_of_one_gradient() -> None:
    """In step 9 one gradient ends in the bits fffc to ffff, as eight rows are added up in one order or another: four
    units in the last place more, and its upper half is the next number. BigDL shuffled the rows, and had that one."""
    ends = []

    def nudge(step: int, gradients: list[np.ndarray]) -> None:
        if step == 8:
            bits = gradients[2].view(np.uint32)
            ends.append(int(bits[0, 0] + 4) & 0xFFFF)
            bits[0, 0] += 4

    losses, distance = twenty_steps(CLIPPED, nudge, global_clipnorm=0.2)
    np.testing.assert_allclose(losses, ARRAYS[f"{CLIPPED}/loss"], rtol=1e-6, atol=1e-7)
    assert distance < 1e-6 and 0 <= ends[0] < 8
