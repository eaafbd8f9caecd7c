"""Values that arguments cannot have are refused before anything is looked at: neither model nor data is needed here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))
from models import blobs, classifier, frame

import sparkdl as sdl
from sparkdl.errors import ArgumentError
from sparkdl.spark.argument_values import RULES, check_values

NAN = float("nan")
WHOLE = {
    **dict.fromkeys(("batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size"), (1, None)),
    **dict.fromkeys(("workers", "cores_per_worker", "memory_limit"), (1, None)),
    **dict.fromkeys(("epochs", "validation_freq"), (1,)),
    **dict.fromkeys(("initial_epoch", "max_failures"), (0,)),
    "seed": (0, 2**64 - 1),
}
GOOD: dict[str, tuple[Any, ...]] = {
    **WHOLE,
    "validation_split": (0, 0.0, 0.999),
    "verbose": (0, 1, 2, "auto", False),
    "class_weight": (None, {}, {0: 1, 1: 0.5}),
    "resume": (None, "hdfs:///runs", Path("runs")),
    "deadline": (0.5, 300),
    "spill_directory": (None, "/nope"),  # the driver cannot know what executors have
    "shapes": (None, {}, {"x": (28, 28), "y": []}),
    "dtypes": (None, {"x": "uint8"}),
}
BAD: dict[str, tuple[Any, ...]] = {
    **{
        name: (min(value for value in values if value is not None) - 1, -1, 1.5, "x", True, NAN)
        for name, values in WHOLE.items()
    },
    "validation_split": (-0.1, 1.0, 1.5, NAN, "x", None),
    "verbose": (5, -1, "loud", None),
    "class_weight": ("balanced", [1, 2], {0: NAN}, {0: -1.0}, {"0": 1.0}, {0.5: 1.0}, {True: 1.0}, {0: "1"}),
    "resume": (5, "", True),
    "deadline": (-1, 0, "x", NAN, float("inf"), None, True),
    "spill_directory": (5, "", ["/tmp"]),
    "shapes": ([("x", 3)], {"x": 3}, {"x": "28"}, {"x": (2.5,)}, {"x": (None,)}, {"x": (-1,)}, {0: (3,)}),
    "dtypes": ("uint8", {"x": "uint7"}, {"x": None}),
}
VERBS = {"fit": sdl.fit, "evaluate": sdl.evaluate, "predict": sdl.predict}


def test_every_rule_has_examples() -> None:
    assert set(GOOD) == set(BAD) == set(RULES["fit"])


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_what_is_sensible_passes(name: str, value: Any) -> None:
    check_values("fit", **{name: value})


@pytest.mark.parametrize(
    ("verb", "name", "value"),
    [(verb, name, value) for verb, rules in RULES.items() for name in rules for value in BAD[name]],
)
def test_what_is_not_gets_one_sentence_that_names_it(verb: str, name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name} must be .*received ") as caught:
        VERBS[verb](None, None, **{name: value})
    assert "\n" not in str(caught.value)


def test_scoring_has_no_default_of_its_own_for_none() -> None:
    with pytest.raises(ArgumentError, match="batch_size must be a whole number of at least 1, received None"):
        sdl.evaluate(None, None, batch_size=None)  # type: ignore[arg-type]


PANDAS = pandas.DataFrame({"features": [[1.0]]})
CALLS = {
    "fit": lambda spark, odd: sdl.fit(classifier(), odd),
    "evaluate": lambda spark, odd: sdl.evaluate(classifier(), odd),
    "predict": lambda spark, odd: sdl.predict(classifier(), odd),
    "validation_data": lambda spark, odd: sdl.fit(classifier(), frame(spark, *blobs(5)), validation_data=odd),
    "measure": lambda spark, odd: sdl.measure(odd, sdl.metrics.AUROC()),
}


@pytest.mark.tf
@pytest.mark.parametrize(("odd", "kind"), [(PANDAS, "pandas.DataFrame"), (([1.0], [2]), "tuple")])
@pytest.mark.parametrize("name", CALLS)
def test_other_data_than_spark_has_is_told_by_its_own_name(
    spark_local: SparkSession, name: str, odd: Any, kind: str
) -> None:
    with pytest.raises(ArgumentError, match=rf"Spark DataFrame.*received {kind}[.:]"):
        CALLS[name](spark_local, odd)
