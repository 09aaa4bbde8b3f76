"""Everything that runs while the demo does: AWS, the OTLP intake, and the function's Lambda."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.aws import LocalAws
from simulator.dispatch import beside_dispatch
from simulator.intake import Intake
from simulator.local_lambda import LocalLambda
from simulator.settings import FunctionSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
    """What runs; `intake` is None when the traces go to an endpoint of the user's own."""

    aws: LocalAws
    intake: Intake | None
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
                "this demo's OTLP intake" if self.intake else "your endpoint",
            ),
        }


@asynccontextmanager
async def open_stage(otlp_url: str = "") -> AsyncIterator[Stage]:
    """Start everything but the sandbox, which the first invocation starts: a cold start.

    With `otlp_url` the traces go there, and there is no intake.
    """
    lines: list[str] = []

    def keep(line: OutputLine) -> None:
        if line.source == "extension":
            lines.append(line.text.rstrip())

    intake_or_none = nullcontext() if otlp_url else Intake()
    async with LocalAws() as aws, intake_or_none as intake:
        await aws.put_parameter(PARAMETER, value=GREETING)
        await aws.put_secret(SECRET, value=API_KEY)
        traces_url = intake.url if intake else otlp_url
        bare = FunctionSettings(
            name="greeter",
            code=FUNCTION,
            timeout_s=TIMEOUT_S,
            environment={
                **aws.environment,
                **(_endpoint_settings() if otlp_url else {}),
                "DISPATCH_POST_URI": traces_url,
            },
        )
        async with (
            beside_dispatch(bare) as (settings, tap),
            LocalLambda(settings, on_line=keep) as function,
        ):
            yield Stage(
                aws=aws,
                intake=intake,
                traces_url=traces_url,
                cache_port=tap.port,
                function=function,
                extension_lines=lines,
                gets=tap.gets,
            )


def _endpoint_settings() -> dict[str, str]:
    return {name: os.environ[name] for name in ENDPOINT_VARIABLES if name in os.environ}
