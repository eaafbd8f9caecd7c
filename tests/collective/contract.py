"""What every Collective must do, whatever carries the bytes.

Each case is called by all ranks at once with their own collective; it makes everybody's input from
(case, rank), so that every rank can compute the expected result with numpy alone. Needs neither pytest
nor Spark: it runs in threads, in processes and inside Spark's barrier tasks.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np

from sparkdl.collective.buckets import spans
from sparkdl.collective.runs import Runs
from sparkdl.train.gradient_exchange import GradientExchange

LENGTHS = (0, 1, 2, 5, 1000, 70_001)


SCALES = (10.0 ** np.arange(-6, 6)).astype(np.float32)


@functools.lru_cache(maxsize=64)
def vector(seed: str, rank: int, length: int) -> np.ndarray:
    """Numbers of very different magnitude, so that another order of the sum gives other bytes."""
    generator = np.random.default_rng([rank, *hashlib.sha256(seed.encode()).digest()])
    values = generator.standard_normal(length, np.float32) * SCALES[generator.integers(0, len(SCALES), length)]
    values.flags.writeable = False
    return values


def even(length: int, size: int) -> tuple[int, ...]:
    return tuple(length * rank // size for rank in range(size + 1))


def uneven(length: int, size: int) -> tuple[int, ...]:
    """The first rank owns nothing, the last ones nearly all."""
    return (0, *(length * rank**3 // size**3 for rank in range(size) if rank), length) if size > 1 else (0, length)


def one_owner(length: int, size: int) -> tuple[int, ...]:
    """Everything belongs to the last but one rank (or the only one)."""
    owner = max(size - 2, 0)
    return (0,) * (owner + 1) + (length,) * (size - owner)


CUTS = (even, uneven, one_owner)


def summed(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return functools.reduce(np.add, arrays)


def summed_by(collective, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The sum in the order of the backend: by rank, or on each host by rank and then over the hosts."""
    groups = collective.groups or [range(collective.size)]
    return summed([summed([arrays[rank] for rank in group]) for group in groups])


def bf16(values: np.ndarray) -> np.ndarray:
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


def fp16(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(initial=0)
    scale = np.float32(np.ldexp(1.0, 15 - np.frexp(largest)[1]))
    return (values * scale).astype(np.float16).astype(np.float32) / scale


ROUNDED = {"float32": lambda values: values, "bf16": bf16, "fp16": fp16}


def reduced(collective, arrays: Sequence[np.ndarray], cuts: Sequence[int]) -> np.ndarray:
    """The sums of parts: what each host has of a part is rounded as it is between hosts."""
    groups = collective.groups or [[rank] for rank in range(collective.size)]
    hosts = [summed([arrays[rank] for rank in group]) for group in groups]
    rounded = ROUNDED[collective.precision]
    total = summed(hosts).copy()
    for low, high in itertools.pairwise(cuts):
        total[low:high] = summed([rounded(host[low:high]) for host in hosts])
    return total


def same_bytes(actual: np.ndarray, expected: np.ndarray, where: object) -> None:
    assert actual.dtype == expected.dtype, (where, actual.dtype, expected.dtype)
    assert actual.shape == expected.shape, (where, actual.shape, expected.shape)
    assert actual.tobytes() == expected.tobytes(), where


def check_reduce_scatter(collective, seed: str, length: int, bounds: Sequence[int], scalars: int = 3) -> None:
    rank, size = collective.rank, collective.size
    everyone = [vector(seed, other, length) for other in range(size)]
    extra = [vector(seed + "/scalars", other, scalars).astype(np.float64) for other in range(size)]
    mine = everyone[rank].copy()
    part, totals = collective.reduce_scatter(mine, bounds, extra[rank].copy())
    expected = reduced(collective, everyone, bounds)[bounds[rank] : bounds[rank + 1]]
    same_bytes(part, expected, (seed, length, bounds))
    same_bytes(totals, summed_by(collective, extra), (seed, length, bounds, "scalars"))


def check_all_gather(collective, seed: str, length: int, bounds: Sequence[int]) -> None:
    rank, size = collective.rank, collective.size
    everyone = [vector(seed, other, length) for other in range(size)]
    mine = everyone[rank].copy()
    collective.all_gather(mine, bounds)
    expected = everyone[rank].copy()
    for other in range(size):
        expected[bounds[other] : bounds[other + 1]] = everyone[other][bounds[other] : bounds[other + 1]]
    same_bytes(mine, expected, (seed, length, bounds))


def reduce_scatter(collective) -> None:
    for length in LENGTHS:
        for cut in CUTS:
            check_reduce_scatter(collective, "reduce_scatter", length, cut(length, collective.size))


def read_only_values(collective) -> None:
    """Gradients may arrive as read-only views of a tensor."""
    size, rank = collective.size, collective.rank
    everyone = [vector("read-only", other, 100) for other in range(size)]
    mine = everyone[rank].copy()
    mine.flags.writeable = False
    part, _ = collective.reduce_scatter(mine, even(100, size), np.zeros(1))
    expected = reduced(collective, everyone, even(100, size))
    same_bytes(part, expected[even(100, size)[rank] : even(100, size)[rank + 1]], "read-only")


def in_runs(collective) -> None:
    """Gradients may lie in several arrays, which stay as they are, be it that one of them stands twice."""
    size, rank = collective.size, collective.rank
    for length in (*LENGTHS, 700_001):
        twin = vector("twin", 0, length // 3)
        twin.flags.writeable = False
        first = length - 2 * len(twin)
        everyone = [np.concatenate([vector("runs", other, first), twin, twin]) for other in range(size)]
        mine = everyone[rank].copy()
        low, nothing, high = np.split(mine[:first], [first // 2, first // 2])
        runs = Runs([low, nothing, high, twin, twin], mine.dtype)
        for cut in CUTS:
            bounds = cut(length, size)
            part, totals = collective.reduce_scatter(runs, bounds, np.array([float(rank)]))
            same_bytes(part, reduced(collective, everyone, bounds)[bounds[rank] : bounds[rank + 1]], (length, bounds))
            same_bytes(totals, np.array([size * (size - 1) / 2]), (length, bounds))
        same_bytes(mine, everyone[rank], length)


def no_scalars(collective) -> None:
    check_reduce_scatter(collective, "no scalars", 33, even(33, collective.size), scalars=0)


def many_scalars(collective) -> None:
    check_reduce_scatter(collective, "many scalars", 33, even(33, collective.size), scalars=5000)


def all_gather(collective) -> None:
    for length in LENGTHS:
        for cut in CUTS:
            check_all_gather(collective, "all_gather", length, cut(length, collective.size))


def partial_bounds(collective) -> None:
    """Bounds need not cover the whole vector: what lies outside stays as it was."""
    bounds = tuple(5 + bound for bound in even(50, collective.size))
    check_reduce_scatter(collective, "partial", 60, bounds)
    check_all_gather(collective, "partial", 60, bounds)


def large(collective) -> None:
    """Larger than all buffers on the way: both directions at once must not wait for each other."""
    length = 2_000_003
    for cut in (even, one_owner):
        check_reduce_scatter(collective, "large", length, cut(length, collective.size))
        check_all_gather(collective, "large", length, cut(length, collective.size))


def steps(collective) -> None:
    """What a training step does, many times, with the update between."""
    size, rank, length = collective.size, collective.rank, 1001
    bounds = even(length, size)
    weights = np.zeros(length, np.float32)
    expected = np.zeros(length, np.float32)
    for step in range(30):
        everyone = [vector(f"step {step}", other, length) for other in range(size)]
        part, totals = collective.reduce_scatter(everyone[rank].copy(), bounds, np.array([rank + 0.5, step]))
        weights[bounds[rank] : bounds[rank + 1]] -= np.float32(0.1) * part
        collective.all_gather(weights, bounds)
        expected -= np.float32(0.1) * reduced(collective, everyone, bounds)
        same_bytes(weights, expected, step)
        same_bytes(totals, summed_by(collective, [np.array([other + 0.5, step]) for other in range(size)]), step)


def all_sum(collective) -> None:
    size, rank = collective.size, collective.rank
    for dtype in ("float64", "float32", "int64", "uint8", "complex128", "float16"):
        for shape in ((), (1,), (3, 4), (0,), (2000,)):
            length = int(np.prod(shape))
            everyone = [np.abs(vector(dtype, other, length) % 50).astype(dtype).reshape(shape) for other in range(size)]
            total = collective.all_sum(everyone[rank])
            same_bytes(np.asarray(total), np.asarray(summed(everyone), dtype), (dtype, shape))


def all_sum_is_new(collective) -> None:
    mine = np.full(4, collective.rank, np.float64)
    first = collective.all_sum(mine)
    kept = first.copy()
    collective.all_sum(np.full(4, 100.0))
    same_bytes(first, kept, "a later sum must not change an earlier one")
    same_bytes(mine, np.full(4, collective.rank, np.float64), "the input must stay as it was")


def all_sum_of_a_view(collective) -> None:
    everyone = [np.arange(24.0).reshape(4, 6)[:, other % 3 :: 3] for other in range(collective.size)]
    same_bytes(collective.all_sum(everyone[collective.rank]), np.ascontiguousarray(summed(everyone)), "strided")


def all_gather_bytes(collective) -> None:
    for scale in (0, 1, 1000, 300_000):
        everyone = [bytes([other + 1]) * (scale * other) for other in range(collective.size)]
        assert collective.all_gather_bytes(everyone[collective.rank]) == everyone, scale


def broadcast(collective) -> None:
    for root in range(collective.size):
        for payload in (b"", b"decision", bytes(2_000_000)):
            mine = payload if collective.rank == root else b"ignored"
            assert collective.broadcast(mine, root) == payload, (root, len(payload))
    assert collective.broadcast(b"default" if collective.rank == 0 else b"") == b"default"


def barrier(collective) -> None:
    for _ in range(5):
        collective.barrier()


def mixed(collective) -> None:
    """Fast ranks run ahead into the next operation; nothing may be confused."""
    for turn in range(10):
        collective.broadcast(b"x" * turn, turn % collective.size)
        check_reduce_scatter(collective, f"mixed {turn}", 100 * turn, uneven(100 * turn, collective.size))
        collective.all_gather_bytes(b"y" * (turn + collective.rank))
        collective.barrier()
        check_all_gather(collective, f"mixed {turn}", 100 * turn, even(100 * turn, collective.size))


def buckets(collective) -> None:
    """Several steps in buckets, whichever of them the worker tells of and in whatever order, are those in one piece."""
    size, rank, length = collective.size, collective.rank, 5000
    cuts = [0, 16, 16, 1000, 1001, 4000, length]
    bucketed = [tuple(low + bound for bound in even(high - low, size)) for low, high in itertools.pairwise(cuts)]
    exchange = GradientExchange(collective, bucketed)
    mine = [slice(low, high) for low, high in spans(bucketed, rank)]
    for turn in range(3):
        everyone = [vector(f"buckets {turn}", other, length) for other in range(size)]
        gradient = everyone[rank].copy()
        for number in [(), (5, 4, 3, 2, 1, 0), (3, 5, 1)][(turn + rank) % 3]:
            exchange.arrived(gradient, number)
        part, totals = exchange.reduce(gradient, np.array([float(rank)]))
        expected = reduced(collective, everyone, sorted({bound for bounds in bucketed for bound in bounds}))
        same_bytes(part, np.concatenate([expected[:0], *(expected[span] for span in mine)]), turn)
        same_bytes(totals, np.array([size * (size - 1) / 2]), turn)
        weights = np.zeros(length, np.float32)
        for span in mine:
            weights[span] = expected[span]
        exchange.gather(weights)
        same_bytes(weights, expected, turn)
    exchange.close()


def all_gather_of_words(collective) -> None:
    """Numbers of any dtype are copied bit by bit, also those that stand for no number."""
    size, rank = collective.size, collective.rank
    for dtype in (np.uint16, np.float16, np.int64, np.float64):
        everyone = [np.random.default_rng(other).bytes(8 * 1001) for other in range(size)]
        cut = uneven(1001, size)
        mine = np.frombuffer(everyone[rank], dtype, 1001).copy()
        collective.all_gather(mine, cut)
        expected = mine.copy()
        for other in range(size):
            share = slice(cut[other], cut[other + 1])
            expected[share] = np.frombuffer(everyone[other], dtype, 1001)[share]
        same_bytes(mine, expected, dtype)


def sharing(collective) -> None:
    """New weights: all get the same bytes, the old ones and the change as it is rounded, and exact ones on request."""
    size, rank, length = collective.size, collective.rank, 3000
    bucketed = [even(1000, size), tuple(1000 + bound for bound in uneven(2000, size))]
    exchange = GradientExchange(collective, bucketed)
    mine = [slice(low, high) for low, high in spans(bucketed, rank)]
    old = vector("old weights", 0, length)
    new = old + np.float32(1e-3) * vector("new weights", 0, length)
    for exact in (False, True):
        weights = old.copy()
        with exchange.sharing(weights, exact=exact):
            for span in mine:
                weights[span] = new[span]
        expected = new.copy()
        if collective.precision != "float32" and not exact:
            for low, high in [span for bounds in bucketed for span in itertools.pairwise(bounds)]:
                change = ROUNDED[collective.precision](new[low:high] - old[low:high])
                expected[low:high] = old[low:high] + change
        same_bytes(weights, expected, exact)
    exchange.close()


CASES: dict[str, Callable[..., None]] = {
    case.__name__: case
    for case in (
        reduce_scatter, read_only_values, in_runs, no_scalars, many_scalars, all_gather, partial_bounds, large, steps,
        all_sum, all_sum_is_new, all_sum_of_a_view, all_gather_bytes, broadcast, barrier, mixed, buckets,
        all_gather_of_words, sharing,
    )
}  # fmt: skip
