"""The endpoints are reached by the names of AWS over TLS, over plain HTTP, and as if proxied."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.simulator.aws.messages import point, points, span, spans
from tests.simulator.aws.signed import NOW_S, PROTOBUF, Signed

URL = "https://xray.eu-central-1.amazonaws.com/v1/traces"
BODY = spans(span()).SerializeToString()


@pytest.fixture
async def current() -> AsyncIterator[AwsEndpoints]:
    """The endpoints at the machine's time, for clients that sign at no other."""
    async with AwsEndpoints() as aws:
        yield aws


async def test_name_of_aws_over_tls(aws: AwsEndpoints) -> None:
    """Proxy and certificates of the environment lead any client to the endpoints."""
    response = await Signed(url=URL, body=BODY).send_through(aws.proxy_url, bundle=aws.bundle)

    assert response.status == 200
    assert [span.name for span in aws.spans] == ["work"]
    assert aws.environment["HTTPS_PROXY"] == aws.proxy_url
    assert aws.environment["SSL_CERT_FILE"] == str(aws.bundle)


async def test_many_names_over_one_proxy(aws: AwsEndpoints) -> None:
    """Each name has a certificate; another partition's and a VPC endpoint's too."""
    body = points([point()]).SerializeToString()
    names = (
        "monitoring.cn-north-1.amazonaws.com.cn",
        "vpce-0a1b2c3d4e5f60718-abcdefgh.monitoring.eu-central-1.vpce.amazonaws.com",
    )
    for name in names:
        signed = Signed(
            url=f"https://{name}/v1/metrics",
            body=body,
            service="monitoring",
            region="cn-north-1" if name.endswith(".cn") else "eu-central-1",
        )
        response = await signed.send_through(aws.proxy_url, bundle=aws.bundle)
        assert response.status == 200


@pytest.mark.parametrize("name", ["example.com", "xray.cn-north-1.amazonaws.com"])
async def test_other_names_are_refused(aws: AwsEndpoints, name: str) -> None:
    """Nothing leaves the machine."""
    signed = Signed(url=f"https://{name}/", service="xray")

    with pytest.raises(OSError, match="502 Bad Gateway"):
        await signed.send_through(aws.proxy_url, bundle=aws.bundle)


async def test_cut_connection_is_cut_through_the_proxy(aws: AwsEndpoints) -> None:
    """A service that is down is down over TLS too."""
    aws.trouble.down.add("xray")

    with pytest.raises((OSError, http.client.HTTPException)):
        await Signed(url=URL, body=BODY).send_through(aws.proxy_url, bundle=aws.bundle)
    assert [it.status for it in aws.exchanges] == [0]


async def test_aiohttp_through_the_proxy(aws: AwsEndpoints) -> None:
    """A client that adds headers of its own is as welcome, on a connection that is kept."""
    context = ssl.create_default_context(cafile=str(aws.bundle))
    headers = Signed(url=URL, body=BODY).signed_headers()
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(
                URL, data=BODY, headers=headers, proxy=aws.proxy_url, ssl=context
            ) as answer:
                assert answer.status == 200


async def test_plain_http_through_a_proxy_or_by_host(aws: AwsEndpoints) -> None:
    """Without TLS a request may name the whole URL, as plain proxies get it."""
    signed = Signed(url=URL.replace("https", "http"), body=BODY)
    connection = http.client.HTTPConnection(urlsplit(aws.url).netloc, timeout=30)

    def send() -> int:
        connection.request("POST", signed.url, BODY, signed.signed_headers())
        return connection.getresponse().status

    assert await asyncio.to_thread(send) == 200
    connection.close()
    assert (await signed.send(aws.url)).status == 200


async def test_host_of_its_own(aws: AwsEndpoints) -> None:
    """Behind a proxy's name the path tells the service; the signature has the proxy's host."""
    body = points([point()]).SerializeToString()
    signed = Signed(url=f"{aws.url}/v1/metrics", body=body, service="monitoring")

    assert (await signed.send(aws.url)).status == 200
    assert aws.exchanges[0].service == "monitoring"


def client(service: str, aws: AwsEndpoints) -> Any:
    """Return a client of boto3 that finds the endpoints by their URL."""
    key = AccessKey()
    return boto3.session.Session().client(
        service,
        endpoint_url=aws.url,
        region_name="eu-central-1",
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        aws_session_token=key.token,
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


async def test_boto3_can_use_the_bucket(current: AwsEndpoints) -> None:
    """AWS's own client writes, reads, lists and deletes, and understands the errors."""

    def use() -> list[str]:
        s3 = client("s3", current)
        for number in range(3):
            s3.put_object(Bucket="dead-letters", Key=f"a/{number} é", Body=b"content")
        read = s3.get_object(Bucket="dead-letters", Key="a/0 é")["Body"].read()
        assert read == b"content"
        s3.delete_object(Bucket="dead-letters", Key="a/1 é")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket="dead-letters", Prefix="a/", PaginationConfig={"PageSize": 1}
        )
        keys = [it["Key"] for page in pages for it in page.get("Contents", [])]
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3.get_object(Bucket="dead-letters", Key="a/1 é")
        s3.close()
        return keys

    assert await asyncio.to_thread(use) == ["a/0 é", "a/2 é"]


async def test_boto3_can_create_groups_and_streams(current: AwsEndpoints) -> None:
    """AWS's own client creates them, and understands that they exist."""

    def use() -> None:
        logs = client("logs", current)
        logs.create_log_group(logGroupName="/a")
        logs.create_log_stream(logGroupName="/a", logStreamName="s")
        with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName="/a")
        logs.close()

    await asyncio.to_thread(use)
    assert current.log_groups["/a"].streams == {"s"}


async def test_waiting_for_an_arrival(aws: AwsEndpoints) -> None:
    """A test waits for what must come, and its failure says what came instead."""
    signed = Signed(url=URL, body=BODY, at_s=NOW_S - 900, headers=PROTOBUF)
    await asyncio.gather(aws.wait_for(lambda aws: bool(aws.exchanges)), signed.send(aws.url))

    with pytest.raises(TimeoutError, match="/v1/traces 403 InvalidSignatureException"):
        await aws.wait_for(lambda aws: bool(aws.spans), deadline_s=0.01)
