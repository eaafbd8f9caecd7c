from __future__ import annotations

import itertools

import pytest

from sparkdl.collective.security import MAGIC, NONCE, PROOF, RANK, Credentials, answer, call, proof
from sparkdl.errors import ArgumentError, CollectiveError

GOOD = Credentials(b"0123456789abcdef", "mesh", "run-1")


def talk(caller, answerer, tape=None):
    """Carries the conversation to its end; gives what each side believes about the other one."""
    results = {}
    sides = {"caller": caller, "answerer": answerer}
    waiting = {name: next(side) for name, side in sides.items()}
    inboxes = {"caller": b"", "answerer": b""}
    other = {"caller": "answerer", "answerer": "caller"}
    while len(results) < 2:
        for name in [name for name in sides if name not in results]:
            step = waiting[name]
            if step.send:
                inboxes[other[name]] += step.send
                if tape is not None:
                    tape.append((name, step.send))
                waiting[name] = step = step._replace(send=b"")
            if len(inboxes[name]) >= step.read:
                data, inboxes[name] = inboxes[name][: step.read], inboxes[name][step.read :]
                try:
                    waiting[name] = sides[name].send(data)
                except StopIteration as end:
                    results[name] = end.value
    return results


def test_both_sides_learn_who_the_other_is():
    assert talk(call(GOOD, 3, 1), answer(GOOD, 1)) == {"caller": 1, "answerer": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        Credentials(b"another secret 16", "mesh", "run-1"),
        Credentials(GOOD.secret, "channel", "run-1"),
        Credentials(GOOD.secret, "mesh", "run-2"),
    ],
)
def test_other_secret_purpose_or_generation_is_refused(wrong):
    with pytest.raises(CollectiveError):
        talk(call(wrong, 3, 1), answer(GOOD, 1))


def test_a_connection_meant_for_another_rank_is_refused():
    with pytest.raises(CollectiveError):
        talk(call(GOOD, 3, 2), answer(GOOD, 1))


def test_an_answerer_without_the_secret_is_refused_by_the_caller():
    caller = call(GOOD, 3, 1)
    next(caller)
    caller.send(bytes(NONCE))
    with pytest.raises(CollectiveError, match="does not know the secret"):
        caller.send(bytes(PROOF))


def test_a_replay_is_refused():
    tape = []
    talk(call(GOOD, 3, 1), answer(GOOD, 1), tape)
    greeting, claim = (data for name, data in tape if name == "caller")
    again = answer(GOOD, 1)
    next(again)
    again.send(greeting)
    with pytest.raises(CollectiveError, match="stranger"):
        again.send(claim)


def test_a_reflection_is_refused():
    """Sending the caller its own words back proves nothing."""
    caller = call(GOOD, 1, 1)
    greeting = next(caller).send
    claim = caller.send(greeting[len(MAGIC) :]).send
    with pytest.raises(CollectiveError):
        caller.send(claim[RANK:])


def test_a_changed_rank_is_refused():
    caller, answerer = call(GOOD, 3, 1), answer(GOOD, 1)
    next(answerer)
    nonce = answerer.send(next(caller).send).send
    claim = caller.send(nonce).send
    with pytest.raises(CollectiveError):
        answerer.send((4).to_bytes(RANK, "big") + claim[RANK:])


def test_every_field_changes_the_proof():
    variants = [
        (credentials, role, caller, answerer, nonces)
        for credentials, role, caller, answerer, nonces in itertools.product(
            [GOOD, Credentials(GOOD.secret, "mes", "hrun-1")], ["caller", "answerer"], [0, 1], [0, 1], [b"a", b"b"]
        )
    ]
    assert len({proof(*variant) for variant in variants}) == len(variants)


def test_the_secret_is_never_shown_and_not_too_short():
    assert "0123456789abcdef" not in repr(GOOD)
    with pytest.raises(ArgumentError, match="16 bytes"):
        Credentials(b"short", "mesh", "run-1")
