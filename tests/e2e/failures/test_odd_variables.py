"""A value that a library cannot use, in a variable of the function's, switches nothing off."""

from __future__ import annotations

import opentelemetry.environment_variables as of_the_api
import opentelemetry.sdk.environment_variables as of_the_sdk
import pytest

from simulator.intake import Intake
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import FOUND, GET, assert_arrived, assert_unharmed
from tests.fake_aws import FakeAws

OF_THE_SDK = sorted(
    {name for module in (of_the_api, of_the_sdk) for name in vars(module) if name[:5] == "OTEL_"}
)
"""Every variable that the packages know; their modules read some of them on import."""

OF_THE_SYSTEM = [
    "LANG", "LANGUAGE", "LC_ALL", "TZ", "TZDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY",
    "AWS_DEFAULT_REGION", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "REQUESTS_CA_BUNDLE",
]  # fmt: skip
"""What the launcher lets through beside our own: what only AWS's clients use, and the runtime's."""


@pytest.mark.parametrize("value", ["unlimited", "-1", "1e9", "\u00fc ,=%", "0"])
@pytest.mark.parametrize("names", [OF_THE_SDK, OF_THE_SYSTEM], ids=["SDK", "system"])
async def test_a_value_that_no_library_can_use(
    run: Run, intake: Intake, aws: FakeAws, names: list[str], value: str
) -> None:
    """Telemetry arrives and the cache serves, whatever stands in all of them at once."""
    environment = dict.fromkeys(names, value) | aws.environment
    async with run(environment={**environment, "DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke(GET, GET)
    assert_unharmed(stage, answers)
    assert all(FOUND in answer.payload for answer in answers)
    assert_arrived(stage, intake)
    assert set(stage.complaints) <= {"configuration"}


@pytest.mark.parametrize("value", ["unlimited", "-1"])
async def test_what_is_ignored_is_said(run: Run, intake: Intake, value: str) -> None:
    """One line names the variable, and it is the only one."""
    environment = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": value, "OTEL_PROPAGATORS": value}
    async with run(environment={**environment, "DISPATCH_POST_URI": intake.url}) as stage:
        answers = await stage.invoke({})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    [cause] = stage.causes
    assert cause.startswith(f"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT = '{value}' is ignored")
