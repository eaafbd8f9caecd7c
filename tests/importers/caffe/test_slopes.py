"""Gradients of layers that no recorded answer covers, against differences of what their definition says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.importers.caffe.own_cases import OwnCase
from tests.importers.caffe.test_layers import CASES, load_case

# They have none, or (PriorBox) none that depends on an input; a table's rows are chosen by numbers.
FLAT = {"Accuracy", "ArgMax", "DetectionOutput", "PriorBox", "Threshold"}
SMOOTH = [case for case in CASES if case.tops == 1 and case.type not in FLAT and "no slope" not in case.fields]


@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: f"{case.type}-{case.fields[:40]}")
def test_slopes_are_those_of_the_definition(case: OwnCase, tmp_path: Path) -> None:
    model, dice = load_case(case, tmp_path), np.random.default_rng(8)
    given = [np.asarray(value, "float64") for value in case.inputs.values()]
    tensors = [tf.constant(value, tf.float32) for value in given]
    with tf.GradientTape() as tape:
        tape.watch(tensors[0])
        answer = model(tensors if len(tensors) > 1 else tensors[0])
        seed = dice.normal(size=answer.shape)
        total = tf.reduce_sum(answer * tf.constant(seed, answer.dtype))
    slope = tape.gradient(total, tensors[0])
    for _ in range(3):
        direction = dice.normal(size=given[0].shape)
        ends = [np.sum(case.expected(given[0] + step * direction, *given[1:]) * seed) for step in (1e-6, -1e-6)]
        assert np.sum(slope * direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-3)
