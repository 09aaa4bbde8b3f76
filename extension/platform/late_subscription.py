"""The subscription that `early_calls` has not settled: asked for or waited for beside all else.

Rule of the module: only a refusal switches telemetry off. The platform may have subscribed us
although its answer is late, lost or an error, and anything that is delivered shows that it has. So
what is in flight stays there, what has failed is asked for once more, and deliveries are taken
meanwhile. Nothing is held for it but the first /next, as long as `early_calls` would hold it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from extension.http.messages import BadMessageError
from extension.platform import early_calls
from extension.platform.bootstrap import Start
from extension.platform.events import Job, Shutdown
from extension.platform.extensions_api import receive
from extension.platform.plain_http import Response
from extension.process.clock import Clock
from extension.process.log import Log
from extension.process.tasks import in_thread, log_errors, start_task
from extension.process.waits import TimeLimit

ANSWER_S = 10.0
"""As long as Lambda gives init; not counting freezes. Deliveries are taken after it, too."""

PAUSE_S = 0.1
"""Before what has failed is asked for once more."""

OLDER_VERSIONS = early_calls.SCHEMA_VERSIONS[1:]


class LateSubscription(Job):
    """One subscription, from the first moment of the event loop until its outcome is known.

    `is_confirmed` returns whether the platform has said or shown that it delivers; `on_refusal` is
    called when it has said that it does not, with the reason in `start.problems`.
    """

    def __init__(
        self,
        start: Start,
        *,
        types: tuple[str, ...],
        is_confirmed: Callable[[], bool],
        on_refusal: Callable[[], None],
        clock: Clock,
        log: Log,
    ) -> None:
        self._start = start
        self._types = types
        self._is_confirmed = is_confirmed
        self._on_refusal = on_refusal
        self._clock = clock
        self._log = log
        self._is_settled = False

    async def begin(self) -> None:
        """Ask, if it is not asked for, and give the platform the time that a start has for it."""
        is_asked = self._start.pending_subscription is not None
        task = start_task(
            self._settle(),
            name="subscription",
            on_error=log_errors(self._log, name="subscription"),
        )
        if not is_asked and not self._start.has_requested_next:
            await asyncio.wait({task}, timeout=early_calls.SUBSCRIBE_S)

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Say so if the outcome is still not known."""
        del shutdown
        self._end_unconfirmed("no answer")

    async def _settle(self) -> None:
        try:
            async with TimeLimit(ANSWER_S, clock=self._clock):
                self._start.is_subscribed = await self._outcome()
        except OSError as error:
            self._end_unconfirmed(str(error) or "no answer")
            return
        except ValueError as error:
            if not self._is_confirmed():
                early_calls.report_refusal(self._start, error)
        self._is_settled = True
        if not self._is_confirmed():
            self._on_refusal()

    async def _outcome(self) -> bool:
        """Return and raise as `early_calls.subscribe`; what fails is asked for once more."""
        try:
            return await self._answer()
        except OSError:
            await asyncio.sleep(PAUSE_S)
            return await self._answer()

    async def _answer(self) -> bool:
        """Return and raise likewise, and wait without a limit."""
        if self._start.pending_subscription is None:
            try:
                return await self._ask(early_calls.SCHEMA_VERSIONS)
            except TimeoutError:
                if self._start.pending_subscription is None:
                    raise
        response = await self._read()
        if response.status == 400:
            return await self._ask(OLDER_VERSIONS)
        return early_calls.is_accepted(self._start, response)

    async def _ask(self, versions: tuple[str, ...]) -> bool:
        return await in_thread(
            partial(early_calls.subscribe, self._start, self._types, versions=versions)
        )

    async def _read(self) -> Response:
        connection = self._start.pending_subscription
        assert connection is not None
        connection.settimeout(0)  # asyncio needs it
        try:
            response, _ = await receive(connection)
        except (BadMessageError, OSError) as error:
            raise OSError(str(error)) from None
        finally:
            self._start.pending_subscription = None
            connection.close()
        return response

    def _end_unconfirmed(self, cause: str) -> None:
        if not self._is_settled and not self._is_confirmed():
            self._log.warning("subscription not confirmed", cause=cause)
        self._is_settled = True
