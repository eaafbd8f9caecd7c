"""Reads thousands of altered files, in a process of its own: what ends it is seen by the test that started it.

    python -m tests.importers.tensorflow.mutants COUNT FOLDER [KIND...]

For each kind it prints how many were read and refused, the longest time and the growth of memory, as a line of JSON.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2

from sparkdl.errors import SparkDLError
from sparkdl.importers.tensorflow import large
from sparkdl.importers.tensorflow.read import read_source
from sparkdl.importers.tensorflow.source import GraphSource
from tests.importers.mutation import mutant
from tests.importers.tensorflow.places import COPIES
from tests.importers.tensorflow.saved import partitioned_graph, save_graph, save_module
from tests.importers.tensorflow.tables import resealed

KINDS = (
    "pb",
    "frozen",
    "pbtxt",
    "meta",
    "saved_model",
    "object_graph",
    "v1",
    "v1 resealed",
    "index",
    "index resealed",
    "data",
    "bin",
)
ROOM = 2**31  # bytes of memory beyond what TensorFlow took
NUMBERS = (b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x80" * 12, b"\x00", b"\x7f\xff\xff\xff", b"\xff" * 4)
TOKENS = (b"{" * 40, b'"', b"99999999999", b"-1", b"node {", b"}", b"\\377", b"key: 'a'", b"[", b"#")


def subjects(kind: str, folder: Path) -> tuple[Path, Callable[[], object]]:
    """The file to alter, and what reads it with all values that it gives."""
    if kind == "bin":
        graph = COPIES / "blog_lstm_static" / "graph_unfrozen.pbtxt.gz"
        source = read_source(graph)
        file = folder / "w.bin"
        file.write_bytes((COPIES / "blog_lstm_static" / "bigdl_pair.bin").read_bytes())
        small = folder / "graph.pb"
        small.write_bytes(source.graph.SerializeToString())
        return file, lambda: _all(read_source(small, bin_file=file))
    if kind == "frozen":
        file = folder / "graph.pb"
        file.write_bytes((COPIES / "blog_lstm_static" / "graph.pb").read_bytes())
        return file, lambda: _all(_read_with_views(file))
    if kind == "saved_model":
        save_module(folder / "model", {"serving_default": "scores"})
        return folder / "model" / "saved_model.pb", lambda: _all(read_source(folder / "model"))
    if kind == "object_graph":
        save_module(folder / "model", {"serving_default": "scores"})
        file = folder / "model" / "variables" / "variables.data-00000-of-00001"
        return file, lambda: _all(read_source(folder / "model"))
    graph, _ = partitioned_graph()
    prefix = folder / "model.ckpt"
    save_graph(graph, prefix, "V1" if kind.startswith("v1") else "V2")
    definition = graph.as_graph_def()
    files = {
        "pb": (folder / "graph.pb", definition.SerializeToString()),
        "pbtxt": (folder / "graph.pbtxt", text_format.MessageToString(_few(definition)).encode()),
        "meta": (folder / "model.ckpt.meta", (folder / "model.ckpt.meta").read_bytes()),
    }
    if kind in files:
        file, content = files[kind]
        file.write_bytes(content)
        return file, lambda: _all(read_source(file, checkpoint=prefix))
    endings = {"v1": "", "v1 resealed": "", "index": ".index", "index resealed": ".index"}
    file = folder / f"model.ckpt{endings.get(kind, '.data-00000-of-00001')}"
    return file, lambda: _all(read_source(folder / "model.ckpt.meta", checkpoint=prefix))


def _read_with_views(file: Path) -> GraphSource:
    """Leaves the values of all constants in the file, as those of large ones are."""
    with mock.patch.object(large, "LARGE", 32):
        return read_source(file)


def _few(graph: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """The forward pass alone."""
    return tf.compat.v1.graph_util.extract_sub_graph(graph, ["scores"])


def _all(source: GraphSource) -> None:
    for name in source.variables:
        if name != "counter":
            source.variables[name].sum()


def alter(kind: str, count: int, folder: Path) -> dict[str, object]:
    """Reads altered files of one kind."""
    folder.mkdir()
    file, read = subjects(kind, folder)
    read()
    good, dice = file.read_bytes(), random.Random(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused, slowest = 0, 0.0
    for _ in range(count):
        data = mutant(good, dice, NUMBERS + TOKENS)
        # A new file each time: views of the last one are mapped.
        file.unlink()
        file.write_bytes(resealed(data) if "resealed" in kind else data)
        start = time.perf_counter()
        try:
            read()
        except SparkDLError as error:
            refused += 1
            assert str(error)
        slowest = max(slowest, time.perf_counter() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"kind": kind, "refused": refused, "read": count - refused, "slowest": slowest, "grown": grown * 1024}


def main() -> None:
    """Reads altered files of the kinds given, or of all."""
    count, folder, kinds = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or KINDS
    np.seterr(all="ignore")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    for kind in kinds:
        print(json.dumps(alter(kind, count, folder / kind)), flush=True)


if __name__ == "__main__":
    main()
