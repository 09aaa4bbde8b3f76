"""What a run from the command line has around it: AWS, an intake for telemetry, extensions."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.aws.seeds import seeded_aws
from simulator.dispatch import beside_dispatch, wanted_port
from simulator.intake import Intake
from simulator.report.cache_tap import PORT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from simulator.command_line import Request
    from simulator.report.cache_tap import CacheGet
    from simulator.settings import FunctionSettings

_ENDPOINT = "DISPATCH_POST_URI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Run `settings`; then `intake`, if the run is to be drawn, holds its telemetry.

    `gets` stays empty beside extensions of the user's own.
    """

    settings: FunctionSettings
    intake: Intake | None
    gets: Sequence[CacheGet]


@asynccontextmanager
async def surroundings(request: Request) -> AsyncIterator[Surroundings]:
    """Open what the request needs; lambda-dispatch where no other extension would use it."""
    settings, intake = request.settings, None
    gets: list[CacheGet] = []
    async with AsyncExitStack() as stack:
        if request.seeds:
            region = settings.environment.get("AWS_REGION", settings.region)
            local_aws = seeded_aws(request.seeds, region=region)
            aws = await stack.enter_async_context(local_aws)
            environment = aws.environment | dict(settings.environment)
            settings = replace(settings, environment=environment)
        if request.report is not None:
            _tell_who_gets_nothing(settings.environment)
            intake = await stack.enter_async_context(Intake())
            environment = {**settings.environment, _ENDPOINT: intake.url}
            settings = replace(settings, environment=environment)
        if settings.extensions is None and (request.seeds or intake):
            wanted = wanted_port(settings.environment)
            settings, tap = await stack.enter_async_context(beside_dispatch(settings))
            _tell_where_the_cache_is(tap.port, wanted=wanted)
            gets = tap.gets
        yield Surroundings(settings=settings, intake=intake, gets=gets)


def _tell_who_gets_nothing(environment: Mapping[str, str]) -> None:
    if environment.get(_ENDPOINT):
        _tell(f"--report takes the telemetry; nothing is sent to the {_ENDPOINT} of --env")


def _tell_where_the_cache_is(port: int, *, wanted: int) -> None:
    if wanted not in (0, port):
        _tell(f"port {wanted} is taken: the cache is at localhost:{port}, as {PORT_VARIABLE} says")


def _tell(line: str) -> None:
    print(f"simulator: {line}", file=sys.stderr)
