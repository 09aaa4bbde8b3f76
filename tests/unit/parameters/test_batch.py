"""Misses of one moment share a call."""

from __future__ import annotations

import asyncio
import json

import pytest

from extension.aws.call import Answer, Service
from extension.aws.calls import Calls
from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.batch import Batch, goes_alone
from extension.parameters.hooks import Hooks
from extension.parameters.request import Key, ParameterKey
from extension.parameters.upstream import Upstream
from extension.process.log import Log
from tests.doubles import DictSource, LogLines, ManualClock
from tests.waiting import PATIENCE_S, until

NAMES = [f"/p/{number}" for number in range(10)]


class Bench:
    """A batch over a source."""

    def __init__(self, source: DictSource) -> None:
        clock = ManualClock()
        self.log = log = Log(clock=clock, sink=LogLines())
        self.hooks = hooks = Hooks(log=log)
        self.calls = Calls(source, threads=3, clock=clock, report=hooks.upstream_call, log=log)
        deadline_s = dict.fromkeys(Service, 60.0)
        self.batch = Batch(Upstream(self.calls, deadline_s=deadline_s, hooks=hooks), log=log)

    async def ask(self, names: list[str]) -> list[str]:
        """Ask for all in one moment; return values, or the error's code."""
        asking = (self.batch.fetch(ParameterKey(name), traceparent=None) for name in names)
        bodies = await asyncio.gather(*asking, return_exceptions=True)
        return [
            str(body) if isinstance(body, BaseException) else json.loads(body)["Parameter"]["Value"]
            for body in bodies
        ]


@pytest.fixture
def source() -> DictSource:
    """Ten parameters, each with its name for a value."""
    return DictSource(values={name: name for name in NAMES})


async def test_ten_names_are_sent_at_once(source: DictSource) -> None:
    """A full batch does not wait for its window; the eleventh begins another."""
    bench = Bench(source)
    assert await bench.ask([*NAMES, "/nope"]) == [*NAMES, "NotFound"]
    assert source.operations == ["GetParameters", "GetParameter"]


async def test_next_moment_is_another_batch(source: DictSource) -> None:
    """The window of a full batch does not close the next one early."""
    bench = Bench(source)
    source.hold()
    first = asyncio.create_task(bench.ask(NAMES))
    await until(lambda: len(source.calls) == 1)
    source.release()
    assert await first == NAMES
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert source.operations == ["GetParameters", "GetParameters"]


async def test_refused_batch_is_asked_singly_and_the_next_is_a_batch_again(
    source: DictSource,
) -> None:
    """Only a denial is remembered."""
    bench = Bench(source)
    source.error = UpstreamError("InvalidKeyId")
    assert await bench.ask(NAMES[:2]) == ["InvalidKeyId"] * 2
    source.error = None
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert source.operations == [
        "GetParameters", "GetParameter", "GetParameter", "GetParameters",
    ]  # fmt: skip


async def test_rubbish_leaves_nobody_waiting(source: DictSource) -> None:
    """An answer that cannot be read is an error for all who wait."""
    bench = Bench(source)
    source.error = ValueError("rubbish")
    assert await bench.ask(NAMES[:2]) == ["ValueError"] * 2


class Faulty(Upstream):
    """Raises what no upstream should."""

    async def fetch(self, key: Key, *, traceparent: str | None = None) -> bytes:
        """Fail for one key."""
        raise ZeroDivisionError

    async def fetch_parameters(
        self, names: list[str], *, decrypt: bool, traceparent: str | None = None
    ) -> Answer:
        """Fail for several."""
        raise ZeroDivisionError


@pytest.mark.parametrize("number", [1, 2])
async def test_a_fault_of_ours_leaves_no_caller_waiting(source: DictSource, number: int) -> None:
    """Each gets an error that may pass, whether asked for alone or together."""
    bench = Bench(source)
    upstream = Faulty(bench.calls, deadline_s=dict.fromkeys(Service, 60.0), hooks=bench.hooks)
    bench.batch = Batch(upstream, log=bench.log)
    async with asyncio.timeout(PATIENCE_S):
        assert await bench.ask(NAMES[:number]) == [UNUSABLE] * number


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("/a/b", False),
        ("plain", False),
        ("arn:aws:ssm:eu-central-1:123456789012:parameter/a/b", False),
        ("/a/b:3", True),
        ("arn:aws:ssm:eu-central-1:123456789012:parameter/a/b:label", True),
        ("/aws/reference/secretsmanager/x", True),
    ],
)
def test_names_that_go_alone(name: str, alone: bool) -> None:
    """Selectors and references to secrets."""
    assert goes_alone(name) is alone


async def test_nothing_is_kept_of_a_batch_that_is_answered(source: DictSource) -> None:
    """Neither of one that was full nor of one whose window has closed."""
    bench = Bench(source)
    await bench.ask([*NAMES, "/nope"])
    await until(lambda: not bench.batch._calls)
