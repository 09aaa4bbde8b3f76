"""Exports to the simulator's AWS, as if a proxy stood before it: over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from extension.aws.credentials import SandboxCredentials
from extension.aws.signing import Signer
from extension.process.clock import Clock, SystemClock
from extension.process.log import Log
from extension.process.waits import Budget
from extension.settings.aws_hosts import SERVICES, SignedFor
from extension.telemetry.export.aws_requests import AwsRequests
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.log_stream import LogStream
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import SIGNALS, Target
from extension.telemetry.otlp.exporter import OtlpExporter
from simulator.aws.endpoints import AwsEndpoints
from tests.doubles import LogLines, SequentialIds

GROUP = "/lambda-dispatch/f"


class SignedExports:
    """Sends encoded requests to AWS."""

    def __init__(self, post: Post, stream: LogStream, lines: LogLines) -> None:
        self._exporter = OtlpExporter(post)
        self.stream = stream
        self.lines = lines

    async def send(self, signal: Signal, *bodies: bytes, budget_s: float = 30.0) -> Outcome:
        """Export once."""
        budget = Budget(budget_s, clock=SystemClock())
        return await self._exporter.export(signal, bodies, budget=budget)


def targets(
    aws: AwsEndpoints, headers: Mapping[str, str], compression: str
) -> dict[Signal, Target]:
    """Return where each signal goes."""
    return {
        SIGNALS[signal]: Target(
            url=f"{aws.url}/v1/{signal}",
            headers=headers,
            compression=compression,
            timeout_s=30.0,
            aws=SignedFor(service=service, region=aws.region),
            is_signed=True,
        )
        for signal, service in SERVICES.items()
    }


@asynccontextmanager
async def signed_exports(
    aws: AwsEndpoints,
    *,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    headers: Mapping[str, str] | None = None,
    compression: str = "gzip",
) -> AsyncIterator[SignedExports]:
    """Export with the credentials in `environ`, by default those that AWS knows."""
    credentials = SandboxCredentials(aws.key.environment if environ is None else environ)
    signer = Signer(credentials, clock=clock)
    lines = LogLines()
    stream = LogStream(GROUP, ids=SequentialIds(), log=Log(clock=SystemClock(), sink=lines))
    requests = AwsRequests(signer, stream=stream)
    post = Post(targets(aws, headers or {}, compression), aws=requests, clock=SystemClock())
    try:
        yield SignedExports(post, stream, lines)
    finally:
        await post.close()
