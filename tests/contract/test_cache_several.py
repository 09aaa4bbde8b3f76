"""getMany: several values in one GET, each with a status of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import DENIED, FakeAws
from tests.running_cache import GET_SECRET, TOKEN_HEADER, Answer, RunningCache
from tests.waiting import until

PARAMETERS = "/systemsmanager/parameters/getMany"
SECRETS = "/secretsmanager/getMany"  # a path


def values(answer: Answer) -> list[tuple[str, int, object]]:
    """Return id, status and value or error code of each result."""
    assert answer.status == 200
    return [
        (each["id"], each["status"], each["value"] if "value" in each else each["error"]["code"])
        for each in answer.json["results"]
    ]


async def test_each_result_has_its_own_status(cache: RunningCache) -> None:
    """In the order of the request; what is missing does not fail the others."""
    answer = await cache.get(f"{PARAMETERS}?name=/a/b&name=/nope&name=%2Fa%2Fsecure")
    found, missing, secure = answer.json["results"]
    alone = await cache.parameter("name=/a/b")
    assert found == {"id": "/a/b", "status": 200, "cache": "MISS", "age": 0, "value": alone.json}
    assert (missing["id"], missing["status"]) == ("/nope", 400)
    assert missing["error"]["code"] == "ParameterNotFound"
    assert sorted(missing["error"]) == ["code", "message", "requestId", "service"]
    assert secure["id"] == "/a/secure"
    assert alone.cache == "HIT"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_secrets(aws: FakeAws, cache: RunningCache) -> None:
    """The values are those of single GETs, byte by byte: compact, for clients that search."""
    aws.put_secret("m", "<&>")
    answer = await cache.get(f"{SECRETS}?secretId=n&secretId=m&secretId=nope")
    for name, result in zip(("n", "m"), answer.json["results"], strict=False):
        alone = await cache.secret(f"secretId={name}")
        assert result["value"] == alone.json
        assert b'"value":' + alone.body + b"}" in answer.body
    assert answer.json["results"][2]["error"]["code"] == "ResourceNotFoundException"


async def test_options_hold_for_all(aws: FakeAws, cache: RunningCache) -> None:
    """Decryption, a version or label, and a stage."""
    aws.put_parameter("/a/other", "o", Type="SecureString")
    answer = await cache.get(f"{PARAMETERS}?name=/a/secure&withDecryption=true&name=/a/other")
    assert [each["value"]["Parameter"]["Value"] for each in answer.json["results"]] == [
        "plaintext",
        "o",
    ]
    await cache.get(f"{PARAMETERS}?name=/a/b&name=/a/other&version=3")
    assert {each.arguments["Name"] for each in aws.requests[-2:]} == {"/a/b:3", "/a/other:3"}
    await cache.get(f"{SECRETS}?secretId=n&secretId=m&versionStage=AWSPREVIOUS")
    assert {each.arguments["VersionStage"] for each in aws.requests[-2:]} == {"AWSPREVIOUS"}


async def test_decryption_by_default(serve: Serve) -> None:
    """DISPATCH_CACHE_DECRYPT holds here, too."""
    cache = await serve(DISPATCH_CACHE_DECRYPT="true")
    answer = await cache.get(f"{PARAMETERS}?name=/a/secure&raw=true")
    assert values(answer) == [("/a/secure", 200, "plaintext")]


async def test_repeated_name_is_asked_for_once(aws: FakeAws, cache: RunningCache) -> None:
    """It has a result wherever it stands in the request."""
    answer = await cache.get(f"{SECRETS}?secretId=n&secretId=nope&secretId=n")
    assert [each["id"] for each in answer.json["results"]] == ["n", "nope", "n"]
    assert answer.json["results"][0] == answer.json["results"][2]
    assert len(aws.requests) == 2


async def test_entries_are_shared_with_single_gets(aws: FakeAws, cache: RunningCache) -> None:
    """Also while AWS is being asked; each result says how it was answered."""
    aws.put_secret("m", "m")
    await cache.secret("secretId=n")
    cache.clock.advance(7)
    aws.hold()
    alone = asyncio.create_task(cache.secret("secretId=m"))
    await until(lambda: aws.waiting == 1)
    asking = asyncio.create_task(cache.get(f"{SECRETS}?secretId=n&secretId=m"))
    await until(lambda: len(cache.parameters._server._server.connections.busy) == 2)
    aws.release()
    answer, _ = await asyncio.gather(asking, alone)
    assert [(each["cache"], each["age"]) for each in answer.json["results"]] == [
        ("HIT", 7),
        ("MISS", 0),
    ]
    assert len(aws.requests) == 2


async def test_refresh_of_several(aws: FakeAws, cache: RunningCache) -> None:
    """All of them are fetched again."""
    await cache.secret("secretId=n")
    aws.put_secret("n", "new")
    answer = await cache.get(f"{SECRETS}?secretId=n&refresh=true&raw=true")
    assert values(answer) == [("n", 200, "new")]
    assert answer.json["results"][0]["cache"] == "REFRESH"


async def test_ten_parameters_share_a_call(aws: FakeAws, serve: Serve) -> None:
    """Where batches are on; without them, each has a call of its own, under way at once."""
    names = [f"/b/{number}" for number in range(20)]
    for name in names:
        aws.put_parameter(name, name)
    target = f"{PARAMETERS}?raw=true&name=" + "&name=".join(names)
    for variables, operations in (
        ({"DISPATCH_CACHE_BATCH": "on"}, ["GetParameters"] * 2),
        ({}, ["GetParameter"] * 20),
    ):
        cache = await serve(**variables)
        aws.requests.clear()
        assert values(await cache.get(target)) == [(name, 200, name) for name in names]
        assert aws.operations == operations


async def test_denied_batches_fall_back(aws: FakeAws, serve: Serve) -> None:
    """The role of AWS's extension is enough."""
    cache = await serve(DISPATCH_CACHE_BATCH="on")
    aws.put_parameter("/a/c", "c")
    aws.fault = lambda asked: DENIED if asked.operation == "GetParameters" else None
    answer = await cache.get(f"{PARAMETERS}?raw=true&name=/a/b&name=/a/c")
    assert values(answer) == [("/a/b", 200, "v"), ("/a/c", 200, "c")]


async def test_bare_values(aws: FakeAws, cache: RunningCache) -> None:
    """Text is a string, binary is base64, and what is JSON stays as it is written."""
    aws.put_secret("j", '{"a": {"b": 1.10}, "t": "x"}')
    aws.put_secret("b", "", SecretBinary=base64.b64encode(b"\x00\xff").decode())
    del aws.secrets["b"]["SecretString"]
    answer = await cache.get(f"{SECRETS}?secretId=n&secretId=b&raw=true")
    assert values(answer) == [("n", 200, "s"), ("b", 200, "AP8=")]
    answer = await cache.get(f"{SECRETS}?secretId=j&secretId=n&jsonKey=a")
    assert b'"value":{"b":1.10}}' in answer.body
    assert answer.json["results"][1]["error"]["message"] == "jsonKey: the value has no such key"


async def test_each_id_as_ecs_writes_it(aws: FakeAws, cache: RunningCache) -> None:
    """An ARN may name a key of its own."""
    aws.put_secret("j", '{"user": "u", "pass": "p"}')
    arn = aws.secrets["j"]["ARN"]
    aws.secrets[arn.rpartition(":")[2]] = aws.secrets["j"]
    answer = await cache.get(f"{SECRETS}?secretId={arn}:user::&secretId={arn}:pass::&secretId=n")
    user, password, whole = values(answer)
    assert (user[2], password[2]) == ("u", "p")
    assert isinstance(whole[2], dict)
    assert len(aws.requests) == 2


async def test_missing_values_may_be_known(aws: FakeAws, serve: Serve) -> None:
    """With DISPATCH_CACHE_NEGATIVE_TTL a result says that AWS was not asked again."""
    cache = await serve(DISPATCH_CACHE_NEGATIVE_TTL="10")
    await cache.get(f"{SECRETS}?secretId=nope")
    answer = await cache.get(f"{SECRETS}?secretId=nope")
    assert answer.json["results"][0]["cache"] == "HIT"
    assert len(aws.requests) == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "name is missing"),
        ("nme=a", "name is missing"),
        ("name=a&name=", "name is missing"),
        ("name=a&withDecryption=perhaps", "withDecryption must be true or false"),
        ("&".join(["name=a"] * 101), "name is repeated more than 100 times"),
        ("name=a&name=%zz", "the query has a broken percent-encoding"),
    ],
)
async def test_unusable_request(aws: FakeAws, cache: RunningCache, query: str, text: str) -> None:
    """The whole request is refused, and AWS is not asked."""
    answer = await cache.get(f"{PARAMETERS}?{query}")
    assert (answer.status, answer.body.decode()) == (400, text)
    assert aws.requests == []


async def test_a_hundred_names(aws: FakeAws, cache: RunningCache) -> None:
    """The most that are answered."""
    answer = await cache.get(f"{SECRETS}?" + "&".join(f"secretId=n{each}" for each in range(100)))
    assert [each["id"] for each in answer.json["results"]] == [f"n{each}" for each in range(100)]


async def test_the_door_is_the_same(cache: RunningCache) -> None:
    """Token, method, and what a proxy forwarded."""
    target = f"{SECRETS}?secretId=n"
    assert (await cache.get(target, token="wrong")).status == 401
    assert (await cache.get(target, X_Forwarded_For="10.0.0.1")).status == 400
    assert (await cache.request("POST", target)).status == 405
    assert (await cache.get(f"/{SECRETS}/?secretId=n")).status == 200


async def test_before_a_snapshot_nothing_is_kept(aws: FakeAws, serve: Serve) -> None:
    """As for single GETs."""
    cache = await serve(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    for _ in range(2):
        answer = await cache.get(f"{SECRETS}?secretId=n")
        assert answer.json["results"][0]["cache"] == "BYPASS"
    assert len(aws.requests) == 2


async def test_answers_are_reported_one_by_one(cache: RunningCache) -> None:
    """Telemetry counts values, not requests."""
    told: list[str] = []
    cache.parameters.hooks.on_answer = lambda result, **_: told.append(result.value)
    await cache.get(f"{SECRETS}?secretId=n&secretId=nope")
    assert sorted(told) == ["ERROR", "MISS"]


async def test_python_reads_it(cache: RunningCache) -> None:
    """With nothing but its standard library."""

    def ask() -> object:
        url = f"{cache.url}{SECRETS}?secretId=n&secretId=nope"
        asked = urllib.request.Request(url, headers={TOKEN_HEADER: cache.token})
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    answered = await asyncio.to_thread(ask)
    assert isinstance(answered, dict)
    first, second = answered["results"]
    assert first["value"]["SecretString"] == "s"
    assert second["status"] == 400
    assert (await cache.get(f"{GET_SECRET}?secretId=n")).cache == "HIT"
