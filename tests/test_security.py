"""What a program can check of SECURITY.md: nothing that came from elsewhere is run, and who may listen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Calls that run what they are given, or could; by the last part of their name.
RUNS_CODE = {"eval", "exec", "compile", "__import__", "execfile", "literal_eval", "run_path", "run_module"}
UNPICKLERS = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle", "_pickle", "CloudPickler"}
READS = {"load", "loads", "open", "Unpickler", "read_pickle"}
SHELLS = {"system", "popen", "Popen", "check_output", "check_call"}
LISTENS = {"create_server", "listen", "bind", "HTTPServer", "ThreadingHTTPServer", "start_server"}

# Where they are allowed, and why. An entry that is no longer needed fails too.
ALLOWED = {
    "sparkdl/engine/serialization.py: cloudpickle.loads": "the user's own classes, from the task closure",
    "sparkdl/engine/serialization.py: safe_mode=False": "the user's own lambdas, from the task closure",
    "sparkdl/engine/compile_arguments.py: safe_mode=False": "the user's own losses and metrics, from the task closure",
    "sparkdl/engine/layout_process.py: cloudpickle.load": "a trial, from the process that started this one",
    "sparkdl/engine/layout_process.py: cloudpickle.loads": "the user's own model, from the same process",
    "sparkdl/engine/step_speed.py: cloudpickle.load": "the user's own model, from the process that started this one",
    "sparkdl/engine/callback_pack.py: pickle.Unpickler": "the user's own callbacks, from the task closure",
    "sparkdl/spark/build.py: pickle.loads": "the user's model, from the task closure",
    "sparkdl/spark/shipped.py: pickle.loads": "the user's model, as the driver gave it to Spark to bring here",
    "sparkdl/collective/rendezvous.py: create_server": "the one place that listens, on one address",
    "sparkdl/bigdl/__main__.py: runpy.run_path": "the script that the user gave on the command line",
    "sparkdl/bigdl/keras/datasets/stored.py: pickle.Unpickler": "lists, numbers and text alone: it finds no class",
    "sparkdl/engine/layout_speed.py: subprocess.Popen": "processes that time a layout: a fixed program, no shell",
    "sparkdl/storage/temporary.py: subprocess.Popen": "the janitor of a temporary folder: a fixed script",
}


def findings(name: str, tree: ast.AST) -> Iterator[str]:
    """Everything in a file that must be allowed by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (f"{name}: {what}" for what in _of_call(node))
        elif isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            yield from (f"{name}: {base}" for base in bases if base.rpartition(".")[2] == "Unpickler")
        elif isinstance(node, ast.ImportFrom) and node.module in UNPICKLERS:
            yield from (f"{name}: {node.module}.{alias.name}" for alias in node.names if alias.name in READS)


def _of_call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    owner, _, last = called.rpartition(".")
    owner = owner.rpartition(".")[2]
    if (last in RUNS_CODE and owner in ("", "builtins", "ast", "runpy")) or (owner in UNPICKLERS and last in READS):
        yield called
    if last in LISTENS:
        yield last
    if (last in SHELLS and owner in ("os", "subprocess")) or last == "read_pickle":
        yield called
    for keyword in node.keywords:
        value = getattr(keyword.value, "value", None)
        if (keyword.arg, value) in (("allow_pickle", True), ("safe_mode", False), ("shell", True)):
            yield f"{keyword.arg}={value}"


@pytest.fixture(scope="module")
def found() -> set[str]:
    files = sorted((ROOT / "sparkdl").rglob("*.py"))
    assert len(files) > 50
    named = ((str(file.relative_to(ROOT)), file) for file in files)
    return {line for name, file in named for line in findings(name, ast.parse(file.read_text()))}


def test_nothing_is_unpickled_evaluated_or_listened_on_but_where_it_is_allowed(found: set[str]) -> None:
    assert sorted(found - set(ALLOWED)) == []


def test_no_permission_outlives_its_need(found: set[str]) -> None:
    assert sorted(set(ALLOWED) - found) == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import pickle\npickle.loads(x)", "pickle.loads"),
        ("from pickle import loads as fine", "pickle.loads"),
        ("class Mine(pickle.Unpickler): pass", "pickle.Unpickler"),
        ("import pyspark\npyspark.cloudpickle.load(x)", "pyspark.cloudpickle.load"),
        ("eval(text)", "eval"),
        ("exec(text)", "exec"),
        ("np.load(path, allow_pickle=True)", "allow_pickle=True"),
        ("marshal.loads(x)", "marshal.loads"),
        ("keras.models.load_model(p, safe_mode=False)", "safe_mode=False"),
        ("subprocess.run(text, shell=True)", "shell=True"),
        ("os.system(text)", "os.system"),
        ("socket.create_server(('', 0))", "create_server"),
        ("server.bind(('0.0.0.0', 0))", "bind"),
    ],
)
def test_planted_ones_are_found(code: str, what: str) -> None:
    assert list(findings("a.py", ast.parse(code))) == [f"a.py: {what}"]


@pytest.mark.parametrize("code", ["model.evaluate(x)", "re.compile(x)", "model.compile(x)", "json.loads(x)", "load(x)"])
def test_others_are_left_alone(code: str) -> None:
    assert list(findings("a.py", ast.parse(code))) == []
