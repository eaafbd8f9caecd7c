"""A Python whose programs begin with TensorFlow, Keras and PySpark in memory, in milliseconds.

To import these takes five seconds of a core, and the tests run hundreds of programs and of Spark's workers. This
Python is a launcher: it asks a process that has imported them (`template.py`) to fork, hands over its arguments,
environment, directory and standard files, passes on signals, and ends as the program ends. Where it cannot, it is the
Python that runs the tests. Everything of this project is imported by the programs themselves.

It goes wherever a Python does (`PYSPARK_PYTHON`, `subprocess.run([preloaded_python(), "-c", ...])`). Tests of what a
process imports, or of how it starts, take `sys.executable`, or set `PLAIN` in its environment.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PLAIN = "SPARKDL_TESTS_PLAIN_PYTHON"
NAME = "SPARKDL_TESTS_PYTHON"
LONGEST = 100  # of the path of a socket, and of the first line of a program
# How Spark starts workers whose tasks have a core, and programs under spark-submit.
WORKER = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
ROOM = 1024  # for command lines of programs, which take the place of the template's
# Python's own, and what libraries look at when they are imported.
READ_AT_START = r"PYTHON(?!PATH$|UNBUFFERED$)[A-Z]|(OMP|OPENBLAS|MKL|TF|KERAS)_|MPL"

LAUNCHER = """#!{python} -IS
import marshal, os, re, signal, socket, sys

def call():
    environ = dict(os.environ)
    found = {{name: value for name, value in environ.items() if re.match({pattern!r}, name)}}
    path = next((path for path, wanted in {templates!r} if wanted == found), None)
    words = sys.argv[1:]
    mine = words and (words[0] in ("-c", "-m") or not words[0].startswith("-"))
    if path is None or not mine or {plain!r} in environ:
        return None
    template = socket.socket(socket.AF_UNIX)
    try:
        template.connect(path)
        request = marshal.dumps(dict(arguments=words, environ=environ, folder=os.getcwd()))
        socket.send_fds(template, [len(request).to_bytes(4, "little")], [0, 1, 2])
        template.sendall(request)
    except OSError:
        return None
    return template

template = call()
if template is None:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, lambda number, _: template.send(bytes([number])))
for number in (0, 1, 2):
    os.close(number)
answer = template.recv(16)
code = marshal.loads(answer) if answer else -signal.SIGKILL
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def preloaded_python() -> str:
    """The path of this Python; of the one that runs the tests where there is none."""
    return os.environ.get(NAME, sys.executable)


def provide_python(at_end: Callable[[Callable[[], object]], object]) -> None:
    """Makes it, for this process and those below it; Spark takes it for its workers too.

    Args:
        at_end: takes what is to be called when the tests are over.
    """
    if not hasattr(os, "pidfd_open") or len(sys.executable) > LONGEST or " " in sys.executable or NAME in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="python-", dir="/tmp")  # paths of sockets are short
    at_end(functools.partial(shutil.rmtree, folder, ignore_errors=True))
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONUNBUFFERED")}
    templates = [(f"{folder}/{number}", plain | more) for number, more in enumerate(({}, WORKER))]
    for path, environ in templates:
        at_end(_start(path, environ).kill)
    launcher = Path(folder, "python")
    known = [(path, _read_at_start(environ)) for path, environ in templates]
    launcher.write_text(
        LAUNCHER.format(python=sys.executable, pattern=READ_AT_START, templates=known, plain=PLAIN), "utf-8"
    )
    launcher.chmod(0o700)
    os.environ[NAME] = os.environ["PYSPARK_PYTHON"] = str(launcher)


def _read_at_start(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if re.match(READ_AT_START, name)}


def _start(path: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """A template, which imports nothing before it is first called, and ends with this process at the latest."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    command = [sys.executable, str(Path(__file__).with_name("template.py")), str(listener.fileno()), "." * ROOM]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environ, pass_fds=[listener.fileno()]
    )
    listener.close()
    return process
