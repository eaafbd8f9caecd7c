"""`python -m sparkdl`: commands for the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

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
        return _doctor(given.master, given.conf)
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
    return parser


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
