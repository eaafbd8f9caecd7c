"""The columns a user names, checked against a schema and described for the workers. Runs no Spark job."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparkdl.data.arrow import ColumnSource, Kind, nested_dims
from sparkdl.errors import ArgumentError, DataError
from sparkdl.types import Structure

Shape = tuple[int | None, ...]
ColumnArgument = str | Sequence[str] | Mapping[str, str | Sequence[str]]

_DTYPES: dict[type[T.DataType], str] = {
    T.ByteType: "int8",
    T.ShortType: "int16",
    T.IntegerType: "int32",
    T.LongType: "int64",
    T.FloatType: "float32",
    T.DoubleType: "float32",
    T.DecimalType: "float32",
    T.BooleanType: "uint8",
}
# What to do about columns of types that no model takes.
_HINTS: tuple[tuple[type[T.DataType], str], ...] = (
    (T.StringType, "turn strings into numbers first"),
    (T.StructType, "select its fields as columns, as in F.col('struct.field').alias('field')"),
    (T.MapType, "select its values as columns, as in F.col('map')['key'].alias('key'), or all by F.map_values"),
    (T.DateType, "make numbers of it first, as in F.dayofyear('date') or F.unix_date('date')"),
    (T.TimestampType, "make numbers of it first, as in F.hour('time') or F.unix_timestamp('time')"),
    (T.TimestampNTZType, "make numbers of it first, as in F.hour('time')"),
    (T.ArrayType, "convert its elements to numbers first, as in F.transform('array', ...)"),
)
_IMAGE_FIELDS = ("height", "width", "nChannels", "mode", "data")


@dataclass(frozen=True)
class Expectations:
    """What the model says of its inputs (or outputs), in its own order; empty where nothing is known."""

    what: Literal["features", "label"]
    shapes: tuple[Shape | None, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """One input or output: the DataFrame's columns that make it, and what is known of its shape so far, and whether
    that was guessed from the first row."""

    name: str
    columns: tuple[str, ...]
    kind: Kind
    depth: int
    dtype: str | None
    shape: Shape | None
    title: str
    guessed: bool = False

    @property
    def settled(self) -> bool:
        """Whether shape and dtype are known without looking at a row."""
        return self.dtype is not None and self.shape is not None and None not in self.shape


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown name.

    Example:
        >>> did_you_mean("lable", ["label", "pixels"])
        "did you mean 'label'? It has 'label', 'pixels'"
    """
    close = difflib.get_close_matches(name, known, 1, 0.6)
    listed = ", ".join(repr(other) for other in known[:20]) + (", ..." if len(known) > 20 else "")
    return (f"did you mean {close[0]!r}? " if close else "") + f"It has {listed}"


def find_column(name: str, schema: T.StructType, argument: str) -> str:
    """The DataFrame's own spelling of a column's name (which Spark matches without regard to case).

    Raises:
        DataError: there is none, or more than one.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"{argument} must name columns by strings, received {name!r}.")
    alike = [other for other in schema.names if other.lower() == name.lower()]
    names = [other for other in alike if other == name] or alike
    if len(names) > 1 and len(set(names)) == 1:
        raise DataError(f"the DataFrame has {len(names)} columns named {name!r} ({argument}): rename all but one.")
    if not names and is_field(name, schema):
        field = name.rpartition(".")[2]
        raise DataError(
            f"the DataFrame has no column {name!r} ({argument}), but a field of that name in the struct "
            f"{name.partition('.')[0]!r}: select F.col({name!r}).alias({field!r}) beside the other columns, and name "
            f"{field!r}."
        )
    if not names:
        raise DataError(f"the DataFrame has no column {name!r} ({argument}): {did_you_mean(name, schema.names)}.")
    if len(names) > 1 or (len(alike) > 1 and not _case_matters()):
        raise DataError(
            f"the DataFrame has the columns {', '.join(map(repr, alike))} ({argument}), which differ in case alone, "
            f"and Spark cannot tell which one {name!r} is: rename all but one, or set spark.sql.caseSensitive=true "
            f"and spell the name as the column does."
        )
    return names[0]


def is_field(name: str, schema: T.StructType) -> bool:
    """Whether a name with dots is that of a field in a column of structs.

    Example:
        >>> inner = T.StructType().add("x", T.IntegerType())
        >>> is_field("s.x", T.StructType().add("s", inner)), is_field("s.y", T.StructType().add("s", inner))
        (True, False)
    """
    kind: T.DataType = schema
    for part in name.split("."):
        if not isinstance(kind, T.StructType) or part not in kind.names:
            return False
        kind = kind[part].dataType
    return True


def _case_matters() -> bool:
    session = SparkSession.getActiveSession()
    return session is not None and str(session.conf.get("spark.sql.caseSensitive")).lower() == "true"


def resolve(
    argument: ColumnArgument,
    schema: T.StructType,
    expected: Expectations,
    shapes: Mapping[str, Sequence[int]],
    dtypes: Mapping[str, str],
) -> tuple[list[Wanted], Structure]:
    """Says which columns make which input (or output).

    A name is one input; a list of columns of single numbers is one vector (but several inputs where the
    model has as many); a list with an array among them is several inputs; a dict is several inputs by name.

    Raises:
        ArgumentError: the argument has another form, or the number or the names of the inputs differ from the model's.
        DataError: a column is missing or has a type that cannot be used.
    """
    groups, structure = _groups(argument, schema, expected)
    count = len(expected.shapes)
    if count and len(groups) != count:
        noun = "input" if expected.what == "features" else "output"
        raise ArgumentError(
            f"{expected.what} gives {len(groups)} arrays, but the model has {count} {noun}s "
            f"({', '.join(repr(name) for name in expected.names) or 'unnamed'}): name one column for each."
        )
    wanted = []
    for index, (name, columns) in enumerate(groups):
        found = tuple(find_column(column, schema, expected.what) for column in columns)
        model_shape = expected.shapes[index] if count else None
        wanted.append(_want(name, found, schema, model_shape, expected.what, shapes, dtypes))
    return wanted, structure


def check_keys(wanted: Sequence[Wanted], others: Sequence[str] = (), **given: Mapping[str, Any]) -> None:
    """The names in `shapes` and `dtypes` are those of columns: one that is misspelt would say nothing.

    Args:
        wanted: the inputs, and the outputs where there are some.
        others: further names that may be there.
        **given: by the argument's name what it holds for columns, by their names.

    Raises:
        ArgumentError: naming the argument and the first name that is none.
    """
    known = list(dict.fromkeys(item.columns[0] for item in wanted))
    for argument, columns in given.items():
        for name in columns:
            if name not in known and name not in others:
                raise ArgumentError(
                    f"{argument}= names {name!r}, which is no feature or label column: {did_you_mean(name, known)}."
                )


def _groups(
    argument: ColumnArgument, schema: T.StructType, expected: Expectations
) -> tuple[list[tuple[str, tuple[str, ...]]], Structure]:
    what, names = expected.what, expected.names
    if isinstance(argument, Mapping):
        given = {str(name): _as_tuple(columns, what) for name, columns in argument.items()}
        _check_names(given, expected)
        return [(name, given[name]) for name in (names or given)], "dict"
    columns = _as_tuple(argument, what)
    found = [schema[find_column(column, schema, what)].dataType for column in columns]
    for column, kind in zip(columns, found, strict=True):
        _describe(kind, f"{what} column {column!r}", what)
    numbers = all(type(kind) in _DTYPES for kind in found)
    several = len(expected.shapes) > 1 and len(expected.shapes) == len(columns)
    if len(columns) == 1 or (numbers and not several):
        return [(_name(what, 0, names, columns[0] if len(columns) == 1 else what, 1), columns)], "single"
    return [(_name(what, i, names, column, len(columns)), (column,)) for i, column in enumerate(columns)], "list"


def _name(what: str, index: int, names: Sequence[str], column: str, count: int) -> str:
    """The model's name of an input; labels keep the column's, which is what messages about values should say."""
    return names[index] if what == "features" and len(names) == count else column


def _check_names(given: Mapping[str, Any], expected: Expectations) -> None:
    if not expected.names:
        return
    noun = "inputs" if expected.what == "features" else "outputs"
    rule = f"{expected.what} must name each of the model's {noun} once"
    for name in given:
        if name not in expected.names:
            raise ArgumentError(f"{rule}, but {name!r} is not one of them: {did_you_mean(name, expected.names)}.")
    missing = [name for name in expected.names if name not in given]
    if missing:
        raise ArgumentError(f"{rule}, but {', '.join(map(repr, missing))} is missing: give a column for it.")


def _as_tuple(columns: Any, what: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        return (columns,)
    if isinstance(columns, Sequence) and columns and all(isinstance(column, str) for column in columns):
        return tuple(columns)
    raise ArgumentError(
        f"{what} must be a column name, a list of column names or a dict of them by name, received {columns!r}."
    )


def _want(
    name: str,
    columns: tuple[str, ...],
    schema: T.StructType,
    model_shape: Shape | None,
    what: str,
    shapes: Mapping[str, Sequence[int]],
    dtypes: Mapping[str, str],
) -> Wanted:
    listed = ", ".join(repr(column) for column in columns)
    title = f"{what} column {listed}" if len(columns) == 1 else f"{what} columns [{listed}]"
    kinds = [_describe(schema[column].dataType, title, what) for column in columns]
    if len(columns) == 1:
        kind, depth, dtype = kinds[0]
    else:
        kind, depth, dtype = "stack", 0, _common_dtype(columns, kinds, title)
    shape = _given_shape(shapes.get(columns[0]), model_shape, title)
    if kind == "binary":
        dtype = dtypes.get(columns[0])
    if kind in ("number", "string", "stack"):
        shape = _scalar_shape(len(columns), kind, shape, title)
    if depth > 1 and shape is not None and None not in shape and nested_dims(depth, _known(shape)) is None:
        raise DataError(f"{title} has arrays nested {depth} deep, which cannot hold the shape {shape}.")
    return Wanted(name, columns, kind, depth, dtype, shape, title)


def fits(shape: Sequence[int | None], expected: Shape) -> bool:
    """Whether a shape is one that the model takes.

    Example:
        >>> fits((48, 16), (None, 16)), fits((48, 15), (None, 16))
        (True, False)
    """
    return len(shape) == len(expected) and all(
        size is None or wanted in (None, size) for size, wanted in zip(shape, expected, strict=True)
    )


def _given_shape(given: Sequence[int] | None, model_shape: Shape | None, title: str) -> Shape | None:
    if given is None:
        return model_shape
    if model_shape is not None and not fits(given, model_shape):
        raise DataError(f"shapes= gives {title} the shape {tuple(given)}, but the model takes {model_shape}.")
    return tuple(given)


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(size for size in shape if size is not None)


def _describe(data_type: T.DataType, title: str, what: str) -> tuple[Kind, int, str | None]:
    """Kind, nesting depth and dtype of a column."""
    if type(data_type) in _DTYPES:
        return "number", 0, _DTYPES[type(data_type)]
    if isinstance(data_type, VectorUDT) or type(data_type).__name__ == "VectorUDT":
        return "array", 1, "float32"
    if isinstance(data_type, T.ArrayType):
        kind, depth, dtype = _describe(data_type.elementType, title, what)
        if kind in ("number", "array") and not isinstance(data_type.elementType, T.UserDefinedType):
            return "array", depth + 1, dtype
    images = image_kind(data_type)
    if images is not None:
        return images, 0, "uint8" if images == "image" else None
    if isinstance(data_type, T.StringType) and what == "label":
        return "string", 0, "int32"
    hint = next((hint for kind, hint in _HINTS if isinstance(data_type, kind)), "cast it to a number first")
    raise DataError(
        f"{title} has the type {data_type.simpleString()}, expected numbers, arrays of numbers, ML vectors, binary "
        f"or images{' or strings' if what == 'label' else ''}: {hint}."
    )


def image_kind(data_type: T.DataType) -> Literal["image", "binary"] | None:
    """How a column can hold images: as Spark's structs, or as bytes; None where it holds something else."""
    if isinstance(data_type, T.BinaryType):
        return "binary"
    return "image" if isinstance(data_type, T.StructType) and set(_IMAGE_FIELDS) <= set(data_type.names) else None


def _common_dtype(columns: Sequence[str], kinds: Sequence[tuple[Kind, int, str | None]], title: str) -> str:
    for column, (kind, _, _) in zip(columns, kinds, strict=True):
        if kind != "number":
            raise DataError(f"{title} are to make one vector, but {column!r} does not hold single numbers.")
    dtypes = [np.dtype(dtype) for _, _, dtype in kinds]
    return "float32" if any(dtype.kind == "f" for dtype in dtypes) else str(np.result_type(*dtypes))


def _scalar_shape(count: int, kind: Kind, shape: Shape | None, title: str) -> Shape:
    natural = (count,) if kind == "stack" else ()
    if shape is None:
        return natural
    if shape.count(None) == 1 and count % max(1, math.prod(_known(shape))) == 0:
        missing = count // max(1, math.prod(_known(shape)))
        return tuple(missing if size is None else size for size in shape)
    if None in shape or math.prod(_known(shape)) != count:
        raise DataError(f"{title} holds {count} number{'s' * (count > 1)} per row; expected the shape {shape}.")
    return shape


def expression(wanted: Wanted, schema: T.StructType) -> list[Column]:
    """The Spark expressions of an input's columns, in a form that Arrow can carry."""
    return [_expression(column, schema[column].dataType) for column in wanted.columns]


def needs_expression(data_type: T.DataType) -> bool:
    """Whether a column must be converted by Spark before a worker can read it."""
    if isinstance(data_type, T.ArrayType):
        return needs_expression(data_type.elementType)
    return isinstance(data_type, (T.UserDefinedType, T.DecimalType))


def _expression(name: str, data_type: T.DataType) -> Column:
    column = F.col(quoted(name))
    if isinstance(data_type, T.UserDefinedType):
        return F.when(column.isNotNull(), vector_to_array(column, "float32"))
    if needs_expression(data_type):
        return column.cast(_as_doubles(data_type))
    if isinstance(data_type, T.StructType):
        return F.when(column.isNotNull(), F.struct(*[column.getField(name).alias(name) for name in _IMAGE_FIELDS]))
    return column


def _as_doubles(data_type: T.DataType) -> T.DataType:
    """The type of decimals, also in arrays, as numbers that numpy has."""
    if isinstance(data_type, T.ArrayType):
        return T.ArrayType(_as_doubles(data_type.elementType), data_type.containsNull)
    return T.DoubleType() if isinstance(data_type, T.DecimalType) else data_type


def quoted(name: str) -> str:
    """A column's name in backticks, so that dots in it are no field access."""
    return "`" + name.replace("`", "``") + "`"


def source(wanted: Wanted, names: Sequence[str]) -> ColumnSource:
    """How the workers read an input from Arrow columns `names`."""
    raw = wanted.dtype if wanted.kind == "binary" else None
    guessed = wanted.columns[0] if wanted.guessed and wanted.kind == "array" else ""
    return ColumnSource(wanted.kind, tuple(names), wanted.title, raw, guessed)
