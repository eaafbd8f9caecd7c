"""The scripts in BigDL's way, all in one process under the alias: they train, and say how good they have become."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.tf]
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "jobs" / "bigdl"
# Epochs, and what the result says at least (the loss of the autoencoder: at most).
SCRIPTS = {
    "logistic_regression": (5, 0.6),
    "mlp": (5, 0.6),
    "cnn": (3, 0.6),
    "rnn": (6, 0.5),
    "lstm": (6, 0.5),
    "bidirectional": (3, 0.6),
    "autoencoder": (5, 0.3),
}
RUNNER = """
import runpy, sys
sys.path.insert(0, {folder!r})
import sparkdl.bigdl.install
for name, epochs in {scripts!r}:
    print("SCRIPT", name, flush=True)
    sys.argv = [name, "--epochs", str(epochs), "--logs", {logs!r}]
    runpy.run_path({folder!r} + "/" + name + ".py", run_name="__main__")
"""


@pytest.mark.parametrize(
    "names", [("logistic_regression", "lstm"), ("cnn", "autoencoder"), ("mlp", "rnn"), ("bidirectional",)]
)
def test_scripts_learn_digits(names: tuple[str, ...], tmp_path: Path) -> None:
    scripts = [(name, SCRIPTS[name][0]) for name in names]
    code = RUNNER.format(folder=str(FOLDER), scripts=scripts, logs=str(tmp_path))
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=280, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = {}
    for part in done.stdout.split("SCRIPT ")[1:]:
        result = re.search(r"Evaluated result: ([\d.]+), total_num: (\d+), method: (\w+)", part)
        assert result is not None, part
        found[part.split()[0]] = float(result[1])
        assert int(result[2]) >= 360 or result[3] == "Loss"
    for name, wanted in ((name, SCRIPTS[name][1]) for name in names):
        assert found[name] <= wanted if name == "autoencoder" else found[name] >= wanted, found
    assert any((tmp_path / names[0] / "train").iterdir()) and any((tmp_path / names[0] / "validation").iterdir())


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_tried(name: str) -> None:
    assert (FOLDER / f"{name}.py").exists()
    assert {path.stem for path in FOLDER.glob("*.py")} - {"kit"} == set(SCRIPTS)
