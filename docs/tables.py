"""Writes the tables of docs/arguments.md from the verdicts in the code: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

from sparkdl.spark.arguments import VERDICTS, markdown

PAGE = Path(__file__).parent / "arguments.md"


def main() -> None:
    """Puts each table below its heading, and leaves the rest of the page alone."""
    text = PAGE.read_text()
    for verb in VERDICTS:
        table = re.compile(rf"^(## `\w+\.{verb}`\n\n)(?:\|.*\n)+", re.MULTILINE)
        text = table.sub(lambda heading, verb=verb: f"{heading[1]}{markdown(verb)}\n", text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
