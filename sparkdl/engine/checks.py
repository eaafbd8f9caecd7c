"""What can be known of a model before anything starts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras

from sparkdl.engine.building import build_model, symbolic_outputs
from sparkdl.engine.compile_arguments import check_metric_names
from sparkdl.engine.layout import layout_of
from sparkdl.engine.objective import loss_terms
from sparkdl.engine.output_names import gives_nested, output_names
from sparkdl.errors import ArgumentError, DataError, ModelError, UnsupportedError
from sparkdl.types import SampleSpec, TensorSpec

TRAINING_METHODS = ("train_step", "test_step", "compute_loss", "compute_metrics", "compile", "make_train_function")
NO_COLUMNS: Mapping[str, str] = {}
_BINARY = (
    (keras.losses.BinaryCrossentropy, keras.losses.binary_crossentropy),
    (keras.losses.BinaryFocalCrossentropy, keras.losses.binary_focal_crossentropy),
    (keras.losses.Hinge, keras.losses.hinge),
    (keras.losses.SquaredHinge, keras.losses.squared_hinge),
)
SCORING_METHODS = ("predict_step", "make_predict_function")


def check_model(
    model: keras.Model, spec: SampleSpec, columns: Mapping[str, str] = NO_COLUMNS, strings: Collection[str] = ()
) -> None:
    """Builds the model and finds, in seconds, what would fail on every worker.

    Args:
        model: compiled.
        spec: the columns of a row.
        columns: for each label, by name, the DataFrame's column of it, where there is a DataFrame.
        strings: the labels, by name, that hold codes of strings.

    Raises:
        ArgumentError: where the model has a loss, and there are no labels.
        DataError: where labels are strings, and the loss takes no codes.
        ModelError: where the model is not compiled, or does not fit the columns.
        UnsupportedError: where it cannot be computed in parts.
    """
    check_compiled(model)
    check_overrides(model, compiled=True)
    check_given(model, spec)
    check_inputs(model, spec)
    check_state(model)
    _check_outputs(model, spec)
    outputs = _build(model, spec, columns)
    loss_terms(model._compile_loss, ["elements"])
    layout_of(model.trainable_variables)
    check_labels(model, spec, keras.tree.flatten(outputs), columns)
    check_strings(model, spec, keras.tree.flatten(outputs), columns, strings)


def _check_outputs(model: keras.Model, spec: SampleSpec) -> None:
    if spec.labels and gives_nested(model):
        raise UnsupportedError(
            f"the model {model.name!r} gives lists or dicts within its outputs, which label columns cannot be told to "
            f"belong to: let it give one list, or one dict, of tensors."
        )


def _build(model: keras.Model, spec: SampleSpec, columns: Mapping[str, str]) -> Any:
    try:
        return build_model(model, spec)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        if model._compile_loss is not None and model._compile_loss.built:
            check_labels(model, spec, keras.tree.flatten(symbolic_outputs(model, spec)), columns)
        raise ModelError(
            f"the model {model.name!r} does not fit the columns (features {_shapes(spec.features)}, labels "
            f"{_shapes(spec.labels)}): {_one_line(error)}"
        ) from error


def check_compiled(model: Any) -> None:
    """Raises ModelError where `model` is no Keras model on TensorFlow, compiled with what Keras knows."""
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"Keras runs on the backend {keras.backend.backend()!r}, expected 'tensorflow': set the environment "
            f"variable KERAS_BACKEND=tensorflow before keras is imported."
        )
    if not isinstance(model, keras.Model):
        raise ModelError(f"expected a compiled keras.Model, received {type(model).__name__}: wrap it in a keras.Model.")
    if not model.compiled:
        raise ModelError(
            f"the model {model.name!r} is not compiled: call model.compile(optimizer, loss, metrics=[...]) first."
        )
    check_metric_names(model)


def check_overrides(model: keras.Model, compiled: bool) -> None:
    """Refuses, by name, methods of Keras that a model replaces and that workers do not call."""
    for name in TRAINING_METHODS if compiled else SCORING_METHODS:
        own = getattr(type(model), name, None)
        if name in vars(model) or (own is not None and not own.__module__.startswith("keras.")):
            raise UnsupportedError(
                f"the model {model.name!r} ({type(model).__name__}) replaces {name}(), which several workers cannot "
                f"share: express it as layers (call), a loss, metrics or add_loss()."
            )


def check_given(model: keras.Model, spec: SampleSpec) -> None:
    """Raises ArgumentError where the model has a loss, and no labels were given."""
    if spec.labels or not any(loss is not None for loss in keras.tree.flatten(model.loss)):
        return
    raise ArgumentError(
        f"the model {model.name!r} is compiled with a loss, which needs labels, but none were given: give label= the "
        f"name of their column (an RDD: samples with labels), or compile the model without a loss."
    )


def check_inputs(model: keras.Model, spec: SampleSpec) -> None:
    """Compares the feature columns with the inputs of a Functional or Sequential model."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return
    if len(inputs) != len(spec.features):
        raise ModelError(
            f"the model {model.name!r} has {len(inputs)} inputs ({', '.join(str(i.name) for i in inputs)}), but "
            f"{len(spec.features)} feature columns were given ({_shapes(spec.features)}): give one per input."
        )
    by_name = {tensor.name: tensor for tensor in inputs}
    for index, column in enumerate(spec.features):
        tensor = by_name.get(column.name) if spec.feature_structure == "dict" else inputs[index]
        if tensor is None:
            raise ModelError(
                f"the model {model.name!r} has no input {column.name!r}, only {', '.join(by_name)}: name the features "
                f"so."
            )
        _check_input(model, tensor, column)


def _check_input(model: keras.Model, tensor: Any, column: TensorSpec) -> None:
    if tensor.shape[0] is not None:
        raise UnsupportedError(
            f"the input {tensor.name!r} of the model {model.name!r} has a fixed batch of {tensor.shape[0]} rows, but "
            f"workers share a batch unevenly: use Input(shape=...) without batch_size."
        )
    expected, received = tuple(tensor.shape[1:]), column.shape
    if fits(expected, received):
        return
    raise ModelError(
        f"the model {model.name!r} expects rows of shape {expected} at its input {tensor.name!r}, but the feature "
        f"{column.name!r} has shape {received}: give shapes={{{column.name!r}: {expected}}} or change the Input."
    )


def fits(expected: Sequence[int | None], received: Sequence[int]) -> bool:
    """Whether rows of a shape can enter an input (None takes any size; Keras adds or drops a last axis of 1).

    Example:
        >>> fits((28, None), (28, 5)), fits((1,), ()), fits((3,), (4,))
        (True, True, False)
    """
    if len(expected) == len(received) + 1 and expected[-1] == 1:
        received = (*received, 1)
    elif len(received) == len(expected) + 1 and received[-1] == 1:
        received = received[:-1]
    if len(expected) != len(received):
        return False
    return all(want is None or want == have for want, have in zip(expected, received, strict=True))


def check_state(model: keras.Model) -> None:
    """Refuses layers whose state belongs to the rows of one batch."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            raise UnsupportedError(
                f"the layer {layer.name!r} is stateful: its state belongs to the rows of the batch before, which "
                f"other workers hold; use stateful=False."
            )
        if isinstance(layer, keras.layers.BatchNormalization) and getattr(layer, "synchronized", False):
            raise UnsupportedError(
                f"the layer {layer.name!r} has synchronized=True, but workers normalise over their own share of a "
                f"batch: use synchronized=False."
            )


def check_labels(
    model: keras.Model, spec: SampleSpec, outputs: Sequence[Any], columns: Mapping[str, str] = NO_COLUMNS
) -> None:
    """Compares label shapes with outputs where the loss says how they belong together."""
    for column, output, loss in _label_pairs(model, spec, outputs):
        shape = tuple(output.shape[1:])
        refuse_one_unit(model, loss, shape)
        expected = shape[:-1] if is_sparse(loss) else shape
        if fits(expected, column.shape) or (is_sparse(loss) and fits((*expected, 1), column.shape)):
            continue
        if _is_one_hot(loss) and column.shape in ((), (1,)):
            raise ModelError(
                f"the loss {loss.name!r} expects one-hot labels of shape {shape}, but the label {column.name!r} holds "
                f"one number per row: use 'sparse_categorical_crossentropy', or one-hot labels."
            )
        if is_sparse(loss) or _is_keras_loss(loss):
            raise ModelError(
                f"the loss {loss.name!r} expects labels of shape {expected} per row for the model's output of shape "
                f"{shape}, but the label {column.name!r} has shape {column.shape}: "
                f"{_reshaping(column, expected, columns)}change the label column, the model's last layer or the loss."
            )


def _reshaping(column: TensorSpec, expected: Sequence[int | None], columns: Mapping[str, str]) -> str:
    """What helps where a label has as many numbers as are expected, in another shape."""
    if column.name not in columns or None in expected or math.prod(size or 0 for size in expected) != column.size:
        return ""
    return f"give shapes={{{columns[column.name]!r}: {tuple(expected)}}}, or "


def refuse_one_unit(model: keras.Model, loss: Any, shape: Sequence[int | None]) -> None:
    """Refuses a loss that makes all units of an output one probability for each class, where there is one unit only.

    Args:
        model: named in the message.
        loss: a loss, a function or a name.
        shape: of the output, per row.

    Raises:
        ModelError: that unit would always say 1, so the loss be 0, and nothing learnt.
    """
    loss = keras.losses.get(loss)
    if shape and shape[-1] == 1 and (is_sparse(loss) or _is_one_hot(loss)):
        raise ModelError(
            f"the loss {_name_of(loss)!r} shares out certainty among classes, but the "
            f"model {model.name!r} ends in one unit, which would always have all of it, so that nothing is learnt: use "
            f"'binary_crossentropy', or give the last layer a unit for each class."
        )


def check_strings(
    model: keras.Model, spec: SampleSpec, outputs: Sequence[Any], columns: Mapping[str, str], strings: Collection[str]
) -> None:
    """Raises DataError for strings where the loss takes no codes: their order says nothing of their values."""
    for label, output, loss in _label_pairs(model, spec, outputs):
        column = columns.get(label.name, label.name)
        if label.name in strings and _codes(loss, output) is None:
            raise DataError(
                f"the loss {loss.name!r} needs numbers, but the label column {column!r} holds strings: cast it "
                f"(F.col({column!r}).cast('float')), or, where they are names of classes, take a loss of class numbers "
                f"or make them numbers by StringIndexer."
            )


def class_counts(model: keras.Model, spec: SampleSpec, strings: Collection[str] = ()) -> tuple[int | None, ...]:
    """For each label column the number of classes that the model has for it; None where labels are no class numbers.

    Args:
        model: compiled.
        spec: the columns of a row.
        strings: the labels, by name, that hold codes of strings: there the two of a binary loss are classes too.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(10, "softmax")])
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> class_counts(model, SampleSpec((TensorSpec("x", (3,), "float32"),), (TensorSpec("y", (), "int64"),)))
        (10,)
    """
    counts: dict[str, int | None] = {}
    for column, output, loss in _label_pairs(model, spec, keras.tree.flatten(build_model(model, spec))):
        if column.name in strings:
            counts[column.name] = _codes(loss, output)
            continue
        ignores = getattr(loss, "_fn_kwargs", {}).get("ignore_class") is not None
        counts[column.name] = int(output.shape[-1]) if is_sparse(loss) and not ignores else None
    return tuple(counts.get(column.name) for column in spec.labels)


def _codes(loss: Any, output: Any) -> int | None:
    """How many codes, from 0, a loss takes as labels of an output; None for one that takes values.

    A loss of the user's own takes class numbers where the output has a number for each class; where it has one, nobody
    can know whether the loss compares it with a code or with a value.
    """
    if any(_is(loss, *kind) for kind in _BINARY):
        return 2
    units = int(output.shape[-1] or 1) if len(output.shape) > 1 else 1
    numbered = is_sparse(loss) or "Generalized" in type(loss).__name__
    return units if numbered or (units > 1 and not _home(loss).startswith("keras.")) else None


def is_sparse(loss: Any) -> bool:
    """Whether labels are class numbers."""
    return _is(loss, keras.losses.SparseCategoricalCrossentropy, keras.losses.sparse_categorical_crossentropy)


def _is_one_hot(loss: Any) -> bool:
    return _is(loss, keras.losses.CategoricalCrossentropy, keras.losses.categorical_crossentropy) or _is(
        loss, keras.losses.CategoricalFocalCrossentropy, keras.losses.categorical_focal_crossentropy
    )


def _is(loss: Any, cls: type, function: Any) -> bool:
    return isinstance(loss, cls) or function is loss or getattr(loss, "fn", None) is function


def _name_of(loss: Any) -> str:
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", loss))


def _is_keras_loss(loss: Any) -> bool:
    elementwise = not _is(loss, keras.losses.CTC, keras.losses.ctc) and "Generalized" not in type(loss).__name__
    return elementwise and _home(loss).startswith("keras.")


def _home(loss: Any) -> str:
    """The module that a loss is defined in."""
    owner = getattr(loss, "fn", None) if type(loss).__name__ == "LossFunctionWrapper" else type(loss)
    return str(getattr(owner, "__module__", ""))


def _label_pairs(model: keras.Model, spec: SampleSpec, outputs: Sequence[Any]) -> list[tuple[TensorSpec, Any, Any]]:
    """(label column, symbolic output, loss) where one belongs to the other in an obvious way."""
    losses = [entry.loss for entry in model._compile_loss._flat_losses] if model._compile_loss is not None else []
    if not len(outputs) == len(spec.labels) == len(losses):
        return []
    if spec.label_structure == "dict":
        columns = {column.name: column for column in spec.labels}
        names = output_names(model)
        if set(names) != set(columns):
            return []
        entries = {entry.name: entry.loss for entry in model._compile_loss._flat_losses}
        return [(columns[n], o, entries[n]) for n, o in zip(names, outputs, strict=True) if n in entries]
    return list(zip(spec.labels, outputs, losses, strict=True))


def _shapes(columns: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{column.name} {column.shape}" for column in columns) or "none"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
