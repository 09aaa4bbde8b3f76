"""Prefetch and batching: fewer calls, and none while a caller waits."""

from __future__ import annotations

import asyncio

import pytest

from extension.parameters import parameters, references
from extension.settings.parameters import PREFETCHED
from tests.contract.conftest import Serve
from tests.fake_aws import (
    ARN_OF_PARAMETER,
    NO_BATCHES,
    THROTTLED,
    FakeAws,
    Fault,
)
from tests.running_cache import RunningCache
from tests.waiting import PATIENCE_S, until


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefetch is given up when AWS hangs, and not when the machine does."""
    monkeypatch.setattr(parameters, "OPEN_WAIT_S", PATIENCE_S)
    if "hangs" not in request.node.name:
        monkeypatch.setattr(references, "PREFETCH_S", PATIENCE_S)


LIST = "ssm:/a/b, ssm+decrypt:/a/secure,secretsmanager:n"


async def test_prefetched_values_need_no_call(aws: FakeAws, serve: Serve) -> None:
    """They are there before the first GET, and a later change shows after the TTL."""
    cache = await serve(DISPATCH_CACHE_PREFETCH=LIST, DISPATCH_CACHE_TTL_JITTER="0")
    assert sorted(aws.operations) == ["GetParameter", "GetParameter", "GetSecretValue"]
    aws.put_secret("n", "new")
    assert (await cache.secret("secretId=n")).json["SecretString"] == "s"
    decrypted = await cache.parameter("name=/a/secure&withDecryption=true")
    assert decrypted.json["Parameter"]["Value"] == "plaintext"
    assert (await cache.parameter("name=/a/b")).cache == "HIT"
    assert len(aws.requests) == 3
    cache.clock.advance(301)
    assert (await cache.secret("secretId=n")).json["SecretString"] == "new"


async def test_prefetch_is_of_what_a_plain_get_asks_for(aws: FakeAws, serve: Serve) -> None:
    """Where parameters are decrypted by default, so are those that are listed as `ssm:`."""
    cache = await serve(DISPATCH_CACHE_PREFETCH="ssm:/a/secure", DISPATCH_CACHE_DECRYPT="true")
    answer = await cache.parameter("name=/a/secure")
    assert (answer.cache, answer.json["Parameter"]["Value"]) == ("HIT", "plaintext")
    assert len(aws.requests) == 1


async def test_prefetch_that_fails_is_a_warning(aws: FakeAws, serve: Serve) -> None:
    """What does not exist, is denied or makes no sense does not keep the rest away."""
    cache = await serve(DISPATCH_CACHE_PREFETCH="ssm:/nope,what:is-this,ssm:,secretsmanager:n")
    assert (await cache.secret("secretId=n")).cache == "HIT"
    warnings = [line for line in cache.log.parsed if line["level"] == "WARN"]
    end = f"characters, not shown) is ignored; allowed: {PREFETCHED}"
    assert [line.get("cause") or line.get("name") for line in warnings] == [
        f"DISPATCH_CACHE_PREFETCH: entry 2 = (12 {end}",
        f"DISPATCH_CACHE_PREFETCH: entry 3 = (4 {end}",
        "/nope",
    ]


async def test_prefetch_honours_the_size_of_the_cache(aws: FakeAws, serve: Serve) -> None:
    """No more is fetched than is kept."""
    cache = await serve(DISPATCH_CACHE_PREFETCH=LIST, PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="2")
    assert len(aws.requests) == 2
    assert "prefetch exceeds the cache" in cache.log.messages


async def test_prefetch_that_hangs_is_left_behind(aws: FakeAws, serve: Serve) -> None:
    """Init is held for two seconds; the value arrives all the same."""
    aws.hold()
    cache = await serve(DISPATCH_CACHE_PREFETCH="secretsmanager:n")
    assert "prefetch continues after init" in cache.log.messages
    aws.release()
    assert (await cache.secret("secretId=n")).status == 200
    assert len(aws.requests) == 1


async def _values(cache: RunningCache, queries: list[str]) -> list[str | None]:
    """Ask for all at once; None stands for an error."""
    answers = await asyncio.gather(*(cache.parameter(query) for query in queries))
    return [a.json["Parameter"]["Value"] if a.status == 200 else None for a in answers]


async def test_burst_of_cold_misses(aws: FakeAws, serve: Serve) -> None:
    """Whatever calls are shared, each caller gets its own value, and one error stays alone."""
    cache = await serve(DISPATCH_CACHE_BATCH="on")
    names = [f"/many/{number}" for number in range(10)]
    for name in names:
        aws.put_parameter(name, f"value of {name}")
    found = await _values(cache, [f"name={name}" for name in [*names, "/nope"]])
    assert found == [*(f"value of {name}" for name in names), None]


# A prefetch list is missed in one moment: with it the number of calls does not depend on time.


async def test_cold_misses_share_calls(aws: FakeAws, serve: Serve) -> None:
    """Twelve names make two GetParameters; one that is not found fails alone."""
    names = [f"/many/{number}" for number in range(12)]
    for name in names[1:]:
        aws.put_parameter(name, f"value of {name}")
    prefetch = ",".join(f"ssm:{name}" for name in names)
    cache = await serve(DISPATCH_CACHE_BATCH="on", DISPATCH_CACHE_PREFETCH=prefetch)
    assert aws.operations == ["GetParameters"] * 2
    assert sorted(len(each.arguments["Names"]) for each in aws.requests) == [2, 10]
    found = await _values(cache, [f"name={name}" for name in names[1:]])
    assert found == [f"value of {name}" for name in names[1:]]
    assert len(aws.requests) == 2
    assert (await cache.parameter(f"name={names[0]}")).status == 400


async def test_batches_are_split_by_decryption(aws: FakeAws, serve: Serve) -> None:
    """One flag holds for a whole GetParameters."""
    aws.put_parameter("/a/other", "x", Type="SecureString")
    cache = await serve(
        DISPATCH_CACHE_BATCH="on",
        DISPATCH_CACHE_PREFETCH=(
            "ssm:/a/b,ssm:/a/secure,ssm+decrypt:/a/secure,ssm+decrypt:/a/other"
        ),
    )
    assert sorted(each.arguments["WithDecryption"] for each in aws.requests) == [False, True]
    queries = ["name=/a/secure", "name=/a/secure&withDecryption=true"]
    assert await _values(cache, queries) == ["Y2lwaGVydGV4dA==", "plaintext"]


async def test_arns_share_a_call_and_selectors_go_alone(aws: FakeAws, serve: Serve) -> None:
    """Every caller gets the answer to the name as it was asked."""
    arn = f"{ARN_OF_PARAMETER}/a/b"
    aws.put_parameter("/a/c", "c")
    aws.put_parameter("/a/b:3", "third", Name="/a/b", ARN=arn)
    names = [arn, "/a/b", "/a/c", "/a/b:3", f"{arn}:3"]
    cache = await serve(
        DISPATCH_CACHE_BATCH="on",
        DISPATCH_CACHE_PREFETCH=",".join(f"ssm:{name}" for name in names),
    )
    found = await _values(cache, [f"name={name}" for name in names])
    assert found == ["v", "v", "c", "third", "third"]
    assert sorted(aws.operations) == ["GetParameter", "GetParameter", "GetParameters"]


async def test_lone_miss_is_a_single_call(aws: FakeAws, serve: Serve) -> None:
    """Without company GetParameter is asked, which gives exact errors."""
    cache = await serve(DISPATCH_CACHE_BATCH="on")
    assert (await cache.parameter("name=/a/b")).status == 200
    assert aws.operations == ["GetParameter"]


TWO = "ssm:/a/b,ssm:/a/c"


async def test_denied_batch_falls_back_for_good(aws: FakeAws, serve: Serve) -> None:
    """ssm:GetParameter alone is enough: one warning, single calls from then on."""
    aws.put_parameter("/a/c", "c")
    aws.fault = lambda request: NO_BATCHES if request.operation == "GetParameters" else None
    cache = await serve(DISPATCH_CACHE_BATCH="on", DISPATCH_CACHE_PREFETCH=TWO)
    assert aws.operations == ["GetParameters", "GetParameter", "GetParameter"]
    cache.clock.advance(400)
    assert await _values(cache, ["name=/a/b", "name=/a/c"]) == ["v", "c"]
    assert aws.operations == ["GetParameters"] + ["GetParameter"] * 4
    assert sum("batching is off" in message for message in cache.log.messages) == 1


async def test_batch_refused_for_one_name_is_asked_singly(aws: FakeAws, serve: Serve) -> None:
    """GetParameters fails as a whole when one value cannot be decrypted."""
    aws.put_parameter("/a/c", "c")
    aws.faults.append(Fault(code="InvalidKeyId"))
    cache = await serve(DISPATCH_CACHE_BATCH="on", DISPATCH_CACHE_PREFETCH=TWO)
    assert aws.operations == ["GetParameters", "GetParameter", "GetParameter"]
    assert await _values(cache, ["name=/a/b", "name=/a/c"]) == ["v", "c"]
    assert not any("batching is off" in message for message in cache.log.messages)


async def test_throttled_batch_does_not_multiply(aws: FakeAws, serve: Serve) -> None:
    """Trouble is no reason for ten single calls."""
    aws.fault = lambda _: THROTTLED
    cache = await serve(DISPATCH_CACHE_BATCH="on", DISPATCH_CACHE_PREFETCH=TWO)
    await until(lambda: "upstream call failed" in cache.log.messages)
    assert aws.operations == ["GetParameters"] * 3


async def test_batching_is_off_by_default(aws: FakeAws, cache: RunningCache) -> None:
    """A drop-in works with ssm:GetParameter alone."""
    await _values(cache, ["name=/a/b", "name=/a/secure"])
    assert aws.operations == ["GetParameter", "GetParameter"]
