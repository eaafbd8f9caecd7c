"""A piece of memory that several processes of one host see, without a name once all of them have it.

The file is unlinked as soon as everybody has mapped it, so that nothing is left behind however a process ends.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sparkdl.collective import bell

LINE = 64
PAGE = 4096
SLOTS = 4
LARGEST_SLOT = 1 << 20
SMALLEST_SLOT = 1 << 16


@dataclass(frozen=True)
class Layout:
    """Where everything lies in a segment: a line with the token, lines of flags for each rank, outboxes of slots.

    Example:
        >>> layout = Layout(workers=2, slot_bytes=65536)
        >>> layout.posted(1), layout.taken(1), layout.slot(1, 0), layout.size
        (192, 256, 266240, 528384)
    """

    workers: int
    slot_bytes: int

    @property
    def bell(self) -> int:
        """Offset of the word on which those sleep who wait: behind the token, in a line that is seldom written."""
        return LINE // 2

    def posted(self, rank: int) -> int:
        """Offset of the count of rounds that a rank has put into its outbox."""
        return LINE * (1 + 2 * rank)

    def taken(self, rank: int) -> int:
        """Offset of the count of rounds that a rank has taken from all others."""
        return LINE * (2 + 2 * rank)

    def answer(self, rank: int) -> int:
        """Offset of what a rank writes to show that it sees the same memory: behind its count, in the same line."""
        return self.posted(rank) + 8

    def bed(self, rank: int) -> int:
        """Offset of the word in which a rank notes that it sleeps, in the same line too."""
        return self.posted(rank) + 48

    def slot(self, rank: int, number: int) -> int:
        """Offset of one slot of a rank's outbox."""
        return self._control + (rank * SLOTS + number) * self.slot_bytes

    @property
    def _control(self) -> int:
        return -(-self.taken(self.workers) // PAGE) * PAGE

    @property
    def size(self) -> int:
        """Bytes of the segment."""
        return self.slot(self.workers, 0)


def boot_id() -> str:
    """What tells this host (its kernel, rather) from others; empty where unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def create(directory: str, workers: int) -> tuple[Path, Layout, mmap.mmap] | None:
    """Makes a segment that really has its memory, of the largest slots that leave most of the room to others.

    Returns:
        its path, its layout and its memory; None where this machine has no room, or no Bell.
    """
    if not bell.available() or not boot_id():
        return None
    path = Path(directory, f"sparkdl-{secrets.token_hex(16)}")
    try:
        room = os.statvfs(directory)
        free = room.f_bavail * room.f_frsize // 4
        slot_bytes = LARGEST_SLOT
        while Layout(workers, slot_bytes).size > free:
            slot_bytes //= 2
        if slot_bytes < max(SMALLEST_SLOT, 4 * LINE * workers):  # A line for each of the others at least.
            return None
        layout = Layout(workers, slot_bytes)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        # Without this, a full file system would kill the process with SIGBUS at its first write.
        os.posix_fallocate(descriptor, 0, layout.size)
        return path, layout, mmap.mmap(descriptor, layout.size)
    except OSError:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)


def attach(path: Path, layout: Layout) -> mmap.mmap | None:
    """Maps a segment that another process made; None where this process does not see it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_size != layout.size:
            return None
        return mmap.mmap(descriptor, layout.size)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def answer(token: bytes, rank: int) -> bytes:
    """What a rank that sees the token writes beside its flags."""
    return hashlib.sha256(token + rank.to_bytes(4, "big")).digest()
