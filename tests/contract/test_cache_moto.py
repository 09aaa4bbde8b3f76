"""The same contract on the real wire: boto3 against moto's server, which models AWS's answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import boto3
import pytest
import pytest_asyncio
from botocore.config import Config

from simulator.aws import LocalAws
from tests.running_cache import GET_BY_PATH, RunningCache

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local_aws() -> AsyncIterator[LocalAws]:
    """Parameter Store and Secrets Manager with something in them."""
    async with LocalAws() as aws:
        await aws.put_parameter("/app/url", value="first")
        await aws.put_parameter("/app/url", value="second")
        await aws.put_parameter("/app/list", value="a,b,c", kind="StringList")
        await aws.put_parameter("/app/deep/password", value="hunter2", kind="SecureString")
        await aws.put_secret("app/text", value='{"user": "u<>&"}')
        await aws.put_secret("app/binary", value=b"\x00\xff")
        yield aws


@pytest_asyncio.fixture(loop_scope="module")
async def cache(local_aws: LocalAws) -> AsyncIterator[RunningCache]:
    """A cache of its own for each test."""
    async with RunningCache(local_aws.environment) as running:
        yield running


async def test_parameter(cache: RunningCache) -> None:
    """Key set and order of the body."""
    answer = await cache.parameter("name=/app/url")
    assert list(answer.json) == ["Parameter", "ResultMetadata"]
    assert list(answer.json["Parameter"]) == [
        "ARN", "DataType", "LastModifiedDate", "Name", "Selector", "SourceResult", "Type",
        "Value", "Version",
    ]  # fmt: skip
    parameter = answer.json["Parameter"]
    assert (parameter["Value"], parameter["Version"], parameter["Selector"]) == ("second", 2, None)
    assert parameter["LastModifiedDate"].endswith("Z")


async def test_version_of_a_parameter(cache: RunningCache) -> None:
    """An older version by number."""
    answer = await cache.parameter("name=/app/url&version=1")
    assert answer.json["Parameter"]["Value"] == "first"


async def test_string_list(cache: RunningCache) -> None:
    """A comma string."""
    assert (await cache.parameter("name=/app/list")).json["Parameter"]["Value"] == "a,b,c"


async def test_secure_string(cache: RunningCache) -> None:
    """Ciphertext unless decryption is asked for."""
    encrypted = (await cache.parameter("name=/app/deep/password")).json["Parameter"]["Value"]
    assert encrypted != "hunter2"
    answer = await cache.parameter("name=/app/deep/password&withDecryption=true")
    assert answer.json["Parameter"]["Value"] == "hunter2"


async def test_secrets(cache: RunningCache) -> None:
    """Text and bytes, by name and by ARN, by stage and by version."""
    text = (await cache.secret("secretId=app/text")).json
    assert list(text) == [
        "ARN", "CreatedDate", "Name", "SecretBinary", "SecretString", "VersionId",
        "VersionStages", "ResultMetadata",
    ]  # fmt: skip
    assert (text["SecretString"], text["VersionStages"]) == ('{"user": "u<>&"}', ["AWSCURRENT"])
    assert (await cache.secret("secretId=app/binary")).json["SecretBinary"] == "AP8="
    for query in (
        f"secretId={text['ARN']}",
        "secretId=app/text&versionStage=AWSCURRENT",
        f"secretId=app/text&versionId={text['VersionId']}",
    ):
        assert (await cache.secret(query)).json["SecretString"] == text["SecretString"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/systemsmanager/parameters/get?name=/nope", "ParameterNotFound"),
        ("/systemsmanager/parameters/get?name=/app/url&version=99", "ParameterVersionNotFound"),
        ("/secretsmanager/get?secretId=nope", "ResourceNotFoundException"),
        ("/secretsmanager/get?secretId=app/text&versionStage=NOPE", "ResourceNotFoundException"),
        ("/secretsmanager/get?secretId=app/text&versionId=short", None),
    ],
)
async def test_refusals(cache: RunningCache, target: str, code: str | None) -> None:
    """The generic text, and the code in a header; a short version id is for AWS to judge."""
    answer = await cache.get(target)
    assert answer.status == 400
    assert answer.body == b"an unexpected error occurred while executing request"
    assert answer.headers["x-amzn-errortype"] == code or code is None


async def test_path(cache: RunningCache) -> None:
    """Everything under a path, decrypted."""
    answer = await cache.get(f"{GET_BY_PATH}?path=/app&recursive=true&withDecryption=true")
    values = {each["Name"]: each["Value"] for each in answer.json["Parameters"]}
    assert values == {
        "/app/url": "second",
        "/app/list": "a,b,c",
        "/app/deep/password": "hunter2",
    }


async def test_another_region(local_aws: LocalAws, cache: RunningCache) -> None:
    """A secret and a parameter by their ARNs; by their names they are not in this region."""
    far = client(local_aws, "secretsmanager", region="eu-west-1")
    arn = (await asyncio.to_thread(far.create_secret, Name="app/far", SecretString="far"))["ARN"]
    answer = await cache.secret(f"secretId={arn}")
    assert (answer.json["SecretString"], answer.headers["X-Cache-Region"]) == ("far", "eu-west-1")
    assert (await cache.secret("secretId=app/far")).status == 400
    store = client(local_aws, "ssm", region="eu-west-1")
    await asyncio.to_thread(store.put_parameter, Name="/far", Value="far", Type="String")
    account = arn.split(":")[4]
    answer = await cache.parameter(f"name=arn:aws:ssm:eu-west-1:{account}:parameter/far")
    assert answer.json["Parameter"]["Value"] == "far"


async def test_replicas(local_aws: LocalAws) -> None:
    """An ARN of the first region is rewritten for the one that is asked."""
    home = client(local_aws, "secretsmanager", region="eu-central-1")
    created = await asyncio.to_thread(
        home.create_secret,
        Name="app/replicated",
        SecretString="r",
        AddReplicaRegions=[{"Region": "eu-west-1"}],
    )
    environ = local_aws.environment | {"DISPATCH_SECRETS_REGIONS": "eu-west-1,eu-central-1"}
    async with RunningCache(environ) as cache:
        answer = await cache.secret(f"secretId={created['ARN']}")
        assert answer.json["SecretString"] == "r"
        assert answer.headers["X-Cache-Region"] == "eu-west-1"


async def test_another_role(local_aws: LocalAws, cache: RunningCache) -> None:
    """The secret of another account, which has the same name as one of ours."""
    role = "arn:aws:iam::222222222222:role/reader"
    sts = client(local_aws, "sts", region="eu-central-1")
    session = await asyncio.to_thread(sts.assume_role, RoleArn=role, RoleSessionName="seed")
    theirs = client(
        local_aws, "secretsmanager", region="eu-central-1", session=session["Credentials"]
    )
    await asyncio.to_thread(theirs.create_secret, Name="app/text", SecretString="theirs")
    answer = await cache.secret(f"secretId=app/text&roleArn={role}")
    assert answer.json["SecretString"] == "theirs"
    assert ":222222222222:" in answer.json["ARN"]
    assert (await cache.secret("secretId=app/text")).json["SecretString"] == '{"user": "u<>&"}'


def client(
    aws: LocalAws, service: str, *, region: str, session: Mapping[str, str] | None = None
) -> Any:
    """Return a client that asks as the function, or in a session of a role."""
    own = aws.environment
    key, secret, token = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    session = session or {key: own["AWS_ACCESS_KEY_ID"], secret: own["AWS_SECRET_ACCESS_KEY"]}
    return boto3.session.Session().client(
        service,
        endpoint_url=aws.url,
        region_name=region,
        aws_access_key_id=session[key],
        aws_secret_access_key=session[secret],
        aws_session_token=session.get(token),
        config=Config(proxies={}),
    )


async def test_rotation(local_aws: LocalAws, cache: RunningCache) -> None:
    """The new value shows after a refresh; AWS is asked twice in all."""
    await local_aws.put_secret("app/rotated", value="old")
    await cache.secret("secretId=app/rotated")
    await local_aws.put_secret("app/rotated", value="new")
    assert (await cache.secret("secretId=app/rotated")).json["SecretString"] == "old"
    refreshed = await cache.secret("secretId=app/rotated&refresh=true")
    assert refreshed.json["SecretString"] == "new"
    assert (await cache.secret("secretId=app/rotated")).json["SecretString"] == "new"
    assert [call.name for call in local_aws.calls].count("app/rotated") == 2


async def test_batched_prefetch(local_aws: LocalAws) -> None:
    """GetParameters on the real wire: each name finds its answer."""
    environ = local_aws.environment | {
        "DISPATCH_CACHE_BATCH": "on",
        "DISPATCH_CACHE_PREFETCH": "ssm:/app/url,ssm:/app/url:1,ssm:/app/list,ssm:/nope",
    }
    before = len(local_aws.calls)
    async with RunningCache(environ) as cache:
        calls = [call.operation for call in local_aws.calls[before:]]
        assert calls.count("GetParameters") == 1
        for query, value in (
            ("name=/app/url", "second"),
            ("name=/app/url:1", "first"),
            ("name=/app/list", "a,b,c"),
        ):
            answer = await cache.parameter(query)
            assert answer.json["Parameter"]["Value"] == value
            assert answer.cache == "HIT"


async def test_several_at_once(cache: RunningCache) -> None:
    """Each with its own status, secrets and parameters alike."""
    path = "/systemsmanager/parameters/getMany"
    answer = await cache.get(f"{path}?raw=true&name=/app/url&name=/app/list&name=/app/none")
    assert [each.get("value") for each in answer.json["results"]] == ["second", "a,b,c", None]
    answer = await cache.get("/secretsmanager/getMany?secretId=app/binary&secretId=app/none")
    found, missing = answer.json["results"]
    assert found["value"]["SecretBinary"] == "AP8="
    assert missing["error"]["code"] == "ResourceNotFoundException"
