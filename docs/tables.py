"""Writes the tables of docs/arguments.md, caffe.md, from-bigdl.md, keras.md, ml.md and tensorflow.md: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sparkdl.bigdl import support
from sparkdl.importers.caffe import load  # noqa: F401 - fills the table
from sparkdl.importers.caffe import table as caffe
from sparkdl.importers.keras import mendings as keras
from sparkdl.importers.tensorflow import weights
from sparkdl.ml import reference as ml
from sparkdl.nn.graph import refused
from sparkdl.spark.arguments import VERDICTS, markdown

DOCS = Path(__file__).parent


def main() -> None:
    """Puts each table below its heading, and leaves the rest of the pages alone."""
    write(DOCS / "arguments.md", {rf"`\w+\.{verb}`": markdown(verb) for verb in VERDICTS})
    write(DOCS / "caffe.md", {"Types of layers": caffe.markdown()})
    write(DOCS / "from-bigdl.md", {"What changed": support.changed(), "What is refused": support.refused()})
    write(DOCS / "keras.md", {"Mendings": keras.markdown()})
    write(DOCS / "ml.md", {"Params": ml.markdown()})
    tables = {"What is refused": refused.markdown(), "Weights without reads": weights.markdown()}
    write(DOCS / "tensorflow.md", tables)


def write(page: Path, tables: Mapping[str, str]) -> None:
    """Replaces the first table below each heading."""
    text = page.read_text()
    for heading, rows in tables.items():
        place = re.compile(rf"^(## {heading}\n\n(?:[^|\n].*\n|\n)*)(?:\|.*\n)+", re.MULTILINE)
        text = place.sub(lambda found, rows=rows: f"{found[1]}{rows.rstrip()}\n", text)
    page.write_text(text)


if __name__ == "__main__":
    main()
