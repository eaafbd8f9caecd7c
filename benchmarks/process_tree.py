"""Processes below this one, and their TCP connections, as Linux shows them in /proc.

Nothing outside of a tree of processes is ever found, so that a fault can hit nobody else.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import signal
import socket
import struct
import termios
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

EXECUTOR = "CoarseGrainedExecutorBackend"
PIDFD_GETFD = 438
SO_MAX_PACING_RATE = 47
ESTABLISHED = "01"
TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Process:
    """A process; `started` tells it from a later one of the same number."""

    pid: int
    started: int

    @property
    def state(self) -> str:
        """Linux's letter: R, S, D, T for stopped, Z for a zombie; empty where it is gone."""
        stat = _stat(self.pid)
        return stat[0] if stat and int(stat[19]) == self.started else ""

    @property
    def alive(self) -> bool:
        """Whether it runs, or could run on."""
        return self.state not in ("", "Z", "X")

    @property
    def command(self) -> str:
        """Its command line."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""

    @property
    def processor_seconds(self) -> float:
        """Processor time that it and those of its children that have ended have used; 0 where it is gone."""
        return sum(map(int, _stat(self.pid)[11:15])) / TICK

    def signal(self, number: int) -> None:
        """Sends it a signal, unless it is gone."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: state, parent, ..."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def descendants(root: int | None = None) -> list[Process]:
    """All processes below one; below this one where None."""
    children: dict[int, list[int]] = {}
    found: dict[int, Process] = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        if stat := _stat(pid):
            children.setdefault(int(stat[1]), []).append(pid)
            found[pid] = Process(pid, int(stat[19]))

    def below(pid: int) -> Iterator[Process]:
        for child in children.get(pid, ()):
            yield found[child]
            yield from below(child)

    return list(below(os.getpid() if root is None else root))


def executors(root: int | None = None) -> list[Process]:
    """The JVMs of Spark's executors."""
    return [process for process in descendants(root) if EXECUTOR in process.command and process.alive]


def callers(port: int) -> list[Process]:
    """The processes below this one with a connection to a port: the workers, where it is the driver's."""
    ends = _established()
    wanted = {inode for inode, (_, remote) in ends.items() if remote.endswith(f":{port:04X}")}
    return [process for process in descendants() if wanted.intersection(_sockets(process))]


def links(processes: Iterable[Process], port: int | None = None) -> list[Link]:
    """Connections of processes: those to a port or, where None, those from one of them to another."""
    ends = _established()
    owned = [
        (process, fd, ends[inode]) for process in processes for inode, fd in _sockets(process).items() if inode in ends
    ]
    if port is not None:
        return [Link(process, fd) for process, fd, (_, remote) in owned if remote.endswith(f":{port:04X}")]
    known = {end for _, _, end in owned}
    return [Link(process, fd) for process, fd, (local, remote) in owned if (remote, local) in known]


def _established() -> dict[str, tuple[str, str]]:
    """The two ends of every TCP connection, by the number of its inode."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {line[9]: (line[1], line[2]) for line in lines if line[3] == ESTABLISHED}


def _sockets(process: Process) -> dict[str, int]:
    """A process's sockets: its descriptors, by inode."""
    found = {}
    with suppress(OSError):
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            with suppress(OSError):
                target = os.readlink(f"/proc/{process.pid}/fd/{name}")
                if target.startswith("socket:["):
                    found[target[8:-1]] = int(name)
    return found


class Link:
    """A TCP connection of another process, to be cut from outside. Use it as a context manager.

    Args:
        process: whose it is.
        descriptor: its number there.
    """

    def __init__(self, process: Process, descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor

    def __enter__(self) -> Link:
        handle = os.pidfd_open(self.process.pid)
        try:
            copy = _libc.syscall(PIDFD_GETFD, handle, self._descriptor, 0)
        finally:
            os.close(handle)
        if copy < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._socket = socket.socket(fileno=copy)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def slow_down(self, bytes_per_second: int) -> None:
        """From now on it sends no faster."""
        self._socket.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, bytes_per_second)

    def on_its_way(self) -> int:
        """Bytes that were sent and have not arrived."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._socket, termios.TIOCOUTQ, waiting)
        return waiting[0]

    def reset(self) -> None:
        """Cuts it, as a router does that has lost its memory: what was on its way is lost too."""
        nowhere = struct.pack("H14x", socket.AF_UNSPEC)
        if _libc.connect(self._socket.fileno(), nowhere, len(nowhere)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def wait_until_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Those that are still there after so many seconds."""
    left, deadline = list(processes), time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if process.alive]
    return left


def kill_all(processes: Iterable[Process]) -> None:
    """Kills what is left of them."""
    for process in processes:
        process.signal(signal.SIGKILL)


def can_cut() -> bool:
    """Whether this user may reach connections of other processes: Linux 5.6, and no rule of a container against it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as caller:
        try:
            with Link(Process(os.getpid(), 0), caller.fileno()):
                return True
        except OSError:
            return False
