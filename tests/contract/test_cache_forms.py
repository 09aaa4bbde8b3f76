"""Forms: everything under a path, the bare value, one key of a JSON secret."""

from __future__ import annotations

import base64

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import (
    FakeAws,
)
from tests.running_cache import GET_BY_PATH, RunningCache


async def test_parameters_by_path(aws: FakeAws, cache: RunningCache) -> None:
    """All pages in one body, recursive or not, decrypted or not."""
    for name in ("/a/x/1", "/a/x/2", "/a/x/y/3"):
        aws.put_parameter(name, name)
    flat = await cache.get(f"{GET_BY_PATH}?path=/a/x")
    deep = await cache.get(f"{GET_BY_PATH}?path=%2Fa&recursive=true&withDecryption=true")
    assert [each["Name"] for each in flat.json["Parameters"]] == ["/a/x/1", "/a/x/2"]
    assert flat.body.startswith(b'{"NextToken":null,"Parameters":[{"ARN":')
    values = [each["Value"] for each in deep.json["Parameters"]]
    assert values == ["v", "plaintext", "/a/x/1", "/a/x/2", "/a/x/y/3"]
    assert (await cache.get(f"{GET_BY_PATH}?path=/a/x")).cache == "HIT"


async def test_endless_path_is_given_up(aws: FakeAws, cache: RunningCache) -> None:
    """A hundred pages are as many parameters as the cache has entries."""
    for number in range(202):
        aws.put_parameter(f"/many/{number:03}", "v")
    answer = await cache.get(f"{GET_BY_PATH}?path=/many")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidResponse")
    assert len(aws.requests) == 100


async def test_raw_values(aws: FakeAws, cache: RunningCache) -> None:
    """The value alone: text as text/plain, bytes as they are."""
    aws.put_secret("bin", "", SecretBinary=base64.b64encode(b"\x00\xff").decode())
    del aws.secrets["bin"]["SecretString"]
    aws.put_secret("n", "grüße <&>")
    text = await cache.secret("secretId=n&raw=true")
    assert (text.body.decode(), text.cache) == ("grüße <&>", "MISS")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (await cache.parameter("name=/a/b&raw=1")).body == b"v"
    binary = await cache.secret("secretId=bin&raw=true")
    assert binary.body == b"\x00\xff"
    assert binary.headers["Content-Type"] == "application/octet-stream"
    assert (await cache.secret("secretId=n")).cache == "HIT"


SECRET = '{"db": {"password": "p<w", "ports": [1, 2]}, "a.b": "dotted", "no": null, "t": true}'


@pytest.mark.parametrize(
    ("json_key", "content_type", "body"),
    [
        ("db.password", "text/plain; charset=utf-8", "p<w"),
        ("a.b", "text/plain; charset=utf-8", "dotted"),
        ("db.ports", "application/json", "[1,2]"),
        ("db.ports.1", "application/json", "2"),
        ("no", "application/json", "null"),
        ("t", "application/json", "true"),
    ],
)
async def test_one_key_of_a_json_secret(
    aws: FakeAws, cache: RunningCache, json_key: str, content_type: str, body: str
) -> None:
    """Dots lead into objects and lists; strings come bare, the rest as JSON."""
    aws.put_secret("n", SECRET)
    answer = await cache.secret(f"secretId=n&jsonKey={json_key}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.body.decode() == body


@pytest.mark.parametrize(
    ("json_key", "body"),
    [
        ("price", "1.10"),
        ("big", "1e3"),
        ("huge", "12345678901234567890123"),
        ("zero", "-0"),
        ("all", '{"x":[1.50,"1.50",1E400]}'),
    ],
)
async def test_numbers_are_as_they_were_written(
    aws: FakeAws, cache: RunningCache, json_key: str, body: str
) -> None:
    """A version `1.10` is not `1.1`; a byte-order mark before the JSON does not matter."""
    numbers = '"price": 1.10, "big": 1e3, "huge": 12345678901234567890123, "zero": -0'
    aws.put_secret("n", f'\ufeff{{{numbers}, "all": {{"x": [1.50, "1.50", 1E400]}}}}')
    answer = await cache.secret(f"secretId=n&jsonKey={json_key}")
    assert (answer.body.decode(), answer.headers["Content-Type"]) == (body, "application/json")


async def test_values_are_not_for_other_caches(aws: FakeAws, cache: RunningCache) -> None:
    """A caching HTTP client would keep a secret, perhaps on a disk."""
    aws.put_secret("n", "s")
    for form in ("", "&raw=true"):
        answer = await cache.secret(f"secretId=n{form}")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("json_key", ["nope", "db.nope", "db.ports.2", "db.ports.-1", "t.x", "."])
async def test_key_that_is_not_there(aws: FakeAws, cache: RunningCache, json_key: str) -> None:
    """400 that tells nothing of the value."""
    aws.put_secret("n", SECRET)
    answer = await cache.secret(f"secretId=n&jsonKey={json_key}")
    assert (answer.status, answer.body) == (400, b"jsonKey: the value has no such key")
    assert answer.headers["x-amzn-errortype"] == "ValidationException"


async def test_key_that_is_not_there_as_json(aws: FakeAws, serve: Serve) -> None:
    """Who asked for errors as JSON gets this one so, too."""
    aws.put_secret("n", SECRET)
    cache = await serve(DISPATCH_CACHE_ERRORS="json")
    answer = await cache.secret("secretId=n&jsonKey=nope")
    assert (answer.status, answer.json["error"]["code"]) == (400, "ValidationException")


@pytest.mark.parametrize("value", ["plain text", "", "[" * 100_000, "9" * 10_000])
async def test_json_key_of_what_is_no_json_object(
    aws: FakeAws, cache: RunningCache, value: str
) -> None:
    """The same 400, however strange the value."""
    aws.put_secret("n", value)
    assert (await cache.secret("secretId=n&jsonKey=a")).status == 400


async def test_raw_of_a_value_that_is_none(aws: FakeAws, cache: RunningCache) -> None:
    """A reference to a binary secret has no text to send."""
    aws.put_parameter("/r", "x", Type="SecureString", SourceResult="{}")
    del aws.parameters["/r"]["Value"]
    assert (await cache.parameter("name=/r&withDecryption=true&raw=true")).status == 400


@pytest.mark.parametrize("form", ["raw=true", "jsonKey=a"])
async def test_paths_have_no_bare_form(cache: RunningCache, form: str) -> None:
    """Many parameters have not one value."""
    assert (await cache.get(f"{GET_BY_PATH}?path=/a&{form}")).status == 400
