"""The page for people who come from BigDL holds the tables of the code, and the README leads there."""

from __future__ import annotations

from pathlib import Path

from sparkdl.bigdl import support

ROOT = Path(__file__).parents[2]


def test_the_page_holds_the_tables() -> None:
    page = (ROOT / "docs" / "from-bigdl.md").read_text()
    assert support.changed() in page and support.refused() in page, "run `make docs`"
    assert "docs/from-bigdl.md" in (ROOT / "README.md").read_text()
