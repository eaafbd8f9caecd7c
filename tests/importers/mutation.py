"""Files that were damaged on their way."""

from __future__ import annotations

import random
from collections.abc import Sequence


def mutant(good: bytes, dice: random.Random, pieces: Sequence[bytes], truncated: float = 0.3) -> bytes:
    """A file with up to four changes: cut, changed, with strange pieces in it, with parts missing or repeated.

    Args:
        good: the file.
        dice: decides.
        pieces: what may be put in, or over what is there: numbers and tokens that mean something to the format.
        truncated: how often a change that cuts the end off does so.
    """
    data = bytearray(good)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(data) + 1)
        change = dice.randrange(6)
        if change == 0 and dice.random() < truncated:
            del data[place:]
        elif change == 1 and place < len(data):
            data[place] = dice.randrange(256)
        elif change == 2:
            piece = dice.choice(pieces)
            data[place : place + dice.choice((0, len(piece)))] = piece
        elif change == 3:
            del data[place : place + dice.randint(1, 30)]
        elif change == 4:
            start = dice.randrange(len(data) + 1)
            data[place:place] = data[start : start + 60]
        elif place < len(data):
            data[place] ^= 1 << dice.randrange(8)
    return bytes(data)
