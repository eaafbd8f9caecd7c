"""`python -m sparkdl.bigdl script.py arguments`: runs a script of BigDL's. Also a file for spark-submit."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).absolute().parent

if sys.path and Path(sys.path[0]).absolute() == _HERE:
    # Run as a file: Python has put this folder first, where `keras` is not Keras.
    del sys.path[0]
    if importlib.util.find_spec("sparkdl") is None:
        sys.path.insert(0, str(_HERE.parents[1]))

from sparkdl.bigdl.install import install  # noqa: E402  (it could not be found before)

_USAGE = "usage: python -m sparkdl.bigdl script.py [arguments]\n"


def main(arguments: Sequence[str]) -> int:
    """Runs the script as `__main__`, as `python script.py` would, with BigDL's names; returns the exit code."""
    if not arguments or not Path(arguments[0]).is_file():
        missing = f"there is no file {arguments[0]!r}\n" if arguments else ""
        sys.stderr.write(missing + _USAGE)
        return 2
    install()
    sys.argv = list(arguments)
    sys.path.insert(0, str(Path(arguments[0]).absolute().parent))
    runpy.run_path(arguments[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
