"""What this process and the Python workers below it hold, as Linux shows it in /proc."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = (tempfile.gettempdir(), "/dev/shm")
DAEMON = "spark.daemon"  # the end of PySpark's name, and of ours


@dataclass(frozen=True)
class Held:
    """What a process holds: threads, and open sockets, memory, pipes and files (by the first word of their link)."""

    threads: int
    open: Counter[str]

    @classmethod
    def by(cls, pid: int) -> Held:
        links = []
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # that of the listing itself
                links.append(os.readlink(descriptor))
        kinds = Counter(link.split(":")[0] if ":" in link else "file" for link in links)
        return cls(len(os.listdir(f"/proc/{pid}/task")), kinds)

    def more_than(self, before: Held) -> str:
        """What is more than before, in words."""
        more = [f"{count - before.open[kind]} {kind}" for kind, count in self.open.items() if count > before.open[kind]]
        more += [f"{self.threads - before.threads} threads"] if self.threads > before.threads else []
        return ", ".join(more)


@dataclass(frozen=True)
class Traces:
    """What there is at one moment.

    Attributes:
        driver: what this process holds.
        threads: the names of its Python threads.
        workers: what each Python worker of Spark holds, by its process id.
        others: command lines of the other processes below this one.
        files: of sparkdl, in the folders for temporary files and shared memory.
    """

    driver: Held
    threads: Counter[str]
    workers: dict[int, Held] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    files: frozenset[str] = frozenset()

    @classmethod
    def now(cls) -> Traces:
        workers, others = {}, []
        for pid, parents in below(os.getpid()):
            with suppress(FileNotFoundError, ProcessLookupError):
                command = command_of(pid)
                if DAEMON in command and DAEMON in parents:
                    workers[pid] = Held.by(pid)
                else:
                    others.append(command)
        files = frozenset(str(path) for folder in FOLDERS for path in Path(folder).glob("sparkdl-*"))
        names = Counter(thread.name for thread in threading.enumerate())
        return cls(Held.by(os.getpid()), names, workers, Counter(others), files)

    def more_than(self, before: Traces) -> list[str]:
        """What is more than before, in words."""
        found = [f"thread {name}" for name in self.threads - before.threads]
        found += [f"process {command}" for command in self.others - before.others]
        found += [f"file {path}" for path in self.files - before.files]
        if more := self.driver.more_than(before.driver):
            found.append(f"{more} of the driver")
        for pid in self.workers.keys() & before.workers.keys():
            if more := self.workers[pid].more_than(before.workers[pid]):
                found.append(f"{more} of the worker {pid}")
        if len(self.workers) > len(before.workers):
            found.append(f"{len(self.workers) - len(before.workers)} workers")
        return found


def below(pid: int) -> Iterator[tuple[int, str]]:
    """The processes below one, each with the command line of the one that started it."""
    with suppress(FileNotFoundError, ProcessLookupError):
        command, children = command_of(pid), []
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                children += [int(child) for child in (task / "children").read_text().split()]
        for child in children:
            yield child, command
            yield from below(child)


def command_of(pid: int) -> str:
    """A process's command line; empty for a zombie."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
