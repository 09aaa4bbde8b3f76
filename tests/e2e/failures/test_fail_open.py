"""Whatever breaks is switched off with a line that names it; the rest, and /next, go on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

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
from tests.launchers import sabotaged

PORT = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens, without answering."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_the_caches_port_is_taken(run: Run, intake: Intake, taken_port: int) -> None:
    """No cache, one line with the port, and telemetry as ever."""
    environment = {"DISPATCH_POST_URI": intake.url, PORT: str(taken_port)}
    async with run(environment=environment) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert stage.complaints == ["switched off"]
    assert stage.causes == [f"no cache: port {taken_port} on 127.0.0.1: Address already in use"]


@pytest.mark.parametrize("url", ["not a url", "ftp://host/", "https://:99999/"])
async def test_the_endpoints_url_is_none(run: Run, aws: FakeAws, url: str) -> None:
    """No telemetry, one line with the variable and not with its value, and the cache as ever."""
    environment = {**aws.environment, "DISPATCH_POST_URI": url}
    async with run(environment=environment) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND in answers[0].payload
    [cause] = stage.causes
    assert cause.startswith("DISPATCH_POST_URI = (not shown) is ignored")


@pytest.mark.parametrize("url", ["http://", "https://:99999/"])
async def test_the_endpoints_url_is_none_so_nobody_listens(run_broken: Run, url: str) -> None:
    """Without telemetry there is no port that a neighbour could connect to and wait at."""
    launch = sabotaged("be_patient_at_start()", "tell_the_telemetry_port()")
    async with run_broken(environment={"DISPATCH_POST_URI": url}, launch=launch) as stage:
        answers = await stage.invoke({})
        [port] = [line["port"] for line in stage.own_lines if line["message"] == "bound"]
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
    assert_unharmed(stage, answers)


NO_TELEMETRY_API = (
    "from extension.platform import early_calls",
    "problem = ('telemetry', early_calls.NO_TELEMETRY_API)",
    "early_calls.subscribe = lambda start, _, versions: bool(start.problems.append(problem))",
)


async def test_the_platform_has_no_telemetry_so_nobody_listens(
    run_broken: Run, intake: Intake
) -> None:
    """Likewise where the platform would never deliver anything."""
    launch = sabotaged("be_patient_at_start()", "tell_the_telemetry_port()", *NO_TELEMETRY_API)
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke({})
        [port] = [line["port"] for line in stage.own_lines if line["message"] == "bound"]
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
    assert_unharmed(stage, answers)
    assert stage.complaints == ["no telemetry"]


async def test_the_endpoints_host_cannot_exist(run: Run) -> None:
    """Waiting would not cure it: one line at start, and nothing is kept."""
    async with run(environment={"DISPATCH_POST_URI": f"http://{'a' * 64}.invalid"}) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert stage.complaints == ["switched off"]
    assert stage.causes == ["SettingError: DISPATCH_POST_URI has no host that can exist"]


async def test_the_endpoints_url_leads_nowhere(run: Run, intake: Intake) -> None:
    """A path with a blank is sent encoded, to an endpoint that is down."""
    async with run(environment={"DISPATCH_POST_URI": "http://127.0.0.1:1/a b"}) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert_accounted_for(stage, intake)
    assert set(stage.complaints) == {"export failed"}


@pytest.mark.parametrize(
    ("variable", "content"),
    [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", None),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "not PEM"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", None),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "not PEM"),
    ],
)
async def test_a_certificate_cannot_be_read(
    run: Run, aws: FakeAws, tmp_path: Path, variable: str, content: str | None
) -> None:
    """No telemetry rather than telemetry to a stranger; one line with the variable."""
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_text(content)
    endpoint = {"DISPATCH_POST_URI": "https://127.0.0.1:1", variable: str(file)}
    async with run(environment={**aws.environment, **endpoint}) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND in answers[0].payload
    assert stage.complaints == ["switched off"]
    assert variable in stage.causes[0]


NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
"""Neither a metadata service nor a file would help out."""


async def test_the_region_is_missing(run: Run, intake: Intake) -> None:
    """A GET is answered with an error at once, the line says what is missing, telemetry goes on."""
    absent = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    endpoint = {"DISPATCH_POST_URI": intake.url}
    async with run(environment={**NOWHERE, **absent, **endpoint}) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND not in answers[0].payload
    assert_arrived(stage, intake)
    assert names_fault(stage, "SettingError: AWS_REGION is not set")


async def test_the_credentials_are_missing(run: Run, intake: Intake, aws: FakeAws) -> None:
    """Likewise."""
    absent = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    endpoint = {"DISPATCH_POST_URI": intake.url}
    async with run(environment={**NOWHERE, **aws.environment, **absent, **endpoint}) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND not in answers[0].payload
    assert_arrived(stage, intake)
    assert names_fault(stage, "NoCredentialsError")


NO_SUCH_SCHEMA = "replace('extension.platform.early_calls:SCHEMA_VERSIONS', ('1999-12-31',))"


async def test_the_subscription_is_refused(run_broken: Run, aws: FakeAws) -> None:
    """No telemetry, one line with the platform's answer, no invocation held, the cache as ever."""
    launch = sabotaged("be_patient_at_start()", NO_SUCH_SCHEMA)
    environment = {**aws.environment, "DISPATCH_POST_URI": "http://127.0.0.1:1"}
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert FOUND in answers[0].payload
    assert stage.complaints == ["switched off"]
    assert stage.causes == ["subscription failed: status 400 ValidationError"]
