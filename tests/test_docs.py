"""What the documentation says is true: tables, links and examples."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from sparkdl.spark.arguments import VERDICTS, markdown

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>python|pycon)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
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


@pytest.mark.tf
def test_the_page_of_stages_holds_the_table_of_the_code() -> None:
    from sparkdl.ml.reference import markdown as params

    assert params() in (ROOT / "docs" / "ml.md").read_text(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.tf
@pytest.mark.parametrize("page", [page for page in PAGES if "```py" in page.read_text()], ids=lambda page: page.name)
def test_examples_run_as_typed(page: Path, spark_local: Any) -> None:
    names: dict[str, Any] = {"__name__": page.stem}
    for block in BLOCK.finditer(page.read_text()):
        line = page.read_text()[: block.start()].count("\n") + 1
        if block["language"] == "python":
            exec(compile("\n" * line + block["code"], str(page), "exec"), names)  # noqa: S102
        else:
            example = doctest.DocTestParser().get_doctest(block["code"], names, page.name, str(page), line)
            said: list[str] = []
            result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
                example, out=said.append, clear_globs=False
            )
            assert result.failed == 0, "".join(said)
            assert result.attempted
