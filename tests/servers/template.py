"""A process with TensorFlow, Keras and PySpark in memory, which is forked for each program; see `preloaded.py`.

A program is what `python` would be given: `-m MODULE`, `-c CODE` or a file, with arguments. It has environment,
directory, standard files, arguments, search path and `__main__` as if Python had just started, and ends as Python
does. Forking is sound for the reasons in `sparkdl/spark/daemon.py`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.machinery
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import time
import types
from typing import Any

# Of other projects only: what is under test is imported by the programs themselves, from where they find it.
MODULES = ("numpy", "pandas", "pyarrow", "tensorflow", "keras", "pyspark.sql", "pyspark.ml", "pyspark.worker")
ARGUMENTS_START = 45  # among the fields of /proc/PID/stat behind the name
KILLED = 9


class Template:
    """Answers launchers, until the process that started it has ended.

    Args:
        listener: where they call.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)  # at its end when who started this one is gone
        self._programs: dict[int, tuple[int, socket.socket]] = {}  # by descriptor of the process
        self._callers: dict[socket.socket, int] = {}

    def serve(self) -> dict[str, Any]:
        """Returns in each process that shall be a program, with what the launcher said."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    self._end()
                elif key.fileobj is self._listener:
                    if (request := self._begin()) is not None:
                        return request
                elif key.fd in self._programs:
                    self._finish(key.fd)
                elif key.fileobj in self._callers:
                    self._pass_on(key.fileobj)

    def _begin(self) -> dict[str, Any] | None:
        caller, _ = self._listener.accept()
        try:
            request, files = receive(caller)
        except (OSError, EOFError):  # it was killed meanwhile
            caller.close()
            return None
        load()
        pid = os.fork()
        if pid == 0:
            for descriptor in (*self._programs, *(each.fileno() for each in self._callers), caller.fileno()):
                os.close(descriptor)
            self._selector.close()
            self._listener.close()
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            return request
        for file in files:
            os.close(file)
        process = os.pidfd_open(pid)
        self._programs[process], self._callers[caller] = (pid, caller), pid
        self._selector.register(process, selectors.EVENT_READ)
        self._selector.register(caller, selectors.EVENT_READ)
        return None

    def _finish(self, process: int) -> None:
        pid, caller = self._programs.pop(process)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._selector.unregister(process)
        os.close(process)
        if self._callers.pop(caller, None) is not None:
            self._selector.unregister(caller)
            caller.sendall(marshal.dumps(code))
        caller.close()

    def _pass_on(self, caller: socket.socket) -> None:
        """Signals that the launcher has got; it is gone only if it was killed."""
        number = caller.recv(1)
        os.kill(self._callers[caller], number[0] if number else KILLED)
        if not number:
            del self._callers[caller]
            self._selector.unregister(caller)

    def _end(self) -> None:
        for pid, _ in self._programs.values():
            os.kill(pid, KILLED)
        os._exit(0)


def receive(caller: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a launcher wants, and its standard files."""
    length, files, _, _ = socket.recv_fds(caller, 4, 3)
    content = bytearray()
    while len(content) < int.from_bytes(length, "little"):
        content += caller.recv(1 << 16)
    return marshal.loads(content), files


def load() -> None:
    """Imports all that programs begin with, for the first of them."""
    if MODULES[-1] not in sys.modules:
        gc.disable()  # all is kept
        errors, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)  # TensorFlow says there what it found, whatever its level of logging
        try:
            for name in MODULES:
                importlib.import_module(name)
        finally:
            os.dup2(errors, 2)
            os.close(errors)
            os.close(nothing)
        gc.freeze()
        gc.enable()


def run(arguments: list[str], environ: dict[str, str], folder: str, libraries: list[str]) -> None:
    """Runs a program as `python` does with these arguments.

    Args:
        libraries: the search path without `PYTHONPATH` and the program's own folder.
    """
    import numpy as np

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    np.random.seed()
    tempfile.tempdir = None
    if environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)  # type: ignore[attr-defined]
    _rename([sys.executable, *arguments])
    paths = [os.path.abspath(path) for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = dict.fromkeys([*paths, *libraries])
    sys.path_importer_cache.clear()
    sys.orig_argv = [sys.executable, *arguments]
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    what, *rest = arguments
    if what == "-m":
        sys.path.insert(0, folder)
        sys.argv = ["-m", *rest[1:]]
        runpy._run_module_as_main(rest[0])
    elif what == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(what)))
        sys.argv = arguments
        path = os.path.abspath(what)
        main.__file__, main.__loader__ = path, importlib.machinery.SourceFileLoader("__main__", path)
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        exec(code, main.__dict__)


def _rename(words: list[str]) -> None:
    """Shows the program's words as the command line of this process, as far as there is room for them."""
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    start, end = map(int, fields[ARGUMENTS_START : ARGUMENTS_START + 2])
    shown = b"".join(os.fsencode(word) + b"\0" for word in words)[: end - start - 1].ljust(end - start, b"\0")
    ctypes.memmove(start, shown, len(shown))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = sys.path[1:]
    request = Template(socket.socket(fileno=int(sys.argv[1]))).serve()
    run(**request, libraries=found)
