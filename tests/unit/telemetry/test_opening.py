"""Telemetry as its settings ask for it: the parts that are built, and those that are not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from extension.aws.credentials import SandboxCredentials
from extension.aws.signing import Signer
from extension.process.ids import EpochIds
from extension.process.log import Log
from extension.redaction.redactor import Redactor
from extension.settings.config import read_config
from extension.telemetry.export.credentials import EndpointSettings
from extension.telemetry.export.delivery import do_nothing
from extension.telemetry.export.post import Post
from extension.telemetry.export.tls import SettingError
from extension.telemetry.health import Health
from extension.telemetry.opening import TelemetryBuilder
from extension.telemetry.resource_identity import ResourceIdentity
from extension.telemetry.telemetry import Telemetry
from tests.doubles import LogLines, ManualClock, SequentialIds

COLLECTOR = {"DISPATCH_POST_URI": "http://collector.example:4318"}
XRAY = {
    "DISPATCH_POST_URI": "https://xray.eu-central-1.amazonaws.com",
    "DISPATCH_SIGNALS": "traces",
    "AWS_REGION": "eu-central-1",
}
BUCKET = {"DISPATCH_DEAD_LETTERS": "s3://letters", "AWS_REGION": "eu-central-1"}


Build = Callable[..., Awaitable[Telemetry]]


@dataclass
class Stage:
    """What is built from variables, and what was logged meanwhile."""

    variables: dict[str, str]
    lines: LogLines = field(default_factory=LogLines)
    health: Health = field(default_factory=Health)
    signers: list[Signer] = field(default_factory=list)

    def builder(self, **more: Any) -> TelemetryBuilder:
        """Return the builder."""
        config, problems = read_config(self.variables)
        assert not problems
        clock = ManualClock()
        parts: dict[str, Any] = {
            "settings": EndpointSettings(telemetry=config.telemetry, otlp=config.otlp),
            "aws": config.aws,
            "identity": ResourceIdentity(function_name="shop"),
            "redaction": Redactor(),
            "resolve": None,
            "open_signer": self._open_signer,
            "concurrent": False,
            "environ": self.variables,
            "ids": SequentialIds(),
            "clock": clock,
            "log": Log(clock=clock, sink=self.lines),
            "health": self.health,
        }
        return TelemetryBuilder(**{**parts, **more})

    def _open_signer(self) -> Signer:
        self.signers.append(Signer(SandboxCredentials({})))
        return self.signers[-1]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Builds telemetry, and closes it at the end."""
    made: list[Telemetry] = []

    async def build(
        stage: Stage | None = None, /, *, more: Any = None, **variables: str
    ) -> Telemetry:
        made.append(await (stage or Stage(variables)).builder(**(more or {})).build())
        return made[-1]

    yield build
    for each in made:
        await each.close()


@pytest.mark.parametrize(("format_", "reads_lines"), [("otlp", True), ("json", False)])
async def test_lines_are_read_where_something_is_made_of_them(
    build: Build, format_: str, *, reads_lines: bool
) -> None:
    """The JSON format passes them on."""
    telemetry = await build(**COLLECTOR, DISPATCH_FORMAT=format_)
    assert telemetry.pipeline.reads_lines is reads_lines


@pytest.mark.parametrize(
    ("variables", "holds"),
    [
        ({"DISPATCH_FLUSH": "end"}, True),
        ({"DISPATCH_FLUSH": "periodic"}, False),
        ({"DISPATCH_FLUSH": "end", "DISPATCH_EVENTS": "function"}, False),
    ],
)
async def test_invocations_are_held_where_their_ends_are_heard(
    build: Build, variables: dict[str, str], *, holds: bool
) -> None:
    """Without the platform's events a hold would have no end."""
    telemetry = await build(**COLLECTOR, **variables)
    assert telemetry._policy.holds is holds


async def test_an_export_takes_as_long_as_the_most_patient_signal(build: Build) -> None:
    """In seconds; the variables count milliseconds."""
    patient = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1500", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "2500"}
    assert (await build(**COLLECTOR, **patient))._timeout_s == 2.5


@pytest.mark.parametrize(
    ("variables", "at_once"),
    [
        ({"DISPATCH_POST_URI": "http://localhost:4318"}, True),
        (COLLECTOR, False),
        ({**COLLECTOR, "DISPATCH_TRACES_URI": "http://127.0.0.1:4318"}, False),
    ],
)
async def test_an_endpoint_in_this_sandbox_gets_what_waits_at_once(
    build: Build, variables: dict[str, str], *, at_once: bool
) -> None:
    """It may end when we do; one elsewhere does not."""
    both = {**variables, "DISPATCH_SIGNALS": "traces,logs"}
    assert (await build(**both))._sends_at_once is at_once


async def test_a_setting_that_cannot_be_used_ends_the_opening(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing stays open."""
    closed: list[Post] = []
    close = Post.close

    async def recorded(self: Post) -> None:
        closed.append(self)
        await close(self)

    monkeypatch.setattr(Post, "close", recorded)
    with pytest.raises(SettingError):
        await build(
            DISPATCH_POST_URI="https://collector.example:4318",
            OTEL_EXPORTER_OTLP_CERTIFICATE="/no/such/file",
        )
    assert len(closed) == 1


def log_groups_of(telemetry: Telemetry) -> str:
    """Return what spans name."""
    encoder: Any = telemetry.pipeline._encoder
    groups: str = encoder._identity.correlated_log_groups
    return groups


async def test_x_ray_has_ids_with_times_and_the_names_of_log_groups(build: Build) -> None:
    """It takes no other ids, and finds the lines of a trace by those names."""
    stage = Stage(XRAY)
    telemetry = await build(stage)
    assert len(stage.signers) == 1
    assert isinstance(telemetry._assembler._outputs._ids, EpochIds)
    assert log_groups_of(telemetry) == "/aws/lambda/shop"
    other = await build(**COLLECTOR)
    assert not isinstance(other._assembler._outputs._ids, EpochIds)
    assert log_groups_of(other) == ""


async def test_requests_to_aws_are_not_signed_where_that_is_off(build: Build) -> None:
    """A proxy may do it; then no credentials are looked for."""
    stage = Stage({**XRAY, "DISPATCH_SIGV4": "off"})
    await build(stage)
    assert stage.signers == []


async def test_the_sandbox_s_name_is_that_of_the_log_stream(build: Build) -> None:
    """Where log records go to CloudWatch Logs, or anything to AWS."""
    assert (await build(**XRAY)).pipeline.on_instance is not do_nothing
    assert (await build(**COLLECTOR)).pipeline.on_instance is do_nothing


@pytest.mark.parametrize(("variables", "fits"), [(XRAY, True), (COLLECTOR, False)])
async def test_what_aws_takes_is_cut_to_its_limits(
    build: Build, variables: dict[str, str], *, fits: bool
) -> None:
    """Other endpoints have none that are known."""
    assert ((await build(**variables))._buffer._fitting is not None) is fits


async def test_letters_are_stored_where_there_is_a_bucket(build: Build) -> None:
    """At SHUTDOWN a part of the time is kept for them."""
    with_bucket, without = await build(**COLLECTOR, **BUCKET), await build(**COLLECTOR)
    assert (with_bucket._delivery.has_letters, without._delivery.has_letters) == (True, False)
    assert with_bucket._reserve_s > without._reserve_s == 0


async def test_a_bucket_that_cannot_be_opened_is_switched_off_alone(build: Build) -> None:
    """Telemetry drops and counts, as it does without one."""

    def broken() -> Signer:
        raise LookupError("no module")

    stage = Stage({**COLLECTOR, **BUCKET})
    telemetry = await build(stage, more={"open_signer": broken})
    assert not telemetry._delivery.has_letters
    [line] = stage.lines.parsed
    assert (line["message"], line["part"]) == ("switched off", "dead letters")
    assert line["cause"] == "LookupError"


METRICS = {**COLLECTOR, "DISPATCH_SIGNALS": "traces,metrics"}


@pytest.mark.parametrize(
    ("variables", "is_measured"),
    [
        ({**METRICS, "DISPATCH_PROCESS_METRICS": "on"}, True),
        (METRICS, False),
        ({**COLLECTOR, "DISPATCH_SIGNALS": "traces", "DISPATCH_PROCESS_METRICS": "on"}, False),
    ],
)
async def test_the_sandbox_is_measured_where_that_is_asked_for(
    build: Build, variables: dict[str, str], *, is_measured: bool
) -> None:
    """And where metrics go out."""
    assert ((await build(**variables))._usage is not None) is is_measured


@pytest.mark.parametrize(
    ("more", "logs_from"),
    [
        ({"DISPATCH_OTLP_PORT": "4318"}, "sdk"),
        ({}, "both"),
        ({"DISPATCH_OTLP_PORT": "4318", "DISPATCH_SIGNALS": "traces"}, "both"),
    ],
)
async def test_lines_are_left_out_only_where_the_sdk_s_records_go_out(
    build: Build, more: dict[str, str], logs_from: str
) -> None:
    """Otherwise there would be neither."""
    both = {**COLLECTOR, "DISPATCH_SIGNALS": "traces,logs", "DISPATCH_LOGS_FROM": "sdk", **more}
    assert (await build(**both)).pipeline._logs_from == logs_from


async def test_one_signal_that_goes_to_aws_is_signed(build: Build) -> None:
    """Wherever the others go."""
    elsewhere = {"DISPATCH_SIGNALS": "traces,logs", "DISPATCH_LOGS_URI": "http://collector:4318"}
    stage = Stage({**XRAY, **elsewhere})
    telemetry = await build(stage)
    assert len(stage.signers) == 1
    assert telemetry.pipeline.on_instance is not do_nothing


async def test_settings_without_references_are_used_at_once(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first export may come before anything is prepared."""
    used: list[set[str]] = []
    monkeypatch.setattr(Post, "use", lambda _, targets: used.append(set(targets)))
    await build(**COLLECTOR, DISPATCH_SIGNALS="traces,logs")
    assert used == [{"traces", "logs"}]
