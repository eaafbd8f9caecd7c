"""Protobuf's text format (prototxt) to plain dicts, by the table of `schema`.

Fields that the table does not know are kept as they stand, so that a layer that has them can be refused by name.
"""

from __future__ import annotations

import math
import re
from typing import Any

from sparkdl.errors import ImporterError
from sparkdl.importers.caffe.schema import ENUM_NAMES, ENUMS, MESSAGES, Field

Message = dict[str, Any]

DEPTH = 32  # Caffe's own messages nest five deep
LARGEST = 2**26  # characters: the definition of a net of a thousand layers has half a million
_TOKEN = re.compile(
    r"""(?:[\s]|\#[^\n]*)*(?:
        (?P<word>[A-Za-z_][\w./]*)
      | (?P<number>[-+]?\s*(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[fF]?|-\s*(?:inf|nan)(?:inity)?\b)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>\[\]:,;])
      | (?P<end>\Z)
      | (?P<other>.)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BOOLEANS = {"true": True, "t": True, "True": True, "1": True, "false": False, "f": False, "False": False, "0": False}
_CLOSING = {"{": "}", "<": ">"}


def parse(text: str, message: str, path: str) -> Message:
    """The fields of a message in text format; repeated fields are lists, enums their names.

    Args:
        text: the content of the file.
        message: a key of `MESSAGES`.
        path: the file, for error messages.

    Raises:
        ImporterError: naming file, line and column, where the text is not such a message.

    Example:
        >>> parse('name: "net" input_dim: 3 # one', "Net", "net.prototxt")
        {'name': 'net', 'input_dim': [3]}
    """
    if len(text) > LARGEST:
        raise ImporterError(f"{path} has {len(text)} characters; expected the text of a net, at most {LARGEST}.")
    return _Parser(text, path).message(message, "end", 0)


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self.text, self.path, self.place, self._next = text, path, 0, 0
        self.kind, self.token = "", ""
        self._advance()

    def _advance(self) -> str:
        token = self.token
        found = _TOKEN.match(self.text, self._next)
        if found is None or found.lastgroup is None:  # the pattern has an alternative for any character
            raise self.error("unreadable text")
        self.kind, self.token = found.lastgroup, found[found.lastgroup]
        self.place, self._next = found.start(found.lastgroup), found.end()
        return token

    def error(self, what: str) -> ImporterError:
        line = self.text.count("\n", 0, self.place) + 1
        column = self.place - (self.text.rfind("\n", 0, self.place) + 1) + 1
        return ImporterError(f"{self.path}, line {line}, column {column}: {what}; it is no prototxt that Caffe reads.")

    def message(self, kind: str | None, closing: str, depth: int) -> Message:
        if depth > DEPTH:
            raise self.error(f"messages are nested more than {DEPTH} deep")
        fields = MESSAGES[kind] if kind else {}
        result: Message = {}
        while not (self.kind == "end" if closing == "end" else self.token == closing and self.kind == "mark"):
            if self.kind != "word":
                raise self.error(f"expected the name of a field or {closing!r}, found {self._found()}")
            name = self._advance()
            self._field(result, name, fields.get(name), depth)
            if self.kind == "mark" and self.token in ",;":
                self._advance()
        return result

    def _field(self, result: Message, name: str, field: Field | None, depth: int) -> None:
        start = self.place
        colon = self.kind == "mark" and self.token == ":"
        if colon:
            self._advance()
        if self.kind == "mark" and self.token == "[":
            values = self._list(name, field, depth)
        else:
            values = [self._value(name, field, colon, depth)]
        if field is None or field.repeated:
            result.setdefault(name, []).extend(values)
        elif name in result or len(values) != 1:
            self.place = start
            raise self.error(f"field {name!r} is given more than once")
        else:
            result[name] = values[0]

    def _list(self, name: str, field: Field | None, depth: int) -> list[Any]:
        self._advance()
        values: list[Any] = []
        while not (self.kind == "mark" and self.token == "]"):
            values.append(self._value(name, field, True, depth))
            if self.kind == "mark" and self.token == ",":
                self._advance()
            elif self.token != "]":
                raise self.error(f"expected ',' or ']', found {self._found()}")
        self._advance()
        return values

    def _value(self, name: str, field: Field | None, colon: bool, depth: int) -> Any:
        if self.kind == "mark" and self.token in _CLOSING:
            if field is not None and field.kind not in MESSAGES:
                raise self.error(f"field {name!r} takes a {field.kind}, found a message")
            closing = _CLOSING[self._advance()]
            value = self.message(field.kind if field else None, closing, depth + 1)
            self._advance()
            return value
        if not colon:
            raise self.error(f"expected ':' or '{{' after {name!r}, found {self._found()}")
        if field is not None and field.kind in MESSAGES:
            raise self.error(f"field {name!r} takes a message, found {self._found()}")
        if self.kind == "string":
            return self._string(name, field)
        return self._scalar(name, field)

    def _string(self, name: str, field: Field | None) -> str:
        if field is not None and field.kind != "string":
            raise self.error(f"field {name!r} takes a {field.kind}, found {self._found()}")
        parts = []
        while self.kind == "string":  # adjacent strings are one
            try:
                parts.append(_ESCAPE.sub(_unescaped, self.token[1:-1].encode()).decode())
            except UnicodeDecodeError:
                raise self.error(f"a string with escapes that make no text: {self._found()}") from None
            self._advance()
        return "".join(parts)

    def _scalar(self, name: str, field: Field | None) -> Any:
        if self.kind not in ("word", "number"):
            raise self.error(f"expected a value of {name!r}, found {self._found()}")
        try:
            value = _convert(self.token.replace(" ", ""), self.kind, field)
        except (ValueError, OverflowError):
            kind = field.kind if field else "value"
            choice = f" (one of {', '.join(ENUMS[kind])})" if kind in ENUMS else ""
            raise self.error(f"field {name!r} takes a {kind}{choice}, found {self._found()}") from None
        self._advance()
        return value

    def _found(self) -> str:
        return "the end of the file" if self.kind == "end" else repr(self.token[:60])


def _unescaped(escape: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = escape.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return bytes([int(octal, 8) & 255 if octal else int(hexadecimal, 16)])


def _convert(token: str, kind: str, field: Field | None) -> Any:
    if field is None:
        return token if kind == "word" else _number(token)
    if field.kind in ENUMS:
        if kind == "word":
            # The types of V1 layers are an enum that forks have lengthened: the layer is refused by name later.
            if token not in ENUMS[field.kind] and field.kind != "V1Type":
                raise ValueError(token)
            return token
        return ENUM_NAMES[field.kind].get(int(token), token)
    if field.kind == "bool":
        if token not in _BOOLEANS:
            raise ValueError(token)
        return _BOOLEANS[token]
    if field.kind in ("float", "double"):
        return _number(token)
    if field.kind == "string":
        raise ValueError(token)
    value = int(token, 0 if "x" in token.lower() else 10)
    if not (0 if field.kind == "uint" else -(2**63)) <= value < 2**63:
        raise ValueError(token)
    return value


def _number(token: str) -> float:
    if token.lower().lstrip("+-").startswith("0x"):
        return float(int(token, 16))
    value = float(token.rstrip("fF") if token[-1:] in "fF" and "inf" not in token.lower() else token)
    return value if math.isfinite(value) or "inf" in token.lower() or "nan" in token.lower() else math.inf
