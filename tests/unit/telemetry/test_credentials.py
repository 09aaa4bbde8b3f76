"""Credentials that are references to secrets: found, filled in, renewed, never told."""

from __future__ import annotations

import asyncio

import pytest

from extension.process.budget import Budget
from extension.process.clock import SystemClock
from extension.process.log import Log
from extension.settings.config import OtlpConfig, TelemetryConfig
from extension.telemetry.export.credentials import Credentials, Settings
from extension.telemetry.export.references import references_in, substitute
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


def credentials(
    values: dict[str, str], lines: LogLines, *, headers: str = HEADERS
) -> tuple[Credentials, list[tuple[str, bool]]]:
    """Return credentials whose references have some values, and what was asked for."""
    asked: list[tuple[str, bool]] = []

    async def resolve(reference: str, *, fresh: bool) -> str:
        asked.append((reference, fresh))
        return values[reference]

    settings = Settings(
        telemetry=TelemetryConfig(post_headers=headers),
        otlp={"traces": OtlpConfig(certificate="${ssm:/ca}")},
    )
    log = Log(clock=ManualClock(), sink=lines)
    return Credentials(settings, resolve=resolve, log=log), asked


def budget() -> Budget:
    """Return enough time for every test."""
    return Budget(60, clock=SystemClock())


async def test_values_take_the_place_of_references() -> None:
    """In headers percent-encoded, for a comma in a key would begin the next header."""
    values = {"secretsmanager:vendor#key": "a,b=c", "ssm:/ca": "-----BEGIN CERTIFICATE-----"}
    filling, asked = credentials(values, LogLines())
    filled = await filling.settings(budget(), fresh=False)
    assert filled is not None
    assert filled.telemetry.post_headers == "authorization=Bearer a%2Cb%3Dc,x-team=shop"
    assert filled.otlp["traces"].certificate == "-----BEGIN CERTIFICATE-----"
    assert asked == [("secretsmanager:vendor#key", False), ("ssm:/ca", False)]


async def test_renewal_goes_past_the_cache() -> None:
    """After a refusal the value in the cache is the refused one."""
    values = {"secretsmanager:vendor#key": "x", "ssm:/ca": "y"}
    filling, asked = credentials(values, LogLines())
    await filling.settings(budget(), fresh=True)
    assert {fresh for _, fresh in asked} == {True}


async def test_what_cannot_be_resolved_is_told_by_its_reference() -> None:
    """One line, and nothing is sent with half of the credentials."""
    lines = LogLines()
    filling, _ = credentials({"ssm:/ca": "y"}, lines)
    assert await filling.settings(budget(), fresh=False) is None
    [line] = lines.parsed
    assert line["reference"] == "secretsmanager:vendor#key"


async def test_without_references_nothing_is_asked() -> None:
    """Plain settings are what they are."""

    async def no_references(reference: str, *, fresh: bool) -> str:
        del fresh
        raise LookupError(reference)

    settings = Settings(telemetry=TelemetryConfig(post_headers="a=1"), otlp={})
    log = Log(clock=ManualClock(), sink=LogLines())
    plain = Credentials(settings, resolve=no_references, log=log)
    assert plain.are_references is False
    assert await plain.settings(budget(), fresh=False) == settings


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

    settings = Settings(telemetry=TelemetryConfig(post_headers="a=${ssm:/a},b=${ssm:/b}"), otlp={})
    together = Credentials(settings, resolve=resolve, log=Log(clock=ManualClock(), sink=LogLines()))
    filled = await together.settings(budget(), fresh=False)
    assert filled is not None
    assert filled.telemetry.post_headers == "a=value,b=value"


async def test_a_reference_that_does_not_come_costs_the_budget_alone() -> None:
    """One line says so, and the data waits."""
    lines = LogLines()

    async def never(reference: str, *, fresh: bool) -> str:
        del reference, fresh
        await asyncio.Event().wait()
        return ""

    settings = Settings(telemetry=TelemetryConfig(post_headers="a=${ssm:/a}"), otlp={})
    waiting = Credentials(settings, resolve=never, log=Log(clock=ManualClock(), sink=lines))
    short = Budget(0.01, clock=SystemClock())
    with pytest.raises(TimeoutError):
        await waiting.settings(short, fresh=False)
    assert [(line["message"], line["cause"]) for line in lines.parsed] == [
        ("credentials not resolved", "timeout")
    ]
