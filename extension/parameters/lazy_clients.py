"""Fetches keys from AWS with clients that are built once, in a thread, on first use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, TypeVar

from extension.aws.call import CompletedCall, Service, Source
from extension.aws.calls import Calls
from extension.aws.errors import NOT_OPEN, UpstreamError
from extension.parameters.batch import Batch, Leave
from extension.parameters.flights import Flights, UnderWay
from extension.parameters.hooks import Hooks
from extension.parameters.keys import Key, ParameterKey, SecretKey
from extension.parameters.upstream import Upstream
from extension.process.clock import NS_PER_S, Clock
from extension.process.frozen import Frozen
from extension.process.log import Log, describe
from extension.process.waits import TimeLimit
from extension.settings.parameters import ParametersConfig

if TYPE_CHECKING:
    from extension.aws.credentials import SandboxCredentials

T = TypeVar("T")

OPEN_WAIT_S = 15.0
"""Longest that a request waits for the clients: a 128 MB function takes 7 s to build them."""

TOKENS_WAIT_S = 3.0
"""Longest that a request with an unknown token waits for the container endpoint."""

DEADLINE_S = 5.0
"""Longest call unless the user sets a timeout; AWS's extension would wait without end."""

LONGEST_S = 900.0
"""Longest deadline that is used: no invocation takes longer."""

AHEAD_THREADS = 1
"""Calls at once to a service for renewals ahead, in threads of their own: one that hangs after a
freeze must not take the thread that a GET needs."""

MOST_THREADS = 256
"""Most calls at once to a service. AWS's extension has no limit, but urllib3 allocates a slot for
every connection in advance: a billion of them would exhaust the memory."""

MS_PER_S = 1000


class _Fetcher(Frozen):
    """Fetches keys alone or, with `batch`, together."""

    upstream: Upstream
    batch: Batch | None

    async def fetch(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body for one key; raises UpstreamError."""
        if batchable and self.batch is not None and isinstance(key, ParameterKey):
            return await self.batch.fetch(key, traceparent=traceparent)
        return await self.upstream.fetch(key, traceparent=traceparent)


class _Opened(Frozen):
    """The clients, and what uses them."""

    source: Source
    fetcher: _Fetcher
    ahead: _Fetcher
    """For renewals ahead."""


class LazyClients:
    """Builds the clients on first use; a failure is logged, and the next use tries again."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        *,
        config: ParametersConfig,
        clock: Clock,
        hooks: Hooks,
        log: Log,
    ) -> None:
        self._open_source = open_source
        self._config = config
        self._clock = clock
        self._hooks = hooks
        self._log = log
        self.patience_s: Callable[[], float] = lambda: OPEN_WAIT_S
        """Returns how long a request may wait for the clients at this moment."""
        self.call_s: Callable[[], float] = lambda: inf
        """Returns how long a call to AWS may take at this moment, if a caller waits for it."""
        self.on_open: Callable[[], None] = lambda: None
        """Called when the clients are built, before the calls that wait for them begin."""
        self.under_way = UnderWay(clock=clock)
        self._opened: _Opened | None = None
        self._openings: Flights[_Opened] = Flights()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clients")

    async def open(self, *, within_s: float | None = None) -> _Opened:
        """Return the clients, building them if necessary; raises UpstreamError if that fails."""
        if self._opened is not None:
            return self._opened
        if within_s is None:
            within_s = self.patience_s()
        return await self._within(within_s, self._openings.join("clients", self._build))

    async def fetch(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body for one key; raises UpstreamError."""
        with self.under_way.one():
            opened = await self.open()
            return await opened.fetcher.fetch(key, traceparent=traceparent, batchable=batchable)

    async def fetch_ahead(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body for one key that no caller waits for; /next does not wait for it, too."""
        opened = await self.open()
        return await opened.ahead.fetch(key, traceparent=traceparent, batchable=batchable)

    async def next_rotation(self, key: SecretKey) -> datetime | None:
        """Return when a secret is rotated next, None if it is not; raises UpstreamError."""
        opened = await self.open()
        return await opened.ahead.upstream.next_rotation(key)

    async def session_tokens(self) -> tuple[str, ...]:
        """Renew the credentials and return their tokens, newest last; never raises."""
        try:
            opened = await self.open()
            return await self._within(TOKENS_WAIT_S, self._in_thread(opened.source.session_tokens))
        except UpstreamError as error:
            self._log.warning("credentials could not be renewed", code=error.code)
            return ()

    async def _build(self) -> _Opened:
        try:
            source = await self._in_thread(self._open_source)
        except Exception as error:
            cause = describe(error)  # names a missing module; contains no values
            self._log.error("AWS clients could not be built", error=cause)
            message = f"the AWS clients could not be built: {cause}"
            raise UpstreamError(NOT_OPEN, message=message) from error
        leave = Leave()
        calls = Calls(
            source,
            threads=threads(self._config),
            clock=self._clock,
            report=self._hooks.upstream_call,
            log=self._log,
        )
        ahead = Calls(
            source,
            threads=AHEAD_THREADS,
            clock=self._clock,
            report=self._report_unless_frozen,
            log=Log(clock=self._clock, level="NONE"),
        )
        deadline_s = deadlines_s(self._config)
        shorter_s = {each: min(limit_s, DEADLINE_S) for each, limit_s in deadline_s.items()}
        self._opened = _Opened(
            source=source,
            fetcher=self._fetcher(calls, deadline_s, leave, at_most_s=self.call_s),
            ahead=self._fetcher(ahead, shorter_s, leave),
        )
        self.on_open()
        return self._opened

    def _fetcher(
        self,
        calls: Calls,
        deadline_s: Mapping[Service, float],
        leave: Leave,
        *,
        at_most_s: Callable[[], float] = lambda: inf,
    ) -> _Fetcher:
        upstream = Upstream(
            calls,
            deadline_s=deadline_s,
            hooks=self._hooks,
            regions=self._config.secrets_regions,
            at_most_s=at_most_s,
        )
        batch = Batch(upstream, log=self._log, leave=leave) if self._config.batch else None
        return _Fetcher(upstream=upstream, batch=batch)

    def _report_unless_frozen(self, call: CompletedCall) -> None:
        """Report a call that no caller waited for; one that a freeze has cut is no failure."""
        took_s = (call.end_ns - call.start_ns) / NS_PER_S
        if not call.code or took_s < 2 * DEADLINE_S:
            self._hooks.upstream_call(call)

    async def _within(self, seconds: float, awaitable: Awaitable[T]) -> T:
        try:
            async with TimeLimit(seconds, clock=self._clock):
                return await awaitable
        except TimeoutError:
            message = f"not ready within {seconds:g} s"
            raise UpstreamError(NOT_OPEN, message=message, transient=True) from None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def open_source(
    config: ParametersConfig, environ: Mapping[str, str], *, credentials: SandboxCredentials
) -> Source:
    """Build the AWS clients; imports botocore. Raises SettingError."""
    from extension.aws.clients import AwsClients  # noqa: PLC0415  # heavy

    return AwsClients(
        environ,
        credentials=credentials,
        deadline_s=deadlines_s(config),
        connections=threads(config),
    )


def deadlines_s(config: ParametersConfig) -> Mapping[Service, float]:
    """Return how long a call to each service may take with all its attempts."""
    configured_ms = {
        Service.SSM: config.ssm_timeout_ms,
        Service.SECRETS_MANAGER: config.secrets_manager_timeout_ms,
    }
    return {
        service: min(ms / MS_PER_S or DEADLINE_S, LONGEST_S)
        for service, ms in configured_ms.items()
    }


def threads(config: ParametersConfig) -> int:
    """Return how many calls to each service may be under way."""
    return min(config.max_connections, MOST_THREADS)
