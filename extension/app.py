"""Runs the life cycle, and beside it the opening of both jobs, from the first moment to SHUTDOWN.

`bootstrap` says on which kind of start /next waits for the opening, and how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from signal import SIGINT, SIGTERM
from typing import Any

from extension import lifecycle
from extension.opening import Opening
from extension.platform import bootstrap
from extension.platform.bootstrap import Start
from extension.platform.early_calls import NO_TELEMETRY_API
from extension.platform.events import Invoke, Shutdown
from extension.process.clock import Clock, SystemClock
from extension.process.log import Log, silence_libraries
from extension.settings.config import Config, read_config

REGISTER_PAUSE_S = 1.0
"""Between two attempts to register; without it Lambda waits for us until init times out."""

BREAKDOWNS = ("timeout", "failure")
"""Reasons of SHUTDOWN after which the same sandbox starts again."""


def run(start: Start, environ: Mapping[str, str]) -> int:
    """Run until SHUTDOWN and return the exit status.

    The loop is not closed: closing it waits for worker threads that may hang in an AWS call.
    """
    config, problems = read_config(environ)
    clock = SystemClock()
    log = Log(clock=clock, level=config.process.log_level)
    for problem in problems:
        log.warning("configuration", cause=str(problem))
    for name in config.withheld:
        log.info("configuration", cause=f"{name} is not used: an OTEL endpoint is elsewhere")
    for note in config.notes:
        log.info("configuration", cause=note)
    if not config.process.enabled:
        log.info("switched off", cause="DISPATCH_ENABLED is false")
        return 0
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: _tell_stray(context, log))
    return loop.run_until_complete(App(start, environ, config, clock=clock, log=log).run())


class App:
    """One process, from its registration to its end."""

    def __init__(
        self, start: Start, environ: Mapping[str, str], config: Config, *, clock: Clock, log: Log
    ) -> None:
        self._start = start
        self._environ = environ
        self._config = config
        self._clock = clock
        self._log = log
        self._opening = Opening(start, environ, config, clock=clock, log=log)
        self._opening.jobs.append(TimeoutNote(start, clock))
        self._living: asyncio.Future[int] | None = None
        self._broken: BaseException | None = None

    async def run(self) -> int:
        """Open what is wanted and serve until SHUTDOWN, or SIGTERM; return the exit status."""
        silence_libraries()
        self._tell_problems()
        life = self._live() if self._start.api else self._serve_locally()
        self._living = living = asyncio.ensure_future(life)
        for signal in (SIGINT, SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal, living.cancel)
        try:
            status = await living
        except asyncio.CancelledError:
            if self._broken is not None:
                raise self._broken from None
            await self._end(lifecycle.end("spindown", self._clock))
            status = 0
        # The process ends: the kernel closes what is open; complaints about it are only noise.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return status

    async def _live(self) -> int:
        """Serve events until the sandbox ends, and open meanwhile."""
        opening = asyncio.create_task(self._opening.everything())
        opening.add_done_callback(self._opened)
        if not await self._register():
            return 1
        from extension.platform.extensions_api import ExtensionsApi  # noqa: PLC0415  # reads HTTP: imports re

        await self._opening.take_deliveries()
        self._opening.registered.set()
        await asyncio.wait({opening}, timeout=self._start.budget_s())
        if not opening.done():
            self._opening.importer.give_way()
        await self._opening.subscribe_late()
        self._tell_problems()
        api = ExtensionsApi(self._start)
        ended = await lifecycle.run(api, jobs=self._opening.jobs, clock=self._clock, log=self._log)
        self._forget_the_start(ended)
        return int(ended.reason == lifecycle.GONE)

    async def _end(self, shutdown: Shutdown) -> None:
        """Let the jobs do what SHUTDOWN asks for."""
        await lifecycle.hand_over(
            shutdown, jobs=self._opening.jobs, clock=self._clock, log=self._log
        )
        self._forget_the_start(shutdown)

    def _forget_the_start(self, ended: Shutdown) -> None:
        if self._start.mark is not None and ended.reason not in BREAKDOWNS:
            self._start.mark.remove()

    async def _serve_locally(self) -> int:
        """Serve the cache until Ctrl-C or SIGTERM, where there is no Lambda around."""
        if not await self._opening.cache_alone():
            self._log.error("nothing to serve", cause="there is no Lambda here, and no cache")
            return 1
        await asyncio.Event().wait()
        return 0

    async def _register(self) -> bool:
        """Register again if the bootstrap could not; False if that has become pointless."""
        refused_s = 0.0
        while not self._start.identifier:
            await asyncio.sleep(REGISTER_PAUSE_S)
            try:
                await asyncio.to_thread(
                    bootstrap.register_and_follow_up, self._start, self._environ
                )
            except (OSError, ValueError) as error:
                self._log.error("registration failed", cause=str(error))
                refused_s = refused_s + REGISTER_PAUSE_S if lifecycle.is_lasting(error) else 0.0
                if refused_s >= lifecycle.GONE_S:
                    self._log.error("switched off", cause="registration is refused permanently")
                    return False
        self._tell_problems()
        return True

    def _tell_problems(self) -> None:
        """Report what the bootstrap could not: there was no log then."""
        while self._start.problems:
            part, cause = self._start.problems.pop(0)
            if part == "telemetry" and cause == NO_TELEMETRY_API:
                self._log.warning("no telemetry", cause=cause)
            elif part == "cache" and self._start.api and not self._opening.wants_parameters():
                self._log.info("no cache", cause=cause)  # it is for somebody else's use
            else:
                self._log.error("switched off", cause=cause)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        """End everything where not even switching off a part works: `survive` is left."""
        if not opening.cancelled() and self._living is not None:
            self._broken = opening.exception()
            if self._broken is not None:
                self._living.cancel()


class TimeoutNote:
    """A job that keeps the function's timeout, which an invocation tells, for a repeated start."""

    def __init__(self, start: Start, clock: Clock) -> None:
        self._start = start
        self._clock = clock

    async def invoked(self, invoke: Invoke) -> None:
        """Keep it."""
        left_s = self._clock.now().until_ms(invoke.deadline_ms)
        if self._start.mark is not None:
            self._start.mark.note_timeout(round(left_s * 1000))

    def next_called(self, invoke: Invoke) -> None:
        """Do nothing."""

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Do nothing."""


def _tell_stray(context: Mapping[str, Any], log: Log) -> None:
    """Tell what asyncio would print, without the values in it."""
    error = context.get("exception")
    log.error("a task failed", cause=type(error).__name__ if error else "no exception")
