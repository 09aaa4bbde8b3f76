"""Clients that are built on first use: who waits for them, and what is reported of their calls."""

from __future__ import annotations

import asyncio
import threading

import pytest

from extension.aws.call import CompletedCall, Service, Source
from extension.aws.errors import NOT_OPEN, UpstreamError
from extension.parameters.hooks import Hooks
from extension.parameters.keys import ParameterKey, SecretKey
from extension.parameters.lazy_clients import LazyClients
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.parameters import ParametersConfig
from tests.doubles import DictSource, LogLines
from tests.waiting import PATIENCE_S, until

KEY = ParameterKey("/a")


class Bench:
    """Clients over a source that is there once the test says so."""

    def __init__(self, config: ParametersConfig | None = None) -> None:
        self.source = DictSource(values={"/a": "v", "/b": "w"})
        self.built = 0
        self.may_build = threading.Event()
        self.may_build.set()
        self.error: Exception | None = None
        self.lines = LogLines()
        clock = SystemClock()
        log = Log(clock=clock, sink=self.lines)
        self.hooks = Hooks(log=log)
        self.reported: list[CompletedCall] = []
        self.hooks.on_upstream_call = self.reported.append
        self.clients = LazyClients(
            self._open, config=config or ParametersConfig(), clock=clock, hooks=self.hooks, log=log
        )

    def _open(self) -> Source:
        self.may_build.wait()
        self.built += 1
        if self.error:
            raise self.error
        return self.source

    async def fetch(self, key: ParameterKey = KEY, *, batchable: bool = False) -> bytes:
        """Fetch a key as a GET does."""
        return await self.clients.fetch(key, traceparent=None, batchable=batchable)


async def test_the_first_fetch_builds_them_for_all() -> None:
    """Once, however many come at the same time."""
    bench = Bench()
    await asyncio.gather(*(bench.fetch() for _ in range(3)))
    await bench.fetch()
    assert bench.built == 1


async def test_it_is_said_when_they_are_there() -> None:
    """Once, before the calls that wait for them; not where they cannot be built."""
    bench, calls_before = Bench(), []
    bench.clients.on_open = lambda: calls_before.append(len(bench.source.calls))
    bench.error = RuntimeError()
    with pytest.raises(UpstreamError):
        await bench.fetch()
    assert calls_before == []
    bench.error = None
    await bench.fetch()
    await bench.fetch()
    assert calls_before == [0]


async def test_a_fetch_waits_as_long_as_its_caller_can() -> None:
    """What is built meanwhile serves the next one."""
    bench = Bench()
    bench.may_build.clear()
    bench.clients.patience_s = lambda: 0.05
    with pytest.raises(UpstreamError) as raised:
        await bench.fetch()
    error = raised.value
    assert (error.code, error.message, error.transient) == (
        NOT_OPEN, "not ready within 0.05 s", True,
    )  # fmt: skip
    with pytest.raises(UpstreamError, match=NOT_OPEN):
        await bench.clients.open(within_s=0.01)
    bench.may_build.set()
    await bench.clients.open(within_s=PATIENCE_S)
    await bench.fetch()
    assert bench.built == 1


async def test_clients_that_cannot_be_built_are_tried_again() -> None:
    """A line says why, without a value; the caller hears it, too."""
    bench = Bench()
    bench.error = ImportError("hunter2", name="botocore")
    with pytest.raises(UpstreamError) as raised:
        await bench.fetch()
    assert not raised.value.transient
    assert raised.value.code == NOT_OPEN
    assert [each["message"] for each in bench.lines.parsed] == ["AWS clients could not be built"]
    bench.error = None
    await bench.fetch()
    assert bench.built == 2


async def test_fetches_are_under_way_until_they_have_ended() -> None:
    """A freeze would cut them; renewals ahead are not waited for."""
    bench = Bench()
    await bench.clients.open()
    bench.source.hold()
    ahead = asyncio.create_task(bench.clients.fetch_ahead(KEY, traceparent=None, batchable=False))
    await until(lambda: bench.source.calls)
    assert not bench.clients.under_way._ends
    fetch = asyncio.create_task(bench.fetch())
    await until(lambda: len(bench.source.calls) == 2)
    assert len(bench.clients.under_way._ends) == 1
    bench.source.release()
    await asyncio.gather(ahead, fetch)
    assert not bench.clients.under_way._ends


async def test_a_renewal_ahead_takes_no_thread_of_a_get() -> None:
    """It has one of its own for each service."""
    bench = Bench(ParametersConfig(max_connections=1))
    await bench.clients.open()
    bench.source.hold()
    tasks = [
        asyncio.create_task(fetch(key, traceparent=None, batchable=False))
        for fetch in (bench.clients.fetch_ahead, bench.clients.fetch)
        for key in (KEY, ParameterKey("/b"))
    ]
    await until(lambda: len(bench.source.calls) == 2)
    bench.source.release()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("batch", "batchable", "operations"),
    [
        (True, True, ["GetParameters"]),
        (True, False, ["GetParameter", "GetParameter"]),
        (False, True, ["GetParameter", "GetParameter"]),
    ],
)
async def test_what_is_combined(batch: bool, batchable: bool, operations: list[str]) -> None:
    """Parameters, where that is wanted and the caller can wait a moment."""
    bench = Bench(ParametersConfig(batch=batch))
    await bench.clients.open()
    await asyncio.gather(
        *(bench.fetch(key, batchable=batchable) for key in (KEY, ParameterKey("/b")))
    )
    assert bench.source.operations == operations
    await bench.clients.fetch(SecretKey("/a"), traceparent=None, batchable=batchable)
    assert bench.source.operations[-1] == "GetSecretValue"


@pytest.mark.parametrize(
    ("code", "took_s", "is_reported"),
    [("", 20, True), ("Denied", 9.9, True), ("Denied", 10, False)],
)
def test_a_call_that_a_freeze_has_cut_is_no_failure(
    code: str, took_s: float, is_reported: bool
) -> None:
    """No caller waited for it; one that took twice its deadline was frozen."""
    bench = Bench()
    call = CompletedCall(
        service="SSM", operation="GetParameter", name="/a", start_ns=0,
        end_ns=round(took_s * 1e9), code=code,
    )  # fmt: skip
    bench.clients._report_unless_frozen(call)
    assert bench.reported == [call] * is_reported


async def test_tokens_that_cannot_be_renewed_are_none() -> None:
    """A line says so; the request is refused."""
    bench = Bench()
    bench.source.tokens = ("one", "two")
    assert await bench.clients.session_tokens() == ("one", "two")

    def fail() -> tuple[str, ...]:
        raise UpstreamError("CredentialRetrievalError", transient=True)

    bench.source.session_tokens = fail  # type: ignore[method-assign]
    assert await bench.clients.session_tokens() == ()
    assert [each["code"] for each in bench.lines.parsed] == ["CredentialRetrievalError"]


@pytest.mark.parametrize(
    ("timeout_ms", "deadline_s", "ahead_s"), [(0, 5, 5), (1000, 1, 1), (60_000, 60, 5)]
)
async def test_a_renewal_ahead_takes_five_seconds_at_most(
    timeout_ms: int, deadline_s: float, ahead_s: float
) -> None:
    """However long a GET may take: its thread is the only one for renewals."""
    bench = Bench(ParametersConfig(ssm_timeout_ms=timeout_ms))
    opened = await bench.clients.open()
    assert opened.fetcher.upstream._deadline_s[Service.SSM] == deadline_s
    assert opened.ahead.upstream._deadline_s[Service.SSM] == ahead_s
