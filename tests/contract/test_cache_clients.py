"""Clients as people write them, unchanged but for the port: they are the contract's readers."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from tests.fake_aws import ARN_OF_PARAMETER, ARN_OF_SECRET
from tests.running_cache import RunningCache


async def _run(*command: str, **variables: str) -> str:
    """Run a program; return its output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def _aws_blog(cache: RunningCache) -> tuple[str, str]:
    """Read both kinds as the AWS blog's function does: urllib3, a pool, raw names."""
    http = urllib3.PoolManager()
    headers = {"X-Aws-Parameters-Secrets-Token": cache.token}
    port = str(cache.port)

    def retrieve_extension_value(url: str) -> dict[str, Any]:
        url = "http://localhost:" + port + url
        response = http.request("GET", url, headers=headers)
        answer: dict[str, Any] = json.loads(response.data)
        return answer

    parameter = retrieve_extension_value("/systemsmanager/parameters/get/?name=" + "/a/b")
    secret = retrieve_extension_value("/secretsmanager/get?secretId=" + "n")
    http.clear()
    return parameter["Parameter"]["Value"], secret["SecretString"]


def _urllib(cache: RunningCache) -> tuple[str, str]:
    """Read both as the documentation's samples do: urllib.request, header set afterwards."""

    def read(target: str) -> dict[str, Any]:
        request = urllib.request.Request(f"http://localhost:{cache.port}{target}")
        request.add_header("X-Aws-Parameters-Secrets-Token", cache.token)
        with urllib.request.urlopen(request) as response:
            answer: dict[str, Any] = json.loads(response.read())
            return answer

    parameter = read("//systemsmanager/parameters/get/?name=%2Fa%2Fb")
    return parameter["Parameter"]["Value"], read("//secretsmanager/get?secretId=n")["SecretString"]


def _powertools(cache: RunningCache) -> tuple[str, str]:
    """Read both by raw ARN, with decryption always on, as provider libraries do."""
    http = urllib3.PoolManager(headers={"x-aws-parameters-secrets-token": cache.token})

    def get(path: str, **fields: str) -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        response = http.request("GET", f"http://127.0.0.1:{cache.port}{path}?{query}")
        assert response.status == 200
        answer: dict[str, Any] = response.json()
        return answer

    parameter = get(
        "/systemsmanager/parameters/get", name=f"{ARN_OF_PARAMETER}/a/b", withDecryption="true"
    )
    secret = get("/secretsmanager/get", secretId=f"{ARN_OF_SECRET}:n", withDecryption="true")
    http.clear()
    return parameter["Parameter"]["Value"], secret["SecretString"]


@pytest.mark.parametrize("client", [_aws_blog, _urllib, _powertools])
async def test_python_clients(
    cache: RunningCache, client: Callable[[RunningCache], tuple[str, str]]
) -> None:
    """urllib3 from the AWS blog, urllib from the documentation, a provider library with ARNs."""
    assert await asyncio.to_thread(client, cache) == ("v", "s")


async def test_curl(cache: RunningCache) -> None:
    """The documentation's own example."""
    curl = _found("curl")
    output = await _run(
        curl,
        "--silent",
        "--fail",
        "--header",
        f"X-Aws-Parameters-Secrets-Token: {cache.token}",
        f"http://localhost:{cache.port}/systemsmanager/parameters/get?name=%2Fa%2Fb",
    )
    assert json.loads(output)["Parameter"]["Value"] == "v"


NODE = """
const url = `http://localhost:${process.env.PORT}/secretsmanager/get?secretId=n`;
const headers = {'X-Aws-Parameters-Secrets-Token': process.env.AWS_SESSION_TOKEN};
(async () => {
  const answers = await Promise.all([1, 2, 3].map(() => fetch(url, {headers})));
  const secrets = await Promise.all(answers.map((answer) => answer.json()));
  console.log(secrets.map((secret) => secret.SecretString).join());
})();
"""


async def test_node_fetch(cache: RunningCache) -> None:
    """Node's fetch, which tries ::1 before 127.0.0.1."""
    node = _found("node")
    output = await _run(node, "-e", NODE, PORT=str(cache.port), AWS_SESSION_TOKEN=cache.token)
    assert output.strip() == "s,s,s"


async def test_pooled_connection_survives_a_freeze(cache: RunningCache) -> None:
    """A function's connection is good after hours without a request."""
    reader, writer = await asyncio.open_connection(cache.host, cache.port)
    request = (
        "GET /secretsmanager/get?secretId=n&raw=true HTTP/1.1\r\nHost: localhost\r\n"
        f"X-Aws-Parameters-Secrets-Token: {cache.token}\r\n\r\n"
    ).encode()
    for _ in range(2):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:14]
        assert b"connection: close" not in head.lower()
        assert await reader.readexactly(1) == b"s"
        cache.clock.freeze(7200)
    writer.close()


async def test_process_with_a_time_zone(cache: RunningCache) -> None:
    """Dates are UTC whatever TZ says: a whole process, for TZ is read once."""
    program = (
        "from datetime import datetime\n"
        "from extension.parameters.answer import rfc3339\n"
        "print(rfc3339(datetime.fromtimestamp(1668586960.362).astimezone()))"
    )
    output = await _run(sys.executable, "-c", program, TZ="America/New_York", PYTHONPATH=".")
    assert output.strip() == "2022-11-16T08:22:40.362Z"
