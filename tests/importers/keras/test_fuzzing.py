"""Altered files of every format are read or refused: never a crash, a hang, or memory that they do not bring.

SPARKDL_MUTANTS says how many of each format; by default few. libhdf5 itself met heaps of texts that never end, for
which files are searched before it reads them; no crash of it was seen.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import h5py
import pytest

from sparkdl.errors import ImporterError
from sparkdl.importers.keras.load import LARGEST, load_keras
from tests.importers.keras.places import COPIES, ROOT, unpacked
from tests.servers.preloaded import preloaded_python

COUNT = int(os.environ.get("SPARKDL_MUTANTS", "60"))


@pytest.mark.timeout(120 + COUNT)
@pytest.mark.parametrize("name", ["recurrent.keras", "nested.h5", "functions.json"])
def test_altered_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    if name.endswith(".json"):
        with h5py.File(unpacked(name.replace(".json", ".h5"), tmp_path)) as file:
            config = {**json.loads(file.attrs["model_config"]), "keras_version": file.attrs["keras_version"]}
        source = tmp_path / name
        source.write_text(json.dumps(config))
    else:
        source = COPIES / name if name.endswith(".keras") else unpacked(name, tmp_path)
    done = subprocess.run(
        [preloaded_python(), "-m", "tests.importers.keras.fuzzing", str(source), str(COUNT), name],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["refused"] > COUNT / 4
    assert found["slowest"] < 10
    # An architecture without weights may describe a large net, and gets one.
    assert found["grown"] < (LARGEST if name.endswith(".json") else 2**29)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_text_longer_than_its_file_is_refused_before_memory_is_taken(libver: str, tmp_path: Path) -> None:
    path, config = tmp_path / "model.h5", json.dumps({"class_name": "Sequential", "config": {"layers": []}})
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["model_config"] = config
    content = path.read_bytes()
    length = len(config).to_bytes(4, "little")
    places = [place for place in range(len(content)) if content[place : place + 4] == length]
    refusals = []
    for place in places:
        path.write_bytes(content[:place] + b"\xf0\xff\xff\xff" + content[place + 4 :])
        with pytest.raises(ImporterError) as caught:
            load_keras(path)
        refusals.append(str(caught.value))
    assert any("'model_config' claims 4294967280 bytes" in refusal for refusal in refusals), refusals
