"""A freeze and a call to AWS: /next waits for it, and what a freeze cuts is asked once more."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from simulator.answers import Answer
from simulator.aws.endpoints import AccessKey
from simulator.intake import Intake
from tests.alone import TOKEN, Alone
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import SECRET_PATH, assert_unharmed
from tests.fake_accounts import FakeAccounts
from tests.fake_aws import RESET, FakeAws
from tests.launchers import sabotaged
from tests.waiting import until

PATIENT = (
    "be_patient()",
    "replace('extension.parameters.parameters:HOLD_S', 60.0)",
    "replace('extension.opening:INIT_S', 60.0)",
)
"""No machine stalls that long, so a hold that ends earlier was ended by the answer."""

PATIENT_CALLS = {"SECRETS_MANAGER_TIMEOUT_MILLIS": "600000"}
"""A call has 5 s, of which the first spends most on building the client where all is slow."""

ROLE, ANOTHER_ROLE = (f"arn:aws:iam::222222222222:role/{name}" for name in ("reader", "another"))
ANOTHER_PATH = "/secretsmanager/get?secretId=another"

WHILE_S = 1.5
"""Long enough for an extension that does not wait to have asked for the next event."""

ASKED_AGAIN_S = 2.5
"""Longer than a GET waits here, a freeze not counted."""


def environment(aws: FakeAws) -> dict[str, str]:
    """Return the variables of a function that reads a secret early."""
    return {**aws.environment, **PATIENT_CALLS, "EARLY_PATH": SECRET_PATH}


async def still_runs(task: asyncio.Task[list[Answer]] | asyncio.Task[None]) -> bool:
    """Whether a task has not ended for a while."""
    done, _ = await asyncio.wait({task}, timeout=WHILE_S)
    return not done


async def test_first_next_waits_for_a_get_of_init(run_broken: Run, aws: FakeAws) -> None:
    """A secret that is asked for while the function is loaded is there before the freeze."""
    aws.hold()
    launch = sabotaged(*PATIENT, "wait_for_a_call(before_next=1)")
    async with run_broken(
        environment=environment(aws), launch=launch, handler="early.handler"
    ) as stage:
        starting = asyncio.create_task(stage.function.start())
        await until(lambda: aws.waiting == 1)
        assert await still_runs(starting)
        aws.release()
        await starting
        assert aws.waiting == 0
        answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    assert json.loads(answers[0].payload)[0] == 200


async def test_later_next_waits_for_a_get_that_the_function_left(
    run_broken: Run, aws: FakeAws, intake: Intake
) -> None:
    """Telemetry lets the invocation go only when the function is done; a GET may still be open."""
    launch = sabotaged(*PATIENT, "wait_for_a_call(before_next=3)")
    variables = environment(aws) | {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    aws.put_secret("another", "value")
    async with run_broken(environment=variables, launch=launch, handler="early.handler") as stage:
        answers = await stage.invoke({})
        aws.hold()
        leave = {"leave": ANOTHER_PATH}
        leaving = asyncio.create_task(stage.invoke(leave))
        await until(lambda: aws.waiting == 1)
        assert await still_runs(leaving)
        aws.release()
        answers += await leaving
        answers += await stage.invoke({})
    assert_unharmed(stage, answers)
    assert json.loads(answers[-1].payload)[0] == 200


async def test_next_waits_no_longer_than_a_moment(run_broken: Run, aws: FakeAws) -> None:
    """An AWS that never answers delays init by a second, not by the time of a call."""
    aws.hold()
    async with run_broken(
        environment=environment(aws), launch=sabotaged("be_patient()"), handler="early.handler"
    ) as stage:
        await stage.function.start()
        await until(lambda: aws.waiting == 1)
        aws.release()


async def test_caller_that_waits_through_a_freeze_gets_the_value(
    tmp_path: Path, aws: FakeAws
) -> None:
    """AWS's answer came while the sandbox was frozen, longer than a GET may take."""
    aws.put_secret("another", "value")
    async with Alone(tmp_path, aws, SECRETS_MANAGER_TIMEOUT_MILLIS="2000") as alone:
        await alone.warm_up(ANOTHER_PATH)
        aws.requests.clear()
        aws.hold()
        asking = asyncio.create_task(alone.get(SECRET_PATH))
        await until(lambda: aws.waiting == 1)
        await _freeze(alone, during=aws.release)
        assert await asking == 200
    assert len(aws.requests) == 1


@pytest.mark.parametrize("attempts", [1, 3])
async def test_call_whose_connection_did_not_survive_is_made_again(
    tmp_path: Path, aws: FakeAws, attempts: int
) -> None:
    """All attempts of a call may have been used up by the thaw; it gets as many again."""
    async with Alone(tmp_path, aws, SECRETS_MANAGER_TIMEOUT_MILLIS="20000") as alone:
        aws.hold()
        aws.faults.extend([RESET] * attempts)
        asking = asyncio.create_task(alone.get(SECRET_PATH))
        await until(lambda: aws.waiting == 1)
        await _freeze(alone, during=aws.release)
        assert await asking == 200
    assert len(aws.requests) == attempts + 1


async def test_caller_whose_role_is_assumed_through_a_freeze_gets_the_value(
    tmp_path: Path,
) -> None:
    """STS's answer came while the sandbox was frozen, longer than STS is waited for."""
    key = AccessKey(key_id="AKIDALONE", secret="secret", token=TOKEN)
    async with FakeAccounts(assumable={ROLE, ANOTHER_ROLE}, key=key) as aws:
        aws.put("s", "theirs", role=ROLE)
        aws.put("another", "value", role=ANOTHER_ROLE)
        async with Alone(tmp_path, aws, SECRETS_MANAGER_TIMEOUT_MILLIS="2000") as alone:
            await alone.warm_up(f"{ANOTHER_PATH}&roleArn={ANOTHER_ROLE}")
            before = len(aws.asked("AssumeRole"))
            aws.holds = lambda asked: asked.service == "sts"
            asking = asyncio.create_task(
                alone.get(f"/secretsmanager/get?secretId=s&roleArn={ROLE}")
            )
            await until(lambda: len(aws.asked("AssumeRole")) == before + 1)
            await _freeze(alone, during=aws.release)
            assert await asking == 200
        assert not aws.refused


async def _freeze(alone: Alone, *, during: object) -> None:
    """Stop the process for longer than a GET may take."""
    loop = asyncio.get_running_loop()
    alone.signal(signal.SIGSTOP)
    assert callable(during)
    during()
    thaw_at = loop.time() + ASKED_AGAIN_S
    await until(lambda: loop.time() > thaw_at)
    alone.signal(signal.SIGCONT)
