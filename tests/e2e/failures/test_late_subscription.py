"""The platform answers the subscription late, with an error, or never.

/next waits for it for a second at most. Only a refusal switches telemetry off: what is delivered
shows that the subscription is in force, whatever the answer to it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.intake import Intake
from tests.e2e.failures.expectations import invocation_id, invocations
from tests.extensions_api import NEXT, REGISTER, SUBSCRIBE, Extension, ExtensionsApi, Turn, started
from tests.launchers import sabotaged
from tests.sandbox import FAREWELL
from tests.waiting import until

LATE_S = 1.5
"""Later than /next waits; on a machine that stalls it is only later still."""

START = {"time": "2026-01-01T12:00:00.000Z", "type": "platform.start", "record": {"requestId": "r"}}
DONE = {
    "time": "2026-01-01T12:00:00.100Z",
    "type": "platform.runtimeDone",
    "record": {"requestId": "r", "status": "success"},
}
REPORT = {
    "time": "2026-01-01T12:00:00.200Z",
    "type": "platform.report",
    "record": {"requestId": "r", "status": "success", "metrics": {"durationMs": 100.0}},
}
LONG_S = 120.0
TIME_TO_EXPORT = f"replace('extension.platform.events:SHUTDOWN_S', {LONG_S})"
UNCONFIRMED = "subscription not confirmed"
MANAGED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}

Begin = Callable[..., AbstractAsyncContextManager[Extension]]


async def after_a_while(api: ExtensionsApi) -> None:
    """Later than the extension waits before it asks for /next."""
    del api
    await asyncio.sleep(LATE_S)


async def after_next(api: ExtensionsApi) -> None:
    """When /next has been asked for."""
    await until(lambda: NEXT in api.asked)


async def never(api: ExtensionsApi) -> None:
    """Not at all."""
    del api
    await asyncio.Event().wait()


@pytest.fixture(params=["first", "repeated", "managed"])
def begin(request: pytest.FixtureRequest, tmp_path: Path, intake: Intake) -> Begin:
    """Each kind of start; on Managed Instances the event loop subscribes."""
    (tmp_path / "marks").mkdir()
    own_marks = f"replace('extension.platform.start_mark:FOLDER', {str(tmp_path / 'marks')!r})"
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    if request.param == "managed":
        environment |= MANAGED

    @asynccontextmanager
    async def begun(api: ExtensionsApi, *calls: str) -> AsyncIterator[Extension]:
        address = f"127.0.0.1:{api.port}"
        if request.param == "repeated":
            await _leave_a_mark(sabotaged(own_marks), tmp_path, api, address)
        launch = sabotaged(own_marks, TIME_TO_EXPORT, *calls)
        async with started(launch, tmp_path, environment, api=address) as extension:
            yield extension

    return begun


async def _leave_a_mark(launch: Any, folder: Path, api: ExtensionsApi, address: str) -> None:
    """Start once without telemetry, and end as after a timeout."""
    async with started(launch, folder, {}, api=address) as first:
        await until(lambda: NEXT in api.asked)
        api.shut_down("timeout")
        assert await first.end() == 0
    api.asked.clear()


async def end_after(extension: Extension, api: ExtensionsApi, *events: dict[str, Any]) -> None:
    """Deliver events once /next is asked for, and end the sandbox."""
    await until(lambda: NEXT in api.asked)
    if events:
        assert await api.deliver(*events) == 200
    api.shut_down(within_s=LONG_S)
    assert await extension.end() == 0


@pytest.mark.parametrize("when", [after_a_while, after_next])
async def test_an_answer_that_is_late_counts(begin: Begin, intake: Intake, when: Any) -> None:
    """Telemetry is as ever, and no line says otherwise."""
    async with ExtensionsApi(turns=[Turn(when=when)]).running() as api, begin(api) as extension:
        await end_after(extension, api, START, DONE, REPORT)
        assert api.asked.count(SUBSCRIBE) == 1
    assert [invocation_id(span) for span in invocations(intake)] == ["r"]
    assert extension.messages == [FAREWELL]


async def test_what_is_delivered_needs_no_answer(begin: Begin, intake: Intake) -> None:
    """The answer never comes, and the deliveries do."""
    async with ExtensionsApi(turns=[Turn(when=never)]).running() as api, begin(api) as extension:
        await end_after(extension, api, START, DONE, REPORT)
    assert [invocation_id(span) for span in invocations(intake)] == ["r"]
    assert extension.messages == [FAREWELL]


async def test_neither_an_answer_nor_a_delivery_comes(begin: Begin, intake: Intake) -> None:
    """No invocation is held for telemetry that is not known to come, and a line says so."""
    unlimited = "replace('extension.telemetry.assembly.hold:START_PATIENCE_S', 600.0)"
    async with (
        ExtensionsApi(turns=[Turn(when=never)]).running() as api,
        begin(api, unlimited) as extension,
    ):
        await until(lambda: NEXT in api.asked)
        api.invoke(timeout_s=600.0)
        await until(lambda: api.asked.count(NEXT) == 2)
        api.shut_down(within_s=LONG_S)
        assert await extension.end() == 0
    [line] = [each for each in extension.lines if each["message"] == UNCONFIRMED]
    assert (line["level"], line["cause"]) == ("WARN", "no answer")


async def test_it_is_said_while_the_sandbox_lives(begin: Begin) -> None:
    """A sandbox may live for hours: the line does not wait for its end."""
    soon = "replace('extension.platform.late_subscription:ANSWER_S', 0.1)"
    async with (
        ExtensionsApi(turns=[Turn(when=never)]).running() as api,
        begin(api, soon) as extension,
    ):
        await until(lambda: UNCONFIRMED in extension.messages)
        await end_after(extension, api)
    assert extension.messages.count(UNCONFIRMED) == 1


@pytest.mark.parametrize("status", [500, 429, 0], ids=["an error", "too busy", "a lost connection"])
async def test_what_is_no_refusal_is_asked_for_again(
    begin: Begin, intake: Intake, status: int
) -> None:
    """Once more, when the event loop runs."""
    async with ExtensionsApi(turns=[Turn(status=status)]).running() as api, begin(api) as extension:
        await until(lambda: len(api.schemas) == 2)
        await end_after(extension, api, START, DONE, REPORT)
        assert api.asked.count(SUBSCRIBE) == 2
    assert [invocation_id(span) for span in invocations(intake)] == ["r"]
    assert extension.messages == [FAREWELL]


async def test_errors_alone_are_one_line(begin: Begin, intake: Intake) -> None:
    """One of them may have taken effect: deliveries are taken all the same."""
    turns = [Turn(status=500)] * 3
    async with ExtensionsApi(turns=turns).running() as api, begin(api) as extension:
        await until(lambda: UNCONFIRMED in extension.messages)
        await end_after(extension, api, START, DONE, REPORT)
        assert api.asked.count(SUBSCRIBE) <= 3
    assert [invocation_id(span) for span in invocations(intake)] == ["r"]
    [line] = [each for each in extension.lines if each["message"] == UNCONFIRMED]
    assert line["cause"] == "status 500 Telemetry.Scripted"


async def test_a_refusal_that_is_late_switches_telemetry_off(begin: Begin) -> None:
    """One line, and the port is closed."""
    turns = [Turn(status=403, when=after_a_while)]
    async with ExtensionsApi(turns=turns).running() as api, begin(api) as extension:
        await until(lambda: "switched off" in extension.messages)
        with pytest.raises(OSError, match="Connect"):
            await api.deliver(START)
        await end_after(extension, api)
    [line] = [each for each in extension.lines if each["message"] != FAREWELL]
    assert line["message"] == "switched off"
    assert line["cause"] == "subscription failed: status 403 Telemetry.Scripted"


async def test_there_is_no_telemetry_api_as_it_turns_out(begin: Begin) -> None:
    """A warning, and the port is closed."""
    turns = [Turn(status=202, when=after_a_while)]
    async with ExtensionsApi(turns=turns).running() as api, begin(api) as extension:
        await until(lambda: "no telemetry" in extension.messages)
        with pytest.raises(OSError, match="Connect"):
            await api.deliver(START)
        await end_after(extension, api)
    assert [each for each in extension.messages if each != FAREWELL] == ["no telemetry"]


async def test_a_schema_that_is_refused_late(begin: Begin, intake: Intake) -> None:
    """Older ones are tried, as after an answer in time."""
    turns = [Turn(status=400, when=after_a_while)]
    async with ExtensionsApi(turns=turns).running() as api, begin(api) as extension:
        await until(lambda: len(api.schemas) == 2)
        await end_after(extension, api, START, DONE, REPORT)
    assert api.schemas == ["2025-01-29", "2022-12-13"]
    assert api.asked[0] == REGISTER
    assert [invocation_id(span) for span in invocations(intake)] == ["r"]
