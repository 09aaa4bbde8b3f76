"""Everything that runs while the demo does: AWS, the OTLP intake, and the function's Lambda."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from simulator.aws import LocalAws
from simulator.aws.endpoints import AwsEndpoints
from simulator.dispatch import beside_dispatch
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from simulator.intake.otlp import Span
    from simulator.report.cache_tap import CacheGet
    from simulator.sandbox.output import OutputLine

FUNCTION = Path(__file__).resolve().parents[2] / "examples" / "function"
PARAMETER, GREETING = "/demo/greeting", "Hello from Parameter Store"
SECRET, API_KEY = "demo/api-key", "correct-horse-battery-staple"
TIMEOUT_S = 3.0
# With an endpoint of the user's own, what the shell says about it comes along.
ENDPOINT_VARIABLES = (
    "DISPATCH_POST_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What runs; `intake` or `cloudwatch` has the traces, if they stay on this machine."""

    aws: LocalAws
    intake: Intake | None
    cloudwatch: AwsEndpoints | None = None
    traces_url: str
    cache_port: int
    function: LocalLambda
    extension_lines: list[str] = field(default_factory=list)
    gets: list[CacheGet] = field(default_factory=list)

    @property
    def places(self) -> dict[str, tuple[str, str]]:
        """Where each piece runs: name → (address, what it is)."""
        return {
            "function": ("examples/function", f"a real Python process, timeout {TIMEOUT_S:g} s"),
            "its Lambda": (
                f"http://{self.function.address}",
                "Runtime, Extensions and Telemetry API",
            ),
            "cache": (f"http://localhost:{self.cache_port}", "lambda-dispatch, for GETs"),
            "AWS": (self.aws.url, f"holds parameter {PARAMETER} and secret {SECRET}"),
            "traces": (
                self.traces_url,
                self._what_takes_traces,
            ),
        }

    @property
    def keeps_traces(self) -> bool:
        """Whether the traces stay here, to be shown."""
        return self.intake is not None or self.cloudwatch is not None

    @property
    def spans(self) -> list[Span]:
        """What has arrived."""
        holder = self.intake or self.cloudwatch
        return holder.spans if holder else []

    async def wait_for(self, condition: Callable[[], bool], *, deadline_s: float) -> None:
        """Return when it holds; raises TimeoutError."""
        holder = self.intake or self.cloudwatch
        assert holder is not None
        await holder.wait_for(lambda _: condition(), deadline_s=deadline_s)

    @property
    def _what_takes_traces(self) -> str:
        if self.cloudwatch:
            return "a local X-Ray, with AWS's checks and limits"
        return "this demo's OTLP intake" if self.intake else "your endpoint"


@asynccontextmanager
async def open_stage(
    otlp_url: str = "",
    *,
    to_cloudwatch: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Stage]:
    """Start everything but the sandbox, which the first invocation starts: a cold start.

    With `otlp_url` the traces go there, and there is no intake; nor with a local CloudWatch, which
    gets logs and metrics, too. `environment` is for the extension alone.
    """
    lines: list[str] = []

    def keep(line: OutputLine) -> None:
        if line.source == "extension":
            lines.append(line.text.rstrip())

    async with AsyncExitStack() as stack:
        aws = await stack.enter_async_context(LocalAws())
        await aws.put_parameter(PARAMETER, value=GREETING)
        await aws.put_secret(SECRET, value=API_KEY)
        intake = cloudwatch = None
        traces_url, own = otlp_url, _endpoint_settings() if otlp_url else {}
        if to_cloudwatch:
            cloudwatch = await stack.enter_async_context(AwsEndpoints())
            traces_url = f"https://xray.{cloudwatch.region}.amazonaws.com"
            own = {**cloudwatch.environment, "DISPATCH_SIGNALS": "traces,logs,metrics"}
        elif not otlp_url:
            intake = await stack.enter_async_context(Intake())
            traces_url = intake.url
        bare = FunctionSettings(
            name="greeter",
            code=FUNCTION,
            timeout_s=TIMEOUT_S,
            environment={**aws.environment, "DISPATCH_POST_URI": traces_url},
        )
        if cloudwatch:  # a file that a variable names is visible in the sandbox
            environment = {**bare.environment, "LOCAL_AWS_CA_BUNDLE": str(cloudwatch.bundle)}
            bare = replace(bare, environment=environment)
        settings, tap = await stack.enter_async_context(
            beside_dispatch(bare, environment={**own, **environment})
        )
        function = await stack.enter_async_context(LocalLambda(settings, on_line=keep))
        yield Stage(
            aws=aws,
            intake=intake,
            cloudwatch=cloudwatch,
            traces_url=traces_url,
            cache_port=tap.port,
            function=function,
            extension_lines=lines,
            gets=tap.gets,
        )


def _endpoint_settings() -> dict[str, str]:
    return {name: os.environ[name] for name in ENDPOINT_VARIABLES if name in os.environ}
