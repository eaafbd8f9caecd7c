"""Spark Connect: what a run needs of a Spark context, where there is only a session on the other side of a socket."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark import SparkFiles

from sparkdl.collective.reach import can_reach, own_address
from sparkdl.collective.rendezvous import open_listener
from sparkdl.storage.temporary import TemporaryFolder

logger = logging.getLogger("sparkdl")
PROBE_SECONDS = 5.0
UNREACHABLE = (
    "executors cannot open connections to this client at %s: there is no progress before the end of the training, "
    "checkpoints are written then, and a lost executor costs the run from its beginning; the model comes back as rows."
)


class ConnectContext:
    """Has the few methods of a `SparkContext` that a run uses, under the same names.

    What a client of Spark Connect cannot see (task slots, executors, the JVM) is not here, and whoever asks for it has
    to say what happens instead.

    Args:
        session: of Spark Connect.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    @property
    def master(self) -> str:
        """`spark.master` of the server."""
        return str(self.get("spark.master", ""))

    def getConf(self) -> ConnectContext:  # noqa: N802 - SparkContext's own name
        """The settings of the server; only `get` is there."""
        return self

    def get(self, name: str, default: str | None = None) -> Any:
        """A setting of the server."""
        value = self.session.conf.get(name, None)
        return default if value is None else value

    def setJobGroup(self, group: str, description: str, interruptOnCancel: bool = False) -> None:  # noqa: N802, N803
        """What this thread runs from now on belongs to `group`."""
        self.session.addTag(group)

    def cancelJobGroup(self, group: str) -> None:  # noqa: N802
        """Ends what belongs to `group`."""
        self.session.interruptTag(group)

    @property
    def secure(self) -> bool:
        """Whether the connection to the server is encrypted; the code and the secret of a run travel over it."""
        return bool(self.session.client._builder.secure)

    @functools.cached_property
    def address(self) -> str:
        """The address of this client, as the server's machine sees it where nothing translates it."""
        return own_address(self.session.client.host)

    @functools.cached_property
    def reachable(self) -> bool:
        """Whether executors can open connections to this client; asked once, by a small job."""
        with open_listener(self.address) as listener:
            task = functools.partial(_reaches, self.address, listener.getsockname()[1])
            rows = self.session.range(1).mapInArrow(task, "reached boolean").collect()
        reached = all(row.reached for row in rows)
        if not reached:
            logger.warning(UNREACHABLE, self.address)
        return reached

    def add_file(self, content: bytes) -> str:
        """Brings a file to all executors that will run jobs of this session; the server keeps it until that ends.

        Returns:
            its name, for `read_file`; the same content is sent once.
        """
        name = hashlib.sha256(content).hexdigest()
        sent = vars(self.session).setdefault("_sparkdl_files", set())
        if name not in sent:
            with TemporaryFolder("sparkdl-send-") as folder:
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(content)
                self.session.addArtifacts(path, file=True)
            sent.add(name)
        return name


def file_path(name: str) -> str:
    """Where an executor has the file that `ConnectContext.add_file` named."""
    return str(SparkFiles.get(name))


def is_connect(session: Any) -> bool:
    """Whether a session is one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.sql.connect.")


def _reaches(host: str, port: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        yield pa.RecordBatch.from_arrays([pa.array([can_reach(host, port, PROBE_SECONDS)])], names=["reached"])
