"""What is found in the file of a model before it is loaded, and how it is shown."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Shape = tuple[int | None, ...]

COMPACT = 40  # more rows are shown by their types


@dataclass(frozen=True, slots=True)
class Row:
    """One layer or op.

    Attributes:
        name: its name in the file.
        type: what it is.
        why: why it cannot be loaded, or "" if it can.
        shape: the shape of what it makes, where that is known; None stands for the batch and what is open.
        parameters: how many numbers its weights have, where that is known.
    """

    name: str
    type: str
    why: str = ""
    shape: Shape | None = None
    parameters: int | None = None

    @property
    def supported(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class End:
    """An input or output of a model; what is not known is None."""

    name: str
    shape: Shape | None = None
    dtype: str | None = None

    def __str__(self) -> str:
        shape = "of unknown shape" if self.shape is None else shape_text(self.shape)
        return f"{self.name} {shape}{f' {self.dtype}' if self.dtype else ''}"


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Attributes:
        path: the file.
        format: what it is, e.g. "Caffe prototxt".
        rows: all of its layers or ops.
        inputs: of the model.
        outputs: of the model.
        parameters: how many numbers all weights have, where that is known.
        suggestion: the call that loads it.
        problem: why it cannot be loaded as a whole although its parts can, or "".
    """

    path: str
    format: str
    rows: Sequence[Row]
    inputs: Sequence[End]
    outputs: Sequence[End]
    parameters: int | None
    suggestion: str
    problem: str = ""

    @property
    def unsupported(self) -> list[Row]:
        """The rows that cannot be loaded."""
        return [row for row in self.rows if row.why]

    @property
    def supported(self) -> bool:
        """Whether all of it can be loaded."""
        return not self.problem and not self.unsupported

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        rows = [{**asdict(row), "supported": row.supported} for row in self.rows]
        return {**asdict(self), "rows": rows, "supported": self.supported}

    def text(self, every: bool = False) -> str:
        """A table; with `every`, a row for each layer or op, however many there are."""
        parts = [*self._head(), "", *_aligned(self._table(every)), *self._refused(), "", self.suggestion]
        return "\n".join(parts) + "\n"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        head, *rows = self._table(False)
        cells = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
        titles = "".join(f"<th>{cell}</th>" for cell in head)
        above = "<br>".join(map(html.escape, self._head()))
        below = "<br>".join(map(html.escape, filter(None, self._refused())))
        return (
            f"<p>{above}</p><table><tr>{titles}</tr>{''.join(cells)}</table><p>{below}</p>"
            f"<pre>{html.escape(self.suggestion)}</pre>"
        )

    def _head(self) -> Iterator[str]:
        count = "unknown" if self.parameters is None else f"{self.parameters:,}"
        refused = len(self.unsupported)
        yield f"{self.path}: {self.format}, {len(self.rows)} rows, parameters: {count}"
        yield f"inputs:  {', '.join(map(str, self.inputs)) or 'not known'}"
        yield f"outputs: {', '.join(map(str, self.outputs)) or 'not known'}"
        yield f"supported: {'yes' if self.supported else f'no ({refused} of {len(self.rows)} rows are not)'}"
        if self.problem:
            yield f"problem: {self.problem}"

    def _table(self, every: bool) -> list[list[str]]:
        if every or len(self.rows) <= COMPACT:
            return [["name", "type", "output", "parameters", "supported"], *map(_line, self.rows)]
        types: dict[str, list[Row]] = {}
        for row in self.rows:
            types.setdefault(row.type, []).append(row)
        body = [
            [kind, str(len(rows)), _count(_sum(rows)), "yes" if all(row.supported for row in rows) else "no"]
            for kind, rows in sorted(types.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        return [["type", "count", "parameters", "supported"], *body]

    def _refused(self) -> Iterator[str]:
        if self.unsupported:
            yield ""
            yield "not supported:"
            for row in self.unsupported:
                yield textwrap.shorten(f"  {row.name} ({row.type}): {row.why}", 400, placeholder=" ...")


def _line(row: Row) -> list[str]:
    shape = "" if row.shape is None else shape_text(row.shape)
    return [row.name, row.type, shape, _count(row.parameters), "yes" if row.supported else "no"]


def shape_text(shape: Shape) -> str:
    """A shape with a question mark for what is open.

    Example:
        >>> shape_text((None, 28, 28, 1))
        '(?, 28, 28, 1)'
    """
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def call_text(function: str, *arguments: Any, **options: Any) -> str:
    """A call as it is typed; options that are None or empty are left out.

    Example:
        >>> call_text("load_caffe", "net.prototxt", None, phase="TRAIN", outputs=[])
        "sdl.load_caffe('net.prototxt', phase='TRAIN')"
    """
    given = [repr(value) for value in arguments if value is not None]
    named = [
        f"{name}={value if isinstance(value, Code) else repr(value)}"
        for name, value in options.items()
        if value is not None and value != [] and value != {} and value != ""
    ]
    return f"sdl.{function}({', '.join(given + named)})"


class Code(str):
    """A text that is typed without quotes."""


def _count(number: int | None) -> str:
    return f"{number:,}" if number else ""


def _sum(rows: Sequence[Row]) -> int:
    return sum(row.parameters or 0 for row in rows)


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
