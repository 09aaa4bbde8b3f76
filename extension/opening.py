"""Opens telemetry and the parameters cache, each if it is wanted, while the life cycle runs.

Modules are imported one after the other, and once /next is requested in a thread, so that the event
loop goes on accepting deliveries, handling events and serving GETs. Before each module of telemetry
the GETs in progress are answered, so that what a waiting GET needs is opened first and alone.

A part that cannot be opened is switched off with one line that names the cause; the rest goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from extension import lifecycle
from extension.own_credentials import OwnCredentials
from extension.platform.bootstrap import Start
from extension.platform.events import Invoke, Job
from extension.platform.listening import ListeningSockets
from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.process.imports import Importer, is_compiled, resume_garbage_collection
from extension.process.log import Log, describe
from extension.redaction.redactor import Redactor
from extension.settings.config import Config
from extension.settings.parameters import ParametersConfig
from extension.settings.variable import variables
from extension.telemetry_part import TelemetryPart

if TYPE_CHECKING:
    from extension.parameters.parameters import Parameters

INIT_S = 8.0
"""How long GETs may wait during init, of the ten seconds that Lambda gives it."""

LONGEST_INIT_S = 10.0
"""Later than that a GET belongs to an invocation, even if that is still to be announced to us."""

LOOK_S = 0.05
"""How often the time left to the function is checked."""


class Opening:
    """The parts of the process; `jobs` are those that take part in the life cycle so far."""

    def __init__(
        self, *, start: Start, environ: Mapping[str, str], config: Config, clock: Clock, log: Log
    ) -> None:
        self._last = LastInvoke()
        self.jobs: list[Job] = [self._last]
        self.registered = asyncio.Event()
        self.importer = Importer()
        self._start = start
        self._environ = environ
        self._config = config
        self._clock = clock
        self._log = log
        self._cache_sockets = ListeningSockets(start.cache_sockets, start=start)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parameters: Parameters | None = None
        self._own = OwnCredentials(environ, on_secret=self._hide_own, clock=clock)
        self._redactor = Redactor(
            extra=config.redaction.redact_extra, strict=config.redaction.redact_strict
        )
        if config.redaction.redact:
            log.redact = lambda text: self._redactor.redact(text).text
        self.telemetry = TelemetryPart(
            start=start,
            environ=environ,
            config=config,
            jobs=self.jobs,
            importer=self.importer,
            redactor=self._redactor,
            own=self._own,
            clock=clock,
            log=log,
        )

    async def open_all(self) -> None:
        """Open everything that is wanted, first what callers may be waiting for."""
        self._loop = asyncio.get_running_loop()
        if not self._start.budget_s() or not is_compiled(__spec__):
            self.importer.give_way()
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets.close)
        await self.registered.wait()
        if self.telemetry.is_listening:
            opening = self.telemetry.open(self._parameters)
            await self._guarded("telemetry", opening, self.telemetry.give_up)
        await self._guarded("AWS clients", self._open_clients(), lambda: None)
        if self._parameters is not None:
            await lifecycle.settle(self._parameters, within_s=inf, log=self._log)
        if not is_compiled(__spec__):
            self._log.warning("no bytecode: starts take ten times as long", module=__name__)
        resume_garbage_collection()

    async def open_cache_only(self) -> bool:
        """Open the cache outside Lambda; return False if it cannot serve."""
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets.close)
        if self._parameters is None:
            return False
        self._log.info("outside Lambda: serving the cache only", until="SIGINT or SIGTERM")
        await self._guarded("AWS clients", self._open_clients(), lambda: None)
        resume_garbage_collection()
        return True

    async def accept_deliveries(self) -> None:
        """Listen for telemetry before it can be processed; deliveries are kept until then."""
        if otlp_sockets := self.telemetry.otlp_sockets:
            await self._guarded("receiver", self.telemetry.open_receiver(), otlp_sockets.close)
        if not self.telemetry.is_expected:
            self._log.debug("no telemetry")
            self.telemetry.give_up()
            return
        await self._guarded("telemetry", self.telemetry.listen(), self.telemetry.give_up)

    def wants_parameters(self) -> bool:
        """Return whether to build the AWS clients during init: not if only telemetry is set up."""
        chosen = any(self._environ.get(row.name, "").strip() for row in variables(ParametersConfig))
        return chosen or not self.telemetry.is_wanted

    async def _guarded(
        self, part: str, opening: Coroutine[Any, Any, None], give_up: Callable[[], None]
    ) -> None:
        """Open a part, or switch it off; its callers are then refused, rather than left waiting."""
        try:
            await opening
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self._log.error("switched off", part=part, cause=describe(error))
            give_up()

    async def _open_parameters(self) -> None:
        if not self._cache_sockets and not await self._has_references():
            return
        refusing = asyncio.create_task(self._refuse_gets(), name="refuse GETs")
        try:
            await self._open_cache()
        finally:
            refusing.cancel()

    async def _has_references(self) -> bool:
        """Whether telemetry needs values of AWS itself, where no GET can be served."""
        if not self._start.api or not self.telemetry.is_wanted:
            return False
        await self.importer.load("extension.telemetry.export.credentials")
        from extension.telemetry.export.credentials import EndpointSettings  # noqa: PLC0415  # heavy

        telemetry, otlp = self._config.telemetry, self._config.otlp
        return bool(EndpointSettings(telemetry=telemetry, otlp=otlp).references)

    async def _refuse_gets(self) -> None:
        """Answer GETs that wait before the function times out, until the cache can serve them.

        A deadline that has passed is that of the last invocation, whose callers are gone.
        """
        while True:
            await asyncio.sleep(LOOK_S)
            if self._last.invoke is None:
                continue
            from extension.platform import first_gets  # noqa: PLC0415  # slow starts only

            left_s = self._clock.now().until_ms(self._last.invoke.deadline_ms)
            if 0 < left_s < first_gets.ANSWER_S:
                first_gets.refuse_waiting(self._cache_sockets)

    async def _open_cache(self) -> None:
        await self.importer.load("extension.parameters.parameters", "extension.bridge")
        from extension.bridge import redact_what_is_served  # noqa: PLC0415  # heavy
        from extension.parameters.parameters import Parameters  # noqa: PLC0415  # heavy

        config = self._config.parameters
        parameters = Parameters(
            config if self._cache_sockets else replace(config, prefetch=""),
            sandbox=self._config.sandbox,
            environ=self._environ,
            clock=self._clock,
            log=self._log,
            sockets=self._cache_sockets,
            open_source=partial(
                self._own.open_source if self._start.api else self._own.open_source_locally,
                config,
            ),
            local=None if self._start.api else self._config.local,
        )
        parameters.time.start_left_s = self._start_left_s
        if self._config.redaction.redact:
            exports = self.telemetry.is_wanted
            redact_what_is_served(parameters, redactor=self._redactor, exports=exports)
        if self.telemetry.is_wanted:
            parameters.hooks.keep_early()
        if self._cache_sockets:
            await parameters.start()
        self._parameters = parameters
        if self._last.invoke is not None:  # it came before, as on a repeated start
            parameters.announced(self._last.invoke)
        self.jobs.append(parameters)

    def _start_left_s(self) -> float:
        """Return how much longer a GET may wait before the first invocation is announced.

        0 if that is not known: outside Lambda, where no invocation is announced, and after init.
        """
        start, mark = self._start, self._start.mark
        elapsed_s = start.elapsed_s
        timeout_ms = mark.timeout_ms if mark is not None and mark.is_repeated else 0
        limit_s = timeout_ms / 1000 if timeout_ms else INIT_S
        if not start.api or not start.receives_invoke or elapsed_s > max(limit_s, LONGEST_INIT_S):
            return 0.0
        return max(limit_s - elapsed_s, 0.1)

    async def _open_clients(self) -> None:
        """Build the AWS clients and prefetch, last: telemetry shows these calls, too."""
        if self._parameters and self.wants_parameters():
            await self.importer.load("extension.aws.clients")
            await self._parameters.open()

    def _hide_own(self, name: str, value: str) -> None:
        """Hide a credential of our own that was fetched; called in a worker thread."""
        if self._config.redaction.redact and self.telemetry.is_wanted and self._loop is not None:
            self._loop.call_soon_threadsafe(self._redactor.hold, name, [(name, value)])


class LastInvoke(Job):
    """Keeps the invocation that was announced last, for what is opened during it."""

    def __init__(self) -> None:
        self.invoke: Invoke | None = None

    def announced(self, invoke: Invoke) -> None:
        """Keep it."""
        self.invoke = invoke

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Keep it: the function may still run."""
        del at_ns
        self.invoke = invoke
