"""Dividing, joining and restoring the state of optimizers, against runs that were never disturbed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdl.engine.optimizer_state import build_slots, load_into_optimizer, state_of_optimizer
from sparkdl.errors import ModelError, UnsupportedError
from tests.engine.optimizer_cases import ALL, Plain, Workers, gradients_of, make_variables


def run(subject, steps, first=0):
    for step in range(first, first + steps):
        subject.step(gradients_of(step, make_variables()))


def merged(workers):
    return workers.updaters[0].merge_state([updater.state() for updater in workers.updaters])


def moved(name, before, count, bucket_size=None):
    """New workers that continue where `before` stands."""
    after = Workers(ALL[name](), make_variables(), count, bucket_size)
    after.weights[:] = before.weights
    for updater in after.updaters:
        updater.load_state(merged(before))
    return after


@settings(max_examples=8, deadline=None)
@given(
    before=st.integers(1, 5),
    after=st.integers(1, 5),
    name=st.sampled_from(["adam", "nadam", "adafactor", "accumulation clip", "loss scale", "custom", "muon"]),
    sizes=st.tuples(*[st.sampled_from([None, 1, 64, 300])] * 2),
)
def test_any_number_of_workers_continues_as_any_other(before, after, name, sizes):
    undisturbed = Plain(ALL[name](), make_variables())
    run(undisturbed, 9)
    workers = Workers(ALL[name](), make_variables(), before, sizes[0])
    run(workers, 4)
    workers = moved(name, workers, after, sizes[1])
    run(workers, 5, first=4)
    np.testing.assert_allclose(workers.weights, undisturbed.weights, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_every_optimizer_goes_to_keras_and_back(name):
    undisturbed = Plain(ALL[name](), make_variables())
    run(undisturbed, 9)

    workers = Workers(ALL[name](), make_variables(), 2)
    run(workers, 4)
    variables = make_variables()
    for spec, variable in zip(workers.layout.variables, variables, strict=True):
        variable.assign(workers.weights[spec.offset : spec.offset + spec.size].reshape(spec.shape))
    plain = Plain(ALL[name](), variables)
    load_into_optimizer(plain.optimizer, variables, merged(workers))
    run(plain, 2, first=4)

    last = Workers(ALL[name](), make_variables(), 3)
    last.weights[:] = plain.weights
    for updater in last.updaters:
        updater.load_state(state_of_optimizer(plain.optimizer, plain.variables))
    run(last, 3, first=6)
    last.finalize()
    undisturbed.finalize()
    np.testing.assert_allclose(last.weights, undisturbed.weights, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_merged_states_have_the_variables_of_keras(name):
    plain, workers = Plain(ALL[name](), make_variables()), Workers(ALL[name](), make_variables(), 2)
    for subject in (plain, workers):
        run(subject, 3)
    expected = state_of_optimizer(plain.optimizer, plain.variables)
    joined = merged(workers)
    assert sorted(joined) == sorted(expected)
    assert len(expected) == len(plain.optimizer.variables)
    for key, value in expected.items():
        assert joined[key].dtype == value.dtype and joined[key].shape == value.shape, key
        np.testing.assert_allclose(joined[key], value, rtol=2e-6, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["adafactor", "adam", "muon", "lamb"])
def test_slots_have_the_shapes_of_keras_where_axes_are_one(name, count):
    """Adafactor's rows of (4, 1), columns of (1, 5) and of the convolution have as many elements as these."""
    shapes = {"tall/kernel": (4, 1), "wide/kernel": (1, 5), "conv/kernel": (3, 3, 1, 8), "one/kernel": (1, 1)}

    def made():
        return make_variables(shapes)

    plain, workers = Plain(ALL[name](), made()), Workers(ALL[name](), made(), count)
    for step in range(4):
        for subject in (plain, workers):
            subject.step(gradients_of(step, made()))
    expected, joined = state_of_optimizer(plain.optimizer, plain.variables), merged(workers)
    assert {key: value.shape for key, value in joined.items()} == {key: v.shape for key, v in expected.items()}
    again = Plain(ALL[name](), made())
    load_into_optimizer(again.optimizer, again.variables, joined)
    for key, value in state_of_optimizer(again.optimizer, again.variables).items():
        np.testing.assert_allclose(value, expected[key], rtol=2e-6, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)


def test_a_saved_model_has_the_state(tmp_path):
    model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(9), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    workers = Workers(ALL["adam"](), model.trainable_variables, 2)
    for step in range(3):
        workers.step(gradients_of(step, model.trainable_variables))
    load_into_optimizer(model.optimizer, model.trainable_variables, merged(workers))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    state = state_of_optimizer(loaded.optimizer, loaded.trainable_variables)
    assert state["optimizer/iterations"] == 3
    np.testing.assert_array_equal(state["optimizer/velocity/0"], merged(workers)["optimizer/velocity/0"])


def test_frozen_variables_are_left_out():
    variables = make_variables()
    plain = Plain(ALL["adam"](), variables)
    run(plain, 2)
    state = state_of_optimizer(plain.optimizer, variables[1:])
    np.testing.assert_array_equal(state["optimizer/momentum/0"], plain.optimizer._momentums[1].numpy())
    assert "optimizer/momentum/2" not in state


def test_unbuilt_optimizers_have_no_state_and_an_empty_state_changes_nothing():
    assert state_of_optimizer(keras.optimizers.Adam(), make_variables()) == {}
    workers = Workers(ALL["adam"](), make_variables(), 1)
    run(workers, 2)
    workers.updaters[0].load_state({})
    assert workers.updaters[0].iterations == 2


def test_slots_of_one_name_are_told_apart():
    class Twice(keras.optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.first = [self.add_variable_from_reference(variable) for variable in variables]
            self.second = [self.add_variable_from_reference(slot) for slot in self.first]

    slots = build_slots(Twice(0.1), make_variables())
    found = [(slot.name, slot.index) for slot in slots[2:]]
    assert found == [("var", 0), ("var", 1), ("var", 2), ("var.2", 0), ("var.2", 1), ("var.2", 2)]


def test_what_differs_between_workers_is_refused_by_name():
    workers = Workers(ALL["adam"](), make_variables(), 2)
    states = [updater.state() for updater in workers.updaters]
    states[1]["optimizer/iterations"] = states[1]["optimizer/iterations"] + 1
    with pytest.raises(UnsupportedError, match="'iterations'.*worker 0 and worker 1"):
        workers.updaters[0].merge_state(states)


def test_a_state_of_something_else_is_refused():
    workers = Workers(ALL["adam"](), make_variables(), 2)
    run(workers, 2)
    with pytest.raises(ModelError, match="no 'momentum/0'"):
        workers.updaters[0].load_state(merged(Workers(ALL["sgd"](), make_variables(), 2)))
    assert workers.updaters[0].iterations == 2, "a refused state must change nothing"
    plain = Plain(ALL["adam"](), make_variables())
    with pytest.raises(ModelError, match="call model.compile"):
        state_of_optimizer(plain.optimizer, make_variables())
    other = make_variables({"hidden/kernel": (3, 2), "hidden/bias": (2,), "output/kernel": (2, 1)})
    with pytest.raises(ModelError, match="shape"):
        load_into_optimizer(keras.optimizers.Adam(), other, merged(workers))
    with pytest.raises(ModelError, match="shape"):
        Workers(ALL["adam"](), other, 2).updaters[0].load_state(merged(workers))
