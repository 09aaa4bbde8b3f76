"""Hooks: what the rest of the process may hear."""

from __future__ import annotations

import base64

from extension.aws.call import CompletedCall, Service
from extension.parameters.answer import Result
from tests.contract.conftest import Serve
from tests.fake_aws import (
    BROKEN,
    REQUEST_ID,
    THROTTLED,
    FakeAws,
)
from tests.running_cache import GET_BY_PATH, RunningCache


async def test_values_are_reported_to_the_redactor(aws: FakeAws, serve: Serve) -> None:
    """Every value that arrives, and whether it is a secret."""
    cache = await serve(DISPATCH_CACHE_BATCH="on")
    reported: list[tuple[str, str | bytes, bool]] = []

    def note(name: str, value: str | bytes, *, secure: bool) -> None:
        reported.append((name, value, secure))

    cache.parameters.hooks.on_value = note
    aws.put_secret("bin", "", SecretBinary=base64.b64encode(b"\x01").decode())
    del aws.secrets["bin"]["SecretString"]
    await cache.parameter("name=/a/b")
    await cache.parameter("name=/a/secure")
    await cache.parameter("name=/a/secure&withDecryption=true")
    await cache.secret("secretId=n")
    await cache.secret("secretId=n")
    await cache.secret("secretId=bin")
    await cache.get(f"{GET_BY_PATH}?path=/a&withDecryption=true")
    assert reported == [
        ("/a/b", "v", False),
        ("/a/secure", "Y2lwaGVydGV4dA==", False),
        ("/a/secure", "plaintext", True),
        ("n", "s", True),
        ("bin", b"\x01", True),
        ("/a/b", "v", False),
        ("/a/secure", "plaintext", True),
    ]


async def test_upstream_calls_are_reported(aws: FakeAws, cache: RunningCache) -> None:
    """One record a call: operation, name, times, attempts, throttles, outcome, traceparent."""
    calls: list[CompletedCall] = []
    cache.parameters.hooks.on_upstream_call = calls.append
    began = cache.clock.now()
    aws.faults.append(THROTTLED)
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    await cache.secret("secretId=n", traceparent=traceparent)
    await cache.parameter("name=/nope", traceparent="x" * 1000)
    assert calls[0] == CompletedCall(
        service=Service.SECRETS_MANAGER,
        operation="GetSecretValue",
        name="n",
        start_ns=began.wall_ns,
        end_ns=began.wall_ns,
        attempts=2,
        throttles=1,
        code="",
        request_id=REQUEST_ID,
        region="eu-central-1",
        traceparent=traceparent,
    )
    assert (calls[1].code, calls[1].attempts, calls[1].traceparent) == (
        "ParameterNotFound",
        1,
        "",
    )


async def test_answers_are_reported(aws: FakeAws, cache: RunningCache) -> None:
    """How each GET was answered, with the age of what it got."""
    answers: list[tuple[Result, float]] = []

    def note(result: Result, *, age_s: float, waited_s: float) -> None:
        assert waited_s >= 0
        answers.append((result, age_s))

    cache.parameters.hooks.on_answer = note
    await cache.secret("secretId=n")
    cache.clock.advance(2)
    await cache.secret("secretId=n")
    await cache.secret("secretId=n&refresh=true")
    aws.fault = lambda _: BROKEN
    await cache.secret("secretId=nope")
    cache.clock.advance(400)
    await cache.secret("secretId=n")
    assert answers == [
        (Result.MISS, 0.0),
        (Result.HIT, 2.0),
        (Result.REFRESH, 0.0),
        (Result.ERROR, 0.0),
        (Result.STALE, 400.0),
    ]


async def test_hook_that_fails_harms_nobody(aws: FakeAws, cache: RunningCache) -> None:
    """A fault of the callback is one log line; the caller gets the value."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret words")

    cache.parameters.hooks.on_value = fail
    cache.parameters.hooks.on_kept = fail
    cache.parameters.hooks.on_answer = fail
    cache.parameters.hooks.on_upstream_call = fail
    assert (await cache.secret("secretId=n")).status == 200
    assert set(cache.log.messages) == {"hook failed"}
    assert "secret words" not in "".join(cache.log.lines)
