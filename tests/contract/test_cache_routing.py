"""Routing: every spelling that AWS's documentation or published clients use finds its value."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import ARN_OF_PARAMETER, ARN_OF_SECRET, FakeAws
from tests.running_cache import (
    GET_BY_PATH,
    GET_PARAMETER,
    GET_SECRET,
    TOKEN_HEADER,
    RunningCache,
)


@pytest.mark.parametrize(
    "target",
    [
        f"{GET_PARAMETER}?name=/a/b",
        f"{GET_PARAMETER}/?name=/a/b",
        f"/{GET_PARAMETER}?name=/a/b",
        "//systemsmanager//parameters//get//?name=/a/b",
        f"{GET_PARAMETER}?name=%2Fa%2Fb",
        f"{GET_PARAMETER}?name=%2fa%2fb",
        f"{GET_PARAMETER}?foo=1&name=/a/b&bar",
        f"{GET_PARAMETER}?name=/a/b&name=/other",
        f"{GET_PARAMETER}?name=/a/b#fragment",
    ],
)
async def test_spellings_of_one_parameter(aws: FakeAws, cache: RunningCache, target: str) -> None:
    """With and without trailing or doubled slashes, encoded or raw: one upstream name."""
    answer = await cache.get(target)
    assert answer.status == 200
    assert aws.requests[-1].arguments == {"Name": "/a/b", "WithDecryption": False}


@pytest.mark.parametrize(
    "target",
    [
        f"{GET_SECRET}?secretId=n",
        f"{GET_SECRET}/?secretId=n",
        f"/{GET_SECRET}?secretId=n",
        f"{GET_SECRET}?secretId=n&withDecryption=true",
        f"{GET_SECRET}?versionId=&secretId=n&foo=1",
    ],
)
async def test_spellings_of_one_secret(aws: FakeAws, cache: RunningCache, target: str) -> None:
    """What a secret has no use for is ignored."""
    answer = await cache.get(target)
    assert answer.status == 200
    assert aws.requests[-1].arguments == {"SecretId": "n"}


@pytest.mark.parametrize("safe", [":/", ""], ids=["raw", "encoded"])
async def test_arns(aws: FakeAws, cache: RunningCache, safe: str) -> None:
    """ARNs work as they are and percent-encoded."""
    parameter, secret = f"{ARN_OF_PARAMETER}/a/b", f"{ARN_OF_SECRET}:n"
    assert (await cache.parameter(f"name={quote(parameter, safe=safe)}")).status == 200
    assert (await cache.secret(f"secretId={quote(secret, safe=safe)}")).status == 200
    assert aws.requests[0].arguments["Name"] == parameter
    assert aws.requests[1].arguments["SecretId"] == secret


async def test_absolute_form_of_the_target(aws: FakeAws, cache: RunningCache) -> None:
    """A client that takes the cache for a proxy sends the whole URL."""
    request = (
        f"GET http://localhost:2773{GET_SECRET}?secretId=n HTTP/1.1\r\nHost: localhost\r\n"
        f"X-Aws-Parameters-Secrets-Token: {cache.token}\r\nConnection: close\r\n\r\n"
    )
    assert (await cache.send_raw(request.encode())).startswith(b"HTTP/1.1 200")
    assert aws.operations == ["GetSecretValue"]


async def test_selector_inside_the_name_passes(aws: FakeAws, cache: RunningCache) -> None:
    """`name:3` is SSM's own form."""
    answer = await cache.parameter("name=/a/b:3")
    assert answer.json["Parameter"]["Selector"] == ":3"
    assert aws.requests[-1].arguments["Name"] == "/a/b:3"


async def test_names_are_understood_as_clients_spell_them(
    aws: FakeAws, cache: RunningCache
) -> None:
    """No name holds `%` or a blank, so encoded twice or with a bare plus there is one meaning."""
    aws.put_secret("a+b/c", "s")
    for spelled in ("a%2Bb%2Fc", "a+b/c", "a%252Bb%252Fc", "a%2Bb%252fc"):
        answer = await cache.secret(f"secretId={spelled}")
        assert answer.json["SecretString"] == "s"
    await cache.parameter("name=%252Fp%252Fs")
    await cache.get(f"{GET_BY_PATH}?path=%252Fp")
    assert aws.requests[0].arguments["SecretId"] == "a+b/c"
    assert aws.operations.count("GetSecretValue") == 1
    assert aws.requests[-2].arguments["Name"] == "/p/s"
    assert aws.requests[-1].arguments["Path"] == "/p"


@pytest.mark.parametrize("spelled", ["%25zz", "%25ff", "100%25"])
async def test_what_is_no_second_encoding_stays(cache: RunningCache, spelled: str) -> None:
    """A percent sign that encodes nothing is the caller's, and a broken encoding is refused."""
    assert (await cache.secret(f"secretId={spelled}")).status == 400


@pytest.mark.parametrize("value", ["t", "T", "TRUE", "1"])
async def test_switches_are_what_go_parses(aws: FakeAws, cache: RunningCache, value: str) -> None:
    """AWS's extension is written in Go."""
    await cache.parameter(f"name=p&withDecryption={value}")
    assert aws.requests[-1].arguments["WithDecryption"] is True


async def test_http_1_0_needs_no_host(aws: FakeAws, cache: RunningCache) -> None:
    """PHP's fsockopen and bash's /dev/tcp send none; a foreign one is refused in each version."""
    aws.put_secret("n", "s")
    token = f"{TOKEN_HEADER}: {cache.token}\r\n"
    line = f"GET {GET_SECRET}?secretId=n HTTP/1.0\r\n{token}"
    assert (await cache.send_raw(f"{line}\r\n".encode())).startswith(b"HTTP/1.1 200")
    foreign = await cache.send_raw(f"{line}Host: example.org\r\n\r\n".encode())
    assert foreign.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        (GET_PARAMETER, "name"),
        (f"{GET_PARAMETER}?", "name"),
        (f"{GET_PARAMETER}?name=", "name"),
        (f"{GET_PARAMETER}?secretId=n", "name"),
        (GET_SECRET, "secretId"),
        (f"{GET_SECRET}?secretId=", "secretId"),
        (f"{GET_SECRET}?secretid=n", "secretId"),
        ("/systemsmanager/parameters/getByPath", "path"),
    ],
)
async def test_missing_or_empty_id(
    aws: FakeAws, cache: RunningCache, target: str, missing: str
) -> None:
    """400 that names the parameter, and no upstream call."""
    answer = await cache.get(target)
    assert (answer.status, answer.body.decode()) == (400, f"{missing} is missing")
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    assert answer.headers["Content-Type"] == "text/plain"
    assert aws.requests == []


@pytest.mark.parametrize(
    "target", ["/", "/nope", "/secretsmanager", "/secretsmanager/get/x", "/secretsmanager%2Fget"]
)
async def test_unknown_path(cache: RunningCache, target: str) -> None:
    """404 with a good token."""
    answer = await cache.get(f"{target}?secretId=n")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/plain")


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
)
async def test_other_methods(aws: FakeAws, cache: RunningCache, method: str) -> None:
    """405, HEAD included, and the header that says what is allowed."""
    answer = await cache.request(method, f"{GET_SECRET}?secretId=n")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert aws.requests == []


async def test_ping_needs_no_token(cache: RunningCache) -> None:
    """A health check says 200 `healthy`."""
    answer = await cache.get("/ping", token="")
    assert (answer.status, answer.body) == (200, b"healthy")


@pytest.mark.parametrize(
    ("given", "decrypts"),
    [("TRUE", True), ("true", True), ("1", True), ("false", False), ("0", False), ("", False)],
)
async def test_spellings_of_with_decryption(
    aws: FakeAws, cache: RunningCache, given: str, decrypts: bool
) -> None:
    """True or false in any case, or 1 or 0; empty counts as absent."""
    await cache.parameter(f"name=/a/secure&withDecryption={given}")
    assert aws.requests[-1].arguments["WithDecryption"] is decrypts


async def test_with_decryption_is_not_guessed(aws: FakeAws, cache: RunningCache) -> None:
    """Anything else is a 400 that names it."""
    answer = await cache.parameter("name=/a/secure&withDecryption=xyz")
    assert (answer.status, answer.body) == (400, b"withDecryption must be true or false")
    assert aws.requests == []


@pytest.mark.parametrize(
    ("query", "decrypts"),
    [
        ("name=/a/secure", True),
        ("name=/a/secure&withDecryption=", True),
        ("name=/a/secure&withDecryption=true", True),
        ("name=/a/secure&withDecryption=false", False),
    ],
)
async def test_decryption_by_default(
    aws: FakeAws, serve: Serve, query: str, decrypts: bool
) -> None:
    """DISPATCH_CACHE_DECRYPT decrypts parameters unless the query says otherwise."""
    cache = await serve(DISPATCH_CACHE_DECRYPT="true")
    assert (await cache.parameter(query)).status == 200
    assert aws.requests[-1].arguments["WithDecryption"] is decrypts


@pytest.mark.parametrize(
    ("suffix", "query", "arguments", "body"),
    [
        (":user", "", {}, b"u"),
        (":user::", "", {}, b"u"),
        (":user:AWSCURRENT:", "", {"VersionStage": "AWSCURRENT"}, b"u"),
        (":user:AWSPENDING:", "&versionStage=AWSCURRENT", {"VersionStage": "AWSCURRENT"}, b"u"),
        (":user", "&jsonKey=other", {}, b"o"),
    ],
)
async def test_arn_as_ecs_writes_it(
    aws: FakeAws, cache: RunningCache, suffix: str, query: str, arguments: object, body: bytes
) -> None:
    """Key, stage and version may follow the ARN; what the query says itself takes precedence."""
    aws.put_secret("json", '{"user":"u","other":"o"}')
    arn = f"{ARN_OF_SECRET}:json"
    answer = await cache.get(f"{GET_SECRET}?secretId={arn}{suffix}{query}")
    assert (answer.status, answer.body) == (200, body)
    asked = {k: v for k, v in aws.requests[-1].arguments.items() if k != "SecretId"}
    assert (aws.requests[-1].arguments["SecretId"], asked) == (arn, arguments)


async def test_version_in_an_arn_as_ecs_writes_it(aws: FakeAws, cache: RunningCache) -> None:
    """A version without key and stage is asked for; a further colon is for AWS to judge."""
    arn, version = f"{ARN_OF_SECRET}:n", "1" * 32
    await cache.get(f"{GET_SECRET}?secretId={arn}:::{version}")
    assert aws.requests[-1].arguments == {"SecretId": arn, "VersionId": version}
    await cache.get(f"{GET_SECRET}?secretId={arn}:a:b:c:d")
    assert aws.requests[-1].arguments == {"SecretId": f"{arn}:a:b:c:d"}


async def test_decryption_by_default_below_a_path(aws: FakeAws, serve: Serve) -> None:
    """DISPATCH_CACHE_DECRYPT applies to getByPath as well; a secret's answer does not change."""
    cache = await serve(DISPATCH_CACHE_DECRYPT="true")
    assert (await cache.get(f"{GET_BY_PATH}?path=/a")).status == 200
    assert aws.requests[-1].arguments["WithDecryption"] is True
    assert (await cache.get(f"{GET_SECRET}?secretId=n")).json["SecretString"] == "s"
    assert set(aws.requests[-1].arguments) == {"SecretId"}


async def test_version_that_is_no_number_is_for_aws_to_judge(
    aws: FakeAws, cache: RunningCache
) -> None:
    """The selector passes through as it was given."""
    await cache.parameter("name=/a/b&version=abc")
    assert aws.requests[-1].arguments["Name"] == "/a/b:abc"
