"""Client of the Extensions API and the Telemetry API; the first call, /register, is bootstrap's.

Never through a proxy, whatever HTTP_PROXY says, and /next never with a timeout: it is a long
poll that spans the freeze between two invocations.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html,
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import aiohttp

from extension.frozen import Frozen
from extension.lambda_events import LambdaEvent, parse_event

CALL_TIMEOUT_S = 5.0
"""For calls on loopback other than /next."""

SCHEMA_VERSIONS = ("2025-01-29", "2022-12-13", "2022-07-01")
"""Newest first; an older platform refuses what it does not know with 400."""

BUFFERING = {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25}
"""The smallest delay that the platform allows: the last invocation's data waits for it."""


class Registration(Frozen):
    """What /register told about the function."""

    function_name: str = ""
    function_version: str = ""
    handler: str = ""
    account_id: str = ""


class ApiError(Exception):
    """A refusal or an answer that is not in the protocol; says the status and the error type."""


class LambdaApi:
    """The calls of one registered extension."""

    def __init__(self, address: str, *, identifier: str) -> None:
        self._base = f"http://{address}"
        self._headers = {"Lambda-Extension-Identifier": identifier}
        self._session = aiohttp.ClientSession(
            trust_env=False, timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        )

    async def next_event(self) -> LambdaEvent:
        """Say that the last event is done with and wait for the next one, however long.

        Raises:
            ApiError: the call was refused.
            NotAnEventError: the event is of no known type.
            aiohttp.ClientError: the API could not be reached.
        """
        url = f"{self._base}/2020-01-01/extension/event/next"
        forever = aiohttp.ClientTimeout(total=None)
        async with self._session.get(url, headers=self._headers, timeout=forever) as answer:
            body = await answer.read()
        if answer.status != 200:
            raise ApiError(f"/next answered {answer.status} {_error_type(body)}")
        return parse_event(body)

    async def subscribe(self, types: Sequence[str], *, port: int) -> bool:
        """Ask for telemetry on `port`; False where this platform has none (202 or 404).

        Raises:
            ApiError: the subscription was refused in every schema version.
            aiohttp.ClientError: the API could not be reached.
        """
        refusal = ""
        for version in SCHEMA_VERSIONS:
            status, body = await self._put_subscription(version, types, port)
            if status == 200:
                return True
            if status in {202, 404}:
                return False
            refusal = f"subscribing answered {status} {_error_type(body)}"
            if status != 400:
                break
        raise ApiError(refusal)

    async def _put_subscription(
        self, version: str, types: Sequence[str], port: int
    ) -> tuple[int, bytes]:
        wanted = {
            "schemaVersion": version,
            "types": list(types),
            "buffering": BUFFERING,
            "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}"},
        }
        url = f"{self._base}/2022-07-01/telemetry"
        async with self._session.put(url, headers=self._headers, json=wanted) as answer:
            return answer.status, await answer.read()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def parse_registration(body: bytes) -> Registration:
    """Return what /register told; empty where it said nothing that can be read."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    return Registration(
        function_name=str(told.get("functionName") or ""),
        function_version=str(told.get("functionVersion") or ""),
        handler=str(told.get("handler") or ""),
        account_id=str(told.get("accountId") or ""),
    )


def _error_type(body: bytes) -> str:
    try:
        return str(json.loads(body).get("errorType", ""))
    except (ValueError, AttributeError):
        return ""
