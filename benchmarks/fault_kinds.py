"""The faults: what each does to a run, and what must come of it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_subject import Raises
from fault_watch import Watch
from process_tree import Process, callers, executors, links

SLOW, UNDER_WAY = 2_000_000, 100_000
FULL_SECONDS = 20.0


@dataclass
class Scene:
    """A run that goes on, and what a fault may touch of it.

    Attributes:
        disk: a small file system of its own for checkpoints, where there is one.
        daemons: Spark's worker daemons, on a standalone cluster.
        victims: the processes that were hit; none of them may be left in the end.
        freed: when the disk had room again.
    """

    watch: Watch
    random: random.Random
    disk: Path | None = None
    daemons: list[Process] = field(default_factory=list)
    victims: list[Process] = field(default_factory=list)
    freed: float = 0.0

    def workers(self) -> list[Process]:
        """The Python processes of the current attempt, as soon as there are any."""
        found: list[Process] = []
        self.watch.until(lambda: found.extend(callers(self.watch.attempts[-1].port)) or found, 20.0)
        return found

    def hit(self, candidates: list[Process], number: int) -> str:
        """Sends one of them a signal."""
        if not candidates:
            return ""
        victim = self.random.choice(candidates)
        self.victims.append(victim)
        victim.signal(number)
        return f"process {victim.pid}"


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        strike: does it, and says to whom; nothing where the run ended before.
        ending: what must come of it: "same" bytes, "fewer" workers that end the training, or an "error".
        lost: whether it costs an attempt.
        strikes: how often it is done, each time when the run goes on again.
        deadline: see `sdl.fit`: what is not silence must be noticed long before.
        callbacks: for faults of the program itself: the callbacks that raise, in a folder of theirs.
        masters: beginnings of the masters on which it can be done.
        needs_disk: whether checkpoints must lie on a small file system of their own.
        victims_end: whether whom it hit must be gone in the end; otherwise they are killed when the run is over.
    """

    strike: Callable[[Scene], str] | None = None
    ending: str = "same"
    lost: bool = True
    strikes: int = 1
    deadline: float = 60.0
    callbacks: Callable[[Path, random.Random], list[Any]] = lambda folder, random: []
    masters: tuple[str, ...] = ("local-cluster", "spark://")
    needs_disk: bool = False
    victims_end: bool = True


def kill_worker(scene: Scene) -> str:
    """A Python process is gone at once, as when the kernel's out-of-memory killer takes it."""
    return scene.hit(scene.workers(), signal.SIGKILL)


def kill_executor(scene: Scene) -> str:
    """A JVM of Spark is gone at once, and the worker of which it took care."""
    return scene.hit(executors(), signal.SIGKILL)


def stop_worker(scene: Scene) -> str:
    """A process stands still, with all its connections open: as one that is swapped out, or whose host hangs."""
    return scene.hit(scene.workers(), signal.SIGSTOP)


def stop_executor(scene: Scene) -> str:
    """A JVM of Spark stands still, and its worker goes on: only Spark's heartbeats tell, after two minutes."""
    return scene.hit(executors(), signal.SIGSTOP)


def cut_driver(scene: Scene) -> str:
    """A worker's connection to the driver is reset, where possible in the middle of a message."""
    return _cut(scene, links(scene.workers(), scene.watch.attempts[-1].port))


def cut_mesh(scene: Scene) -> str:
    """A connection between two workers is reset; on one host it carries the signals beside the shared memory."""
    return _cut(scene, links(scene.workers()))


def _cut(scene: Scene, found: list[Any]) -> str:
    if not found:
        return ""
    scene.random.shuffle(found)
    opened = [link.__enter__() for link in found]
    try:
        for link in opened:
            link.slow_down(SLOW)
        busy = scene.random.random() < 0.7  # the others are cut while nothing is on its way
        if busy:
            scene.watch.until(lambda: any(link.on_its_way() > UNDER_WAY for link in opened), 1.0)
        link = max(opened, key=lambda link: link.on_its_way())
        waiting = link.on_its_way()
        link.reset()
        return f"a connection of process {link.process.pid} with {waiting} bytes under way"
    finally:
        for link in opened:
            link.__exit__()


def fill_disk(scene: Scene) -> str:
    """No byte is free where the checkpoints go, until the run has met that; then there is room again."""
    assert scene.disk is not None
    filler = scene.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
    met = scene.watch.until(lambda: scene.watch.first("could not be written"), FULL_SECONDS)
    filler.unlink()
    scene.freed = time.monotonic()
    return "a full disk" if met else ""


def lose_slot(scene: Scene) -> str:
    """A host is gone: Spark's daemon there and the executor with it; nothing comes back."""
    daemon = scene.random.choice(scene.daemons)
    below = executors(daemon.pid)
    scene.victims.extend([daemon, *below])
    for process in scene.victims:
        process.signal(signal.SIGKILL)
    return f"the host of process {daemon.pid}"


def _raises(error: Exception, times: int) -> Callable[[Path, random.Random], list[Any]]:
    def callbacks(folder: Path, random: random.Random) -> list[Any]:
        return [Raises(error, random.randrange(1, 90), folder, times)]

    return callbacks


FAULTS: dict[str, Fault] = {
    "kill worker": Fault(kill_worker),
    "kill worker twice": Fault(kill_worker, strikes=2),
    "kill executor": Fault(kill_executor),
    "stop worker": Fault(stop_worker, deadline=5.0),
    "stop executor": Fault(stop_executor, lost=False, victims_end=False),
    "cut from driver": Fault(cut_driver),
    "cut between workers": Fault(cut_mesh),
    "full disk": Fault(fill_disk, lost=False, needs_disk=True),
    "out of memory once": Fault(callbacks=_raises(MemoryError("no room"), 1)),
    "out of memory always": Fault(callbacks=_raises(MemoryError("no room"), 99), ending="error"),
    "bug": Fault(callbacks=_raises(ValueError("a bug"), 99), ending="error", lost=False),
    "lost slot": Fault(lose_slot, ending="fewer", masters=("spark://",)),
    "kill driver": Fault(),
}
