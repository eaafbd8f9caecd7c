"""Processes that form a mesh, with a proxy in each connection between them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from proxy import Proxy

SCRIPT = Path(__file__).with_name("mesh_worker.py")
ROOT = Path(__file__).parents[2]


class Workers:
    """Starts workers and carries their addresses from one to the other. Use it as a context manager.

    Attributes:
        proxies: by (caller, answerer); the higher rank calls.
    """

    def __init__(self, size: int, identity: Any = None, hosts: Any = None, prefix: Any = None, **options: Any) -> None:
        """Starts the processes.

        Args:
            size: number of workers.
            identity: for encrypted connections.
            hosts: the address of each; None for loopback.
            prefix: for each rank the command that runs the worker's command; None for none.
            **options: `deadline`, `rounds`, `length`, `every`: see `mesh_worker`.
        """
        self.size = size
        self.proxies: dict[tuple[int, int], Proxy] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._events: list[queue.Queue[dict[str, Any]]] = []
        own = [identity.certificate.decode(), identity.key.decode()] if identity else None
        for rank in range(size):
            host = hosts[rank] if hosts else "127.0.0.1"
            given = {"deadline": 10.0, "rounds": 10, "length": 1000, "every": 1, **options}
            given |= {"rank": rank, "size": size, "host": host, "identity": own}
            self._start([*(prefix[rank] if prefix else []), sys.executable, str(SCRIPT), json.dumps(given)])

    def _start(self, command: list[str]) -> None:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes, text=True, env=environ)
        events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=lambda: [events.put(json.loads(line)) for line in process.stdout], daemon=True).start()
        self._processes.append(process)
        self._events.append(events)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                pipe.close()
        for proxy in self.proxies.values():
            proxy.close()

    def meet(self, proxied: bool = True, record: bool = False, partitioned: Any = (), **settings: Any) -> None:
        """Lets the workers find each other, through proxies with these settings (`delay`, `rate`).

        Args:
            proxied: False for connections without proxies.
            record: whether the proxies keep what passes.
            partitioned: pairs between which nothing passes from the beginning.
        """
        addresses = [self.wait_for(rank, "address") for rank in range(self.size)]
        for caller in range(self.size):
            for answerer in range(caller if proxied else 0):
                proxy = Proxy((addresses[answerer]["host"], addresses[answerer]["port"]), record=record)
                for name, value in settings.items():
                    setattr(proxy, name, value)
                if (caller, answerer) in partitioned:
                    proxy.partition()
                self.proxies[caller, answerer] = proxy
        for caller, process in enumerate(self._processes):
            told = [json.dumps(self._seen_by(caller, answerer, addresses)) for answerer in range(self.size)]
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()

    def _seen_by(self, caller: int, answerer: int, addresses: list[dict[str, Any]]) -> dict[str, Any]:
        if (caller, answerer) not in self.proxies:
            return addresses[answerer]
        return dict(zip(("host", "port"), self.proxies[caller, answerer].address, strict=True))

    def around(self, rank: int) -> list[Proxy]:
        """The proxies of all connections of a worker."""
        return [proxy for pair, proxy in self.proxies.items() if rank in pair]

    def wait_for(self, rank: int, event: str, seconds: float = 30.0) -> Any:
        """What a worker tells with its next event of this name; its other events are forgotten.

        Raises:
            AssertionError: it ended otherwise.
            queue.Empty: it said nothing for so many seconds.
        """
        while True:
            told = self._events[rank].get(timeout=seconds)
            if event in told:
                return told[event]
            assert not told.keys() & {"error", "done"}, told
