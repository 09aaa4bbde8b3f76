"""Runs the life cycle and, beside it, the opening of everything else, from start to SHUTDOWN.

`bootstrap` describes on which kind of start /next waits for the opening, and for how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

from extension import lifecycle
from extension.opening import Opening
from extension.platform import bootstrap
from extension.platform.bootstrap import Start
from extension.platform.early_calls import NO_TELEMETRY_API
from extension.platform.events import Invoke, Job, Shutdown
from extension.process.clock import Clock, SystemClock
from extension.process.log import Log, silence_libraries
from extension.process.tasks import in_thread, start_task
from extension.settings.config import Config, read_config

REGISTER_PAUSE_S = 1.0
"""Between two attempts to register; until one succeeds, Lambda waits until init times out."""

BREAKDOWNS = ("timeout", "failure")
"""Reasons of SHUTDOWN after which the same sandbox starts again."""


def run(start: Start, environ: Mapping[str, str]) -> int:
    """Run until SHUTDOWN and return the exit status.

    The event loop is not closed: closing it waits for worker threads that may hang in an AWS call.
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
    loop.set_exception_handler(lambda _, context: _log_unhandled(context, log))
    app = App(start=start, environ=environ, config=config, clock=clock, log=log)
    return loop.run_until_complete(app.run())


class App:
    """The process, from its registration to its end."""

    def __init__(
        self, *, start: Start, environ: Mapping[str, str], config: Config, clock: Clock, log: Log
    ) -> None:
        self._start = start
        self._environ = environ
        self._clock = clock
        self._log = log
        self._opening = Opening(start=start, environ=environ, config=config, clock=clock, log=log)
        self._opening.jobs.append(TimeoutRecorder(start=start, clock=clock))
        self._serving: asyncio.Future[int] | None = None
        self._opening_error: Exception | None = None

    async def run(self) -> int:
        """Open what is wanted and serve until SHUTDOWN or SIGTERM; return the exit status."""
        silence_libraries()
        self._report_problems()
        serve = self._serve_events() if self._start.api else self._serve_locally()
        self._serving = serving = asyncio.ensure_future(serve)
        for signal in (SIGHUP, SIGINT, SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal, serving.cancel)
        try:
            status = await serving
        except asyncio.CancelledError:
            if self._opening_error is not None:
                raise self._opening_error from None
            await self._shut_down(lifecycle.end("spindown", self._clock))
            status = 0
        # The process ends now and the kernel closes what is open; warnings of that are only noise.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return status

    async def _serve_events(self) -> int:
        """Open everything, and handle events until the sandbox ends."""
        opening = start_task(
            self._opening.open_all(), name="opening", on_error=self._end_for_opening_error
        )
        if not await self._register():
            return 1
        from extension.platform.extensions_api import ExtensionsApi  # noqa: PLC0415  # reads HTTP: imports re

        await self._opening.accept_deliveries()
        self._opening.registered.set()
        await asyncio.wait({opening}, timeout=self._start.budget_s())
        if not opening.done():
            self._opening.importer.give_way()
        await self._opening.telemetry.subscribe_late(self._report_problems)
        lifecycle.catch_up(self._start, jobs=self._opening.jobs, log=self._log)
        api = ExtensionsApi(self._start)
        shutdown = await lifecycle.run(
            api, jobs=self._opening.jobs, clock=self._clock, log=self._log
        )
        self._remove_mark(shutdown)
        return int(shutdown.reason == lifecycle.GONE)

    async def _shut_down(self, shutdown: Shutdown) -> None:
        """Let the jobs handle a SHUTDOWN that Lambda did not send."""
        await lifecycle.hand_over(
            shutdown, jobs=self._opening.jobs, clock=self._clock, log=self._log
        )
        self._remove_mark(shutdown)

    def _remove_mark(self, shutdown: Shutdown) -> None:
        """Remove the mark of the first start, if the sandbox ends for good."""
        if self._start.mark is not None and shutdown.reason not in BREAKDOWNS:
            self._start.mark.remove()

    async def _serve_locally(self) -> int:
        """Serve the cache outside Lambda, until Ctrl-C or SIGTERM."""
        if await self._opening.open_cache_only():
            await asyncio.Event().wait()  # a signal cancels it
        self._log.error("nothing to serve", cause="outside Lambda, and there is no cache")
        return 1

    async def _register(self) -> bool:
        """Register again if the bootstrap failed to; return False if that has become pointless."""
        refused_s = 0.0
        while not self._start.identifier:
            if self._start.pending_registration is None:  # else its response is waited for
                await asyncio.sleep(REGISTER_PAUSE_S)
            try:
                await in_thread(
                    partial(bootstrap.register_and_follow_up, self._start, self._environ)
                )
            except Exception as error:  # noqa: BLE001  # whatever it is, the remedy is to repeat it
                self._log.error("registration failed", cause=bootstrap.describe(error))
                refused_s = refused_s + REGISTER_PAUSE_S if lifecycle.is_permanent(error) else 0.0
                if refused_s >= lifecycle.GONE_S:
                    self._log.error("switched off", cause="registration is refused permanently")
                    return False
        self._report_problems()
        return True

    def _report_problems(self) -> None:
        """Log what failed in the bootstrap, which had no log."""
        while self._start.problems:
            part, cause = self._start.problems.pop(0)
            if part == "telemetry" and cause == NO_TELEMETRY_API:
                self._log.warning("no telemetry", cause=cause)
            elif part == "cache" and self._start.api and not self._opening.wants_parameters():
                self._log.info("no cache", cause=cause)  # this function does not use it
            else:
                self._log.error("switched off", cause=cause)

    def _end_for_opening_error(self, error: Exception) -> None:
        """Stop serving if not even switching off a part works; `__main__` then only answers."""
        self._opening_error = error
        if self._serving is not None:
            self._serving.cancel()


class TimeoutRecorder(Job):
    """Writes the function's timeout, which INVOKE shows, into the mark for a repeated start."""

    def __init__(self, *, start: Start, clock: Clock) -> None:
        self._start = start
        self._clock = clock
        self._is_under_way = start.has_requested_next
        """Whether the next invocation is one that began before this start."""

    def announced(self, invoke: Invoke) -> None:
        """Record the timeout, which is what an invocation has at its beginning."""
        if self._is_under_way:
            self._is_under_way = False
            return
        left_s = self._clock.now().until_ms(invoke.deadline_ms)
        if self._start.mark is not None:
            self._start.mark.note_timeout(round(left_s * 1000))


def _log_unhandled(context: Mapping[str, Any], log: Log) -> None:
    """Log what asyncio would print, without the values in it."""
    error, task = context.get("exception"), context.get("future")
    log.error(
        "a task failed",
        task=task.get_name() if isinstance(task, asyncio.Task) else "",
        cause=type(error).__name__ if error else "no exception",
    )
