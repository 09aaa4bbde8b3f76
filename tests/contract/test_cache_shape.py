"""Shape: the bodies are those of AWS's own extension, byte for byte where clients rely on it."""

from __future__ import annotations

import base64
import json

import pytest

from tests.fake_aws import ARN_OF_PARAMETER, ARN_OF_SECRET, FakeAws
from tests.running_cache import RunningCache


async def test_parameter_body_is_compact_with_keys_in_order_and_nulls(cache: RunningCache) -> None:
    """A parameter comes as Go marshals GetParameterOutput: alphabetical, ResultMetadata last."""
    answer = await cache.parameter("name=%2Fa%2Fb")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body.decode() == (
        f'{{"Parameter":{{"ARN":"{ARN_OF_PARAMETER}/a/b","DataType":"text",'
        '"LastModifiedDate":"2022-11-16T08:22:40.362Z","Name":"/a/b","Selector":null,'
        '"SourceResult":null,"Type":"String","Value":"v","Version":1},"ResultMetadata":{}}'
    )


async def test_secret_body_is_compact_with_keys_in_order_and_nulls(cache: RunningCache) -> None:
    """A secret comes as Go marshals GetSecretValueOutput."""
    answer = await cache.secret("secretId=n")
    assert answer.status == 200
    assert answer.body.decode() == (
        f'{{"ARN":"{ARN_OF_SECRET}:n-MFUBmH","CreatedDate":"2022-11-16T08:22:40.499Z","Name":"n",'
        '"SecretBinary":null,"SecretString":"s",'
        '"VersionId":"b1c367b9-0000-0000-0000-000000000001","VersionStages":["AWSCURRENT"],'
        '"ResultMetadata":{}}'
    )


async def test_string_list_is_a_comma_string(aws: FakeAws, cache: RunningCache) -> None:
    """A StringList keeps its comma form."""
    aws.put_parameter("/list", "a,b,c", Type="StringList")
    assert (await cache.parameter("name=/list")).json["Parameter"]["Value"] == "a,b,c"


async def test_secure_string_is_decrypted_only_on_request(cache: RunningCache) -> None:
    """Without withDecryption the ciphertext comes back, with status 200."""
    encrypted = await cache.parameter("name=/a/secure")
    decrypted = await cache.parameter("name=/a/secure&withDecryption=true")
    assert (encrypted.status, encrypted.json["Parameter"]["Value"]) == (200, "Y2lwaGVydGV4dA==")
    assert decrypted.json["Parameter"]["Value"] == "plaintext"


@pytest.mark.parametrize(
    ("query", "asked", "selector"),
    [
        ("version=1", "/a/b:1", ":1"),
        ("label=Dev", "/a/b:Dev", ":Dev"),
        ("version=1&label=Dev", "/a/b:1", ":1"),
        ("label=Dev&version=1", "/a/b:Dev", ":Dev"),
        ("version=&label=Dev", "/a/b:Dev", ":Dev"),
    ],
)
async def test_first_selector_in_the_url_wins(
    aws: FakeAws, cache: RunningCache, query: str, asked: str, selector: str
) -> None:
    """Version or label, whichever stands first, becomes the selector of the name."""
    answer = await cache.parameter(f"name=/a/b&{query}")
    assert aws.requests[-1].arguments["Name"] == asked
    assert answer.json["Parameter"]["Selector"] == selector


async def test_selector_before_the_name_counts_too(aws: FakeAws, cache: RunningCache) -> None:
    """The order between selector and name does not matter."""
    await cache.parameter("label=Dev&name=/a/b")
    assert aws.requests[-1].arguments["Name"] == "/a/b:Dev"


async def test_reference_to_a_secret(aws: FakeAws, cache: RunningCache) -> None:
    """A reference parameter has version 0, no data type, and the raw secret as a string."""
    name = "/aws/reference/secretsmanager/x"
    raw = json.dumps({"SecretString": "s"})
    aws.put_parameter(name, "s", Type="SecureString", SourceResult=raw, DataType=None, Version=0)
    del aws.parameters[name]["DataType"]
    found = (await cache.parameter(f"name={name}&withDecryption=true")).json["Parameter"]
    assert (found["Version"], found["DataType"], found["SourceResult"]) == (0, None, raw)


async def test_reference_to_a_binary_secret_has_no_value(aws: FakeAws, cache: RunningCache) -> None:
    """The bytes are only inside SourceResult."""
    name = "/aws/reference/secretsmanager/binary"
    aws.put_parameter(name, None, Type="SecureString", SourceResult='{"SecretBinary":"AAE="}')
    del aws.parameters[name]["Value"]
    found = (await cache.parameter(f"name={name}&withDecryption=true")).json["Parameter"]
    assert (found["Value"], found["SourceResult"]) == (None, '{"SecretBinary":"AAE="}')


async def test_binary_secret_is_base64(aws: FakeAws, cache: RunningCache) -> None:
    """SecretBinary is standard base64 and SecretString null."""
    content = bytes(range(256))
    aws.put_secret("bin", "", SecretBinary=base64.b64encode(content).decode())
    del aws.secrets["bin"]["SecretString"]
    found = (await cache.secret("secretId=bin")).json
    assert (base64.b64decode(found["SecretBinary"]), found["SecretString"]) == (content, None)


async def test_version_of_a_secret_passes_through(aws: FakeAws, cache: RunningCache) -> None:
    """The upstream request holds exactly the stage and the id that the caller sent."""
    await cache.secret("secretId=n")
    await cache.secret("secretId=n&versionStage=AWSPREVIOUS")
    await cache.secret("secretId=n&versionId=short")
    assert [request.arguments for request in aws.requests] == [
        {"SecretId": "n"},
        {"SecretId": "n", "VersionStage": "AWSPREVIOUS"},
        {"SecretId": "n", "VersionId": "short"},
    ]


@pytest.mark.parametrize(
    ("epoch_s", "written"),
    [
        (1668586960.362, "2022-11-16T08:22:40.362Z"),
        (1668586960.360, "2022-11-16T08:22:40.36Z"),
        (1668586960.000, "2022-11-16T08:22:40Z"),
        (1668586960.9996, "2022-11-16T08:22:41Z"),
        (0.5, "1970-01-01T00:00:00.5Z"),
    ],
)
async def test_dates_are_those_of_go(
    aws: FakeAws, cache: RunningCache, epoch_s: float, written: str
) -> None:
    """RFC 3339 in UTC, the fraction without trailing zeros."""
    aws.put_parameter("/dated", "v", LastModifiedDate=epoch_s)
    found = (await cache.parameter("name=/dated")).json["Parameter"]
    assert found["LastModifiedDate"] == written


async def test_java_sample_finds_the_value_by_offset(cache: RunningCache) -> None:
    """AWS's Java sample takes what stands 15 characters after `SecretString`."""
    body = (await cache.secret("secretId=n")).body.decode()
    start = body.index("SecretString") + 15
    assert body[start : body.index('"', start)] == "s"


AWKWARD = '<>&"\\ \U0001f511 line\nbreak \x00 \u2028 \ud83d done'


async def test_awkward_characters_round_trip(aws: FakeAws, cache: RunningCache) -> None:
    """Markup, quotes, emoji, line breaks and NUL survive; half a surrogate pair cannot."""
    aws.put_secret("odd", AWKWARD)
    answer = await cache.secret("secretId=odd")
    assert answer.json["SecretString"] == AWKWARD.replace("\ud83d", "\ufffd")
    assert rb"\u003c\u003e\u0026" in answer.body
    assert "\U0001f511".encode() in answer.body


async def test_largest_values_arrive_whole(aws: FakeAws, cache: RunningCache) -> None:
    """64 KB of text or of bytes, the most that Secrets Manager holds."""
    text, content = "x" * 65_536, bytes(65_536)
    aws.put_secret("text", text)
    aws.put_secret("bytes", "", SecretBinary=base64.b64encode(content).decode())
    assert (await cache.secret("secretId=text")).json["SecretString"] == text
    binary = (await cache.secret("secretId=bytes")).json["SecretBinary"]
    assert base64.b64decode(binary) == content


async def test_response_metadata_of_botocore_never_leaks(cache: RunningCache) -> None:
    """ResultMetadata is empty and ResponseMetadata absent."""
    for answer in (await cache.parameter("name=/a/b"), await cache.secret("secretId=n")):
        assert answer.json["ResultMetadata"] == {}
        assert b"ResponseMetadata" not in answer.body
