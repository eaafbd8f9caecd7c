"""Arguments are honoured or refused by name."""

from __future__ import annotations

import types

import pytest

from sparkdl.errors import ArgumentError, UnsupportedError
from sparkdl.spark.arguments import VERDICTS, refuse, refuse_compiled


@pytest.mark.parametrize(
    ("verb", "name", "value"),
    [(v, name, object()) for v in VERDICTS for name, verdict in VERDICTS[v].items() if verdict.kind != "honoured"],
)
def test_everything_not_honoured_is_refused_by_name(verb: str, name: str, value: object) -> None:
    with pytest.raises((ArgumentError, UnsupportedError), match=rf"^{verb} (cannot honour|takes no) '?{name}"):
        refuse(verb, **{name: value})


@pytest.mark.parametrize(
    ("verb", "name", "value"),
    [(v, name, value) for v in VERDICTS for name, verdict in VERDICTS[v].items() for value in verdict.accepted],
)
def test_values_that_ask_for_nothing_pass(verb: str, name: str, value: object) -> None:
    refuse(verb, **{name: value})


def test_true_is_not_one_and_false_is_not_zero() -> None:
    with pytest.raises(UnsupportedError):
        refuse("compile", steps_per_execution=True)
    with pytest.raises(UnsupportedError):
        refuse("evaluate", verbose=False)


def test_a_misspelt_argument_gets_the_nearest_name() -> None:
    with pytest.raises(ArgumentError, match="no argument 'epoch'; did you mean 'epochs'"):
        refuse("fit", epoch=3)
    with pytest.raises(ArgumentError, match="no argument 'zzz'; Keras's arguments are x, y, batch_size"):
        refuse("fit", zzz=3)


def test_a_compiled_model_is_asked() -> None:
    refuse_compiled(types.SimpleNamespace(steps_per_execution=1))
    with pytest.raises(UnsupportedError, match="steps_per_execution=4"):
        refuse_compiled(types.SimpleNamespace(steps_per_execution=4))
