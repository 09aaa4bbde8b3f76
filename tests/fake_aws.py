"""A programmable Parameter Store and Secrets Manager on loopback: values, faults, call counts.

Speaks AWS's JSON 1.1 protocol, so that boto3 itself is under test. Unlike moto it can throttle,
hang, reset, answer rubbish, and says exactly what it was asked.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

ACCOUNT = "123456789012"
REGION = "eu-central-1"
REQUEST_ID = "11111111-2222-3333-4444-555555555555"
ARN_OF_PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
ARN_OF_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An answer other than success."""

    status: int = 400
    code: str = ""
    message: str = "from the fake"
    body: bytes | None = None


THROTTLED = Fault(code="ThrottlingException", message="Rate exceeded")
BROKEN = Fault(status=500, code="InternalServerError")
DENIED = Fault(code="AccessDeniedException", message='User "x" is not authorized\nto perform')
NO_BATCHES = Fault(
    code=DENIED.code,
    message="User: x is not authorized to perform: ssm:GetParameters on resource: *",
)
RUBBISH = Fault(status=200, body=b"<html>not JSON")
RESET = Fault(status=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequest:
    """One attempt as it came in; `region` is the one that it was signed for."""

    operation: str
    arguments: dict[str, Any]
    region: str = ""


@dataclass
class FakeAws:
    """`async with FakeAws() as aws`: `aws.environment` points an SDK here.

    `faults` are used up one per attempt; `fault`, if set, answers every attempt after that.
    """

    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[AwsRequest] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    fault: Callable[[AwsRequest], Fault | None] | None = None
    keys: list[str] = field(default_factory=list)
    """The access key of each attempt."""
    waiting: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that is to reach these services."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIDFAKE",
            "AWS_SECRET_ACCESS_KEY": "fake-secret-key",
            "AWS_SESSION_TOKEN": "fake-session-token",
        }

    @property
    def operations(self) -> list[str]:
        """The operations of all attempts."""
        return [request.operation for request in self.requests]

    def put_parameter(self, name: str, value: str | None, **fields: Any) -> None:
        """Set a parameter; for a SecureString the text is what decryption yields."""
        self.parameters[name] = {
            "ARN": f"{ARN_OF_PARAMETER}/{name.lstrip('/')}",
            "DataType": "text",
            "LastModifiedDate": 1668586960.362,
            "Name": name,
            "Type": "String",
            "Value": value,
            "Version": 1,
        } | fields

    def put_secret(self, name: str, value: str, **fields: Any) -> None:
        """Set a secret."""
        self.secrets[name] = {
            "ARN": f"{ARN_OF_SECRET}:{name}-MFUBmH",
            "CreatedDate": 1668586960.499,
            "Name": name,
            "SecretString": value,
            "VersionId": "b1c367b9-0000-0000-0000-000000000001",
            "VersionStages": ["AWSCURRENT"],
        } | fields

    def hold(self) -> None:
        """Let every request hang from now on, until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Answer the requests that hang."""
        self._open.set()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = AwsRequest(
            operation=request.headers["X-Amz-Target"].rpartition(".")[2],
            arguments=json.loads(await request.read()),
            region=(request.headers["Authorization"].split("/") + [""] * 3)[2],
        )
        self.requests.append(asked)
        signed = request.headers.get("Authorization", "")
        self.keys.append(signed.partition("Credential=")[2].partition("/")[0])
        self.waiting += 1
        await self._open.wait()
        self.waiting -= 1
        fault = self.faults.popleft() if self.faults else self.fault and self.fault(asked)
        if fault is RESET:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body = _answered(fault) if fault else self._answer(asked)
        return web.Response(
            status=status,
            body=body,
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "x-amzn-RequestId": REQUEST_ID,
            },
        )

    def _answer(self, asked: AwsRequest) -> tuple[int, bytes]:
        answer = {
            "GetParameter": self._get_parameter,
            "GetParameters": self._get_parameters,
            "GetParametersByPath": self._get_parameters_by_path,
            "GetSecretValue": self._get_secret_value,
            "DescribeSecret": self._describe_secret,
        }[asked.operation](asked.arguments)
        if isinstance(answer, Fault):
            return _answered(answer)
        return 200, json.dumps(answer).encode()

    def _get_parameter(self, asked: dict[str, Any]) -> object:
        found = self._parameter(asked["Name"], asked["WithDecryption"])
        return {"Parameter": found} if found else Fault(code="ParameterNotFound")

    def _get_parameters(self, asked: dict[str, Any]) -> object:
        """Answer in alphabetical order, what was not found backwards: order means nothing."""
        found = {name: self._parameter(name, asked["WithDecryption"]) for name in asked["Names"]}
        return {
            "Parameters": [found[name] for name in sorted(found) if found[name]],
            "InvalidParameters": [name for name in reversed(found) if not found[name]],
        }

    def _get_parameters_by_path(self, asked: dict[str, Any]) -> object:
        """Answer two parameters a page."""
        path = asked["Path"].rstrip("/")
        names = [name for name in sorted(self.parameters) if name.startswith(path + "/")]
        if not asked["Recursive"]:
            names = [name for name in names if name.rpartition("/")[0] == path]
        start = int(asked.get("NextToken", "0"))
        end = start + 2
        page = [self._parameter(name, asked["WithDecryption"]) for name in names[start:end]]
        return {"Parameters": page} | ({"NextToken": str(end)} if end < len(names) else {})

    def _get_secret_value(self, asked: dict[str, Any]) -> object:
        """Find a version under `id:stage` or `id:version`, else the plain id's for any stage."""
        version = asked.get("VersionStage") or asked.get("VersionId")
        found = self.secrets.get(f"{asked['SecretId']}:{version}")
        found = found or self.secrets.get(asked["SecretId"].removeprefix(f"{ARN_OF_SECRET}:"))
        return found or Fault(code="ResourceNotFoundException")

    def _describe_secret(self, asked: dict[str, Any]) -> object:
        """Answer with the secret's own fields, among them NextRotationDate."""
        found = self.secrets.get(asked["SecretId"])
        hidden = {"SecretString", "SecretBinary", "VersionId", "VersionStages"}
        if found is None:
            return Fault(code="ResourceNotFoundException")
        return {name: field for name, field in found.items() if name not in hidden}

    def _parameter(self, name: str, decrypt: bool) -> dict[str, Any] | None:
        known = name.removeprefix(ARN_OF_PARAMETER)
        found = self.parameters.get(known)
        if found is None and (plain := self.parameters.get(known.rpartition(":")[0])):
            found = plain | {"Selector": ":" + known.rpartition(":")[2]}
        if found and found["Type"] == "SecureString" and not decrypt:
            return found | {"Value": "Y2lwaGVydGV4dA=="}
        return found


def _answered(fault: Fault) -> tuple[int, bytes]:
    if fault.body is not None:
        return fault.status, fault.body
    return fault.status, json.dumps({"__type": fault.code, "message": fault.message}).encode()
