"""Opens both jobs, as far as each is wanted, beside a life cycle that runs already.

Modules are imported one after the other, behind /next in a thread, so that deliveries are taken,
events answered and GETs served meanwhile. Before each of telemetry's the GETs under way are
answered, so that what a waiting GET needs opens first and alone.

What breaks here is switched off with one line that names the cause; the rest goes on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from extension import lifecycle
from extension.platform import early_calls
from extension.platform.bootstrap import Start
from extension.process.clock import Clock
from extension.process.ids import RandomIds
from extension.process.imports import Importer, is_compiled, resume_garbage_collection
from extension.process.log import Log, describe
from extension.redaction.redactor import Redactor
from extension.settings.config import Config
from extension.settings.parameters import ParametersConfig
from extension.settings.variable import variables
from extension.telemetry.resource_identity import ResourceIdentity

if TYPE_CHECKING:
    from extension.parameters.calls import Source
    from extension.parameters.parameters import Parameters
    from extension.telemetry.early import EarlyTelemetry

SNAP_START = "snap-start"

INIT_S = 8.0
"""How long GETs may wait in init, of the ten seconds that Lambda gives it."""

GETS_FIRST_S = 5.0
"""Longest that opening telemetry waits for GETs that are being answered."""


class Opening:
    """The parts of one process; `jobs` are those that take part in the life cycle by now."""

    def __init__(
        self, start: Start, environ: Mapping[str, str], config: Config, *, clock: Clock, log: Log
    ) -> None:
        self.jobs: list[lifecycle.Job] = []
        self.registered = asyncio.Event()
        self.importer = Importer()
        self._start = start
        self._environ = environ
        self._config = config
        self._clock = clock
        self._log = log
        self._cache_sockets = [_adopt(raw) for raw in start.cache_sockets]
        self._telemetry_sockets = [_adopt(raw) for raw in filter(None, [start.telemetry_socket])]
        start.telemetry_socket = next(
            iter(self._telemetry_sockets), None
        )  # to subscribe later, perhaps
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parameters: Parameters | None = None
        self._early: EarlyTelemetry | None = None
        self._redactor = Redactor(
            extra=config.redaction.redact_extra, strict=config.redaction.redact_strict
        )
        if config.redaction.redact:
            log.redact = lambda text: self._redactor.redact(text).text
        self._timer: asyncio.Task[None] | None = None

    async def everything(self) -> None:
        """Open everything that is wanted, what others may wait for first."""
        if not self._start.budget_s() or not is_compiled(__spec__):
            self.importer.give_way()
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets)
        await self.registered.wait()
        if self._early is not None:
            opening = self._open_telemetry(self._early)
            await self._guarded("telemetry", opening, self._telemetry_sockets)
        await self._guarded("AWS clients", self._open_clients(), [])
        await lifecycle.settle(self._parameters, clock=self._clock, log=self._log)
        if not is_compiled(__spec__):
            self._log.warning("no bytecode: starts take ten times as long", module=__name__)
        resume_garbage_collection()

    async def cache_alone(self) -> bool:
        """Open the cache where there is no Lambda around; False if it cannot serve."""
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets)
        if self._parameters is None:
            return False
        self._log.info("no Lambda here: serving the cache alone", until="SIGINT or SIGTERM")
        await self._guarded("AWS clients", self._open_clients(), [])
        resume_garbage_collection()
        return True

    async def take_deliveries(self) -> None:
        """Listen to the platform before telemetry is open; what comes is kept."""
        awaited = self._start.is_subscribed or self._subscribes_late
        if not awaited or not self._wants_telemetry():
            self._log.debug("no telemetry")
            self._refuse(self._telemetry_sockets)
            return
        await self._guarded("telemetry", self._listen(), self._telemetry_sockets)

    async def subscribe_late(self) -> None:
        """Subscribe where `early_calls` did not: with the loop running, and before /next."""
        if self._early is None or not self._subscribes_late:
            return
        types = early_calls.event_types(self._environ)
        try:
            self._start.is_subscribed = await asyncio.to_thread(
                early_calls.subscribe, self._start, types
            )
        except (OSError, ValueError) as error:
            self._start.problems.append(("telemetry", f"subscription failed: {error}"))
        if not self._start.is_subscribed:
            self._early.given_up()
            self._refuse(self._telemetry_sockets)

    @property
    def _subscribes_late(self) -> bool:
        return self._start.telemetry_socket is not None and not self._start.receives_invoke

    def wants_parameters(self) -> bool:
        """Tell whether the AWS clients are worth their time in init: not for telemetry alone."""
        chosen = any(self._environ.get(row.name, "").strip() for row in variables(ParametersConfig))
        return chosen or not self._wants_telemetry()

    async def _guarded(
        self, part: str, opening: Coroutine[Any, Any, None], sockets: Sequence[socket.socket]
    ) -> None:
        """Open a part, or switch it off: who connects to it is refused rather than left waiting."""
        try:
            await opening
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self._log.error("switched off", part=part, cause=describe(error))
            self._refuse(sockets)
            if part == "telemetry" and self._early is not None:
                self._early.given_up()

    def _refuse(self, sockets: Sequence[socket.socket]) -> None:
        """Stop listening, and let the event loop forget the descriptor before it is used again."""
        for listening in sockets:
            if (descriptor := listening.fileno()) >= 0:
                asyncio.get_running_loop().remove_reader(descriptor)
                self._start.listening.discard(descriptor)
                listening.close()

    async def _open_parameters(self) -> None:
        if not self._cache_sockets:
            return
        self._loop = asyncio.get_running_loop()
        await self.importer.load("extension.parameters.parameters", "extension.bridge")
        from extension.bridge import redact_what_is_served  # noqa: PLC0415  # heavy
        from extension.parameters.parameters import Parameters  # noqa: PLC0415  # heavy

        parameters = Parameters(
            self._config.parameters,
            self._config.sandbox,
            self._environ,
            self._clock,
            self._log,
            self._cache_sockets,
            self._open_source,
        )
        parameters.start_left_s = self._start_left_s
        if self._config.redaction.redact:
            exports = self._wants_telemetry()
            redact_what_is_served(parameters, redactor=self._redactor, exports=exports)
        await parameters.start()
        self._parameters = parameters
        self.jobs.append(parameters)

    def _start_left_s(self) -> float:
        """Return how much longer a GET may wait before the first invocation is announced."""
        mark = self._start.mark
        is_within_invocation = mark is not None and mark.is_repeated and mark.timeout_ms
        limit_s = mark.timeout_ms / 1000 if mark and is_within_invocation else INIT_S
        return max(limit_s - self._start.elapsed_s, 0.1)

    async def _open_clients(self) -> None:
        """Build the AWS clients and prefetch, last: telemetry shows these calls, too."""
        if self._parameters and self.wants_parameters():
            await self.importer.load("extension.parameters.source")
            await self._parameters.open()

    def _wants_telemetry(self) -> bool:
        return bool(self._config.telemetry.enabled and self._config.telemetry.posted)

    async def _resolve(self, reference: str, *, fresh: bool) -> str:
        """Give telemetry the value that a reference in its settings stands for."""
        if self._parameters is None:
            raise LookupError("the cache is switched off")
        return await self._parameters.resolve(reference, fresh=fresh)

    def _open_source(self) -> Source:
        """Build the AWS clients: from here on the process has secrets of its own."""
        from extension.parameters.source import open_source  # noqa: PLC0415  # heavy
        from extension.process.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

        keep_memory_private()
        return open_source(self._config.parameters, self._environ, learned=self._learn_own)

    def _learn_own(self, name: str, value: str) -> None:
        """Hide a credential of our own that was fetched; called in a worker thread."""
        if self._config.redaction.redact and self._wants_telemetry() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._redactor.hold, name, [(name, value)])

    async def _listen(self) -> None:
        from extension.telemetry.early import EarlyTelemetry  # noqa: PLC0415  # only where wanted
        from extension.telemetry.listener import Listener  # noqa: PLC0415  # likewise

        early = EarlyTelemetry(clock=self._clock, log=self._log)
        [listening] = self._telemetry_sockets
        await Listener(listening, receive=early.receive, on_fault=early.count_fault).start()
        self._early = early
        self.jobs.append(early)

    async def _open_telemetry(self, early: EarlyTelemetry) -> None:
        for module in self._telemetry_modules():
            if self._parameters is not None:
                await self._parameters.settled(within_s=GETS_FIRST_S)
            await self.importer.load(module)
        from extension.bridge import hide_own_secrets, show_the_cache  # noqa: PLC0415  # heavy
        from extension.telemetry.export.credentials import EndpointSettings  # noqa: PLC0415  # heavy
        from extension.telemetry.opening import open_telemetry  # noqa: PLC0415  # heavy

        if self._config.redaction.redact:
            hide_own_secrets(self._redactor, self._environ)
        telemetry = await open_telemetry(
            EndpointSettings(telemetry=self._config.telemetry, otlp=self._config.otlp),
            identity=self._identity(),
            redact=self._redactor.redact,
            resolve=self._resolve,
            concurrent=not self._start.receives_invoke,
            environ=self._environ,
            ids=RandomIds(),
            clock=self._clock,
            log=self._log,
        )
        async with AsyncExitStack() as undo:
            undo.push_async_callback(telemetry.close)
            if self._parameters:
                show_the_cache(self._parameters, pipeline=telemetry.pipeline)
            if self._is_snapshot:
                telemetry.pipeline.on_init_end = self._forget_for_snapshot
            await early.opened(telemetry, telemetry.reader)
            undo.pop_all()
        self.jobs[self.jobs.index(early)] = telemetry
        if not self._is_snapshot:  # there the first export does, after the restore
            await telemetry.prepare()
        if not self._start.receives_invoke:
            self._timer = asyncio.create_task(telemetry.export_regularly())

    @property
    def _is_snapshot(self) -> bool:
        """Whether what this init leaves in memory is written to a snapshot."""
        return self._config.sandbox.initialization_type == SNAP_START

    def _forget_for_snapshot(self) -> None:
        from extension.bridge import forget_for_snapshot  # noqa: PLC0415  # imported already

        if self._parameters is None or not self._parameters.keeps:  # else it was restored already
            forget_for_snapshot(self._redactor, self._environ)

    def _telemetry_modules(self) -> list[str]:
        """Return what to import before telemetry opens, so that the loop need not wait for it."""
        modules = ["extension.bridge", "aiohttp", "extension.telemetry.opening"]
        if self._config.telemetry.format == "otlp":
            otlp = ["encoder", "exporter"]
            otlp += ["metrics"] if "metrics" in self._config.telemetry.posted else []
            modules += [f"extension.telemetry.otlp.{each}" for each in otlp]
        return modules

    def _identity(self) -> ResourceIdentity:
        from extension.platform.extensions_api import parse_registration  # noqa: PLC0415  # imported already

        config, sandbox = self._config.telemetry, self._config.sandbox
        registration = parse_registration(self._start.registration)
        return ResourceIdentity(
            function_name=registration.function_name or sandbox.function_name,
            function_version=registration.function_version or sandbox.function_version,
            account_id=registration.account_id,
            region=self._config.aws.region or self._config.aws.default_region,
            memory_mb=sandbox.memory_mb,
            service_name=config.service_name,
            log_group=sandbox.log_group,
            trigger=config.trigger,
            resource_attributes=config.resource_attributes,
        )


def _adopt(raw: Any) -> socket.socket:
    """Turn a socket of the bootstrap into one that asyncio takes."""
    adopted = socket.socket(fileno=raw.detach())
    adopted.settimeout(0)
    return adopted
