"""The variables in docs/send-to.md are what each back end accepts, by its published rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from simulator.intake import Intake
from simulator.intake.replies import Reply
from simulator.intake.server import IntakeRequest
from tests.docs.pages import ROOT, blocks
from tests.docs.vendors import KEY, VENDORS, host_of, judge
from tests.fake_aws import FakeAws
from tests.launchers import patient_to_the_last
from tests.sandbox import Stage, running

REFERENCE = r"\$\{secretsmanager:([^#]+)#(\w+)\}"
URIS = r"DISPATCH_(POST|TRACES|LOGS|METRICS)_URI"


def settings(vendor: str) -> dict[str, str]:
    """Return the variables that the page names for a back end."""
    page = blocks(ROOT / "docs/send-to.md")
    [block] = [each for each in page if each.section == vendor and each.language == "yaml"]
    return {name: str(value) for name, value in yaml.safe_load(block.code).items()}


def test_each_block_has_a_judge() -> None:
    """No back end is named whose rules no test knows."""
    sections = {each.section for each in blocks(ROOT / "docs/send-to.md")}
    assert sections == set(VENDORS)


class Exports(NamedTuple):
    """What a stand-in got, how it answered, and the function that it came from."""

    paths: set[str]
    statuses: set[int]
    stage: Stage


HELLO = ({"print": ["hello"]}, {"print": ["again"]})


async def exports(
    vendor: str, variables: Mapping[str, str], *, folder: Path, payloads: tuple[object, ...] = HELLO
) -> Exports:
    """Run a function with these variables, their hosts replaced by a stand-in for the vendor."""
    statuses: set[int] = set()

    def respond(request: IntakeRequest) -> Reply:
        reply = judge(VENDORS[vendor], request)
        statuses.add(reply.status)
        return reply

    async with FakeAws() as aws, Intake(respond=respond) as intake:
        for name, key in re.findall(REFERENCE, str(variables)):
            aws.put_secret(name, json.dumps({key: KEY}))
        local = {
            name: value.replace(host_of(value), intake.url)
            for name, value in variables.items()
            if re.fullmatch(URIS, name)
        }
        environment = {**aws.environment, **variables, **local}
        async with running(folder, environment=environment, launch=patient_to_the_last) as stage:
            await stage.invoke(*payloads)
        return Exports({request.path for request in intake.requests}, statuses, stage)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_back_end_takes_what_is_sent(vendor: str, tmp_path: Path) -> None:
    """With the variables of the page, each signal arrives, and nothing is refused."""
    rules, variables = VENDORS[vendor], settings(vendor)
    uris = [value for name, value in variables.items() if re.fullmatch(URIS, name)]
    assert uris
    assert all(re.fullmatch(rules.hosts, host_of(uri)) for uri in uris)
    paths, statuses, stage = await exports(vendor, variables, folder=tmp_path)
    assert paths == set(rules.paths.values())
    assert statuses == {200}
    assert (stage.complaints, stage.lost) == ([], {})


BROKEN = {
    "Grafana Cloud": ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", 400),
    "Datadog": ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", 400),
    "Dynatrace": ("DISPATCH_POST_URI", "https://abc12345.live.dynatrace.com", 404),
    "Axiom": ("DISPATCH_POST_HEADERS", f"authorization=Bearer {KEY}", 400),
    "SigNoz": ("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate", 415),
    "New Relic": ("DISPATCH_POST_HEADERS", "x-license-key=something-else", 401),
}
"""A variable that makes a back end refuse, and its answer."""


@pytest.mark.parametrize("vendor", BROKEN)
async def test_the_stand_in_refuses_what_the_back_end_would(vendor: str, tmp_path: Path) -> None:
    """One variable that is wrong is noticed."""
    name, value, status = BROKEN[vendor]
    wrong = {**settings(vendor), name: value}
    _, statuses, _ = await exports(vendor, wrong, folder=tmp_path)
    assert status in statuses


async def test_what_is_too_large_for_one_request_is_sent_in_parts(tmp_path: Path) -> None:
    """New Relic takes a megabyte: the first attempt is refused, and nothing is lost."""
    lines = [f"{number} {'word ' * 700}" for number in range(400)]
    _, statuses, stage = await exports(
        "New Relic", settings("New Relic"), folder=tmp_path, payloads=({"print": lines},)
    )
    assert statuses == {200, 413}
    assert stage.lost == {}
