from __future__ import annotations

import datetime
import select
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from sparkdl.collective import tls
from sparkdl.collective.certificate import make_identity
from sparkdl.collective.channel import Channel
from sparkdl.collective.introduction import introduce
from sparkdl.collective.messages import frames
from sparkdl.collective.security import Credentials, answer, call
from sparkdl.collective.tls import PIECE, Tls, TlsSocket, buffered
from sparkdl.errors import CollectiveError, MissingExtraError

GOOD = Credentials(b"0123456789abcdef", "mesh", "run-1")


@pytest.fixture
def ends():
    """The two ends of a connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        yield near, far


def meet(caller, answerer):
    """Holds the whole introduction on both ends at once; gives what each side believes or says of the other."""

    def hold(connection, conversation):
        try:
            return introduce(connection, conversation, 3.0)
        except (CollectiveError, OSError) as error:
            connection.close()
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold, caller, call(GOOD, 3, 1))
        second = pool.submit(hold, answerer, answer(GOOD, 1))
        return first.result(10), second.result(10)


@pytest.fixture
def pair(ends, identity):
    """Both ends, encrypted and introduced."""
    near, far = Tls(identity).caller(ends[0]), Tls(identity).answerer(ends[1])
    assert meet(near, far) == (1, 3)
    with closing(near), closing(far):
        yield near, far


def wait_for(connection):
    assert buffered(connection) or select.select([connection], [], [], 5)[0]


def test_a_certificate_is_new_shown_without_its_key_and_valid_whatever_the_clock_says(identity):
    from cryptography import x509

    assert make_identity() != identity
    assert identity.key.decode() not in repr(identity) and "PRIVATE" not in repr(identity)
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    assert certificate.not_valid_before_utc < datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    assert certificate.not_valid_after_utc.year == 9999


def test_the_extra_is_named_where_the_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sparkdl\[tls\]'"):
        make_identity()


@pytest.mark.parametrize("memory", [True, False])
def test_the_key_is_read_from_memory_or_from_a_private_file_that_is_gone_at_once(memory, monkeypatch, tmp_path):
    monkeypatch.setattr(tls.tempfile, "tempdir", str(tmp_path))
    if not memory:
        monkeypatch.delattr(tls.os, "memfd_create", raising=False)
    with tls._as_file(b"secret") as path:
        assert open(path, "rb").read() == b"secret"
        files = list(tmp_path.iterdir())
        assert [file.stat().st_mode & 0o777 for file in files] == ([] if memory else [0o600])
    assert not list(tmp_path.iterdir())


def test_both_ends_of_a_run_meet_in_tls_1_3(pair):
    for end in pair:
        assert end._inner.version() == "TLSv1.3"


def test_another_certificate_is_refused_on_both_ends(ends, identity):
    first, second = meet(Tls(make_identity()).caller(ends[0]), Tls(identity).answerer(ends[1]))
    assert "its certificate is not that of this run" in first
    assert any(words in second for words in ("TLS with it failed", "hung up", "reset"))


def test_an_answerer_of_another_run_does_not_learn_who_calls(ends, identity):
    """A caller with the right certificate, an answerer with another one: refused before a byte of ours is sent."""
    first, second = meet(Tls(identity).caller(ends[0]), Tls(make_identity()).answerer(ends[1]))
    assert "its certificate is not that of this run" in first
    assert any(words in second for words in ("TLS with it failed", "hung up", "reset"))


def test_a_caller_without_a_certificate_is_refused(ends, identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    first, second = meet(TlsSocket(ends[0], context, server_side=False), Tls(identity).answerer(ends[1]))
    assert isinstance(first, str) and "PEER_DID_NOT_RETURN_A_CERTIFICATE" in second


def test_older_versions_are_refused(ends, identity):
    caller = Tls(identity)
    caller._caller.minimum_version = ssl.TLSVersion.TLSv1_2
    caller._caller.maximum_version = ssl.TLSVersion.TLSv1_2
    first, second = meet(caller.caller(ends[0]), Tls(identity).answerer(ends[1]))
    assert isinstance(first, str) and "TLS with it failed" in second


@pytest.mark.parametrize("encrypted", ["caller", "answerer"])
def test_who_encrypts_does_not_talk_to_who_does_not(ends, identity, encrypted):
    near = Tls(identity).caller(ends[0]) if encrypted == "caller" else ends[0]
    far = Tls(identity).answerer(ends[1]) if encrypted == "answerer" else ends[1]
    first, second = meet(near, far)
    assert isinstance(first, str) and isinstance(second, str)
    assert "or it does not encrypt" in (first if encrypted == "caller" else second) or "reset" in first


def test_the_secret_is_needed_inside_of_tls_too(ends, identity):
    near, far = Tls(identity).caller(ends[0]), Tls(identity).answerer(ends[1])
    with ThreadPoolExecutor(2) as pool:
        wrong = Credentials(b"another secret, also long", "mesh", "run-1")
        first = pool.submit(introduce, near, call(wrong, 3, 1), 3.0)
        with pytest.raises(CollectiveError, match="A stranger connected"):
            pool.submit(introduce, far, answer(GOOD, 1), 3.0).result(5)
        far.close()
        with closing(near), pytest.raises(CollectiveError):
            first.result(5)


def test_what_is_decrypted_and_not_read_yet_is_told(pair):
    near, far = pair
    assert near.send(b"abcdef") == 6
    assert not buffered(far)
    wait_for(far)
    assert far.recv(2) == b"ab" and buffered(far)
    assert not select.select([far], [], [], 0)[0], "no selector knows of it"
    assert far.recv(100) == b"cdef" and not buffered(far)
    with pytest.raises(BlockingIOError):
        far.recv(1)


def test_messages_that_share_a_record_are_all_received(pair, monkeypatch):
    monkeypatch.setattr("sparkdl.collective.messages.READS_IN_A_ROW", 1)
    near, far = pair
    far.send(b"".join(bytes(part) for number in (1, 2, 3) for part in frames(number, "step", {}, b"abc")))
    with Channel(near, 1.0) as channel:
        assert [channel.receive(1.0).payload for _ in range(3)] == [b"abc"] * 3


def test_peeking_takes_nothing(pair):
    near, far = pair
    with pytest.raises(BlockingIOError):
        far.recv(10, socket.MSG_PEEK)
    near.send(b"abc")
    wait_for(far)
    assert far.recv(2, socket.MSG_PEEK) == b"ab"
    near.send(b"def")
    near.close()
    select.select([far], [], [], 5)
    while far.recv(10, socket.MSG_PEEK) != b"abcdef":
        pass
    assert far.recv(10) == b"abcdef"
    assert far.recv(10) == b"" == far.recv(10, socket.MSG_PEEK)


def test_large_buffers_go_piece_by_piece_and_block_when_nobody_reads(pair):
    near, far = pair
    data = bytes(range(256)) * 100_000
    buffers = [memoryview(b"head"), memoryview(b""), memoryview(data)]
    assert near.sendmsg(buffers) == PIECE
    rest, received = memoryview(b"head" + data)[PIECE:], bytearray()
    with pytest.raises(BlockingIOError):
        while True:
            rest = rest[near.send(rest) :]
    while len(received) < len(data) + 4:
        try:
            received += far.recv(1 << 20)
        except BlockingIOError:
            pass
        try:
            rest = rest[near.send(rest) :] if rest else rest
        except BlockingIOError:
            pass
    assert received == b"head" + data


def test_several_buffers_are_filled_in_turn(pair):
    near, far = pair
    near.send(b"abcdefgh")
    wait_for(far)
    buffers = [bytearray(3), bytearray(0), bytearray(100)]
    assert far.recvmsg_into([memoryview(buffer) for buffer in buffers])[0] == 8
    assert buffers[0] == b"abc" and buffers[2][:5] == b"defgh"
    near.close()
    select.select([far], [], [], 5)
    assert far.recvmsg_into([memoryview(buffers[0]), memoryview(buffers[2])])[0] == 0


def test_a_caller_that_is_gone_before_tls_begins_is_noticed(identity):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Tls(identity).caller(socket.socket())
        connection.connect_ex(server.getsockname())
        accepted = server.accept()[0]
        connection.close()
    with pytest.raises((OSError, CollectiveError)), closing(Tls(identity).answerer(accepted)) as answerer:
        introduce(answerer, answer(GOOD, 1), 1.0)
