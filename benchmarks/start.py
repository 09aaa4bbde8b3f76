"""Cold start: wall to /register and to the first /next, CPU, memory, and CPU of an invocation.

What is fair: the bare interpreter is timed from spawn until it is gone, and leaves with `os._exit`
(`os` is imported by every start), because its own end would flatter us by 1–2 ms; ours is timed
from spawn until the API has the first line of the request. The eager reference always imports and
builds what both jobs need, as most people would write it, however ours is configured. Its warm
invocation is a lower bound: it receives the same telemetry and does nothing with it.

Starts with telemetry have an https endpoint, as most users have; beside it is what https costs
against http. Nothing is sent there: memory and CPU of an invocation are those of an http endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.api import Api
from benchmarks.contenders import (
    BARE,
    BOTH,
    EAGER,
    FLAGS,
    PARAMETERS,
    SECURE,
    SOURCE,
    TELEMETRY,
    bare_ms,
    eager,
    modes,
)
from benchmarks.process import Contender, Life, Started, live, register_ms, started
from benchmarks.rows import Row, bounded, compare, take_turns

TURNS = 9
REGISTER_TURNS = 25
"""More, because a turn is short and noise weighs more."""

INVOCATIONS = 11
"""Per process; the first one is not a warm one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What one mode keeps to."""

    next_ratio: float
    rss_mib: float | None = None
    warm_cpu_ms: float | None = None


HTTP = "http endpoint"
HTTPS_RATIO = 1.05
REGISTER_RATIO = 1.6
PROMISES = {
    TELEMETRY: Promises(next_ratio=0.50, rss_mib=41, warm_cpu_ms=2),
    PARAMETERS: Promises(next_ratio=0.51, rss_mib=51),
    BOTH: Promises(next_ratio=0.76, rss_mib=64, warm_cpu_ms=2),
}
"""For a start from source: unlike the layer, it defers no imports and has no prepared bytecode."""


def rows() -> Iterator[Row]:
    """Measure starts from source."""
    return measure("source", command=SOURCE, flags=FLAGS, promised=PROMISES)


def measure(
    label: str,
    *,
    command: Sequence[str],
    flags: Sequence[str],
    promised: Mapping[str, Promises],
    path: str = "",
) -> Iterator[Row]:
    """Measure starts of one command against an interpreter with the same flags."""
    with Api() as api:
        ours = modes(api, command=command, path=path)
        secure = modes(api, command=command, path=path, endpoint=SECURE)
        lives = take_turns(_lives({EAGER: eager(api), **ours}, api), turns=TURNS)
        starts = take_turns(
            _starting({EAGER: eager(api), **secure, HTTP: ours[TELEMETRY]}, api), turns=TURNS
        )
        registered = take_turns(_registering(ours, api, flags), turns=REGISTER_TURNS)
    for mode, promises in promised.items():
        name = f"{label}, {mode}"
        yield compare(
            f"{name}: wall to /register",
            registered[mode],
            registered[BARE],
            unit="ms",
            reference=BARE,
            at_most=REGISTER_RATIO,
        )
        yield from _starts(name, promises, starts[mode], starts[EAGER])
        yield from _costs(name, promises, lives[mode], lives[EAGER])
    yield compare(
        f"{label}, {TELEMETRY}: CPU to the first /next, https endpoint",
        [each.cpu_ms for each in starts[TELEMETRY]],
        [each.cpu_ms for each in starts[HTTP]],
        unit="ms",
        reference=HTTP,
        at_most=HTTPS_RATIO,
    )


def _lives(contenders: Mapping[str, Contender], api: Api) -> Mapping[str, Callable[[], Life]]:
    return {
        name: partial(live, each, api, invocations=INVOCATIONS) for name, each in contenders.items()
    }


def _starting(contenders: Mapping[str, Contender], api: Api) -> Mapping[str, Callable[[], Started]]:
    return {name: partial(started, each, api) for name, each in contenders.items()}


def _registering(
    contenders: Mapping[str, Contender], api: Api, flags: Sequence[str]
) -> Mapping[str, Callable[[], float]]:
    ours = {name: partial(register_ms, each, api) for name, each in contenders.items()}
    return {BARE: partial(bare_ms, flags), **ours}


def _starts(
    name: str, promises: Promises, ours: Sequence[Started], reference: Sequence[Started]
) -> Iterator[Row]:
    yield compare(
        f"{name}: wall to the first /next",
        [each.next_ms for each in ours],
        [each.next_ms for each in reference],
        unit="ms",
        reference=EAGER,
        at_most=promises.next_ratio,
    )
    yield compare(
        f"{name}: CPU to the first /next",
        [each.cpu_ms for each in ours],
        [each.cpu_ms for each in reference],
        unit="ms",
        reference=EAGER,
    )


def _costs(
    name: str, promises: Promises, ours: Sequence[Life], reference: Sequence[Life]
) -> Iterator[Row]:
    yield bounded(
        f"{name}: RSS after the first invocation",
        [life.rss_mib for life in ours],
        [life.rss_mib for life in reference],
        unit="MiB",
        reference=EAGER,
        at_most=promises.rss_mib,
    )
    yield bounded(
        f"{name}: CPU of a warm invocation",
        [warm_cpu_ms(life) for life in ours],
        [warm_cpu_ms(life) for life in reference],
        unit="ms",
        reference=EAGER,
        at_most=promises.warm_cpu_ms,
    )


def warm_cpu_ms(life: Life) -> float:
    """Return the median CPU of the invocations after the first."""
    return median(each.cpu_ms for each in life.invocations[1:])
