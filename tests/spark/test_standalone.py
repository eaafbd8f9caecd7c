"""The standalone cluster of the tests, with the package shipped as a zip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_doctor_runs_under_spark_submit_from_a_zip(standalone: str, tmp_path: Path) -> None:
    import pyspark

    archive = tmp_path / "sparkdl.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in (ROOT / "sparkdl").rglob("*.py"):
            opened.write(file, file.relative_to(ROOT))
    job = tmp_path / "job.py"
    job.write_text("import sys\nfrom sparkdl.__main__ import main\nsys.exit(main(['doctor']))\n")
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    settings = ["--conf", "spark.ui.enabled=false", "--conf", "spark.cores.max=2"]
    options = ["--master", standalone, "--py-files", str(archive), *settings]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    run = subprocess.run(
        [submit, *options, str(job)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "2 worker(s)" in run.stdout
    assert "sparkdl.zip/sparkdl" in run.stdout
    assert "each worker reaches the driver and every other worker" in run.stdout
