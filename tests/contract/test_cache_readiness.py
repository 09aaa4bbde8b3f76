"""Readiness: served from the first moment on, unless the gate of AWS's extension is asked for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from extension.aws.call import Source
from extension.platform.events import Invoke
from tests.contract.conftest import Serve
from tests.fake_aws import FakeAws
from tests.running_cache import GET_SECRET, RunningCache
from tests.waiting import PATIENCE_S, until

NOT_READY = b"not ready to serve traffic, please wait"


async def test_gate_of_aws(aws: FakeAws, serve: Serve) -> None:
    """DISPATCH_CACHE_READY=invoke: 400 with AWS's text until the first INVOKE."""
    cache = await serve(DISPATCH_CACHE_READY="invoke")
    answer = await cache.secret("secretId=n", Accept="application/json")
    assert (answer.status, answer.body) == (400, NOT_READY)
    assert aws.requests == []
    cache.parameters.announced(Invoke(request_id="r", deadline_ms=0))
    assert (await cache.secret("secretId=n")).status == 200


async def test_token_is_asked_before_readiness(serve: Serve) -> None:
    """A stranger learns nothing about the life cycle."""
    cache = await serve(DISPATCH_CACHE_READY="invoke")
    assert (await cache.secret("secretId=n", token="wrong")).status == 401


@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency"])
async def test_served_during_init(serve: Serve, kind: str) -> None:
    """Static code of the function may read a secret: no INVOKE is needed."""
    cache = await serve(AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert (await cache.secret("secretId=n")).cache == "MISS"
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_managed_instances_have_no_invoke_to_wait_for(serve: Serve) -> None:
    """The gate stands open where INVOKE never comes."""
    cache = await serve(
        AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances", DISPATCH_CACHE_READY="invoke"
    )
    assert (await cache.secret("secretId=n")).status == 200


async def test_request_before_the_clients_exist_is_held(aws: FakeAws) -> None:
    """It waits while the clients are built, and is answered then."""
    may_open = threading.Event()

    def slowly() -> Source:
        may_open.wait()
        return cache.open_aws()

    cache = RunningCache(aws.environment, open_source=slowly, opened=False)
    async with cache:
        waiting = asyncio.create_task(cache.secret("secretId=n"))
        assert (await cache.get("/ping")).status == 200
        assert not waiting.done()
        may_open.set()
        assert (await waiting).status == 200


async def test_first_get_opens_the_clients_by_itself(serve: Serve) -> None:
    """A telemetry-only function pays for the clients at the first GET."""
    cache = await serve(opened=False)
    assert (await cache.secret("secretId=n")).status == 200


async def test_clients_that_cannot_be_built(aws: FakeAws) -> None:
    """400 instead of a dead process; the next GET tries again."""
    attempts = 0

    def fails_once() -> Source:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ValueError("secret words")
        return cache.open_aws()

    cache = RunningCache(aws.environment, open_source=fails_once, opened=False)
    async with cache:
        answer = await cache.secret("secretId=n")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ServiceUnavailable")
        assert cache.log.messages == ["AWS clients could not be built"]
        assert "secret words" not in cache.log.lines[0]
        assert (await cache.secret("secretId=n")).status == 200


async def test_module_that_is_missing_is_named(aws: FakeAws) -> None:
    """In the line, and in the answer to a caller that reads JSON: an image was slimmed too far."""

    def fails() -> Source:
        raise ModuleNotFoundError("secret words", name="botocore.docs")

    async with RunningCache(aws.environment, open_source=fails, opened=False) as cache:
        answer = await cache.secret("secretId=n", Accept="application/json")
        assert "ModuleNotFoundError: botocore.docs" in answer.json["error"]["message"]
        assert "ModuleNotFoundError: botocore.docs" in cache.log.lines[0]
        assert "secret words" not in cache.log.lines[0] + answer.body.decode()


async def test_snapshot_holds_no_value(aws: FakeAws, serve: Serve) -> None:
    """SnapStart: nothing is prefetched or kept before the restore; then what was read is, too."""
    cache = await serve(
        AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", DISPATCH_CACHE_PREFETCH="ssm:/a/b"
    )
    assert aws.requests == []
    assert (await cache.secret("secretId=n")).cache == "BYPASS"
    assert (await cache.secret("secretId=n")).cache == "BYPASS"
    cache.parameters.announced(Invoke(request_id="r", deadline_ms=0))
    await until(lambda: aws.operations.count("GetParameter") == 1)
    await until(lambda: aws.operations.count("GetSecretValue") == 3)
    assert (await cache.secret("secretId=n")).cache in ("MISS", "HIT")  # of the flight under way
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await until_hit(cache, "name=/a/b")


async def until_hit(cache: RunningCache, query: str) -> None:
    """Ask until the prefetched value is in the cache."""
    async with asyncio.timeout(PATIENCE_S):
        while (await cache.parameter(query)).cache != "HIT":
            pass


async def test_port_is_open_before_anything_is_built(aws: FakeAws) -> None:
    """A connection made before `start` waits in the kernel and is answered after it."""
    cache = RunningCache(aws.environment)
    reader, writer = await asyncio.open_connection(cache.host, cache.port)
    writer.write(
        f"GET {GET_SECRET}?secretId=n HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"X-Aws-Parameters-Secrets-Token: {cache.token}\r\n\r\n".encode()
    )
    async with cache:
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
