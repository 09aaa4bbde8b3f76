"""Invocations of a 128 MB function: init at full speed, then 7 % of a core.

The wall time of an invocation is what the extension needs from the answer of one /next to the next
call of it, with a function that answers at once: the most that a caller waits for it. Beside it
is the same at full speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from benchmarks import share
from benchmarks.api import Api
from benchmarks.contenders import BOTH, TELEMETRY, modes
from benchmarks.process import Life, live
from benchmarks.rows import Row, compare, skip, take_turns
from benchmarks.share import Share, share_of

MEMORY_MB = 128
TURNS = 3
INVOCATIONS = 6
NAME = f"{MEMORY_MB} MB share"
FULL = "at full speed"


def rows() -> Iterator[Row]:
    """Measure the first and the later invocations at the share."""
    if reason := share.why_not():
        yield skip(NAME, reason)
        return
    with Api() as api, Share(share_of(MEMORY_MB)) as held:
        contenders = modes(api)
        measured: dict[str, Callable[[], Life]] = {}
        for mode in (TELEMETRY, BOTH):
            run = partial(live, contenders[mode], api, invocations=INVOCATIONS)
            measured[mode] = partial(run, initialized=held.hold)
            measured[_full(mode)] = run
        lives = take_turns(measured, turns=TURNS)
    for mode in (TELEMETRY, BOTH):
        yield from _rows(mode, lives)


def _rows(mode: str, lives: Mapping[str, Sequence[Life]]) -> Iterator[Row]:
    held, full = lives[mode], lives[_full(mode)]
    yield compare(
        f"{NAME}, {mode}: wall of the first invocation",
        [life.invocations[0].wall_ms for life in held],
        [life.invocations[0].wall_ms for life in full],
        unit="ms",
        reference=FULL,
    )
    yield compare(
        f"{NAME}, {mode}: wall of a warm invocation",
        [_warm_ms(life) for life in held],
        [_warm_ms(life) for life in full],
        unit="ms",
        reference=FULL,
    )


def _full(mode: str) -> str:
    return f"{mode}, {FULL}"


def _warm_ms(life: Life) -> float:
    return median(each.wall_ms for each in life.invocations[1:])
