"""Programs of the preloaded Python find what they find under Python itself, and end alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers.preloaded import PLAIN, preloaded_python

pytestmark = [
    pytest.mark.tf,
    pytest.mark.skipif(preloaded_python() == sys.executable, reason="there is none on this system"),
]
DESCRIBE = """
import os, sys, threading
class Here: pass
print(sys.argv, sys.path, sys.executable, __name__, globals().get("__file__"), Here.__module__)
print(sys.modules["__main__"].Here is Here, os.getcwd(), sorted(os.environ.items()), sys.stdin.read())
print(sorted(os.listdir("/proc/self/fd")), threading.active_count(), sys.flags)
print("error", file=sys.stderr)
"""


def run(python: str, *arguments: object, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command, own = [str(word) for word in (python, *arguments)], {**os.environ, "FOUND": "é", **environ}
    return subprocess.run(command, cwd=folder, env=own, input="said", capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("form", ["code", "module", "file"])
def test_a_program_finds_what_it_would_find(form: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(DESCRIBE)
    start = {"code": ("-c", DESCRIBE), "module": ("-m", "program"), "file": ("program.py",)}[form]
    ours, pythons = (
        run(python, *start, "a b", "--c", folder=tmp_path, PYTHONPATH=f"{tmp_path}/x:y")
        for python in (preloaded_python(), sys.executable)
    )
    assert ours.stdout.splitlines() == pythons.stdout.splitlines() and "said" in ours.stdout
    assert (ours.returncode, ours.stderr) == (0, "error\n")


def test_it_has_tensorflow_and_nothing_of_this_project(tmp_path: Path) -> None:
    code = "import sys; print('tensorflow' in sys.modules, any(n.split('.')[0] == 'sparkdl' for n in sys.modules))"
    assert run(preloaded_python(), "-c", code, folder=tmp_path).stdout == "True False\n"
    assert run(preloaded_python(), "-c", code, folder=tmp_path, **{PLAIN: "1"}).stdout == "False False\n"
    assert run(preloaded_python(), "-c", code, folder=tmp_path, KERAS_BACKEND="torch").stdout == "False False\n"


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("import sys, atexit; atexit.register(print, 'bye'); sys.exit(3)", (3, "bye\n", "")),
        ("1 / 0", (1, "", "ZeroDivisionError")),
        ("import os; os.kill(os.getpid(), 15)", (-15, "", "")),
        ("import threading; threading.Timer(0.1, lambda: print('late')).start()", (0, "late\n", "")),
    ],
)
def test_it_ends_as_python_ends(code: str, ending: Any, tmp_path: Path) -> None:
    ended = run(preloaded_python(), "-c", code, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == ending[:2] and ending[2] in ended.stderr


WAITS = """
import os, time
try:
    print(os.getpid(), flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("number", "ending"), [(signal.SIGINT, (0, "interrupted\n")), (signal.SIGKILL, (-signal.SIGKILL, ""))]
)
def test_signals_reach_it(number: int, ending: tuple[int, str]) -> None:
    process = subprocess.Popen([preloaded_python(), "-c", WAITS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert int(process.stdout.readline()) != process.pid
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]  # once the program has closed its output
    assert (process.returncode, said) == ending
