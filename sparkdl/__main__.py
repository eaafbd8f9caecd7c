"""`python -m sparkdl`: commands for the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import sparkdl
from sparkdl.errors import ArgumentError, SparkDLError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 for well, 1 for a problem that was told, 2 for a wrong command."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 0
    try:
        return _inspect(given) if given.command == "inspect" else _doctor(given.master, given.conf)
    except SparkDLError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sparkdl", description="Spark-native deep learning.")
    parser.add_argument("--version", action="version", version=f"sparkdl {sparkdl.__version__}")
    commands = parser.add_subparsers(dest="command", title="commands")
    doctor = commands.add_parser("doctor", help="look at the driver and every executor, and say what to change")
    doctor.add_argument(
        "--master", default="local[*]", help="where Spark runs, unless spark-submit says so (%(default)s)"
    )
    doctor.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE", help="a Spark setting; repeatable")
    _add_inspect(commands)
    return parser


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser("inspect", help="say what a model of Caffe, Keras or TensorFlow holds, unloaded")
    inspect.add_argument(
        "path", help="a prototxt, .keras, .h5, JSON, .pb, .pbtxt, .meta, or the folder of a SavedModel"
    )
    inspect.add_argument("weights", nargs="?", help="its weights, where they are in another file")
    inspect.add_argument("--inputs", type=_names, metavar="A,B", help="tensors where a TensorFlow model shall begin")
    inspect.add_argument("--outputs", type=_names, metavar="A,B", help="tensors or blobs where the model shall end")
    inspect.add_argument("--phase", default="TEST", choices=["TEST", "TRAIN"], help="of a Caffe net (%(default)s)")
    inspect.add_argument("--tags", type=_names, default=["serve"], metavar="A,B", help="of a SavedModel (serve)")
    inspect.add_argument("--signature", help="of a SavedModel")
    inspect.add_argument("--all", action="store_true", help="a row for each layer or op, however many there are")
    inspect.add_argument("--json", action="store_true", help="the same as JSON")


def _names(text: str) -> list[str]:
    return text.split(",")


def _inspect(given: argparse.Namespace) -> int:
    from sparkdl.importers.inspect import inspect

    names = ("inputs", "outputs", "phase", "tags", "signature")
    found = inspect(given.path, given.weights, **{name: getattr(given, name) for name in names})
    sys.stdout.write(json.dumps(found.as_dict()) + "\n" if given.json else found.text(given.all))
    return 0 if found.supported else 1


def _doctor(master: str, conf: Sequence[str]) -> int:
    from sparkdl.spark.doctor import examine, render
    from sparkdl.spark.session import local_session

    settings = dict(_setting(text) for text in conf)
    with local_session(master, settings, app_name="sparkdl doctor") as spark:
        result = examine(spark.sparkContext)
    sys.stdout.write(render(result))
    return 0 if result.healthy else 1


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ArgumentError(f"--conf needs NAME=VALUE, received {text!r}.")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
