"""Exports to AWS itself while something is wrong: what leaves late leaves with a new signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from simulator.aws.endpoints.answers import AwsError, ErrorForm
from simulator.aws.endpoints.request import Received
from tests.credentials_endpoint import CredentialsEndpoint
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import assert_unharmed, invocation_id, started
from tests.sandbox import Stage
from tests.wall_clock import WallClock

NEW = AccessKey(key_id="ASIANEW", secret="new-secret", token="new-token")
URI = "https://xray.eu-central-1.amazonaws.com"
SENT = {"print": ["one line"]}


@pytest.fixture
async def cloud() -> AsyncIterator[AwsEndpoints]:
    """X-Ray, CloudWatch Logs and CloudWatch on loopback, under their own names."""
    async with AwsEndpoints() as cloud:
        yield cloud


def environment(cloud: AwsEndpoints, **more: str) -> dict[str, str]:
    """Return the variables of a function that sends everything there."""
    return {
        **cloud.environment,
        "DISPATCH_POST_URI": URI,
        "DISPATCH_SIGNALS": "traces,logs,metrics",
        "DISPATCH_FLUSH": "end",
        **more,
    }


def assert_all_arrived(stage: Stage, cloud: AwsEndpoints) -> None:
    """Every invocation's span and line is there once, and nothing was lost."""
    spans = [span for span in cloud.spans if span.kind == "SERVER"]
    assert Counter(map(invocation_id, spans)) == Counter(started(stage))
    assert [str(each.body) for each in cloud.logs].count("one line") == len(spans)
    assert not stage.lost


def refused(cloud: AwsEndpoints) -> set[str]:
    """Return the names of the errors, but for the question whether the group exists."""
    return {each.error for each in cloud.refused if each.operation != "CreateLogStream"}


async def test_credentials_are_rotated(run: Run, cloud: AwsEndpoints) -> None:
    """Those of a container endpoint are fetched again when AWS calls them expired."""
    async with CredentialsEndpoint(token="unused", authorization="secret") as endpoint:
        endpoint.hand_out(cloud.key)
        none = dict.fromkeys(cloud.key.environment, "")
        given = environment(cloud, **none, **endpoint.environment, NO_PROXY="127.0.0.1")
        async with run(environment=given) as stage:
            answers = await stage.invoke(SENT)
            cloud.keys.rotate(NEW)
            endpoint.hand_out(NEW)
            answers += await stage.invoke(SENT, SENT)
    assert_unharmed(stage, answers)
    assert_all_arrived(stage, cloud)
    assert refused(cloud) == {"ExpiredTokenException"}
    assert endpoint.requests == 2


async def test_the_clock_is_wrong(run: Run, cloud: AwsEndpoints, clock: WallClock) -> None:
    """AWS's answer tells the time; one refused request for each signal at most."""
    clock.extension_jumps(-1800)
    async with run(environment=environment(cloud), launch=clock.launch) as stage:
        answers = await stage.invoke(SENT, SENT)
    assert_unharmed(stage, answers)
    assert len([span for span in cloud.spans if span.kind == "SERVER"]) == 2
    assert refused(cloud) == {"InvalidSignatureException"}
    assert len(cloud.refused) <= 4
    assert not stage.lost


async def test_a_freeze_cuts_what_was_signed(
    run: Run, cloud: AwsEndpoints, clock: WallClock
) -> None:
    """A signature is valid for five minutes: after fifteen, the request has another one."""
    async with run(environment=environment(cloud), launch=clock.launch) as stage:
        answers = await stage.invoke(SENT)
        cloud.trouble.down = {"xray", "logs", "monitoring"}
        answers += await stage.invoke(SENT)
        cloud.trouble.down = set()
        clock.pass_by(stage.function, 900)
        cloud.trouble.clock_skew_s = 900
    assert_unharmed(stage, answers)
    assert_all_arrived(stage, cloud)
    assert refused(cloud) == {""}  # the connections that were cut


@pytest.mark.parametrize("form", ["body", "status"])
async def test_transaction_search_is_switched_on_later(
    run: Run, cloud: AwsEndpoints, form: ErrorForm
) -> None:
    """Spans are kept until then, while logs and metrics go on; a line names the command."""
    cloud.trouble.error_form = form
    cloud.trouble.transaction_search_off = True
    async with run(environment=environment(cloud)) as stage:
        answers = await stage.invoke(SENT, SENT)
        assert len([each for each in cloud.logs if str(each.body) == "one line"]) == 2
        assert cloud.spans == []
        cloud.trouble.transaction_search_off = False
    assert_unharmed(stage, answers)
    assert_all_arrived(stage, cloud)
    assert "aws xray update-trace-segment-destination" in " ".join(stage.causes)


async def test_no_credentials(run: Run, cloud: AwsEndpoints) -> None:
    """The function is unharmed, nothing is sent, and a line says why."""
    none = dict.fromkeys(cloud.key.environment, "")
    async with run(environment=environment(cloud, **none)) as stage:
        answers = await stage.invoke(SENT)
    assert_unharmed(stage, answers)
    assert cloud.exchanges == []
    assert "there are no AWS credentials" in " ".join(stage.causes)


@pytest.mark.parametrize(
    ("name", "status"),
    [("InternalFailure", 500), ("TooManyRequestsException", 400)],
)
async def test_aws_is_at_fault_for_a_moment(
    run: Run, cloud: AwsEndpoints, name: str, status: int
) -> None:
    """What AWS's own SDKs would send again is sent again, whatever status it has."""

    def refuse(received: Received) -> None:
        raise AwsError(name, "Try again.", status=status)

    async with run(environment=environment(cloud)) as stage:
        cloud.trouble.refuse = refuse
        answers = await stage.invoke(SENT)
        cloud.trouble.refuse = None
    assert_unharmed(stage, answers)
    assert_all_arrived(stage, cloud)
    assert f"status {status} {name}" in stage.causes
