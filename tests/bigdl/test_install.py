"""BigDL's names lead to this package's modules: in the process that asked for it, in scripts, on executors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparkdl.bigdl import names

ROOT = Path(__file__).parents[2]

ALIASES = """
import sparkdl.bigdl.install
import bigdl.util.common
import bigdl.dllib.utils.common as second
from bigdl.dllib.utils import common as third
from bigdl.util.common import Sample
from bigdl.dllib import utils, version
import sparkdl.bigdl.util.common as own
assert bigdl.util.common is second is third is own is utils.common
assert bigdl.dllib.utils.common is own and Sample is own.Sample
assert own.__name__ == own.__spec__.name == "sparkdl.bigdl.util.common"
assert bigdl.version is version
try:
    import bigdl.orca.learn
except ModuleNotFoundError as error:
    assert "Orca's estimators" in str(error)
else:
    raise AssertionError
try:
    import bigdl.nothing.here
except ModuleNotFoundError as error:
    assert error.name == "bigdl.nothing"
import sys
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""

SCRIPT = """
import json, sys
from helper import double  # beside the script
from bigdl.util.common import *
from pyspark import SparkContext

def on_executor(number):
    import sys
    from bigdl.util.common import Sample as there
    from bigdl.dllib.utils.common import Sample as also_there
    assert there is also_there
    sample = there.from_ndarray(np.array([number, double(number)]), 1)
    return [type(sample).__module__, float(sample.feature.storage.sum()), "tensorflow" in sys.modules]

sc = SparkContext(appName="names", conf=create_spark_conf().set("spark.ui.enabled", "false"))
init_engine()
print(json.dumps([sys.argv[1:], __name__, sc.parallelize([1, 2], 2).map(on_executor).collect()]))
sc.stop()
"""


def _run(*command: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    text = [str(word) for word in command]
    return subprocess.run(text, cwd=cwd, env={**own, **environ}, capture_output=True, text=True, timeout=200)


def test_all_names_are_the_same_modules_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    run = _run(sys.executable, "-c", ALIASES, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert run.returncode == 0, run.stderr


# What functions of a script mean when executors unpickle them, or what tasks of this package are made of.
LIGHT = (
    "util.common",
    "dataset.dataset",
    "dataset.mnist",
    "dataset.sentence",
    "feature.columns",
    "feature.common",
    "feature.image",
    "feature.image3d.transformation",
    "feature.text",
    "nncontext",
    "transform.vision.image",
)


def test_what_executors_import_is_light(tmp_path: Path) -> None:
    code = "import importlib, sys; [importlib.import_module('sparkdl.bigdl.' + name) for name in sys.argv[1:]]; "
    code += "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    run = _run(sys.executable, "-c", code, *LIGHT, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


@pytest.mark.parametrize("part", ["util", "dllib"])
def test_a_real_bigdl_is_not_pushed_aside(part: str, tmp_path: Path) -> None:
    folder = tmp_path / "bigdl" / part
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    run = _run(sys.executable, "-c", "import sparkdl.bigdl.install", cwd=tmp_path, PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert "UnsupportedError: BigDL itself is installed" in run.stderr and str(folder) in run.stderr


def test_a_folder_of_scripts_that_is_called_bigdl_is_no_bigdl(tmp_path: Path) -> None:
    (tmp_path / "bigdl").mkdir()
    (tmp_path / "bigdl" / "mnist.py").write_text("from bigdl.util.common import Sample\nprint(Sample.__module__)")
    run = _run(sys.executable, "-m", "sparkdl.bigdl", "bigdl/mnist.py", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert run.stdout.strip() == "sparkdl.bigdl.util.sample", run.stderr


def test_a_script_runs_as_main_beside_its_own_modules(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "script.py").write_text(
        "import sys\nfrom helper import double\nfrom bigdl.util.common import to_list\n"
        "print(sys.argv[1:], __name__, to_list(double(2)))\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = (sys.executable, "-m", "sparkdl.bigdl", tmp_path / "script.py", "-a", "b")
    run = _run(*command, cwd=elsewhere, PYTHONPATH=str(ROOT))
    assert run.stdout.strip() == "['-a', 'b'] __main__ [4]", run.stderr


def test_a_script_under_spark_submit_that_is_given_the_file_of_the_launcher(tmp_path: Path) -> None:
    import pyspark

    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    launcher = ROOT / "sparkdl" / "bigdl" / "__main__.py"
    run = _run(
        *(submit, "--master", "local[1]", "--py-files", tmp_path / "helper.py", launcher, tmp_path / "script.py", "x"),
        cwd=tmp_path,
        PYSPARK_PYTHON=sys.executable,
        SPARK_LOCAL_IP="127.0.0.1",
    )
    assert run.returncode == 0, run.stderr
    found = [["sparkdl.bigdl.util.sample", 3.0, False], ["sparkdl.bigdl.util.sample", 6.0, False]]
    assert json.loads(run.stdout.splitlines()[-1]) == [["x"], "__main__", found]


def test_without_a_script_it_says_how_it_is_used(tmp_path: Path) -> None:
    from sparkdl.bigdl.__main__ import main

    assert main([]) == main([str(tmp_path / "missing.py")]) == 2


ZOO = """
import sparkdl.bigdl.install
from zoo import init_nncontext
from zoo.common.nncontext import init_nncontext as second
from zoo.feature.common import FeatureSet
from zoo.pipeline.api import autograd
from zoo.pipeline.api.keras.layers import Dense
from zoo.pipeline.api.keras.models import Sequential
from zoo.pipeline.api.net import Net
from zoo.pipeline.estimator import Estimator
from zoo.pipeline.nnframes import NNEstimator
from zoo.util.nest import flatten
import bigdl.dllib.keras.layers, bigdl.dllib.nnframes, bigdl.dllib.keras.autograd
assert init_nncontext is second and Dense is bigdl.dllib.keras.layers.Dense
assert NNEstimator is bigdl.dllib.nnframes.NNEstimator and autograd is bigdl.dllib.keras.autograd
try:
    import zoo.tfpark
except ModuleNotFoundError as error:
    assert "sparkdl.fit trains a Keras model" in str(error)
else:
    raise AssertionError
"""


def test_names_of_analytics_zoo_are_those_of_bigdl_2(tmp_path: Path) -> None:
    run = _run(sys.executable, "-c", ZOO, cwd=tmp_path, PYTHONPATH=str(ROOT), TF_CPP_MIN_LOG_LEVEL="3")
    assert run.returncode == 0, run.stderr


def test_a_zoo_of_ones_own_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "models.py").write_text("lion = 1\n")
    code = "import sparkdl.bigdl.install; from zoo.models import lion; import bigdl.util.common; print(lion)"
    run = _run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert run.stdout.strip() == "1", run.stderr


@pytest.mark.parametrize("prefix", names.PREFIXES)
def test_the_longest_beginning_counts(prefix: str) -> None:
    assert names.home_of(prefix) == names.PREFIXES[prefix]
    assert names.home_of(f"{prefix}.inner") == f"{names.PREFIXES[prefix]}.inner"
