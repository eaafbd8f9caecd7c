"""The standalone cluster of the tests, with the package shipped as a zip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.servers.preloaded import preloaded_python

ROOT = Path(__file__).parents[2]


FIT = """
from models import blobs, classifier, frame
from pyspark.sql import SparkSession
import sparkdl as sdl

spark = SparkSession.builder.getOrCreate()
x, y = blobs(40)
data = frame(spark, x, y)
model, reference = classifier(), classifier()
history = sdl.fit(model, data, batch_size=40, epochs=2, verbose=2)
for _ in range(2):
    reference.train_on_batch(x, y)
print("workers:", len(history.timings), "from", sdl.__file__)
print("difference:", max(abs(a - b).max() for a, b in zip(model.get_weights(), reference.get_weights())) < 1e-4)
print("scored:", sdl.predict(model, data).count(), sdl.evaluate(model, data)["accuracy"] == model.evaluate(x, y)[1])
"""


def test_the_verbs_run_under_spark_submit_from_a_zip(standalone: str, tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text((ROOT / "tests" / "spark" / "models.py").read_text())
    run = submit(standalone, tmp_path, FIT)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "Epoch 2/2" in run.stdout
    assert "workers: 2 from" in run.stdout
    assert "sparkdl.zip/sparkdl" in run.stdout
    assert "difference: True" in run.stdout
    assert "scored: 40 True" in run.stdout


def test_the_doctor_runs_under_spark_submit_from_a_zip(standalone: str, tmp_path: Path) -> None:
    program = "import sys\nfrom sparkdl.__main__ import main\nsys.exit(main(['doctor']))\n"
    run = submit(standalone, tmp_path, program, python=sys.executable)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "2 worker(s)" in run.stdout
    assert "sparkdl.zip/sparkdl" in run.stdout
    assert "each worker reaches the driver and every other worker" in run.stdout


def submit(
    master: str, folder: Path, program: str, python: str = preloaded_python()
) -> subprocess.CompletedProcess[str]:
    """Runs a program by spark-submit, with the package as a zip and nowhere else on its path."""
    import pyspark

    archive = folder / "sparkdl.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in (ROOT / "sparkdl").rglob("*.py"):
            opened.write(file, file.relative_to(ROOT))
    job = folder / "job.py"
    job.write_text(program)
    launcher = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    settings = ["--conf", "spark.ui.enabled=false", "--conf", "spark.cores.max=2"]
    options = ["--master", master, "--py-files", str(archive), *settings]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= {"PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.run(
        [launcher, *options, str(job)], cwd=folder, env=environ, capture_output=True, text=True, timeout=280
    )
