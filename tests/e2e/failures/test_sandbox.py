"""The sandbox ends, freezes or jumps in time: what was known by then is out or counted."""

from __future__ import annotations

import os
import signal

import pytest

from simulator.intake import Intake
from simulator.intake.replies import Hang
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    SECRET_PATH,
    assert_arrived,
    assert_lived_until_shutdown,
    assert_unharmed,
    invocation_id,
    invocations,
    records,
)
from tests.fake_aws import FakeAws
from tests.launchers import sabotaged
from tests.wall_clock import WallClock

AN_HOUR_S = 3600.0


async def test_shutdown_without_any_invocation(run_patient: Run, intake: Intake) -> None:
    """A sandbox that was prepared for nothing tells of its init, and goes."""
    async with run_patient(environment={"DISPATCH_POST_URI": intake.url}) as stage:
        await stage.function.start()
        await stage.function.shutdown()
    assert_lived_until_shutdown(stage)
    [init] = intake.spans
    assert (init.name, init.parent_span_id) == ("init", "")
    assert (stage.final_counts["invocations"], stage.lost) == (0, {})


async def test_shutdown_before_the_function_was_ready(run: Run, intake: Intake) -> None:
    """A runtime that never gets through its init does not keep the extension from its end."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run(
        environment=environment, handler="slow_import.handler", init_timeout_s=10.0
    ) as stage:
        await stage.function.start()
    assert_lived_until_shutdown(stage)
    assert records(stage, "initReport")[0]["status"] == "timeout"


async def test_is_killed(run: Run, intake: Intake) -> None:
    """The host is gone, without SHUTDOWN: whatever `end` has let go was out; then a new init."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run(environment=environment) as stage:
        before = await stage.invoke({}, {})
        for pid in stage.function.pids:
            os.kill(pid, signal.SIGKILL)
        await stage.invoke({})  # it is how the platform finds out
        after = await stage.invoke({})
    assert [answer.status for answer in before + after] == ["success"] * 3
    arrived = {invocation_id(span) for span in invocations(intake)}
    assert {answer.request_id for answer in before + after} <= arrived
    assert [span.name for span in intake.spans].count("init") == 2


async def test_is_frozen_for_a_day(
    run_broken: Run, clock: WallClock, intake: Intake, aws: FakeAws
) -> None:
    """A value of yesterday is not fresh, the invocation of today is exported today."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    payload = {"get": [SECRET_PATH]}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        answers = await stage.invoke(payload, payload)
        clock.pass_by(stage.function, 24 * AN_HOUR_S)
        aws.put_secret("shop/key", "changed over night")
        answers += await stage.invoke(payload)
        assert len(invocations(intake)) == len(answers)
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert b"open sesame" in answers[1].payload
    assert b"HIT" in answers[1].payload
    assert b"changed over night" in answers[2].payload
    today = invocations(intake)[-1]
    assert today.start_ns - invocations(intake)[0].start_ns > 23 * AN_HOUR_S * 1e9
    assert today.end_ns - today.start_ns < AN_HOUR_S * 1e9


@pytest.mark.parametrize("seconds", [-AN_HOUR_S, AN_HOUR_S])
async def test_wall_clock_is_set(
    run_broken: Run, clock: WallClock, intake: Intake, seconds: float
) -> None:
    """Forward or backward while the sandbox is frozen: every invocation is exported at its end."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        answers = await stage.invoke({})
        for count in (2, 3):
            clock.pass_by(stage.function, seconds)
            answers += await stage.invoke({})
            assert len(invocations(intake)) == count
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)


@pytest.mark.parametrize("seconds", [-AN_HOUR_S, AN_HOUR_S])
async def test_platforms_clock_is_another(
    run_broken: Run, clock: WallClock, intake: Intake, seconds: float
) -> None:
    """A deadline that makes no sense costs neither the function's time nor the data."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        answers = await stage.invoke({})
        clock.platform_jumps(stage.function, seconds)
        answers += await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.complaints == []


async def test_platforms_clock_is_ahead_and_the_endpoint_hangs_at_the_end(
    run_broken: Run, clock: WallClock
) -> None:
    """SHUTDOWN lasts two seconds whatever its deadline says: the farewell comes in time."""
    hang = Hang()
    async with Intake(respond=lambda _: hang) as intake:
        environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
        launch = sabotaged("be_patient_at_start()", clock.sabotage)
        async with run_broken(environment=environment, launch=launch) as stage:
            clock.platform_jumps(stage.function, AN_HOUR_S)
            answers = await stage.invoke({})
        hang.released.set()
    assert_unharmed(stage, answers)
    assert stage.final_counts["unsent"] >= 1


async def test_wall_clock_is_set_within_an_invocation(
    run_broken: Run, clock: WallClock, intake: Intake
) -> None:
    """The deadline seems to have passed, or to be far: the data leaves at the latest at the end."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with run_broken(environment=environment, launch=clock.launch) as stage:
        answers = await stage.invoke({})
        clock.extension_jumps(AN_HOUR_S)
        answers += await stage.invoke({})
        clock.extension_jumps(-AN_HOUR_S)
        answers += await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
