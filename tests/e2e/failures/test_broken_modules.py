"""A bug in one of our own modules, or a library that is not there, costs that module alone."""

from __future__ import annotations

import pytest

from simulator.intake import Intake
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    FOUND,
    GET,
    REFUSED,
    assert_accounted_for,
    assert_arrived,
    assert_no_line_says,
    assert_unharmed,
    names_fault,
)
from tests.fake_aws import FakeAws
from tests.launchers import sabotaged
from tests.sabotage import SECRET

LITTLE_PATIENCE = "replace('extension.telemetry.assembly.hold:START_PATIENCE_S', 0.3)"
"""So that a test need not sit out the two seconds of a hold that nothing will end."""

TELEMETRY = [
    "extension.telemetry.listener:Listener.start",
    "extension.telemetry.opening:TelemetryBuilder.build",
    "extension.telemetry.reader:DeliveryReader.take",
    "extension.telemetry.reading.deliveries:parse",
    "extension.telemetry.reading.deliveries:Deliveries.is_repeated",
    "extension.telemetry.pipeline:gather",
    "extension.telemetry.assembly.hold:Hold.left_s",
    "extension.telemetry.added_time:AddedTime.next_called",
    "extension.telemetry.reading.line_reader:LineReader.read",
    "extension.telemetry.assembly.invocations:Assembler.invoke",
    "extension.telemetry.assembly.invocations:Assembler.feed",
    "extension.telemetry.assembly.invocations:Assembler.end",
    "extension.telemetry.otlp.encoder:OtlpEncoder.encode",
    "extension.telemetry.otlp.exporter:OtlpExporter.export",
    "extension.telemetry.export.buffer:Buffer.add",
    "extension.telemetry.export.buffer:Buffer.batch",
    "extension.telemetry.export.flush:FlushPolicy.invoked",
    "extension.telemetry.export.outcome:Circuit.learn",
    "extension.telemetry.export.post:Post.send",
]


@pytest.mark.parametrize("place", TELEMETRY, ids=lambda place: place.rpartition(":")[2])
async def test_a_module_of_telemetry_raises(
    run_broken: Run, intake: Intake, aws: FakeAws, place: str
) -> None:
    """The function and the cache do not notice; the lines name the fault, not what it said."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    launch = sabotaged("be_patient_at_start()", f"break_module({place!r})", LITTLE_PATIENCE)
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, GET, GET)
    assert_unharmed(stage, answers)
    assert all(FOUND in answer.payload for answer in answers)
    assert names_fault(stage)
    assert_no_line_says(stage, SECRET)


@pytest.mark.parametrize("place", TELEMETRY[2:], ids=lambda place: place.rpartition(":")[2])
async def test_a_module_of_telemetry_raises_once(
    run_broken: Run, intake: Intake, place: str
) -> None:
    """A fault costs what it hit, which is counted; the next invocations arrive as ever."""
    launch = sabotaged("be_patient_at_start()", f"break_module({place!r}, times=1)")
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert_accounted_for(stage, intake)
    assert names_fault(stage) or not stage.lost
    assert len(intake.spans) > 1


@pytest.mark.parametrize(
    "place",
    [
        "extension.parameters.parameters:Parameters.start",
        "extension.parameters.parameters:Parameters.open",
        "extension.parameters.parameters:Parameters.invoked",
        "extension.parameters.server:Exchange.reply",
        "extension.parameters.lookup:Lookup.get",
        "extension.parameters.lazy_clients:open_source",
    ],
    ids=lambda place: place.rpartition(":")[2],
)
async def test_a_module_of_the_cache_raises(
    run_broken: Run, intake: Intake, aws: FakeAws, place: str
) -> None:
    """A GET gets an answer, at worst a refusal, at once; telemetry does not notice."""
    environment = {
        **aws.environment,
        "DISPATCH_POST_URI": intake.url,
        "SSM_PARAMETER_STORE_TTL": "9",
    }
    launch = sabotaged("be_patient()", f"break_module({place!r})")
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, GET)
    assert_unharmed(stage, answers)
    assert_arrived(stage, intake)
    assert names_fault(stage)
    assert_no_line_says(stage, SECRET)


@pytest.mark.parametrize(
    "call",
    [
        "break_module('extension.app:read_config')",
        "break_module('extension.process.log:Log._write')",
        "break_module('extension.lifecycle:_handle')",
        "break_module('extension.lifecycle:_next')",
        "break_module('extension.app:App.run')",
        "break_module('extension.telemetry.telemetry:Telemetry.invoked', error='SystemExit')",
        "forbid_import('extension.http.server')",
        "forbid_import('asyncio')",
        "forbid_import('json')",
    ],
)
async def test_the_ground_gives_way(run_broken: Run, intake: Intake, call: str) -> None:
    """What is left answers events over plain sockets; a GET is refused, not left waiting."""
    environment = {"DISPATCH_POST_URI": intake.url}
    async with run_broken(environment=environment, launch=sabotaged(call)) as stage:
        answers = await stage.invoke({}, GET, {})
    assert_unharmed(stage, answers)
    assert FOUND not in answers[1].payload
    assert stage.complaints[:1] == ["switched off"]


async def test_what_follows_the_registration_raises(
    run_broken: Run, intake: Intake, aws: FakeAws
) -> None:
    """There is no telemetry then; the cache serves, and a line names the fault."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    launch = sabotaged("be_patient()", "break_module('extension.platform.early_calls:make')")
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, GET)
    assert_unharmed(stage, answers)
    assert all(FOUND in answer.payload for answer in answers)
    assert stage.causes[0] == "registration failed: RuntimeError"
    assert_no_line_says(stage, SECRET)


@pytest.mark.parametrize(
    ("library", "telemetry", "cache"),
    [
        ("opentelemetry", False, FOUND),
        ("aiohttp", False, FOUND),
        ("google.protobuf", False, FOUND),
        ("botocore", True, b"[[400"),
        ("cachetools", True, REFUSED),
    ],
)
async def test_a_library_is_missing(
    run_broken: Run, intake: Intake, aws: FakeAws, library: str, telemetry: bool, cache: bytes
) -> None:
    """It takes with it the part that needs it, and a GET is still answered, or refused, at once."""
    environment = {**aws.environment, "DISPATCH_POST_URI": intake.url}
    launch = sabotaged("be_patient()", f"forbid_import({library!r})")
    async with run_broken(environment=environment, launch=launch) as stage:
        answers = await stage.invoke(GET, {})
    assert_unharmed(stage, answers)
    assert cache in answers[0].payload
    assert names_fault(stage, "ModuleNotFoundError")
    if telemetry:
        assert_arrived(stage, intake)
