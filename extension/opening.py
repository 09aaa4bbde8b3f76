"""Opens telemetry and the parameters cache, each if it is wanted, while the life cycle runs.

Modules are imported one after the other, and once /next is requested in a thread, so that the event
loop goes on accepting deliveries, handling events and serving GETs. Before each module of telemetry
the GETs in progress are answered, so that what a waiting GET needs is opened first and alone.

A part that cannot be opened is switched off with one line that names the cause; the rest goes on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from math import inf
from typing import TYPE_CHECKING, Any

from extension import lifecycle
from extension.platform import early_calls
from extension.platform.bootstrap import Start
from extension.platform.events import Job
from extension.process.clock import Clock
from extension.process.ids import RandomIds
from extension.process.imports import Importer, is_compiled, resume_garbage_collection
from extension.process.log import Log, describe
from extension.process.tasks import log_errors, start_task
from extension.redaction.redactor import Redactor
from extension.settings.config import Config
from extension.settings.parameters import ParametersConfig
from extension.settings.telemetry import TelemetryConfig
from extension.settings.variable import variables

if TYPE_CHECKING:
    from extension.aws.call import Source
    from extension.aws.signing import Signer
    from extension.parameters.parameters import Parameters
    from extension.telemetry.early import EarlyTelemetry
    from extension.telemetry.export.dead_letters import DeadLetters
    from extension.telemetry.export.post import Post
    from extension.telemetry.health import Health
    from extension.telemetry.receiver.receiver import Receiver

INIT_S = 8.0
"""How long GETs may wait during init, of the ten seconds that Lambda gives it."""

GETS_FIRST_S = 5.0
"""How long opening telemetry waits, at most, for GETs in progress."""


class Opening:
    """The parts of the process; `jobs` are those that take part in the life cycle so far."""

    def __init__(
        self, *, start: Start, environ: Mapping[str, str], config: Config, clock: Clock, log: Log
    ) -> None:
        self.jobs: list[Job] = []
        self.registered = asyncio.Event()
        self.importer = Importer()
        self._start = start
        self._environ = environ
        self._config = config
        self._clock = clock
        self._log = log
        self._cache_sockets = [_adopt(raw) for raw in start.cache_sockets]
        self._telemetry_sockets = [_adopt(raw) for raw in filter(None, [start.telemetry_socket])]
        if self._telemetry_sockets:
            [start.telemetry_socket] = self._telemetry_sockets  # `subscribe` asks it for its port
        self._otlp_sockets = [_adopt(raw) for raw in start.otlp_sockets]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parameters: Parameters | None = None
        self._early: EarlyTelemetry | None = None
        self._receiver: Receiver | None = None
        self._signer: Signer | None = None
        self._redactor = Redactor(
            extra=config.redaction.redact_extra, strict=config.redaction.redact_strict
        )
        if config.redaction.redact:
            log.redact = lambda text: self._redactor.redact(text).text

    async def open_all(self) -> None:
        """Open everything that is wanted, first what callers may be waiting for."""
        if not self._start.budget_s() or not is_compiled(__spec__):
            self.importer.give_way()
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets)
        await self.registered.wait()
        if self._early is not None:
            opening = self._open_telemetry(self._early)
            await self._guarded("telemetry", opening, self._telemetry_sockets)
        await self._guarded("AWS clients", self._open_clients(), [])
        if self._parameters is not None:
            await lifecycle.settle(self._parameters, within_s=inf, log=self._log)
        if not is_compiled(__spec__):
            self._log.warning("no bytecode: starts take ten times as long", module=__name__)
        resume_garbage_collection()

    async def open_cache_only(self) -> bool:
        """Open the cache outside Lambda; return False if it cannot serve."""
        await self._guarded("parameters", self._open_parameters(), self._cache_sockets)
        if self._parameters is None:
            return False
        self._log.info("outside Lambda: serving the cache only", until="SIGINT or SIGTERM")
        await self._guarded("AWS clients", self._open_clients(), [])
        resume_garbage_collection()
        return True

    async def accept_deliveries(self) -> None:
        """Listen for telemetry before it can be processed; deliveries are kept until then."""
        if self._otlp_sockets:
            await self._guarded("receiver", self._open_receiver(), self._otlp_sockets)
        expected = self._start.is_subscribed or self._subscribes_late
        if not expected or not self._wants_telemetry():
            self._log.debug("no telemetry")
            self._give_up_telemetry()
            return
        await self._guarded("telemetry", self._listen(), self._telemetry_sockets)

    async def subscribe_late(self) -> None:
        """Subscribe if `early_calls` did not: the event loop runs now, and /next is still due."""
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
            self._give_up_telemetry()

    @property
    def _subscribes_late(self) -> bool:
        return self._start.telemetry_socket is not None and not self._start.receives_invoke

    def wants_parameters(self) -> bool:
        """Return whether to build the AWS clients during init: not if only telemetry is set up."""
        chosen = any(self._environ.get(row.name, "").strip() for row in variables(ParametersConfig))
        return chosen or not self._wants_telemetry()

    async def _guarded(
        self, part: str, opening: Coroutine[Any, Any, None], sockets: Sequence[socket.socket]
    ) -> None:
        """Open a part, or switch it off; its callers are then refused, rather than left waiting."""
        try:
            await opening
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self._log.error("switched off", part=part, cause=describe(error))
            self._stop_listening(sockets)
            if part == "telemetry":
                self._give_up_telemetry()

    def _give_up_telemetry(self) -> None:
        """Stop taking deliveries; the function's SDK goes on posting, into nothing."""
        self._stop_listening(self._telemetry_sockets)
        if self._early is not None:
            self._early.given_up()
        if self._receiver is not None:
            self._receiver.given_up()

    def _stop_listening(self, sockets: Sequence[socket.socket]) -> None:
        """Close sockets; the event loop must forget a descriptor before it is used again."""
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
            sandbox=self._config.sandbox,
            environ=self._environ,
            clock=self._clock,
            log=self._log,
            sockets=self._cache_sockets,
            open_source=self._open_source,
            local=None if self._start.api else self._config.local,
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
            await self.importer.load("extension.aws.clients")
            await self._parameters.open()

    def _wants_telemetry(self) -> bool:
        return bool(self._config.telemetry.enabled and self._config.telemetry.posted)

    def _open_source(self) -> Source:
        """Build the AWS clients: from here on the process has secrets of its own."""
        from extension.aws.credentials import SandboxCredentials  # noqa: PLC0415  # heavy
        from extension.parameters.lazy_clients import open_source  # noqa: PLC0415  # heavy
        from extension.process.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

        keep_memory_private()
        if not self._start.api:
            from extension.aws.local_credentials import LocalCredentials  # noqa: PLC0415  # heavy

            found = LocalCredentials(self._environ)
            return open_source(self._config.parameters, found.environ, credentials=found)
        credentials = SandboxCredentials(self._environ, on_secret=self._learn_own)
        return open_source(self._config.parameters, self._environ, credentials=credentials)

    def _learn_own(self, name: str, value: str) -> None:
        """Hide a credential of our own that was fetched; called in a worker thread."""
        if self._config.redaction.redact and self._wants_telemetry() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._redactor.hold, name, [(name, value)])

    async def _open_receiver(self) -> None:
        from extension.telemetry.receiver.receiver import receive  # noqa: PLC0415  # only where wanted

        self._receiver = await receive(self._otlp_sockets, log=self._log)
        self.jobs.append(self._receiver)

    async def _listen(self) -> None:
        from extension.telemetry.early import listen  # noqa: PLC0415  # only where wanted

        [listening] = self._telemetry_sockets
        self._early = await listen(listening, clock=self._clock, log=self._log)
        self.jobs.append(self._early)

    async def _open_telemetry(self, early: EarlyTelemetry) -> None:
        for module in telemetry_modules(self._config.telemetry):
            if self._parameters is not None:
                await self._parameters.settled(within_s=GETS_FIRST_S)
            await self.importer.load(module)
        from extension import bridge  # noqa: PLC0415  # heavy
        from extension.platform.extensions_api import parse_registration  # noqa: PLC0415  # loaded already
        from extension.telemetry.export.credentials import EndpointSettings  # noqa: PLC0415  # heavy
        from extension.telemetry.opening import (  # noqa: PLC0415  # heavy
            connect_receiver,
            open_telemetry,
        )
        from extension.telemetry.resource_identity import resource_identity  # noqa: PLC0415  # with telemetry

        if self._config.redaction.redact:
            bridge.hide_own_secrets(self._redactor, self._environ)
        telemetry = await open_telemetry(
            EndpointSettings(telemetry=self._config.telemetry, otlp=self._config.otlp),
            identity=resource_identity(self._config, parse_registration(self._start.registration)),
            redaction=self._redactor,
            resolve=bridge.resolver(self._parameters),
            open_letters=self._open_letters if self._wants_letters() else None,
            open_signer=self._open_signer,
            concurrent=not self._start.receives_invoke,
            environ=self._environ,
            ids=RandomIds(),
            clock=self._clock,
            log=self._log,
        )
        async with AsyncExitStack() as undo:
            undo.push_async_callback(telemetry.close)
            if self._parameters:
                bridge.show_the_cache(self._parameters, pipeline=telemetry.pipeline)
            if self._config.sandbox.is_snapshot:
                telemetry.pipeline.on_init_end = self._forget_for_snapshot
            if self._receiver:
                connect_receiver(
                    self._receiver,
                    telemetry,
                    config=self._config.telemetry,
                    redactor=self._redactor,
                )
            await early.opened(telemetry, telemetry.reader)
            undo.pop_all()
        self.jobs[self.jobs.index(early)] = telemetry
        if not self._config.sandbox.is_snapshot:  # else the first export does it, once restored
            await telemetry.prepare()
        if not self._start.receives_invoke:
            start_task(
                telemetry.export_regularly(),
                name="export regularly",
                on_error=log_errors(self._log, name="export regularly"),
                runs_forever=True,
            )

    def _wants_letters(self) -> bool:
        telemetry = self._config.telemetry
        return bool(telemetry.dead_letters and telemetry.format == "otlp")

    def _open_letters(self, post: Post, health: Health) -> DeadLetters | None:
        """Open the bucket for what would be dropped; without it, telemetry drops and counts."""
        try:
            return self._bucket(post, health)
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self._log.error("switched off", part="dead letters", cause=describe(error))
            return None

    def _bucket(self, post: Post, health: Health) -> DeadLetters:
        from extension.telemetry.export.open_letters import open_letters  # noqa: PLC0415  # heavy

        return open_letters(
            self._config.telemetry,
            self._config.aws,
            signer=self._open_signer(),
            post=post,
            health=health,
            environ=self._environ,
            clock=self._clock,
            log=self._log,
        )

    def _forget_for_snapshot(self) -> None:
        from extension import bridge  # noqa: PLC0415  # heavy

        bridge.forget_for_snapshot(self._redactor, self._environ, self._parameters)
        if self._signer is not None:
            self._signer.forget()

    def _open_signer(self) -> Signer:
        """Return the one signer of exports and dead letters, which know AWS's time together."""
        if self._signer is None:
            from extension.aws.credentials import SandboxCredentials  # noqa: PLC0415  # heavy
            from extension.aws.signing import Signer  # noqa: PLC0415  # heavy
            from extension.process.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

            keep_memory_private()
            self._loop = asyncio.get_running_loop()
            credentials = SandboxCredentials(self._environ, on_secret=self._learn_own)
            self._signer = Signer(credentials, clock=self._clock)
        return self._signer


def telemetry_modules(config: TelemetryConfig) -> list[str]:
    """Return the heavy modules of telemetry, to be imported one at a time."""
    modules = ["extension.bridge", "aiohttp", "extension.telemetry.opening"]
    if config.format == "otlp":
        otlp = ["encoder", "exporter", *(["metrics"] if "metrics" in config.posted else [])]
        modules += [f"extension.telemetry.otlp.{each}" for each in otlp]
        modules += ["extension.telemetry.receiver.posted_reader"] if config.otlp_port else []
    has_letters = bool(config.dead_letters and config.format == "otlp")
    if any(map(config.aws_service_of, config.posted)):
        modules += ["extension.telemetry.export.aws_requests"]
        modules += ["extension.telemetry.otlp.fitting"] if config.format == "otlp" else []
    if has_letters or config.is_any_signed:
        modules += ["extension.aws.signing"]
    if has_letters:
        modules += ["extension.telemetry.export.open_letters"]
    return modules


def _adopt(raw: Any) -> socket.socket:
    """Turn a socket of the bootstrap into one for asyncio."""
    return socket.socket(fileno=raw.detach())
