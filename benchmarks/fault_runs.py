"""Runs with a fault at a random moment, and what came of each."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fault_subject
from fault_kinds import FAULTS, Fault, Scene
from fault_subject import EPOCHS, Trained
from fault_watch import Watch
from process_tree import Process, descendants, kill_all, wait_until_gone

import sparkdl as sdl
from sparkdl.errors import SparkDLError
from sparkdl.storage.local import LocalStorage
from sparkdl.train.checkpoint_folder import CheckpointFolder

DISK = "12m"
LEFTOVER_SECONDS, PROGRAM_SECONDS = 20.0, 180.0
SUBMIT = "org.apache.spark.deploy.SparkSubmit"
EVERY = ("epoch", 5, None)


@dataclass(frozen=True)
class Reference:
    """The undisturbed run: what it ended with, and the seconds from the first word of a worker to its end."""

    trained: Trained
    seconds: float


@dataclass
class Outcome:
    """What came of one run.

    Attributes:
        moment: seconds from the first word of a worker to the fault.
        what: whom it hit.
        problem: why the run does not count as survived; empty where it does.
        detect: seconds from the fault until the driver knew.
        recover: seconds from then until the first step of the next attempt.
        seconds: of the whole run.
        reason: what the driver said.
    """

    fault: str
    seed: int
    every: Any
    moment: float = 0.0
    what: str = ""
    problem: str = ""
    detect: float | None = None
    recover: float | None = None
    seconds: float = 0.0
    reason: str = ""
    victims: list[Process] = field(default_factory=list, repr=False)


def reference_run(spark: Any) -> Reference:
    """The undisturbed run, for the second time: a first one has TensorFlow to load."""
    fault_subject.train(spark, pause=0.0)
    with Watch() as watch:
        trained = fault_subject.train(spark)
        seconds = time.monotonic() - watch.attempts[0].heard["hello"]
    return Reference(trained, seconds)


def disturbed_run(spark: Any, name: str, seed: int, folder: Path, reference: Reference, cluster: Any = None) -> Outcome:
    """One run with a fault.

    Args:
        folder: an empty directory of this run's own.
        cluster: the `Standalone` cluster, where it is one.
    """
    fault, dice = FAULTS[name], random.Random(seed)
    every = dice.choice(EVERY[:2] if fault.needs_disk else EVERY)
    outcome = Outcome(name, seed, every, moment=dice.uniform(0.0, 0.95) * reference.seconds)
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir()
    (folder / "counts").mkdir()
    checkpoint = sdl.Checkpoint(str(checkpoints), every=every, keep=2) if every is not None else None
    daemons = [_process(daemon.pid) for daemon in cluster.daemons.values()] if cluster is not None else []
    with _disk(checkpoints) if fault.needs_disk else _nothing(), Watch() as watch:
        scene = Scene(watch, dice, checkpoints, daemons)
        striking = threading.Thread(target=_strike, args=(fault, scene, outcome), daemon=True)
        striking.start()
        trained, error = _train(spark, checkpoint, fault, folder / "counts", dice, outcome)
        watch.ended.set()
        striking.join(60.0)
        outcome.reason = "; ".join(text for _, text in watch.records if "was lost" in text or "again on" in text)
        outcome.problem = judge(fault, outcome, reference, trained, error, watch)
        if checkpoint is not None and trained is not None and not outcome.problem:
            outcome.problem = judge_checkpoints(checkpoints)
    if not fault.victims_end:
        kill_all(scene.victims)
    left = wait_until_gone(scene.victims, LEFTOVER_SECONDS)
    if left:
        outcome.problem = outcome.problem or f"left behind: {[(process.pid, process.state) for process in left]}"
        kill_all(left)
    return outcome


def _train(
    spark: Any, checkpoint: Any, fault: Fault, counts: Path, dice: random.Random, outcome: Outcome
) -> tuple[Trained | None, Exception | None]:
    more = fault.callbacks(counts, dice)
    started = time.monotonic()
    try:
        return fault_subject.train(spark, checkpoint, more=more, deadline=fault.deadline), None
    except SparkDLError as error:
        return None, error
    finally:
        outcome.seconds = time.monotonic() - started


def _strike(fault: Fault, scene: Scene, outcome: Outcome) -> None:
    """Waits for the moment, strikes, and takes the times until the run goes on."""
    watch = scene.watch
    if not watch.until(lambda: watch.attempts and "hello" in watch.attempts[0].heard, PROGRAM_SECONDS):
        return
    if fault.strike is None:
        outcome.what = "the program itself"
        _time_attempts(watch, None, 1, outcome)
        return
    moments = [outcome.moment, *(scene.random.uniform(0.0, 2.0) for _ in range(1, fault.strikes))]
    for moment in moments:
        if watch.ended.wait(moment):
            return
        struck, when = len(watch.attempts), time.monotonic()
        outcome.what = fault.strike(scene)
        if fault.needs_disk:
            _time_checkpoints(watch, when, scene.freed, outcome)
        elif fault.lost:
            _time_attempts(watch, when, struck, outcome)


def _time_checkpoints(watch: Watch, when: float, freed: float, outcome: Outcome) -> None:
    met = watch.first("could not be written", when)
    if met and watch.until(lambda: watch.first("written to", freed), PROGRAM_SECONDS):
        outcome.detect, outcome.recover = met - when, time.monotonic() - freed


def _time_attempts(watch: Watch, when: float | None, struck: int, outcome: Outcome) -> None:
    """Of a fault of the program nobody knows when it came."""
    attempt, since = watch.attempts[struck - 1], when or 0.0
    if not watch.until(lambda: attempt.lost or watch.first("was lost", since), PROGRAM_SECONDS):
        return
    known = time.monotonic()
    outcome.detect = known - when if when is not None else None
    if watch.until(lambda: len(watch.attempts) > struck and "step" in watch.attempts[struck].heard, PROGRAM_SECONDS):
        outcome.recover = watch.attempts[struck].heard["step"] - known


def judge(
    fault: Fault, outcome: Outcome, reference: Reference, trained: Trained | None, error: Exception | None, watch: Watch
) -> str:
    """What is wrong with how a run ended; nothing where it is as it must be."""
    if not outcome.what:
        return "missed"
    if fault.ending == "error":
        if error is None:
            return "no error was raised"
        if not fault.lost and len(watch.attempts) > 1:
            return "a fault of the program was tried again"
        return ""
    if trained is None:
        return f"the run failed: {type(error).__name__}: {str(error).splitlines()[0]}"
    if trained.epochs != list(range(EPOCHS)):
        return f"epochs are {trained.epochs}"
    if fault.lost and trained.attempts == 1:
        return "missed"  # all had been computed before
    if fault.needs_disk and outcome.recover is None:
        return "missed"  # no checkpoint was due after that
    if fault.ending == "fewer":
        loss, usual = trained.history["loss"][-1], reference.trained.history["loss"][-1]
        well = trained.workers == 1 and loss < 2 * usual  # other random numbers, the same learning
        return "" if well else f"{trained.workers} workers, loss {loss:.3f} where {usual:.3f} is usual"
    if trained.fingerprint != reference.trained.fingerprint:
        same = "the same" if trained.history == reference.trained.history else "another"
        return f"other bytes, {same} history, {trained.workers} workers, {trained.attempts} attempts"
    return ""


def judge_checkpoints(folder: Path) -> str:
    """Whether the newest checkpoint is the end of the run, and nothing lies beside the checkpoints."""
    checkpoints = CheckpointFolder(LocalStorage(folder))
    names = checkpoints.names()
    others = set(os.listdir(folder)) - set(names)
    if others:
        return f"beside the checkpoints lie {sorted(others)}"
    return "" if names and checkpoints.read(names[0]).info["finished"] else "the newest checkpoint is not the last"


def killed_driver_run(master: str, seed: int, folder: Path, reference: Reference) -> Outcome:
    """A program that trains is killed with its JVM; another one goes on from its checkpoints."""
    dice = random.Random(seed)
    every = dice.choice(EVERY[:2])
    outcome = Outcome("kill driver", seed, every, moment=dice.uniform(0.0, 0.95) * reference.seconds)
    started = time.monotonic()
    program = [sys.executable, fault_subject.__file__, "--master", master, "--checkpoints", str(folder / "run")]
    program += ["--every", str(every), "--resume"]  # from an empty directory it begins at the beginning
    before = set(descendants())
    with (folder / "log").open("w") as log:
        first = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, text=True)
        application = _until_line(first, "application")
        _until_line(first, "hello")
        time.sleep(outcome.moment)
        tree = [process for process in descendants() if process not in before]  # executors may be below a daemon
        program_and_jvm = [process for process in tree if process.pid == first.pid or SUBMIT in process.command]
        when = time.monotonic()
        for process in dice.sample(program_and_jvm, len(program_and_jvm)):
            process.signal(signal.SIGKILL)
        first.wait()
        outcome.what = "missed" if "trained" in (first.stdout.read() if first.stdout else "") else "driver and JVM"
        left = wait_until_gone(tree, LEFTOVER_SECONDS)
        outcome.detect = time.monotonic() - when
        if left:
            outcome.problem = f"left behind: {[process.command[:80] for process in left]}"
            kill_all(left)
        fault_subject.remove_work(application)
        when = time.monotonic()
        second = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, text=True)
        _until_line(second, "step")
        outcome.recover = time.monotonic() - when
        said = second.communicate(timeout=PROGRAM_SECONDS)[0]
    outcome.seconds = time.monotonic() - started
    told = next((line for line in said.splitlines() if line.startswith("trained ")), None)
    if told is None:
        outcome.problem = outcome.problem or f"the second program failed: {(folder / 'log').read_text()[-1500:]}"
    elif json.loads(told.split(" ", 1)[1])["fingerprint"] != reference.trained.fingerprint:
        outcome.problem = outcome.problem or "other bytes"
    return outcome


def _until_line(program: subprocess.Popen[str], word: str) -> str:
    """Reads on until the line with this word, and returns the rest of it."""
    assert program.stdout is not None
    for line in program.stdout:
        said, _, rest = line.strip().partition(" ")
        if said == word:
            return rest
    raise RuntimeError(f"the program ended before it said {word!r}")


def _process(pid: int) -> Process:
    return next(process for process in descendants() if process.pid == pid)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A small file system of its own; needs the right to mount one."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "sparkdl-faults", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def can_mount() -> bool:
    """Whether this user may mount a file system."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


Report = Callable[[Outcome], None]
