"""The first GET waits for the AWS clients, however late it comes and whether or not we know why."""

from __future__ import annotations

from pathlib import Path

from simulator.intake import Intake
from tests.alone import Alone
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import FOUND, GET, SECRET_PATH
from tests.fake_aws import FakeAws
from tests.launchers import sabotaged

INIT_IS_OVER = "replace('extension.opening:INIT_S', 0.0)"
NOT_DURING_INIT = "replace('extension.opening:Opening.wants_parameters', lambda _: False)"
"""What holds without any setting of the cache; here its port is one."""


async def test_on_managed_instances(run_broken: Run, intake: Intake, aws: FakeAws) -> None:
    """With telemetry alone set up, that GET builds them."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    async with run_broken(
        environment=environment,
        launch=sabotaged("be_patient()", INIT_IS_OVER, NOT_DURING_INIT),
        initialization_type="lambda-managed-instances",
    ) as stage:
        [answer] = await stage.invoke(GET)
    assert answer.payload.startswith(FOUND)


async def test_an_invocation_that_is_not_announced_yet(
    run_broken: Run, intake: Intake, aws: FakeAws
) -> None:
    """The function is faster than the answer of /next, long after init."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    launch = sabotaged(
        "be_patient()",
        INIT_IS_OVER,
        NOT_DURING_INIT,
        "replace('extension.opening:LONGEST_INIT_S', 0.0)",
        "replace('extension.parameters.parameters:Parameters.announced', lambda *_: None)",
    )
    async with run_broken(environment=environment, launch=launch) as stage:
        [answer] = await stage.invoke(GET)
    assert answer.payload.startswith(FOUND)


async def test_outside_lambda(tmp_path: Path, aws: FakeAws) -> None:
    """Nothing limits the start there."""
    async with Alone(tmp_path, aws, launch=sabotaged(INIT_IS_OVER)) as alone:
        assert await alone.get(SECRET_PATH) == 200
