"""One worker in a process of its own: `one_worker.py RANK SIZE FOLDER HOST`, driven by test_processes.py.

Meets the others through files in FOLDER, keeps the whole contract over the mesh, in clear and encrypted, and over what
`connect` chose, then adds up until rank 1 is killed, and prints what the others were told.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

from sparkdl.collective.certificate import Identity
from sparkdl.collective.rendezvous import connect, connect_mesh, open_listener
from sparkdl.errors import CollectiveError

SECRET = b"a secret of tests that is long"


def load_contract():
    spec = importlib.util.spec_from_file_location("contract", Path(__file__).with_name("contract.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gather_through(folder: Path, rank: int, size: int):
    turns = iter(range(100))

    def gather(text: str) -> list[str]:
        turn = next(turns)
        (folder / f"{turn}-{rank}.tmp").write_text(text)
        (folder / f"{turn}-{rank}.tmp").rename(folder / f"{turn}-{rank}")
        names = [folder / f"{turn}-{other}" for other in range(size)]
        limit = time.monotonic() + 60
        while not all(name.exists() for name in names):
            if time.monotonic() > limit:
                raise TimeoutError("the other processes did not start")
            time.sleep(0.01)
        return [name.read_text() for name in names]

    return gather


def main(rank: int, size: int, folder: Path, host: str) -> None:
    contract = load_contract()
    gather = gather_through(folder, rank, size)
    mesh = connect_mesh(rank, size, open_listener("127.0.0.1"), gather, SECRET, "mesh", 60.0)
    identity = Identity((folder / "certificate").read_bytes(), (folder / "key").read_bytes())
    encrypted = connect_mesh(rank, size, open_listener("127.0.0.1"), gather, SECRET, "encrypted", 60.0, identity)
    chosen = connect(rank, size, gather, SECRET, "chosen", 60.0, host)
    for collective in (mesh, encrypted, chosen):
        for case in contract.CASES.values():
            case(collective)
    print(type(mesh).__name__, type(chosen).__name__, "kept the contract", flush=True)
    try:
        while True:
            chosen.reduce_scatter(np.ones(100_000, np.float32), contract.even(100_000, size), np.ones(2))
    except CollectiveError as error:
        print(error, flush=True)
    try:
        mesh.barrier()
    except CollectiveError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
