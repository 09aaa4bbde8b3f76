"""Composition root: opens both jobs, each as far as it is wanted, and runs the life cycle.

What breaks here is switched off with one line that names the cause; the rest goes on. Everything
heavy is imported inside the functions that open it, after registering and before the first /next.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any

from extension import bootstrap, lifecycle, survive
from extension.bootstrap import MANAGED_INSTANCES, Boot
from extension.clock import Clock, SystemClock
from extension.config import Config, ParametersConfig, read_config
from extension.ids import RandomIds
from extension.log import Log, describe, silence_libraries
from extension.quick_import import no_certificates, resume_garbage_collection
from extension.redaction.redactor import Redactor
from extension.telemetry.sender import Sender
from extension.variable import variables

if TYPE_CHECKING:
    from extension.lambda_api import LambdaApi
    from extension.parameters.calls import Source
    from extension.parameters.parameters import Parameters

REGISTER_PAUSE_S = 1.0
"""Between two attempts to register; without it Lambda waits for us until init times out."""


def run(booted: Boot, environ: Mapping[str, str]) -> int:
    """Run until SHUTDOWN and return the exit status.

    The loop is not closed: closing it waits for worker threads that may hang in an AWS call.
    """
    config, problems = read_config(environ)
    clock = SystemClock()
    log = Log(clock=clock, level=config.process.log_level)
    for cause in booted.problems:
        log.error("switched off", cause=cause)
    for problem in problems:
        log.warning("configuration", cause=str(problem))
    for name in config.withheld:
        log.info("configuration", cause=f"{name} is not used: an OTEL endpoint is elsewhere")
    if not config.process.enabled:
        if booted.api:
            survive.answer_events(booted, environ)
        else:
            log.info("switched off", cause="DISPATCH_ENABLED is false")
        return 0
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: _tell_stray(context, log))
    loop.run_until_complete(App(booted, environ, config, clock=clock, log=log).run())
    return 0


class App:
    """The open rooms of one process."""

    def __init__(
        self, booted: Boot, environ: Mapping[str, str], config: Config, *, clock: Clock, log: Log
    ) -> None:
        self._booted = booted
        self._environ = environ
        self._config = config
        self._clock = clock
        self._log = log
        self._jobs: list[lifecycle.Job] = []
        self._parameters: Parameters | None = None
        self._redactor = Redactor(extra=config.redaction.redact_extra)
        self._timer: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Open what is wanted, then serve events until SHUTDOWN."""
        if not self._booted.api:
            await self._serve_locally()
            return
        await self._register()
        from extension.lambda_api import LambdaApi  # noqa: PLC0415  # heavy

        silence_libraries()
        api = LambdaApi(self._booted.api, identifier=self._booted.identifier)
        cache = [_adopt(raw) for raw in self._booted.cache_sockets]
        telemetry = [_adopt(raw) for raw in filter(None, [self._booted.telemetry])]
        await self._guarded("parameters", self._open_parameters(cache), cache)
        await self._guarded("telemetry", self._open_telemetry(api, telemetry), telemetry)
        await self._guarded("AWS clients", self._open_clients(), [])
        await lifecycle.settle(self._parameters, clock=self._clock, log=self._log)
        resume_garbage_collection()
        await lifecycle.run(api, jobs=self._jobs, clock=self._clock, log=self._log)
        # The process ends: the kernel closes what is open, and complaints about it are only noise.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    async def _serve_locally(self) -> None:
        """Serve the cache until Ctrl-C or SIGTERM, where there is no Lambda around."""
        self._log.info("no Lambda here: serving the cache alone", until="SIGINT or SIGTERM")
        cache = [_adopt(raw) for raw in self._booted.cache_sockets]
        await self._guarded("parameters", self._open_parameters(cache), cache)
        await self._guarded("AWS clients", self._open_clients(), [])
        silence_libraries()
        resume_garbage_collection()
        asked = asyncio.Event()
        for signal in (SIGINT, SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal, asked.set)
        await asked.wait()

    async def _register(self) -> None:
        """Register again if the bootstrap could not: without it there is no function."""
        while not self._booted.identifier:
            await asyncio.sleep(REGISTER_PAUSE_S)
            try:
                await asyncio.to_thread(bootstrap.register, self._booted, self._environ)
            except (OSError, ValueError) as error:
                self._log.error("registering failed", cause=str(error))

    async def _guarded(
        self, part: str, opening: Coroutine[Any, Any, None], sockets: Iterable[Any]
    ) -> None:
        """Open a part, or switch it off: who connects to it is refused rather than left waiting."""
        try:
            await opening
        except Exception as error:  # noqa: BLE001  # a part that cannot open is switched off
            self._log.error("switched off", part=part, cause=describe(error))
            for each in filter(None, sockets):
                self._refuse(each)

    def _refuse(self, listening: Any) -> None:
        """Stop listening, and let the event loop forget the descriptor before it is used again."""
        if (descriptor := listening.fileno()) >= 0:
            asyncio.get_running_loop().remove_reader(descriptor)
            self._booted.listening.discard(descriptor)
            listening.close()

    async def _open_parameters(self, sockets: list[socket.socket]) -> None:
        if not sockets:
            return
        from extension.bridge import redact_what_is_served  # noqa: PLC0415  # heavy
        from extension.parameters.parameters import Parameters  # noqa: PLC0415  # heavy

        parameters = Parameters(
            self._config.parameters,
            self._config.sandbox,
            self._environ,
            self._clock,
            self._log,
            sockets,
            self._open_source,
        )
        if self._config.redaction.redact:
            redact_what_is_served(parameters, redactor=self._redactor, log=self._log)
        self._parameters = parameters
        await parameters.start()
        self._jobs.append(parameters)

    async def _open_clients(self) -> None:
        """Build the AWS clients and prefetch, last: telemetry shows these calls, too."""
        if self._parameters and self._wants_parameters():
            await self._parameters.open()

    def _wants_parameters(self) -> bool:
        """Tell whether the AWS clients are worth their time in init: not for telemetry alone."""
        chosen = any(self._environ.get(row.name) for row in variables(ParametersConfig))
        return chosen or not self._config.telemetry.post_uri

    async def _resolve(self, reference: str, *, fresh: bool) -> str:
        """Give telemetry the value that a reference in its settings stands for."""
        if self._parameters is None:
            raise LookupError("the cache is switched off")
        return await self._parameters.resolve(reference, fresh=fresh)

    def _open_source(self) -> Source:
        """Build the AWS clients: from here on the process has secrets of its own."""
        from extension.parameters.source import open_source  # noqa: PLC0415  # heavy
        from extension.private_memory import keep_memory_private  # noqa: PLC0415  # ctypes

        keep_memory_private()
        return open_source(self._config.parameters, self._environ)

    async def _open_telemetry(self, api: LambdaApi, sockets: list[socket.socket]) -> None:
        if not sockets or not self._config.telemetry.post_uri:
            self._log.debug("no telemetry", cause="DISPATCH_POST_URI is not set")
            for each in sockets:
                self._refuse(each)  # bound before anything could tell that the URL is none
            return
        from extension.bridge import show_the_cache  # noqa: PLC0415  # heavy
        from extension.telemetry.export.credentials import Settings  # noqa: PLC0415  # heavy
        from extension.telemetry.listener import Listener  # noqa: PLC0415  # heavy

        with no_certificates():
            from extension.telemetry.opening import open_telemetry  # noqa: PLC0415  # heavy: aiohttp

        managed = self._config.sandbox.initialization_type == MANAGED_INSTANCES
        telemetry = await open_telemetry(
            Settings(telemetry=self._config.telemetry, otlp=self._config.otlp),
            sender=self._sender(),
            redact=self._redactor.redact,
            resolve=self._resolve,
            concurrent=managed,
            environ=self._environ,
            ids=RandomIds(),
            clock=self._clock,
            log=self._log,
        )
        pipeline = telemetry.pipeline
        listener = Listener(sockets[0], receive=pipeline.receive, on_fault=pipeline.count_fault)
        await listener.start()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(telemetry.close)
            if not await api.subscribe(self._config.telemetry.events, port=listener.port):
                self._log.warning("no telemetry", cause="this platform has no Telemetry API")
                self._refuse(sockets[0])
                return
            undo.pop_all()
        self._jobs.append(telemetry)
        await telemetry.prepare()
        if self._parameters:
            show_the_cache(self._parameters, pipeline=pipeline)
        if managed:
            self._timer = asyncio.create_task(telemetry.export_regularly())

    def _sender(self) -> Sender:
        from extension.lambda_api import parse_registration  # noqa: PLC0415  # imported already

        config, sandbox = self._config.telemetry, self._config.sandbox
        registration = parse_registration(self._booted.registration)
        return Sender(
            function_name=registration.function_name or sandbox.function_name,
            function_version=registration.function_version or sandbox.function_version,
            account_id=registration.account_id,
            region=sandbox.region,
            memory_mb=sandbox.memory_mb,
            service_name=config.service_name,
            resource_attributes=config.resource_attributes,
        )


def _adopt(raw: Any) -> socket.socket:
    """Turn a socket of the bootstrap into one that asyncio takes."""
    adopted = socket.socket(fileno=raw.detach())
    adopted.settimeout(0)
    return adopted


def _tell_stray(context: Mapping[str, Any], log: Log) -> None:
    """Tell what asyncio would print, without the values in it."""
    error = context.get("exception")
    log.error("a task failed", cause=type(error).__name__ if error else "no exception")
