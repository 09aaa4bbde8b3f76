"""The endpoints, at a time of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from simulator.aws.endpoints import AwsEndpoints
from tests.simulator.aws.signed import NOW_NS, PROTOBUF, Response, Signed

Post = Callable[..., Awaitable[Response]]

GROUP, STREAM = "/lambda-dispatch/function", "2026/11/18/[$LATEST]abc"
WHERE = {"x-aws-log-group": GROUP, "x-aws-log-stream": STREAM}
_URLS = {
    "traces": "https://xray.eu-central-1.amazonaws.com/v1/traces",
    "logs": "https://logs.eu-central-1.amazonaws.com/v1/logs",
    "metrics": "https://monitoring.eu-central-1.amazonaws.com/v1/metrics",
}


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """The endpoints, whose clock stands still, with a log group and a stream."""
    async with AwsEndpoints(now_ns=lambda: NOW_NS) as aws:
        aws.log_groups.put(GROUP, STREAM)
        yield aws


@pytest.fixture
def post(aws: AwsEndpoints) -> Post:
    """Post one signal, signed."""

    async def send(signal: str, message: Any, **changes: Any) -> Response:
        body = message if isinstance(message, bytes) else message.SerializeToString()
        where = WHERE if signal == "logs" else {}
        headers = {**PROTOBUF, **where, **changes.pop("headers", {})}
        url = changes.pop("url", _URLS[signal])
        return await Signed(url=url, body=body, headers=headers, **changes).send(aws.url)

    return send
