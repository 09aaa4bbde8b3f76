"""Credentials that are references to secrets: found, filled in, renewed, never logged."""

from __future__ import annotations

import asyncio

import pytest

from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.process.waits import Budget
from extension.settings.otlp import OtlpConfig
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.export.credentials import (
    EndpointCredentials,
    EndpointSettings,
    Resolve,
    references_in,
    substitute,
)
from extension.telemetry.export.tls import SettingError
from tests.doubles import LogLines, ManualClock

HEADERS = "authorization=Bearer ${secretsmanager:vendor#key},x-team=shop"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("plain", ()),
        ("${secretsmanager:a#b.c}", ("secretsmanager:a#b.c",)),
        ("x${ssm:/a/b}y${ssm:/a/b}", ("ssm:/a/b",)),
        (
            "${arn:aws:secretsmanager:eu-central-1:1:secret:x-AbCdEf#k}",
            ("arn:aws:secretsmanager:eu-central-1:1:secret:x-AbCdEf#k",),
        ),
        ("$HOME ${HOME} ${unknown:x} ${ssm:}", ()),
    ],
)
def test_references(text: str, expected: tuple[str, ...]) -> None:
    """Each kind is found, once; other uses of the dollar sign are none."""
    assert references_in(text) == expected


def test_substitution() -> None:
    """Values stand where their references stood."""
    values = {"ssm:/a": "1", "ssm:/b": "2"}
    assert substitute("x=${ssm:/a},y=${ssm:/b}", values) == "x=1,y=2"


class Stage:
    """Credentials, what was asked for, and the settings that were used."""

    def __init__(
        self,
        values: dict[str, str] | None = None,
        *,
        headers: str = HEADERS,
        certificate: str = "${ssm:/ca}",
        resolve: Resolve | None = None,
    ) -> None:
        self.values = values or {}
        self.asked: list[tuple[str, bool]] = []
        self.used: list[EndpointSettings] = []
        self.lines = LogLines()
        self.refuses = False
        self.credentials = EndpointCredentials(
            EndpointSettings(
                telemetry=TelemetryConfig(post_headers=headers),
                otlp={"traces": OtlpConfig(certificate=certificate)},
            ),
            use=self._use,
            resolve=resolve or self._resolve,
            clock=SystemClock(),
            log=Log(clock=ManualClock(), sink=self.lines),
        )

    def _use(self, settings: EndpointSettings) -> None:
        if self.refuses:
            raise SettingError("OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate")
        self.used.append(settings)

    async def _resolve(self, reference: str, *, fresh: bool) -> str:
        self.asked.append((reference, fresh))
        return self.values[reference]


VALUES = {"secretsmanager:vendor#key": "a,b=c", "ssm:/ca": "-----BEGIN CERTIFICATE-----"}


def budget() -> Budget:
    """Return enough time for every test."""
    return Budget(60, clock=SystemClock())


async def test_values_take_the_place_of_references() -> None:
    """In headers percent-encoded, for a comma in a key would begin the next header."""
    stage = Stage(VALUES)
    assert await stage.credentials.renew(budget()) is True
    [used] = stage.used
    assert used.telemetry.post_headers == "authorization=Bearer a%2Cb%3Dc,x-team=shop"
    assert used.otlp["traces"].certificate == "-----BEGIN CERTIFICATE-----"
    assert stage.asked == [("secretsmanager:vendor#key", False), ("ssm:/ca", False)]


async def test_they_are_resolved_before_they_are_needed() -> None:
    """`prepare` uses them, so that the first export does not wait."""
    stage = Stage(VALUES)
    await stage.credentials.prepare()
    assert len(stage.used) == 1
    assert {fresh for _, fresh in stage.asked} == {False}, "the cache may have them"


async def test_a_renewal_bypasses_the_cache() -> None:
    """After a refusal the value in the cache is the refused one."""
    stage = Stage(VALUES)
    await stage.credentials.prepare()
    stage.asked.clear()
    assert await stage.credentials.renew(budget()) is True
    assert {fresh for _, fresh in stage.asked} == {True}


async def test_a_reference_without_a_value_is_logged_by_name() -> None:
    """One line, and nothing is sent with half of the credentials."""
    stage = Stage({"ssm:/ca": "y"})
    assert await stage.credentials.renew(budget()) is False
    [line] = stage.lines.parsed
    assert line["reference"] == "secretsmanager:vendor"
    assert stage.used == []


async def test_values_that_cannot_be_used_are_logged() -> None:
    """A certificate that is none costs one line that names its variable, and the data waits."""
    stage = Stage(VALUES)
    stage.refuses = True
    assert await stage.credentials.renew(budget()) is False
    [line] = stage.lines.parsed
    assert line["message"] == "credentials not usable"
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in str(line["cause"])


async def test_settings_without_references_are_used_from_the_start() -> None:
    """Plain settings are what they are; nothing is asked for, and nothing can be renewed."""
    stage = Stage(headers="a=1", certificate="")
    stage.credentials.use_constants()
    await stage.credentials.prepare()
    assert [used.telemetry.post_headers for used in stage.used] == ["a=1"]
    assert await stage.credentials.renew(budget()) is False
    assert stage.asked == []


async def test_settings_with_references_are_not_used_before_they_are_resolved() -> None:
    """A header with a reference in it would be refused by every endpoint."""
    stage = Stage(VALUES)
    stage.credentials.use_constants()
    assert stage.used == []


async def test_references_are_resolved_together() -> None:
    """All are under way before the first has its value: they take as long as the slowest."""
    asked: list[str] = []
    all_asked = asyncio.Event()

    async def resolve(reference: str, *, fresh: bool) -> str:
        del fresh
        asked.append(reference)
        if len(asked) == 2:
            all_asked.set()
        await all_asked.wait()
        return "value"

    stage = Stage(headers="a=${ssm:/a},b=${ssm:/b}", certificate="", resolve=resolve)
    await stage.credentials.renew(budget())
    assert [used.telemetry.post_headers for used in stage.used] == ["a=value,b=value"]


async def test_a_reference_that_does_not_arrive_costs_only_the_budget() -> None:
    """One line says so, and the data waits."""

    async def never(reference: str, *, fresh: bool) -> str:
        del reference, fresh
        await asyncio.Event().wait()
        return ""

    stage = Stage(headers="a=${ssm:/a}", certificate="", resolve=never)
    with pytest.raises(TimeoutError):
        await stage.credentials.renew(Budget(0.01, clock=SystemClock()))
    assert [(line["message"], line["cause"]) for line in stage.lines.parsed] == [
        ("credentials not resolved", "timeout")
    ]
