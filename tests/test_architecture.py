"""The rules of docs/design.md that a program can check: who imports whom, where heavy packages live, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "sparkdl"

# Imports go down. Folders of one level do not know each other.
LEVELS = {
    "": 0,  # the package itself: its version, and names that are imported when they are asked for
    "errors": 0,
    "types": 0,
    "memory": 0,
    "data": 1,
    "collective": 1,
    "storage": 1,
    "metrics": 1,
    "triggers": 1,
    "summary": 1,
    "history": 1,
    "nn": 2,
    "engine": 3,
    "train": 3,
    "importers": 4,
    "spark": 5,
    "ml": 6,
    "bigdl": 7,
    "__main__": 8,
}
MODELS = frozenset({"nn", "engine", "importers", "bigdl"})
CLUSTERS = frozenset({"spark", "ml", "bigdl"})
HOMES = {
    "tensorflow": MODELS,
    "keras": MODELS,
    "openvino": frozenset({"engine"}),
    "nncf": frozenset({"engine"}),
    "pyspark": CLUSTERS,
    "py4j": CLUSTERS,
    "socket": frozenset({"collective"}),
    "ssl": frozenset({"collective"}),
    "tensorboard": frozenset({"summary"}),
}
FILE_LINES, FUNCTION_LINES, CLASS_LINES, PUBLIC_NAMES = 400, 40, 250, 30
FORBIDDEN_NAMES = frozenset({"utils.py", "util.py", "helpers.py", "misc.py"})

# What may be longer, and why. An entry that is no longer needed fails too.
ALLOWED = {"sparkdl/spark/fit.py::fit": "hands some thirty arguments on by name, one per line, with no branch"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one module, wherever in a file it stands."""

    line: int
    target: str


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed file of the package."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def folder(self) -> str:
        """The part of the package, a key of LEVELS."""
        return _folder(self.name)


def _folder(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def read(root: Path) -> list[Module]:
    """All modules of the package below `root`."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    names = {_module_name(root, file) for file in files}
    return [_read_module(root, file, names) for file in files]


def _module_name(root: Path, file: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read_module(root: Path, file: Path, names: set[str]) -> Module:
    text = file.read_text()
    tree = ast.parse(text, str(file))
    name = _module_name(root, file)
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return Module(name, file.relative_to(root), text, tree, tuple(_imports(tree, package, names)))


def _imports(tree: ast.AST, package: str, names: set[str]) -> Iterator[Import]:
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield Import(node.lineno, submodule if submodule in names else base)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield Import(node.lineno, str(node.args[0].value))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node, but not what only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _walk(other)
        else:
            yield from _walk(child)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def unknown_folders(modules: list[Module]) -> list[str]:
    """Modules in a place that the table of levels does not know."""
    return [f"{module.path}: no level is given for it" for module in modules if module.folder not in LEVELS]


def upward_imports(modules: list[Module]) -> list[str]:
    """Imports that go up, or to another folder of the same level."""
    found = []
    for module in modules:
        for item in module.imports:
            here, there = module.folder, _folder(item.target)
            if item.target.split(".")[0] != PACKAGE or here == there or here not in LEVELS:
                continue
            if LEVELS.get(there, 99) >= LEVELS[here] and there != "":
                found.append(f"{module.path}:{item.line}: {here or PACKAGE} must not import {item.target}")
    return found


def heavy_imports(modules: list[Module]) -> list[str]:
    """Imports of TensorFlow, Spark, sockets and the like outside of their homes."""
    return [
        f"{module.path}:{item.line}: {item.target} belongs to {', '.join(sorted(homes))}"
        for module in modules
        for item in module.imports
        if (homes := HOMES.get(item.target.split(".")[0])) is not None and module.folder not in homes
    ]


def cycles(modules: list[Module]) -> list[str]:
    """Modules that import each other, directly or in a round."""
    edges = {module.name: {item.target for item in module.imports} - {module.name} for module in modules}

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        stack = list(edges.get(start, ()))
        while stack:
            name = stack.pop()
            if name not in seen and name in edges:
                seen.add(name)
                stack.extend(edges[name])
        return seen

    return [f"{name} imports itself in a round" for name in edges if name in reach(name)]


def too_long(modules: list[Module]) -> list[str]:
    """Files, classes and functions over the limits."""
    found = []
    for module in modules:
        lines = len(module.text.splitlines())
        if lines > FILE_LINES:
            found.append(f"{module.path}: {lines} lines, limit {FILE_LINES}")
        for name, node in _definitions(module.tree):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            length = _length(node)
            if length > limit:
                found.append(f"{module.path}::{name}: {length} lines, limit {limit}")
    return found


def _definitions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
            yield prefix + child.name, child
            yield from _definitions(child, f"{prefix}{child.name}.")
        else:
            yield from _definitions(child, prefix)


def _length(node: ast.ClassDef | ast.FunctionDef) -> int:
    """Lines of the body: a long docstring or list of parameters is no fault."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def prints(modules: list[Module]) -> list[str]:
    """Calls of print: a library has a logger and a progress bar."""
    return [
        f"{module.path}:{node.lineno}: print"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def drawers(modules: list[Module]) -> list[str]:
    """Files whose name says nothing about what is in them; bigdl/ has BigDL's own names."""
    return [
        f"{module.path}: a drawer for anything"
        for module in modules
        if module.path.name in FORBIDDEN_NAMES and module.folder != "bigdl"
    ]


Rule = Callable[[list[Module]], list[str]]
RULES: tuple[Rule, ...] = (unknown_folders, upward_imports, heavy_imports, cycles, prints, drawers)


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return read(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule, modules: list[Module]) -> None:
    assert len(modules) > 10
    assert rule(modules) == []


def test_sizes(modules: list[Module]) -> None:
    found = {line.split(": ")[0]: line for line in too_long(modules)}
    assert [line for place, line in found.items() if place not in ALLOWED] == []
    assert [place for place in ALLOWED if place not in found] == [], "these are short enough now: forget the exception"


def test_import_of_the_package_is_cheap() -> None:
    code = "import sys, sparkdl; dir(sparkdl); print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["tensorflow", "keras", "pyspark", "pandas", "pyarrow", "tensorboard"]
    run = subprocess.run([sys.executable, "-c", code, *heavy], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_face_of_the_package_is_small_and_every_name_has_a_module() -> None:
    import sparkdl

    assert len(sparkdl.__all__) <= PUBLIC_NAMES
    for home in sparkdl._HOMES.values():
        assert (ROOT / (home.replace(".", "/") + ".py")).is_file(), home


def _plant(root: Path, **files: str) -> list[Module]:
    """A package of one file per keyword: `data__a="..."` becomes sparkdl/data/a.py."""
    (root / PACKAGE).mkdir()
    (root / PACKAGE / "__init__.py").touch()
    for name, text in files.items():
        path = root.joinpath(PACKAGE, *f"{name}.py".split("__"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return read(root)


LONG = "x = 1\n" * 41
PLANTED = [
    (unknown_folders, {"stuff__a": ""}, 1),
    (upward_imports, {"data__a": "from sparkdl.spark import fit"}, 1),
    (upward_imports, {"data__a": "from sparkdl.collective.base import Solo"}, 1),
    (upward_imports, {"data__a": "def f():\n    from ..engine import x"}, 1),
    (upward_imports, {"train__a": "import importlib\nimportlib.import_module('sparkdl.engine')"}, 1),
    (
        upward_imports,
        {"data__a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sparkdl.spark.fit"},
        0,
    ),
    (upward_imports, {"spark__a": "from sparkdl.data.b import c\nfrom sparkdl.spark.d import e"}, 0),
    (upward_imports, {"errors": "import sparkdl.types"}, 1),
    (heavy_imports, {"train__a": "import keras.ops"}, 1),
    (heavy_imports, {"train__a": "def f():\n    from tensorflow import function"}, 1),
    (heavy_imports, {"spark__a": "import socket, pyspark.sql"}, 1),
    (heavy_imports, {"data__a": "import importlib as i\ni.import_module('pyspark')"}, 1),
    (heavy_imports, {"engine__a": "import tensorflow, keras, openvino", "collective__a": "import socket, ssl"}, 0),
    (
        cycles,
        {"data__a": "import sparkdl.data.b", "data__b": "from sparkdl.data import c", "data__c": "from . import a"},
        3,
    ),
    (cycles, {"data__a": "import sparkdl.data.b", "data__b": "import sparkdl.data.c", "data__c": ""}, 0),
    (too_long, {"data__a": "x = 1\n" * 401}, 1),
    (too_long, {"data__a": "def f():\n" + "".join("    " + line + "\n" for line in LONG.splitlines())}, 1),
    (too_long, {"data__a": 'def f():\n    """' + "x\n" * 60 + '    """\n    return 1\n'}, 0),
    (too_long, {"data__a": "class A:\n" + "    x = 1\n" * 251}, 1),
    (prints, {"data__a": "def f():\n    print('x')"}, 1),
    (drawers, {"data__utils": ""}, 1),
]


@pytest.mark.parametrize(("rule", "files", "count"), PLANTED)
def test_planted_violations_are_found(rule: Rule, files: dict[str, str], count: int, tmp_path: Path) -> None:
    assert len(rule(_plant(tmp_path, **files))) == count
