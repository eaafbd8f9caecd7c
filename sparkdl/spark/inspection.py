"""What one Python process of the cluster has. Standard library only: it must also run where sparkdl is missing."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sparkdl.spark.memory import memory_limit, process_limit

PACKAGES = ("pyspark", "numpy", "tensorflow", "keras", "pyarrow", "pandas", "safetensors", "ml_dtypes")
CPU_FEATURES = {"avx2": "avx2", "avx512f": "avx512", "avx512_bf16": "bf16", "amx_tile": "amx"}
MISSING = "missing"
FOREIGN = "another package of this name"
# A line of our own sparkdl/__init__.py that no other package has.
_MARK = '"fit": "sparkdl.spark.fit"'


def inspect_process(_: Iterable[object] = ()) -> dict[str, str]:
    """Everything about this process, as strings by name."""
    return {
        "host": platform.node(),
        "Python": platform.python_version(),
        "executable": sys.executable,
        **{name: package_version(name) for name in PACKAGES},
        **our_package(),
        "CPU": cpu_features(),
        "memory": str(memory_limit()),
        "memory of a process": str(process_limit()),
    }


def package_version(name: str) -> str:
    """The version of an installed package, `missing`, or what is known of one that was not installed by pip."""
    if importlib.util.find_spec(name) is None:
        return MISSING
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(importlib.import_module(name), "__version__", "unknown"))


def our_package() -> dict[str, str]:
    """The version of the sparkdl that is imported here, its place, and a digest of its first file."""
    spec = importlib.util.find_spec("sparkdl")
    if spec is None:
        return {"sparkdl": MISSING, "sparkdl from": "", "sparkdl digest": ""}
    if spec.origin is None or spec.loader is None:
        return {"sparkdl": FOREIGN, "sparkdl from": str(spec.submodule_search_locations), "sparkdl digest": ""}
    data = spec.loader.get_data(spec.origin)  # type: ignore[attr-defined]
    version = re.search(rb'^__version__ = "(.+)"', data, re.MULTILINE)
    ours = _MARK.encode() in data and version is not None
    return {
        "sparkdl": version.group(1).decode() if ours and version else FOREIGN,
        "sparkdl from": os.path.dirname(spec.origin),
        "sparkdl digest": hashlib.sha256(data).hexdigest()[:12],
    }


def shadowed(path: Sequence[str]) -> list[str]:
    """All folders on an import path that hold a package named sparkdl, the one that wins first."""
    found = [os.path.realpath(Path(entry, "sparkdl")) for entry in path if Path(entry, "sparkdl/__init__.py").is_file()]
    return list(dict.fromkeys(found))


def cpu_features() -> str:
    """What of the processor matters for speed, e.g. "x86_64 avx2 avx512 bf16"."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    line = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    flags = set(line.group(1).split()) if line else set()
    return " ".join([platform.machine(), *(name for flag, name in CPU_FEATURES.items() if flag in flags)])
