"""What the documentation says is true: tables, links and examples."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from sparkdl.spark.arguments import VERDICTS, markdown

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.tf
@pytest.mark.parametrize("verb", VERDICTS)
def test_every_argument_of_keras_has_a_verdict_and_no_other(verb: str) -> None:
    import keras

    parameters = inspect.signature(getattr(keras.Model, verb)).parameters.values()
    names = [item.name for item in parameters if item.name != "self" and item.kind is not inspect.Parameter.VAR_KEYWORD]
    assert list(VERDICTS[verb]) == names


@pytest.mark.parametrize("verb", VERDICTS)
def test_the_page_of_arguments_holds_the_table_of_the_code(verb: str) -> None:
    assert markdown(verb) in (ROOT / "docs" / "arguments.md").read_text(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []
