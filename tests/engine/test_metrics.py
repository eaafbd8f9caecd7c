from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from sparkdl.engine.probe import ExtraLosses
from sparkdl.engine.replica import KerasReplica
from sparkdl.types import Batch
from tests.engine.replica_cases import Workers, spec_of, split

M = keras.metrics
rng = np.random.default_rng(0)
ROWS = 37
X = rng.normal(size=(ROWS, 6)).astype("float32")
REAL = rng.normal(size=(ROWS, 4)).astype("float32")
POSITIVE = rng.uniform(0.1, 2, (ROWS, 4)).astype("float32")
ONE_HOT = np.eye(4, dtype="float32")[rng.integers(0, 4, ROWS)]
CLASSES = rng.integers(0, 4, ROWS)
BINARY = rng.integers(0, 2, (ROWS, 1)).astype("float32")
WEIGHTS = rng.uniform(0, 2, ROWS).astype("float32")

CASES: dict[str, tuple[str, np.ndarray, list[Any]]] = {
    "linear": (
        "mse",
        REAL,
        [M.MeanSquaredError, M.RootMeanSquaredError, M.MeanAbsoluteError, M.MeanAbsolutePercentageError, M.R2Score]
        + [M.CosineSimilarity, M.LogCoshError, M.PearsonCorrelation, M.ConcordanceCorrelation]
        + [lambda: M.R2Score(class_aggregation=None, name="r2_each")],
    ),
    "softplus": ("poisson", POSITIVE, [M.Poisson, M.MeanSquaredLogarithmicError]),
    "softmax": (
        "categorical_crossentropy",
        ONE_HOT,
        [lambda: "accuracy", M.CategoricalAccuracy, M.TopKCategoricalAccuracy, M.CategoricalCrossentropy]
        + [
            M.KLDivergence,
            M.F1Score,
            M.FBetaScore,
            lambda: M.F1Score(average="micro", name="f1_micro"),
            M.CategoricalHinge,
        ]
        + [lambda: M.OneHotIoU(4, [0, 1]), lambda: M.OneHotMeanIoU(4), lambda: M.AUC(multi_label=True, num_labels=4)]
        + [lambda: M.F1Score(name="f1_each"), lambda: M.Precision(class_id=1), lambda: M.Recall(top_k=2)],
    ),
    "sparse": (
        "sparse_categorical_crossentropy",
        CLASSES,
        [lambda: "accuracy", M.SparseCategoricalAccuracy, M.SparseCategoricalCrossentropy]
        + [lambda: M.SparseTopKCategoricalAccuracy(2), lambda: M.MeanIoU(4, sparse_y_pred=False)]
        + [lambda: M.IoU(4, [1], sparse_y_pred=False)],
    ),
    "sigmoid": (
        "binary_crossentropy",
        BINARY,
        [lambda: "accuracy", M.BinaryAccuracy, M.BinaryCrossentropy, M.AUC, M.Precision, M.Recall]
        + [M.TruePositives, M.TrueNegatives, M.FalsePositives, M.FalseNegatives, M.Hinge, M.SquaredHinge]
        + [lambda: M.AUC(curve="PR", name="pr"), lambda: M.PrecisionAtRecall(0.5), lambda: M.RecallAtPrecision(0.5)]
        + [lambda: M.SensitivityAtSpecificity(0.5), lambda: M.SpecificityAtSensitivity(0.5), M.BinaryIoU, M.Accuracy],
    ),
}
UNITS = {"sigmoid": 1}
ACTIVATIONS = {"sparse": "softmax"}


def builder(case: str, weighted: bool = False) -> Any:
    loss, _, metrics = CASES[case]

    def build() -> keras.Model:
        keras.backend.clear_session(free_memory=False)  # so that Keras numbers the names of metrics alike
        keras.utils.set_random_seed(3)
        activation = ACTIVATIONS.get(case, case)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(UNITS.get(case, 4), activation)])
        # With weights one of them stays among those that must not see them; each metric more costs a second to trace.
        plain = [metric() for metric in metrics[: 1 if weighted else None]]
        seeing = {"weighted_metrics": [metric() for metric in metrics if metric is not M.Accuracy]} if weighted else {}
        model.compile("sgd", loss, metrics=plain, **seeing)
        return model

    return build


def merged_results(workers: Workers, shares: list[Batch | None], batch_size: int) -> dict[str, Any]:
    sums = []
    for replica, share in zip(workers.replicas, shares, strict=True):
        replica.reset_sums()
        for start in range(0, share.rows if share else 0, batch_size):
            replica.evaluate(split(share, [start, batch_size])[1])
        sums.append(replica.sums())
    return workers.replicas[-1].results(np.sum(sums, axis=0))


def assert_close(results: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(results) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_metrics_over_workers_are_keras_on_all_rows(case, weighted):
    build = builder(case, weighted)
    batch = Batch((X,), (CASES[case][1],), WEIGHTS if weighted else None)
    workers = Workers(build, spec_of(batch), 3)
    results = merged_results(workers, split(batch, (20, 0, 17)), 6)
    model = build()
    expected = model.evaluate(
        X, batch.labels[0], sample_weight=batch.weights, batch_size=ROWS, verbose=0, return_dict=True
    )
    assert_close(results, expected)
    assert list(results)[0] == "loss"


def test_every_metric_of_keras_is_in_the_table():
    used = {type(metric()) for _, _, metrics in CASES.values() for metric in metrics}
    bases = {M.Metric, M.Mean, M.Sum, M.MeanMetricWrapper}
    assert {value for value in vars(M).values() if isinstance(value, type)} - bases - used == set()


def two_outputs() -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6,))
    outputs = [keras.layers.Dense(4, name="a")(inputs), keras.layers.Dense(4, "softmax", name="b")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile(
        "sgd",
        ["mse", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[["mae"], ["accuracy"]],
        weighted_metrics=[["mse"], ["accuracy"]],
    )
    return model


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_two_outputs_are_logged_under_kerass_names(weights):
    batch = Batch((X,), (REAL, CLASSES), weights)
    workers = Workers(two_outputs, spec_of(batch, label_structure="list"), 2)
    results = merged_results(workers, split(batch, (30, 7)), 8)
    model = two_outputs()
    expected = model.evaluate(X, [REAL, CLASSES], sample_weight=weights, batch_size=ROWS, verbose=0, return_dict=True)
    assert_close(results, expected)
    assert list(results) == list(model.get_metrics_result())


def test_training_logs_the_mean_over_steps_weighted_by_rows():
    build = builder("sparse")
    batch = Batch((X,), (CLASSES,))
    workers = Workers(build, spec_of(batch), 2)
    for share in split(batch, (16, 16, 5)):
        workers.gradients(split(share, (share.rows - 2, 2)))
    results = workers.replicas[0].results(sum(replica.sums() for replica in workers.replicas))
    model = build()
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, CLASSES, batch_size=16, verbose=0, shuffle=False).history
    assert_close(results, {name: values[0] for name, values in history.items()})


def test_counts_stay_exact_beyond_what_float32_holds():
    batch = Batch((X,), (BINARY,))
    replica = KerasReplica(builder("sigmoid")(), spec_of(batch))
    replica.evaluate(batch)
    once = replica.sums()
    expected = replica.results(once)
    replica.reset_sums()
    assert not replica.sums().any()
    repeated = once * 1_000_003
    replica.evaluate(batch)
    results = replica.results(repeated + replica.sums())
    assert results["true_positives"] == pytest.approx(expected["true_positives"] * 1_000_004, rel=1e-7)
    for name in ("loss", "accuracy", "auc", "precision"):
        assert results[name] == pytest.approx(expected[name], rel=1e-6)


def test_float32_counters_are_emptied_before_they_stop_counting():
    class Many(keras.metrics.Metric):
        def __init__(self, name: str = "many") -> None:
            super().__init__(name=name)
            self.total = self.add_variable((), "zeros", name="total")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.total.assign_add(keras.ops.cast(2**19 + 1, "float32"))

        def result(self) -> Any:
            return self.total

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Many()])
    batch = Batch((X,), (BINARY,))
    replica = KerasReplica(model, spec_of(batch), extra_losses=ExtraLosses())
    for _ in range(100):
        replica.evaluate(batch)
    assert replica.sums()[-1] == 100 * (2**19 + 1)


def test_sums_put_into_the_metrics_leave_no_trace():
    batch = Batch((X,), (CLASSES,))
    replica = KerasReplica(builder("sparse")(), spec_of(batch))
    replica.evaluate(batch)
    sums = replica.sums()
    first = replica.results(sums)
    replica.reset_sums()
    replica.evaluate(batch)
    np.testing.assert_array_equal(replica.sums(), sums)
    assert_close(replica.results(sums), first)


def test_masked_steps_do_not_count():
    def build() -> keras.Model:
        keras.utils.set_random_seed(3)
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((5,), dtype="int32"),
                layers.Embedding(9, 4, mask_zero=True),
                layers.LSTM(4, return_sequences=True),
                layers.Dense(3, "softmax"),
            ]
        )
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
        return model

    tokens = rng.integers(1, 9, (ROWS, 5)).astype("int32")
    tokens[np.arange(5) >= rng.integers(1, 6, ROWS)[:, None]] = 0
    labels = rng.integers(0, 3, (ROWS, 5))
    batch = Batch((tokens,), (labels,))
    workers = Workers(build, spec_of(batch), 2)
    results = merged_results(workers, split(batch, (30, 7)), 8)
    expected = build().evaluate(tokens, labels, batch_size=ROWS, verbose=0, return_dict=True)
    assert_close(results, expected)
