"""The life of the cache: start, open, first invocation."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from extension.aws.call import Service
from extension.parameters.lazy_clients import (
    DEADLINE_S,
    LONGEST_S,
    MOST_THREADS,
    deadlines_s,
    threads,
)
from extension.platform.events import Invoke
from extension.settings.parameters import ParametersConfig
from tests.doubles import DictSource
from tests.running_cache import RunningCache
from tests.waiting import until

ENVIRON = {"AWS_SESSION_TOKEN": "t"}


def test_deadlines() -> None:
    """The user's, in seconds; 0 means ours."""
    config = ParametersConfig(ssm_timeout_ms=1500)
    assert deadlines_s(config) == {Service.SSM: 1.5, Service.SECRETS_MANAGER: DEADLINE_S}


def test_settings_beyond_all_reason() -> None:
    """A billion connections or years of patience must not be the end of the process."""
    config = ParametersConfig(ssm_timeout_ms=10**17, max_connections=10**17)
    assert deadlines_s(config)[Service.SSM] == LONGEST_S
    assert threads(config) == MOST_THREADS


async def test_opening_twice_builds_once() -> None:
    """`open` may be called by anybody at any time."""
    built = []

    def build() -> DictSource:
        built.append(DictSource())
        return built[-1]

    async with RunningCache(ENVIRON, open_source=build) as cache:
        await asyncio.gather(*(cache.parameters.open() for _ in range(5)))
        assert len(built) == 1


async def test_opening_never_raises() -> None:
    """A failure is a line in the log, without the words of the exception."""

    def fail() -> DictSource:
        raise RuntimeError("hunter2")

    async with RunningCache(ENVIRON, open_source=fail) as cache:
        assert cache.log.parsed[0]["error"] == "RuntimeError"
        assert "hunter2" not in "".join(cache.log.lines)


async def test_late_flight_after_every_caller_left_fills_the_cache() -> None:
    """The work was paid for."""
    source = DictSource(values={"n": "s"})
    source.hold()
    async with RunningCache(ENVIRON, open_source=lambda: source) as cache:
        asking = asyncio.create_task(cache.secret("secretId=n"))
        await until(lambda: source.calls)
        asking.cancel()
        await asyncio.wait([asking])
        source.release()
        await until(lambda: not any(call for call in source.calls if not call.abandoned))
        assert (await cache.secret("secretId=n")).cache == "HIT"
        assert len(source.calls) == 1


async def test_fault_of_our_own_is_a_400() -> None:
    """Whatever a source raises, the caller gets the generic text and nothing more."""
    source = DictSource(error=AttributeError("hunter2"))
    async with RunningCache(ENVIRON, open_source=lambda: source) as cache:
        answer = await cache.secret("secretId=n")
        assert answer.status == 400
        assert b"hunter2" not in answer.body
        assert "hunter2" not in "".join(cache.log.lines) + str(answer.headers)


async def test_configuration_is_told_at_debug() -> None:
    """As AWS's extension does."""
    environ = ENVIRON | {"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "debug"}
    async with RunningCache(environ, open_source=DictSource) as cache:
        line = next(each for each in cache.log.parsed if each["message"] == "cache serves")
        assert line["config"]["http_port"] == 2773


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("extension.parameters.parameters", False), ("extension.aws.clients", True)],
)
def test_boto3_comes_with_the_source_alone(module: str, heavy: bool) -> None:
    """Everything else is imported while the clients are still to be built."""
    program = f"import sys, {module}; print('botocore' in sys.modules)"
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.strip() == str(heavy)


@pytest.mark.parametrize(("left_s", "patience_s"), [(4.0, 3.0), (900.0, 15.0), (-1.0, 15.0)])
async def test_a_get_leaves_its_caller_time_for_the_reply(left_s: float, patience_s: float) -> None:
    """It waits for the clients for a share of what the invocation has left, and never for ever."""
    async with RunningCache(ENVIRON, open_source=DictSource) as cache:
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + round(left_s * 1000)
        await cache.parameters.invoked(Invoke(request_id="a", deadline_ms=deadline_ms))
        assert cache.parameters._patience_s() == pytest.approx(patience_s)


@pytest.mark.parametrize(
    ("managed", "left_s", "has_time"),
    [(False, 0.4, False), (False, 0.6, True), (True, 0.4, True)],
)
async def test_what_no_caller_waits_for_ends_before_the_invocation(
    *, managed: bool, left_s: float, has_time: bool
) -> None:
    """Half a second is enough for a call; on Managed Instances nothing is frozen after it."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"} if managed else {}
    async with RunningCache({**ENVIRON, **kind}, open_source=DictSource) as cache:
        assert cache.parameters._has_time()
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + round(left_s * 1000)
        await cache.parameters.invoked(Invoke(request_id="a", deadline_ms=deadline_ms))
        assert cache.parameters._has_time() == has_time


async def test_managed_instances_wait_for_no_call() -> None:
    """They are never frozen, so nothing would cut it."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
    async with RunningCache({**ENVIRON, **kind}, open_source=DictSource) as cache:
        with cache.parameters._clients.under_way.one():
            assert await cache.parameters.settle_calls() == 0
