"""The life of the cache: start, open, first invocation."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from math import inf

import pytest

from extension.aws.call import Service
from extension.aws.errors import UpstreamError
from extension.parameters.keys import ParameterKey
from extension.parameters.lazy_clients import (
    DEADLINE_S,
    LONGEST_S,
    MOST_THREADS,
    deadlines_s,
    threads,
)
from extension.parameters.parameters import Parameters, _policy
from extension.parameters.references import UnusableValueError
from extension.parameters.request import Query
from extension.platform.events import Invoke
from extension.process.log import Log
from extension.settings.parameters import ParametersConfig
from extension.settings.process import LambdaConfig, LocalConfig
from tests.doubles import DictSource, LogLines, ManualClock
from tests.running_cache import RunningCache, stop_serving
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


@pytest.mark.parametrize(
    ("left_s", "patience_s"), [(4.0, 3.0), (0.8, 0.6), (900.0, 15.0), (-1.0, 15.0)]
)
async def test_a_get_leaves_its_caller_time_for_the_reply(left_s: float, patience_s: float) -> None:
    """It waits for the clients for a share of what the invocation has left, and never for ever."""
    async with RunningCache(ENVIRON, open_source=DictSource) as cache:
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + round(left_s * 1000)
        cache.parameters.announced(Invoke(request_id="a", deadline_ms=deadline_ms))
        assert cache.parameters.time.for_clients_s() == pytest.approx(patience_s)


async def test_a_hanging_call_leaves_its_caller_time_for_the_reply() -> None:
    """Of a second that the invocation has left, AWS gets three quarters; then comes the error."""
    source = DictSource(values={"n": "s"})
    source.hold()
    async with RunningCache(ENVIRON, open_source=lambda: source) as cache:
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + 1000
        cache.parameters.announced(Invoke(request_id="a", deadline_ms=deadline_ms))
        with pytest.raises(UpstreamError) as raised:
            await cache.parameters.resolve("secretsmanager:n", fresh=False)
        source.release()
        assert raised.value.message == "no answer within 0.75 s"


@pytest.mark.parametrize(
    ("left_s", "call_s"), [(4.0, 3.0), (0.3, 0.5), (900.0, 675.0), (0.0, inf), (-1.0, inf)]
)
async def test_how_long_a_call_may_take_within_an_invocation(left_s: float, call_s: float) -> None:
    """At least half a second: the deadline may be that of the invocation before. One that has
    passed says nothing, and so it is before the first one."""
    async with RunningCache(ENVIRON, open_source=DictSource) as cache:
        assert cache.parameters.time.for_call_s() == inf
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + round(left_s * 1000)
        cache.parameters.announced(Invoke(request_id="a", deadline_ms=deadline_ms))
        assert cache.parameters.time.for_call_s() == pytest.approx(call_s)


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
        assert cache.parameters.time.has_time_ahead()
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + round(left_s * 1000)
        cache.parameters.announced(Invoke(request_id="a", deadline_ms=deadline_ms))
        assert cache.parameters.time.has_time_ahead() == has_time


async def test_a_deadline_that_has_passed_leaves_time_for_a_renewal() -> None:
    """It is that of the last invocation: this GET has come before the INVOKE of its own."""
    async with RunningCache(ENVIRON, open_source=DictSource) as cache:
        deadline_ms = cache.clock.now().wall_ns // 1_000_000 + 1000
        cache.parameters.announced(Invoke(request_id="a", deadline_ms=deadline_ms))
        cache.clock.freeze(60)
        assert cache.parameters.time.has_time_ahead()


async def test_managed_instances_wait_for_no_call() -> None:
    """They are never frozen, so nothing would cut it."""
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
    async with RunningCache({**ENVIRON, **kind}, open_source=DictSource) as cache:
        with cache.parameters._clients.under_way.one():
            assert await cache.parameters.settle_calls() == 0


def parameters(config: ParametersConfig | None = None, *, kind: str = "on-demand") -> Parameters:
    """Return the cache of a sandbox of some kind, before it is started."""
    clock = ManualClock()
    return Parameters(
        config or ParametersConfig(),
        sandbox=LambdaConfig(initialization_type=kind),
        environ=ENVIRON,
        clock=clock,
        log=Log(clock=clock, sink=LogLines()),
        sockets=[],
        open_source=lambda: DictSource(values={"/a": "v"}),
    )


INVOKE = Invoke(request_id="r", deadline_ms=0)


@pytest.mark.parametrize(
    ("ready", "kind", "before"),
    [
        ("init", "on-demand", True),
        ("invoke", "on-demand", False),
        ("invoke", "lambda-managed-instances", True),
    ],
)
async def test_from_when_on_gets_are_served(ready: str, kind: str, before: bool) -> None:
    """From the start or the first invocation on; Managed Instances do not tell of any."""
    cache = parameters(ParametersConfig(ready=ready), kind=kind)
    assert cache._is_ready() is before
    cache.announced(INVOKE)
    assert cache._is_ready()


@pytest.mark.parametrize(("kind", "before"), [("on-demand", True), ("snap-start", False)])
async def test_nothing_is_kept_before_a_snapshot(kind: str, before: bool) -> None:
    """AWS has it on disk for days."""
    cache = parameters(kind=kind)
    assert cache.keeps is before
    cache.announced(INVOKE)
    assert cache.keeps


async def test_an_invocation_that_was_let_go_before_counts() -> None:
    """The function may still run, and wait for a GET."""
    cache = parameters(ParametersConfig(ready="invoke"))
    cache.invoked_before(Invoke(request_id="a", deadline_ms=5), at_ns=1)
    assert (cache._is_ready(), cache.time.deadline_ms) == (True, 5)


async def test_what_was_read_before_a_snapshot_is_read_again_after_it() -> None:
    """Once, with the first invocation; as many keys as the cache has entries."""
    cache = parameters(ParametersConfig(cache_size=2), kind="snap-start")
    for name in "abc":
        cache._note_uncached(ParameterKey(f"/{name}"))
    assert [key.name for key in cache._uncached] == ["/a", "/b"]
    cache.announced(INVOKE)
    assert cache._prefetching is not None
    first = cache._prefetching
    cache.announced(INVOKE)
    assert cache._prefetching is first
    await first
    assert cache._lookup.find(Query(ParameterKey("/a"))) is not None
    assert cache._uncached == {}


async def test_telemetry_can_wait_until_it_is_read_again() -> None:
    """A line of the first invocation may hold such a value; without one there is no wait."""
    cache, source = parameters(kind="snap-start"), DictSource(values={"/a": "v"})
    cache._clients._open_source = lambda: source
    source.hold()
    await cache.read_again()
    cache._note_uncached(ParameterKey("/a"))
    cache.announced(INVOKE)
    waiting = asyncio.create_task(cache.read_again())
    await until(lambda: source.calls)
    assert not waiting.done()
    source.release()
    await waiting
    assert cache._lookup.find(Query(ParameterKey("/a"))) is not None
    await cache.read_again()


async def test_on_demand_nothing_is_read_again() -> None:
    """What was read is kept already."""
    cache = parameters()
    cache._note_uncached(ParameterKey("/a"))
    assert cache._uncached == {}
    cache.announced(INVOKE)
    assert cache._prefetching is None


@pytest.mark.parametrize(("left_s", "patience_s"), [(4.0, 3.0), (60.0, 15.0), (0.0, 15.0)])
def test_during_the_start_a_get_waits_for_a_share_of_what_is_left(
    left_s: float, patience_s: float
) -> None:
    """As far as it is known how long the start may take."""
    cache = parameters()
    assert cache.time.for_clients_s() == 11.25
    cache.time.start_left_s = lambda: left_s
    assert cache.time.for_clients_s() == patience_s


def test_the_policy_of_the_settings() -> None:
    """A TTL above its limit is limited with a line, one at the limit is not."""
    lines = LogLines()
    config = ParametersConfig(
        ssm_ttl_s=300, secrets_manager_ttl_s=301, ttl_limit_s=300, ttl_jitter=0.3,
        refresh_ahead=0.4, negative_ttl_s=5, max_stale_s=6, cache_size=7,
    )  # fmt: skip
    policy = _policy(config, Log(clock=ManualClock(), sink=lines))
    assert policy.ttl_s == {Service.SSM: 300, Service.SECRETS_MANAGER: 300}
    assert (policy.jitter, policy.ahead, policy.missing_s) == (0.3, 0.4, 5)
    assert (policy.max_stale_s, policy.size) == (6, 7)
    [line] = lines.parsed
    assert line["message"] == "configuration"
    remedy = "raise DISPATCH_CACHE_TTL_LIMIT_SECONDS"
    assert line["cause"] == f"SECRETS_MANAGER_TTL = '301' is limited to 300; {remedy}"


def test_a_cache_that_is_switched_off_has_no_entries() -> None:
    """Every GET goes to AWS."""
    config = ParametersConfig(cache_enabled=False, ssm_ttl_s=60)
    policy = _policy(config, Log(clock=ManualClock(), sink=LogLines()))
    assert (policy.size, policy.ttl_s[Service.SSM]) == (0, 60)


async def test_references_have_values() -> None:
    """As text; one that is not there, or has no such part, is an error."""
    cache = parameters()
    assert await cache.resolve("ssm:/a", fresh=False) == "v"
    with pytest.raises(UnusableValueError):
        await cache.resolve("ssm:/a#key", fresh=False)
    with pytest.raises(UpstreamError):
        await cache.resolve("ssm:/b", fresh=False)


async def test_calls_are_waited_for_within_a_second() -> None:
    """A freeze would cut them; Managed Instances, which have none, wait for nothing."""
    cache = parameters()
    waited: list[float] = []

    async def settle(*, within_s: float) -> float:
        waited.append(within_s)
        return 0.5

    cache._clients.under_way.settle = settle  # type: ignore[method-assign]
    managed = parameters(kind="lambda-managed-instances")
    managed._clients.under_way.settle = settle  # type: ignore[method-assign]
    assert await managed.settle_calls() == 0.0
    took_s = [await cache.settle_calls(each) for each in (1, 5, 0.2)]
    assert took_s == [0.5, 0.5, 0.5]
    await cache.settle_calls()
    assert waited == [1, 1, 0.2, 1]


async def test_a_prefetch_that_is_too_long_is_cut() -> None:
    """To the entries of the cache; a line says how many were listed."""
    cache = parameters(ParametersConfig(prefetch="ssm:/a,ssm:/b,ssm:/c", cache_size=2))
    lines = LogLines()
    cache._log = Log(clock=ManualClock(), sink=lines)
    await cache.open()
    line = next(each for each in lines.parsed if each["message"] == "prefetch exceeds the cache")
    assert (line["listed"], line["fetched"]) == (3, 2)
    assert cache._lookup.find(Query(ParameterKey("/a"))) is not None


@pytest.mark.parametrize(
    ("requested", "made", "most"), [(3, 3, 3), (256, 256, 256), (257, 256, 256)]
)
def test_calls_at_once(requested: int, made: int, most: int) -> None:
    """As many as the user wants, within what memory allows."""
    assert threads(ParametersConfig(max_connections=requested)) == made <= most


def test_a_call_takes_five_seconds_at_most_unless_the_user_says_otherwise() -> None:
    """And never longer than an invocation may."""
    found = deadlines_s(ParametersConfig(secrets_manager_timeout_ms=1_000_000))
    assert found == {Service.SSM: 5.0, Service.SECRETS_MANAGER: 900.0}


@pytest.mark.parametrize(
    ("local", "environ", "is_said"),
    [
        (LocalConfig(), {}, True),
        (LocalConfig(), ENVIRON, False),
        (None, {}, False),
    ],
)
async def test_outside_lambda_a_missing_token_is_said(
    local: LocalConfig | None, environ: dict[str, str], is_said: bool
) -> None:
    """Every GET would be refused; in Lambda there is always one."""
    clock, lines = ManualClock(), LogLines()
    listening = socket.create_server(("127.0.0.1", 0))
    cache = Parameters(
        ParametersConfig(),
        sandbox=LambdaConfig(),
        environ=environ,
        clock=clock,
        log=Log(clock=clock, sink=lines),
        sockets=[listening],
        open_source=DictSource,
        local=local,
    )
    await cache.start()
    await stop_serving(listening, cache._server)
    said = ["no token: every GET is refused; set DISPATCH_TOKEN_FILE"]
    assert lines.messages == said * is_said
