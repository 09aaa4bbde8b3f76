"""AWS in several regions and accounts on loopback: it judges signatures, and hands out roles.

Whose value an answer has is decided by the key that signed the request, where it is by the region
that the signature names: what was signed for another region, or with another role's key, gets
another value or none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from extension.process.clock import NS_PER_S, SystemClock
from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.hosts import Place
from simulator.aws.endpoints.keys import AccessKey, Keyring
from simulator.aws.endpoints.request import Received
from simulator.aws.endpoints.signature import verify
from tests.fake_aws import ACCOUNT, REGION, REQUEST_ID, RESET, Fault

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One attempt: what was asked, in which region, and as which role; empty for the function's."""

    service: str
    operation: str
    region: str
    role: str
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """What was asked for."""
        named = ("SecretId", "Name", "Path", "RoleArn")
        return next(str(self.arguments[each]) for each in named if each in self.arguments)


@dataclass
class FakeAccounts:
    """`async with FakeAccounts() as aws`: `aws.environment` points an SDK here.

    `assumable` are the roles that the function's role may assume; `session_s` is how long they
    then last. `fault` answers an attempt, `holds` lets it hang until `release`.
    """

    values: dict[tuple[str, str, str], str] = field(default_factory=dict)
    assumable: set[str] = field(default_factory=set)
    session_s: float = HOUR_S
    requests: list[Asked] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """The errors of signatures."""
    handed_out: list[AccessKey] = field(default_factory=list)
    fault: Callable[[Asked], Fault | None] = lambda _: None
    holds: Callable[[Asked], bool] = lambda _: False
    key: AccessKey = field(default_factory=AccessKey)
    url: str = ""

    def __post_init__(self) -> None:
        self.keys = Keyring(self.key)
        self._roles: dict[str, str] = {}
        self._numbers = count(1)
        self._free = asyncio.Event()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that is to reach these services."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, **self.key.environment}

    def put(self, name: str, value: str, *, region: str = REGION, role: str = "") -> None:
        """Set what a role, or the function's, reads in a region, as a secret or a parameter."""
        self.values[region, role, name] = value

    def release(self) -> None:
        """Answer what hangs, and let nothing hang from now on."""
        self._free.set()

    def expire_roles(self) -> None:
        """End all sessions of roles."""
        for key in self.handed_out:
            self.keys.expire(key.key_id)

    def asked(self, operation: str) -> list[Asked]:
        """Return the attempts of one operation."""
        return [each for each in self.requests if each.operation == operation]

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        received = await _received(request)
        *_, region, service, _ = received.header("authorization").split(",")[0].split("/")
        asked = Asked(
            service=service,
            operation=_operation(received),
            region=region,
            role=self._roles.get(_key_id(received), ""),
            arguments=_arguments(received),
        )
        self.requests.append(asked)
        if self.holds(asked):
            await self._free.wait()
        fault = self.fault(asked) or self._refusal(received, asked)
        if fault is RESET:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return _response(asked, fault or self._answer(asked))

    def _refusal(self, received: Received, asked: Asked) -> Fault | None:
        place = Place(service=asked.service, region=asked.region)  # type: ignore[arg-type]
        try:
            verify(received, place=place, keys=self.keys, now=_now())
        except AwsError as error:
            self.refused.append(error.name)
            code = error.name.removesuffix("Exception") if asked.service == "sts" else error.name
            return Fault(status=403, code=code, message="told by the fake")
        return None

    def _answer(self, asked: Asked) -> dict[str, Any] | Fault:
        match asked.operation:
            case "AssumeRole":
                return self._assume(asked)
            case "GetSecretValue" | "DescribeSecret":  # the latter without any rotation
                return self._secret(asked)
            case "GetParameter":
                value = self._value(asked, asked.name.partition(":parameter")[2] or asked.name)
                return {"Parameter": _parameter(asked, value)} if value else _missing(asked)
            case "GetParameters":
                found = {each: self._value(asked, each) for each in asked.arguments["Names"]}
                return {
                    "Parameters": [_parameter(asked, v, name=n) for n, v in found.items() if v],
                    "InvalidParameters": [n for n, v in found.items() if not v],
                }
        under = [name for region, role, name in self.values if (region, role) == _whose(asked)]
        found = {name: self._value(asked, name) for name in under if name.startswith(asked.name)}
        return {"Parameters": [_parameter(asked, value, name=n) for n, value in found.items()]}

    def _secret(self, asked: Asked) -> dict[str, Any] | Fault:
        prefix, _, name = f"{_arn(asked)}:secret:", *asked.name.rpartition(":secret:")[1:]
        if asked.name.startswith("arn:") and not asked.name.startswith(prefix):
            return Fault(code="ValidationException", message="an ARN of another region or account")
        value = self._value(asked, name)
        if value is None:
            return _missing(asked)
        return {
            "ARN": f"{prefix}{name}-MFUBmH",
            "Name": name,
            "SecretString": value,
            "VersionId": "b1c367b9-0000-0000-0000-000000000001",
            "VersionStages": ["AWSCURRENT"],
        }

    def _value(self, asked: Asked, name: str) -> str | None:
        return self.values.get((*_whose(asked), name))

    def _assume(self, asked: Asked) -> dict[str, Any] | Fault:
        arn = asked.name
        if asked.role or arn not in self.assumable:
            message = f"not authorized to perform: sts:AssumeRole on resource: {arn}"
            return Fault(status=403, code="AccessDenied", message=message)
        number = next(self._numbers)
        key = AccessKey(
            key_id=f"ASIAROLE{number}",
            secret=f"secret-key-of-role-{number}",
            token=f"session-token-of-role-{number}",
        )
        self.keys.add(key)
        self._roles[key.key_id] = arn
        self.handed_out.append(key)
        expires = _now() + timedelta(seconds=self.session_s)
        return {
            "AccessKeyId": key.key_id,
            "SecretAccessKey": key.secret,
            "SessionToken": key.token,
            "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        }


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now().wall_ns / NS_PER_S, UTC)


def _whose(asked: Asked) -> tuple[str, str]:
    return asked.region, asked.role


def _arn(asked: Asked) -> str:
    account = asked.role.split(":")[4] if asked.role else ACCOUNT
    partition = "aws-cn" if asked.region.startswith("cn-") else "aws"
    return f"arn:{partition}:{asked.service}:{asked.region}:{account}"


def _missing(asked: Asked) -> Fault:
    is_secret = asked.service == "secretsmanager"
    return Fault(code="ResourceNotFoundException" if is_secret else "ParameterNotFound")


def _parameter(asked: Asked, value: str | None, *, name: str = "") -> dict[str, Any]:
    path = (name or asked.name.partition(":parameter")[2] or asked.name).lstrip("/")
    return {
        "ARN": f"{_arn(asked)}:parameter/{path}",
        "Name": f"/{path}",
        "Type": "SecureString",
        "Value": value,
        "Version": 1,
    }


async def _received(request: web.BaseRequest) -> Received:
    return Received(
        method=request.method,
        host=request.host,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        headers=tuple(request.headers.items()),
        body=await request.read(),
    )


def _key_id(received: Received) -> str:
    return received.header("authorization").partition("Credential=")[2].partition("/")[0]


def _operation(received: Received) -> str:
    if target := received.header("x-amz-target"):
        return target.rpartition(".")[2]
    return dict(parse_qsl(received.body.decode()))["Action"]


def _arguments(received: Received) -> dict[str, Any]:
    if received.header("x-amz-target"):
        arguments: dict[str, Any] = json.loads(received.body)
        return arguments
    return dict(parse_qsl(received.body.decode()))


def _response(asked: Asked, answer: dict[str, Any] | Fault) -> web.Response:
    status = answer.status if isinstance(answer, Fault) else 200
    if asked.service == "sts":
        return web.Response(status=status, text=_xml(answer), content_type="text/xml")
    if isinstance(answer, Fault):
        answer = {"__type": answer.code, "message": answer.message}
    return web.Response(
        status=status,
        body=json.dumps(answer).encode(),
        headers={"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": REQUEST_ID},
    )


def _xml(answer: dict[str, Any] | Fault) -> str:
    if isinstance(answer, Fault):
        error = f"<Code>{answer.code}</Code><Message>{answer.message}</Message>"
        return f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in answer.items())
    result = f"<AssumeRoleResult><Credentials>{fields}</Credentials></AssumeRoleResult>"
    return f"<AssumeRoleResponse>{result}</AssumeRoleResponse>"
