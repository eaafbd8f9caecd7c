"""One worker of a mesh in a process of its own, driven by `workers.py`: JSON arguments in, a JSON line per event out.

Tells its address on standard output, reads everybody's from standard input, then adds up round after round, checks
every sum, and says how it ended.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from sparkdl.collective.certificate import Identity
from sparkdl.collective.rendezvous import connect_mesh, open_listener
from sparkdl.errors import CollectiveError

SECRET = b"a secret of tests that is long"


def tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def gather(text: str) -> list[str]:
    tell(address=json.loads(text))
    return list(json.loads(sys.stdin.readline()))


def work(given: dict[str, Any]) -> int:
    rank, size, length = given["rank"], given["size"], given["length"]
    identity = Identity(*(text.encode() for text in given["identity"])) if given["identity"] else None
    mesh = connect_mesh(rank, size, open_listener(given["host"]), gather, SECRET, "run-1", given["deadline"], identity)
    tell(met=True)
    bounds = [length * number // size for number in range(size + 1)]
    for number in range(given["rounds"]):
        part, _ = mesh.reduce_scatter(np.full(length, rank + number, np.float32), bounds, np.zeros(1))
        whole = np.zeros(length, np.float32)
        whole[bounds[rank] : bounds[rank + 1]] = part
        mesh.all_gather(whole, bounds)
        assert (whole == sum(range(size)) + size * number).all(), number
        if number % given["every"] == 0:
            tell(round=number)
    mesh.close()
    return int(given["rounds"])


def main() -> None:
    started = time.monotonic()
    try:
        tell(done=work(json.loads(sys.argv[1])))
    except CollectiveError as error:
        tell(error=str(error), seconds=time.monotonic() - started)


if __name__ == "__main__":
    main()
