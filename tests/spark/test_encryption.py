"""When a run's connections are encrypted, and that a real Spark that encrypts its own gets the same bytes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from sparkdl.collective.certificate import make_identity
from sparkdl.errors import ArgumentError, MissingExtraError
from sparkdl.spark.assignment import Assignment
from sparkdl.spark.cluster import driver_address
from sparkdl.spark.encryption import SWITCHES, identity_of_run
from tests.servers.preloaded import preloaded_python


class Context:
    """As much of a Spark context as is asked."""

    def __init__(self, **conf: str) -> None:
        self._conf = {name.replace("_", "."): value for name, value in conf.items()}

    def getConf(self) -> Any:
        return self._conf


@pytest.mark.parametrize("switch", SWITCHES)
def test_encryption_follows_spark(switch: str) -> None:
    context: Any = Context(**{switch: "true"})
    for encrypt in (None, True):
        identity = identity_of_run(context, encrypt)
        assert identity is not None and identity.certificate.startswith(b"-----BEGIN CERTIFICATE")
    assert identity_of_run(Context(**{switch: "false"}), None) is None  # type: ignore[arg-type]
    assert identity_of_run(Context(), None) is None  # type: ignore[arg-type]
    assert identity_of_run(Context(), False) is None  # type: ignore[arg-type]


def test_a_key_that_would_travel_in_clear_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"encrypt=True needs.*spark\.network\.crypto\.enabled"):
        identity_of_run(Context(), True)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="received 'yes'"):
        identity_of_run(Context(), "yes")  # type: ignore[arg-type]


def test_clear_text_where_spark_encrypts_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sparkdl"):
        assert identity_of_run(Context(spark_network_crypto_enabled="true"), False) is None  # type: ignore[arg-type]
    assert "travel in clear" in caplog.text


def test_what_to_install_is_said_rather_than_to_talk_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sparkdl\[tls\]'.*encrypt=False"):
        identity_of_run(Context(spark_network_crypto_enabled="true"), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({}, ("127.0.0.1", "127.0.0.1")),
        ({"spark_driver_host": "driver.example"}, ("driver.example", "driver.example")),
        (
            {"spark_driver_host": "driver.example", "spark.driver.bindAddress": "10.0.0.5"},
            ("driver.example", "10.0.0.5"),
        ),
    ],
)
def test_the_driver_listens_where_spark_does(conf: dict[str, str], expected: tuple[str, str]) -> None:
    assert driver_address(Context(**conf)) == expected  # type: ignore[arg-type]


def test_neither_secret_nor_key_is_shown() -> None:
    identity = make_identity()
    plan: Any = None
    shown = repr(Assignment(plan, plan, b"", iter, ("host", 1), b"a secret of tests", identity))
    assert "a secret" not in shown and "PRIVATE" not in shown and "host" in shown


PROGRAM = """
    import sys
    sys.path.insert(0, {here!r})
    from models import blobs, classifier, frame
    import sparkdl as sdl
    from sparkdl.collective import channel
    from sparkdl.spark.session import local_session

    conf = {{"spark.ui.enabled": "false", "spark.authenticate": "true", "spark.authenticate.secret": "of tests",
             "spark.network.crypto.enabled": "true"}}
    spark = local_session("local-cluster[2,1,1024]", conf)
    hubs = []
    original, channel.Tls = channel.Tls, lambda identity: hubs.append(identity) or original(identity)
    data = frame(spark, *blobs(60))
    models = []
    for encrypt in (None, False):
        models.append(classifier())
        history = sdl.fit(models[-1], data, batch_size=20, epochs=2, verbose=0, encrypt=encrypt)
        print("workers:", len(history.timings), "encrypted runs:", len(hubs))
    first, second = (model.get_weights() for model in models)
    print("same bytes:", [one.tobytes() for one in first] == [one.tobytes() for one in second])
    spark.stop()
"""


@pytest.mark.spark
@pytest.mark.tf
def test_a_spark_that_encrypts_gets_encrypted_workers_and_the_same_bytes() -> None:
    program = textwrap.dedent(PROGRAM).format(here=str(Path(__file__).parent))
    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    run = subprocess.run([preloaded_python(), "-c", program], capture_output=True, text=True, timeout=280, env=environ)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines() == [
        "workers: 2 encrypted runs: 1",
        "workers: 2 encrypted runs: 1",
        "same bytes: True",
    ], run.stdout + run.stderr[-2000:]
