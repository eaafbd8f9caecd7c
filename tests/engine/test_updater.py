"""The sharded update against Keras's own `optimizer.apply` on all variables."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sparkdl.engine.updater import KerasUpdater, excluded_variables, shard_buckets
from sparkdl.errors import UnsupportedError
from sparkdl.nn.torch_optim import TorchAdam
from tests.engine.optimizer_cases import ALL, Plain, Workers, flatten, gradients_of, layout_of, make_variables

STEPS = 15


def run(subject, steps, first=0, overflow=()):
    for step in range(first, first + steps):
        gradients = gradients_of(step, subject.variables if isinstance(subject, Plain) else make_variables())
        if step in overflow:
            gradients[-1].reshape(-1)[-1] = np.inf
        subject.step(gradients)


@pytest.mark.parametrize("name", ALL)
def test_any_number_of_workers_equals_keras(name):
    plain = Plain(ALL[name](), make_variables())
    run(plain, STEPS)
    plain.finalize()
    for count in (1, 2, 3, 4):
        workers = Workers(ALL[name](), make_variables(), count)
        run(workers, STEPS)
        workers.finalize()
        np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6, err_msg=f"{count} workers")
        for updater in workers.updaters:
            assert updater.iterations == int(plain.optimizer.iterations)
            rate = float(keras.ops.convert_to_numpy(plain.optimizer.learning_rate))
            assert updater.learning_rate == pytest.approx(rate, rel=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_an_update_that_xla_compiles_equals_keras(name, caplog):
    plain, workers = Plain(ALL[name](), make_variables()), Workers(ALL[name](), make_variables(), 2, jit_compile=True)
    for subject in (plain, workers):
        run(subject, STEPS)
        subject.finalize()
    for updater in workers.updaters:
        assert [step.by_xla for step in updater._run_step._by_rows.values()] == [True], caplog.text
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)
    assert {updater.iterations for updater in workers.updaters} == {int(plain.optimizer.iterations)}


@pytest.mark.parametrize("name", ["loss scale", "loss scale clip", "loss scale lamb"])
@pytest.mark.parametrize("count", [1, 3])
def test_an_overflow_on_one_worker_is_skipped_by_all(name, count):
    plain, workers = Plain(ALL[name](), make_variables()), Workers(ALL[name](), make_variables(), count)
    for subject in (plain, workers):
        run(subject, 9, overflow={3, 7})
    assert {updater.loss_scale for updater in workers.updaters} == {float(plain.optimizer.dynamic_scale.numpy())}
    assert {updater.iterations for updater in workers.updaters} == {7}
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "constraint", "exact"),
    [
        (keras.optimizers.SGD(), None, False),
        (keras.optimizers.SGD(), keras.constraints.NonNeg(), True),
        (TorchAdam(), None, False),
        (TorchAdam(halved=True), None, True),
    ],
)
def test_weights_that_rounding_would_spoil_are_not_rounded(optimizer, constraint, exact):
    variables = [keras.Variable(np.ones((4, 3), "float32")) for _ in range(2)]
    variables[1].constraint = constraint
    layout = layout_of(variables)
    buckets = shard_buckets(layout, 1, optimizer, variables)
    weights = np.ones(layout.length, np.float32)
    assert KerasUpdater(optimizer, variables, layout, buckets, 0, weights).exact_weights is exact


@pytest.mark.parametrize("jit_compile", [False, True], ids=["kernels", "xla"])
def test_slices_give_the_same_bytes_for_any_number_of_workers(jit_compile):
    results = []
    for count in (1, 2, 4):
        workers = Workers(ALL["adamw"](), make_variables(), count, jit_compile=jit_compile)
        run(workers, STEPS)
        results.append(workers.weights.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("name", ["adamw", "ftrl", "loss scale", "ema", "lamb"])
def test_buckets_change_no_byte(name):
    results = []
    for size in (None, 1, 100, 2000):
        workers = Workers(ALL[name](), make_variables(), 3, size)
        run(workers, STEPS)
        workers.finalize()
        results.append(workers.weights.tobytes())
    assert len(set(results)) == 1
    assert len(workers.buckets) == 1 and (
        name == "lamb" or len(Workers(ALL[name](), make_variables(), 3, 1).buckets) > 2
    )


def test_more_workers_than_elements():
    shapes = {"tiny/kernel": (2, 1), "tiny/bias": (1,)}
    for name in ("adam", "lamb", "global_clipnorm", "loss scale"):
        plain, workers = Plain(ALL[name](), make_variables(shapes)), Workers(ALL[name](), make_variables(shapes), 5)
        for step in range(5):
            gradients = gradients_of(step, plain.variables)
            plain.step(gradients)
            workers.step(gradients)
        np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)
        assert {updater.iterations for updater in workers.updaters} == {5}


def test_weights_that_somebody_else_changed_are_what_is_updated():
    variables = make_variables()
    plain, workers = Plain(ALL["adam"](), variables), Workers(ALL["adam"](), make_variables(), 2)
    for subject in (plain, workers):
        run(subject, 3)
    for variable in variables:
        variable.assign(variable * 0.5)
    workers.weights *= np.float32(0.5)
    for subject in (plain, workers):
        run(subject, 3, first=3)
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)


def test_the_users_optimizer_is_not_changed():
    optimizer = keras.optimizers.Adam(0.01)
    run(Workers(optimizer, make_variables(), 2), 2)
    assert not optimizer.built


def test_learning_rate_can_be_set():
    plain, workers = Plain(ALL["adam"](), make_variables()), Workers(ALL["adam"](), make_variables(), 2)
    for rate in (0.01, 0.001):
        plain.optimizer.learning_rate = rate
        for updater in workers.updaters:
            updater.learning_rate = rate
        for subject in (plain, workers):
            run(subject, 3)
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)


def test_setting_the_learning_rate_of_a_schedule_fails_as_in_keras():
    updater = Workers(ALL["schedule"](), make_variables(), 1).updaters[0]
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        updater.learning_rate = 0.1


@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
def test_the_padding_stays_zero(epsilon):
    workers = Workers(keras.optimizers.RMSprop(0.1, epsilon=epsilon), make_variables(), 2)
    run(workers, 3)
    used = np.zeros(workers.layout.length, bool)
    for spec in workers.layout.variables:
        used[spec.offset : spec.offset + spec.size] = True
    assert not workers.weights[~used].any()
    assert np.isfinite(workers.weights).all()


def test_constraints_are_applied_to_whole_variables():
    def constrained():
        variables = make_variables()
        variables[0].constraint = keras.constraints.MaxNorm(0.5)
        return variables

    plain, workers = Plain(ALL["adam"](), constrained()), Workers(ALL["adam"](), constrained(), 3)
    for subject in (plain, workers):
        run(subject, 5)
    np.testing.assert_allclose(workers.weights, plain.weights, rtol=2e-6, atol=1e-6)
    kernel = workers.weights[:63].reshape(7, 9)
    assert np.linalg.norm(kernel, axis=0).max() == pytest.approx(0.5, rel=1e-4)


def test_variables_of_bfloat16_are_updated_in_bfloat16():
    def half():
        return [keras.Variable(np.linspace(0, 1, 40), dtype="bfloat16", name="kernel")]

    plain, workers = Plain(ALL["momentum"](), half()), Workers(ALL["momentum"](), half(), 2)
    for step in range(5):
        gradients = gradients_of(step, plain.variables)
        plain.step(gradients)
        workers.step(gradients)
    np.testing.assert_array_equal(workers.weights[:40], np.asarray(plain.variables[0].value).astype("float32"))


def test_views_that_tensorflow_cannot_take_are_copied():
    workers = Workers(ALL["adam"](), make_variables(), 1)
    expected = Workers(ALL["adam"](), make_variables(), 1)
    run(expected, 2)
    buffer = np.zeros(workers.layout.length + 1, "float32")
    unaligned = buffer[1:]
    unaligned[:] = workers.weights
    for step in range(2):
        gradient = flatten(workers.layout, gradients_of(step, make_variables()))
        gradient.flags.writeable = False
        workers.updaters[0].apply(gradient, unaligned)
    np.testing.assert_array_equal(unaligned, expected.weights)
    assert buffer[0] == 0.0


def test_an_error_of_the_sum_over_workers_surfaces_as_itself():
    class Gone(RuntimeError):
        pass

    def fail(_):
        raise Gone("worker 3 left")

    variables = make_variables()
    layout = layout_of(variables)
    weights = np.zeros(layout.length, "float32")
    updater = KerasUpdater(
        ALL["global_clipnorm"](), variables, layout, ((0, layout.length),), 0, weights, sum_over_workers=fail
    )
    with pytest.raises(Gone, match="worker 3 left"):
        updater.apply(np.ones(layout.length, "float32"), weights)


def test_bounds_of_slices_are_equal_and_of_whole_variables_at_their_starts():
    variables = make_variables({"a/kernel": (40, 40), "b/kernel": (10, 4), "c/kernel": (400, 4)})
    layout = layout_of(variables)
    sizes = np.diff(*shard_buckets(layout, 4, keras.optimizers.Adam(), variables))
    assert sizes.sum() == layout.length and np.ptp(sizes) <= 16
    starts = {spec.offset for spec in layout.variables} | {layout.length}
    for count in (1, 2, 3, 4, 7):
        (bounds,) = shard_buckets(layout, count, keras.optimizers.Lamb(), variables)
        assert len(bounds) == count + 1 and set(bounds) <= starts and list(bounds) == sorted(bounds)
    assert shard_buckets(layout, 2, keras.optimizers.Lamb(), variables)[0][1] in (1600, 1648)
    assert shard_buckets(layout, 3, ALL["coupled"](), variables) == ((0, *[layout.length] * 3),)


def test_what_cannot_be_divided_is_refused_by_name():
    variables = make_variables()
    layout = layout_of(variables)
    several = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(default_optimizer=keras.optimizers.SGD()))
    with pytest.raises(UnsupportedError, match="MultiOptimizer"):
        shard_buckets(layout, 2, several, variables)
    variables[0].overwrite_with_gradient = True
    with pytest.raises(UnsupportedError, match="hidden/kernel"):
        shard_buckets(layout, 2, keras.optimizers.Adam(), variables)


def test_a_serialised_optimizer_will_do():
    config = keras.optimizers.serialize(keras.optimizers.SGD(0.5))
    variables = make_variables()
    layout = layout_of(variables)
    weights = np.ones(layout.length, "float32")
    updater = KerasUpdater(config, variables, layout, ((0, layout.length),), 0, weights)
    updater.apply(np.ones(layout.length, "float32"), weights)
    assert weights[0] == 0.5


@pytest.mark.parametrize("name", ["adamw", "ftrl", "lamb"])
def test_variables_that_no_gradient_reaches_stay_as_they_are(name):
    optimizer, variables, twins = ALL[name](), make_variables(), make_variables()
    layout = layout_of(variables)
    weights = flatten(layout, [np.asarray(variable.value) for variable in variables])
    excluded = excluded_variables(optimizer, variables)
    updater = KerasUpdater(optimizer, variables, layout, ((0, layout.length),), 0, weights, excluded, unreached=(0,))
    optimizer.build(twins)
    for step in range(3):
        gradients = [np.zeros((7, 9)), *gradients_of(step, variables)[1:]]
        updater.apply(flatten(layout, gradients), weights)
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            optimizer.apply([None, *map(keras.ops.convert_to_tensor, gradients[1:])], twins)
    np.testing.assert_allclose(weights, flatten(layout, [twin.value for twin in twins]), rtol=2e-6, atol=1e-6)
