"""The endpoint's key is in a secret store that does not answer: nothing waits for it for long."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from simulator.intake import Intake
from simulator.intake.replies import Reply
from tests.e2e.failures.announced import Announced, deliver, lost, next_is_asked, sandbox
from tests.e2e.failures.expectations import invocations
from tests.fake_aws import FakeAws
from tests.running_cache import TOKEN_HEADER
from tests.scripted.platform import TOKEN, Platform
from tests.waiting import until

HOURS = (
    "replace('extension.parameters.lazy_clients:DEADLINE_S', 7200.0); "
    "replace('extension.platform.events:SHUTDOWN_S', 60.0)"
)
"""What a call to AWS may take in these tests: a caller waits longer than they do. So has the end of
the sandbox the time that a busy machine needs for the last export."""


def with_reference(intake: Intake, aws: FakeAws) -> dict[str, str]:
    """Return variables of a sandbox whose key of the endpoint is in the store."""
    return {
        **aws.environment,
        "DISPATCH_POST_URI": intake.url,
        "DISPATCH_FLUSH": "end",
        "DISPATCH_POST_HEADERS": "authorization=Bearer ${secretsmanager:shop/key}",
    }


async def key_is_cached(platform: Platform) -> None:
    """Wait until the call to the store has brought the key, whatever came of those who asked."""
    url = f"http://127.0.0.1:{platform.cache_port}/secretsmanager/get?secretId=shop/key"
    token = {TOKEN_HEADER: TOKEN}
    async with aiohttp.ClientSession(headers=token) as session, session.get(url) as answer:
        assert answer.status == 200


async def test_the_store_does_not_answer(intake: Intake, aws: FakeAws) -> None:
    """Init and invocations go on without the key, and the data goes out when it comes."""
    aws.hold()
    async with sandbox(HOURS, **with_reference(intake, aws)) as platform:
        for number in (1, 2, 3):
            announced = Announced(number)
            platform.send(announced.invoke())
            deliver(platform, announced.start, announced.done)
            await next_is_asked(platform, number + 1)
        assert intake.requests == []
        # Its lines come another way than its questions, and may be read later.
        await until(
            lambda: "credentials not resolved" in [line["message"] for line in platform.lines]
        )
        aws.release()
        await key_is_cached(platform)
    assert len(invocations(intake)) == 3
    assert {seen.headers["authorization"] for seen in intake.requests} == {"Bearer open sesame"}
    assert lost(platform) == {}


@pytest.mark.parametrize("is_taken", [False, True], ids=["switched off", "port taken"])
async def test_the_key_is_read_where_no_cache_is_served(
    is_taken: bool, intake: Intake, aws: FakeAws
) -> None:
    """Beside AWS's extension, for example: it has the port, or the cache is switched off."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        own = {"DISPATCH_CACHE_PORT": port} if is_taken else {"DISPATCH_CACHE": "false"}
        environment = {
            **with_reference(intake, aws),
            **own,
            "DISPATCH_CACHE_PREFETCH": "ssm:/shop/greeting",
        }
        async with sandbox(**environment) as platform:
            announced = Announced(1)
            platform.send(announced.invoke())
            deliver(platform, announced.start, announced.done)
            await next_is_asked(platform, 2)
    assert {seen.headers["authorization"] for seen in intake.requests} == {"Bearer open sesame"}
    assert len(invocations(intake)) == 1
    assert set(aws.operations) == {"GetSecretValue"}
    assert lost(platform) == {}


async def test_the_endpoint_refuses_a_key_and_the_store_does_not_answer(
    intake: Intake, aws: FakeAws
) -> None:
    """A renewal costs an invocation no more than an export does."""
    intake.respond = lambda request: Reply(
        status=200 if request.headers["authorization"] == "Bearer new" else 401
    )
    async with sandbox(HOURS, **with_reference(intake, aws)) as platform:
        aws.hold()
        for number in (1, 2):
            announced = Announced(number)
            platform.send(announced.invoke())
            deliver(platform, announced.start, announced.done)
            await next_is_asked(platform, number + 1)
        assert invocations(intake) == []
        aws.put_secret("shop/key", "new")
        aws.release()
        await key_is_cached(platform)
    assert len(invocations(intake)) == 2
    assert lost(platform) == {}
