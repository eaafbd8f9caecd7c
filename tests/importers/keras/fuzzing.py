"""Loads many altered copies of small models, in a process of its own: `python -m tests.importers.keras.fuzzing`.

A library that crashes takes its process with it, and memory is measured for a whole process.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.importers.mutation import mutant

NUMBERS = (b"\xff" * 8, b"\xff\xff\xff\x7f", b"\x00" * 8, b"\x01", b"{" * 400, b"[" * 4000, b'"', b"99999999999", b"-1")
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 3, 10**9, 10**18, 1.5, "", "x", "relu", "/etc/passwd", [], [None], {}, [[[1, 2]]]),
    {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}},
    {"class_name": "Nothing", "config": {}},
    {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
    {"class_name": "__tensor__", "config": {"value": [1, 2], "dtype": "float32"}},
)


def altered_bytes(good: bytes, dice: random.Random) -> bytes:
    """The bytes with up to four changes."""
    return mutant(good, dice, NUMBERS)


def altered_json(good: bytes, dice: random.Random) -> bytes:
    """JSON with up to three values removed, exchanged, or replaced by strange ones."""
    if dice.random() < 0.3:
        return altered_bytes(good, dice)
    value = json.loads(good)
    for _ in range(dice.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        holder, key = dice.choice(places)
        change = dice.randrange(4)
        if change == 0:
            del holder[key]
        elif change == 1:
            other, name = dice.choice(places)
            try:
                holder[key] = json.loads(json.dumps(other[name]))
            except (KeyError, IndexError):
                continue
        elif change == 2 and isinstance(holder[key], (int, float)):
            holder[key] = dice.choice((-1, 0, 1, 7, 10**6, 10**9, 2**40, 2**63, -(2**31), 0.5))
        else:
            holder[key] = dice.choice(VALUES)
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


def altered_archive(good: bytes, dice: random.Random) -> bytes:
    """A `.keras` file that is damaged itself, or sound with a damaged member."""
    if dice.random() < 0.3:
        return altered_bytes(good, dice)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as archive, zipfile.ZipFile(out, "w") as written:
        victim = dice.choice(archive.namelist())
        for name in archive.namelist():
            content = archive.read(name)
            if name == victim:
                content = (altered_json if name.endswith(".json") else altered_bytes)(content, dice)
            written.writestr(name, content)
    return out.getvalue()


def altered_hdf5(good: bytes, dice: random.Random) -> bytes:
    """A damaged HDF5 file which still begins as one."""
    return good[:8] + altered_bytes(good[8:], dice)


FORMS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".keras": altered_archive,
    ".h5": altered_hdf5,
    ".json": altered_json,
}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(source: str, count: int, seed: str) -> int:
    """Loads altered copies of a file; prints what came of it as JSON."""
    import sparkdl as sdl
    from sparkdl.errors import SparkDLError

    warnings.simplefilter("ignore")
    good, alter = Path(source).read_bytes(), FORMS[Path(source).suffix]
    dice, told = random.Random(seed), {"refused": 0, "loaded": 0, "slowest": 0.0, "wrong": []}
    sdl.load_keras(source)
    before = _memory()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"altered{Path(source).suffix}")
        for number in range(count):
            file.write_bytes(alter(good, dice))
            start = time.thread_time()  # others may keep the processors busy
            try:
                sdl.load_keras(file)
                told["loaded"] += 1
            except SparkDLError:
                told["refused"] += 1
            except Exception:  # noqa: BLE001 - that is what is looked for
                told["wrong"].append(f"{number}: {traceback.format_exc()[-1500:]}")
            told["slowest"] = max(told["slowest"], time.thread_time() - start)
    told["grown"] = _memory() - before
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
