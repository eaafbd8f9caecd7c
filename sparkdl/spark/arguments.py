"""Every argument of Keras's `compile`, `fit`, `evaluate` and `predict`, and its fate here: none is ignored."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sparkdl.errors import ArgumentError, UnsupportedError

Kind = Literal["honoured", "renamed", "refused"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one argument of Keras.

    Attributes:
        kind: "honoured" (same name, same meaning), "renamed" (its meaning has another name here, because the
            data is Spark's), or "refused".
        text: for an honoured argument what to know about it, for a renamed one what to give instead, for a
            refused one why and what to do.
        accepted: values that a refused argument may have, because they ask for nothing.
    """

    kind: Kind
    text: str
    accepted: tuple[Any, ...] = ()


def _honoured(text: str) -> Verdict:
    return Verdict("honoured", text)


def _renamed(text: str) -> Verdict:
    return Verdict("renamed", text)


def _refused(text: str, *accepted: Any) -> Verdict:
    return Verdict("refused", text, accepted)


_NO_BAR = "it is one Spark job without an epoch to follow; Spark's own page shows its tasks"

VERDICTS: Mapping[str, Mapping[str, Verdict]] = {
    "compile": {
        "optimizer": _honoured("any Keras optimizer, built-in or your own, with schedules, clipping, decay and EMA"),
        "loss": _honoured("any loss that is a sum over rows; losses that couple rows of a batch are refused by name"),
        "loss_weights": _honoured("as in Keras"),
        "metrics": _honoured("merged over the workers exactly: their variables are added up"),
        "weighted_metrics": _honoured("as in Keras, with the column given as `weight=`"),
        "run_eagerly": _honoured("the step of each worker then runs eagerly, which is slow and helps to find an error"),
        "steps_per_execution": _refused(
            "the workers add up their gradients after every step, so one step is one execution: leave it at 1", 1
        ),
        "jit_compile": _honoured(
            "XLA then compiles the training step; `fit` lets it do so by itself in long runs of small recurrent "
            "networks, which it makes 1.2 to 1.7 times as fast on CPUs; convolutions get 2 to 3 times slower, so give "
            "False on a driver with a GPU, where Keras takes 'auto' for True"
        ),
        "auto_scale_loss": _honoured("one loss scale for all workers, which is lowered for all where one overflows"),
    },
    "fit": {
        "x": _renamed("the second argument, `data`, a DataFrame or an RDD of samples, and name columns by `features=`"),
        "y": _renamed("the name of a column of the data, by `label=`"),
        "batch_size": _honoured(
            "rows per step over all workers together, so adding workers keeps the objective; leaving it at 32 warns"
        ),
        "epochs": _honoured("as in Keras"),
        "verbose": _honoured('0, 1, 2 or "auto"; the bar is on the driver and moves while the stage runs'),
        "callbacks": _honoured(
            "run on worker 0; what they decide is told to all, their files and state come back; the logs of a batch "
            "hold the losses of that batch alone (means and metrics are merged over the workers at the end "
            "of an epoch), and callbacks of your own with `on_test_batch_begin` or `on_test_batch_end` are refused"
        ),
        "validation_split": _honoured("a random split drawn with `seed`: rows of a DataFrame have no order to cut at"),
        "validation_data": _honoured(
            "a DataFrame or an RDD like `data`; `validation_split` then does nothing, as in Keras"
        ),
        "shuffle": _honoured("each worker visits its rows in a new order in every epoch, drawn with `seed`"),
        "class_weight": _honoured("as in Keras"),
        "sample_weight": _renamed("the name of a column of the data, by `weight=`; negative weights are refused"),
        "initial_epoch": _honoured("as in Keras"),
        "steps_per_epoch": _honoured(
            "an epoch ends after so many steps, or where the rows end before; the next one goes on with a new order"
        ),
        "validation_steps": _honoured(
            "batches of validation that each worker takes, of its share of `validation_batch_size` rows"
        ),
        "validation_batch_size": _honoured("rows per validation batch over all workers together"),
        "validation_freq": _honoured("a whole number of epochs"),
    },
    "evaluate": {
        "x": _renamed("the second argument, `data`, a DataFrame or an RDD of samples, and name columns by `features=`"),
        "y": _renamed("the name of a column of the data, by `label=`"),
        "batch_size": _honoured("rows per call of the model; the result does not depend on it"),
        "verbose": _refused(f"evaluate has no progress bar: {_NO_BAR}", "auto", 0),
        "sample_weight": _renamed("the name of a column of the data, by `weight=`; negative weights are refused"),
        "steps": _refused("all rows are evaluated; give fewer rows, for example data.limit(10000)", None),
        "callbacks": _refused("every executor evaluates its own rows, so no place sees all batches", None),
        "return_dict": _refused("the result is always a dict, and a list would lose the names", True),
    },
    "predict": {
        "x": _renamed("the second argument, `data`, a DataFrame or an RDD, and name columns by `features=`"),
        "batch_size": _honoured("rows per call of the model; the result does not depend on it"),
        "verbose": _refused(f"predict has no progress bar: {_NO_BAR}", "auto", 0),
        "steps": _refused("all rows are scored; give fewer rows, for example data.limit(10000)", None),
        "callbacks": _refused("every executor scores its own rows, so no place sees all batches", None),
    },
}

_HEADINGS = {"honoured": "honoured", "renamed": "honoured under another name", "refused": "refused"}


def refuse(verb: str, **given: Any) -> None:
    """Refuses, by name and with the reason, what `verb` was given and does not know.

    Args:
        verb: "compile", "fit", "evaluate" or "predict".
        **given: arguments as the user gave them.

    Raises:
        UnsupportedError: for an argument of Keras that cannot be honoured here.
        ArgumentError: for one that has another name here, or that Keras does not know either.

    Example:
        >>> refuse("predict", steps=None)
        >>> refuse("predict", steps=10)
        Traceback (most recent call last):
        ...
        sparkdl.errors.UnsupportedError: predict cannot honour steps=10: all rows are scored; give fewer rows, for
        example data.limit(10000).
    """
    for name, value in given.items():
        verdict = VERDICTS[verb].get(name)
        if verdict is None:
            raise ArgumentError(f"{verb} has no argument {name!r}{_nearest(verb, name)}.")
        if verdict.kind == "renamed":
            raise ArgumentError(f"{verb} takes no {name!r}: the data is Spark's; give {verdict.text}.")
        if verdict.kind == "refused" and not _asks_for_nothing(verdict, value):
            raise UnsupportedError(f"{verb} cannot honour {name}={value!r}: {verdict.text}.")


def refuse_compiled(model: Any) -> None:
    """Refuses a model that was compiled with an argument that cannot be honoured here.

    Raises:
        UnsupportedError: for `steps_per_execution` other than 1.
    """
    refuse("compile", steps_per_execution=model.steps_per_execution)


def markdown(verb: str) -> str:
    """The verdicts on one verb as a table for `docs/arguments.md`."""
    rows = [
        f"| `{name}` | {_HEADINGS[verdict.kind]}{_except(verdict)} | {verdict.text} |"
        for name, verdict in VERDICTS[verb].items()
    ]
    return "\n".join(["| argument | verdict | |", "| --- | --- | --- |", *rows])


def _except(verdict: Verdict) -> str:
    return f", except {' and '.join(f'`{value!r}`' for value in verdict.accepted)}" if verdict.accepted else ""


def _asks_for_nothing(verdict: Verdict, value: Any) -> bool:
    return any(type(value) is type(accepted) and value == accepted for accepted in verdict.accepted)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """One of several words.

    Raises:
        ArgumentError: naming the argument.
    """
    if value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, choices))}, received {value!r}.")


def refuse_stream(verb: str, data: Any, instead: str, name: str = "") -> None:
    """Refuses a streaming DataFrame, whose rows have no end.

    Args:
        verb: who was given it.
        data: a DataFrame, or anything else, which is none.
        instead: what to do.
        name: of the argument, where the verb takes several.

    Raises:
        ArgumentError: it is a stream.
    """
    if getattr(data, "isStreaming", False):
        place = f" as {name}" if name else ""
        raise ArgumentError(f"{verb} takes a DataFrame that ends{place}, received a stream: {instead}.")


def type_name(value: Any) -> str:
    """The type of a value as its users write it: Spark and pandas both have a DataFrame.

    Example:
        >>> type_name(range(3)), type_name(Verdict("honoured", ""))
        ('range', 'sparkdl.Verdict')
    """
    package, name = type(value).__module__.partition(".")[0], type(value).__qualname__
    return name if package == "builtins" else f"{package}.{name}"


def no_data(name: str, value: Any) -> ArgumentError:
    """What to say of an argument that is neither a DataFrame nor an RDD."""
    return ArgumentError(
        f"{name} must be a Spark DataFrame or an RDD of sparkdl.Sample, received {type_name(value)}: make a DataFrame "
        f"of it by spark.createDataFrame(...)."
    )


def _nearest(verb: str, name: str) -> str:
    own = [
        "features",
        "label",
        "weight",
        "workers",
        "cores_per_worker",
        "seed",
        "output",
        "validation_metrics",
        "precision",
        "exchange_precision",
    ]
    known = [*VERDICTS[verb], *own]
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else f"; Keras's arguments are {', '.join(VERDICTS[verb])}"
