"""No disk, no descriptors: what can be done without them is done."""

from __future__ import annotations

import pytest

from simulator.intake import Intake
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    FOUND,
    GET,
    assert_accounted_for,
    assert_arrived,
    assert_unharmed,
    names_fault,
)
from tests.fake_aws import FakeAws
from tests.launchers import Launch, behind, sabotaged


async def test_the_file_system_is_read_only(run_broken: Run, intake: Intake, aws: FakeAws) -> None:
    """Nothing needs to be written, ever."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url, "HOME": "/nonexistent"}
    launch = sabotaged("be_patient()", "forbid_writing()")
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, {"lines": 1_000}, {})
    assert_unharmed(stage, answers)
    assert FOUND in answers[0].payload
    assert_arrived(stage, intake)
    assert stage.complaints == []


async def test_the_disk_is_full(run: Run, launch: Launch, intake: Intake, aws: FakeAws) -> None:
    """No file may grow, as the kernel has it."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    async with run(environment=environment, launch=behind(launch, shell="ulimit -f 0")) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND in answers[0].payload
    assert_arrived(stage, intake)


async def test_no_descriptor_is_left(run_broken: Run, intake: Intake) -> None:
    """All used up by the first event: nothing can be opened nor exported, and a line says so."""
    launch = sabotaged("be_patient_at_start()", "take_all_descriptors()")
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(
        environment=environment, launch=behind(launch, shell="ulimit -n 64")
    ) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_accounted_for(stage, intake)
    assert names_fault(stage, "OSError") or names_fault(stage, "ClientConnectorError")


@pytest.mark.parametrize("limit", [4, 8, 12])
async def test_few_descriptors_are_left(run_broken: Run, intake: Intake, limit: int) -> None:
    """However many parts there is room for, the function lives, and a line says what is off."""
    launch = sabotaged("be_patient_at_start()", f"limit_descriptors({limit})")
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    said = ("switched off", "ClientConnectorError")
    assert len(intake.spans) > 1 or any(names_fault(stage, each) for each in said)
