"""What a run from the command line has around it: AWS, an intake for telemetry, extensions."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.aws.endpoints import AccessKey, AwsEndpoints
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
_BUNDLE = "LOCAL_AWS_CA_BUNDLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Run `settings`; then `intake`, if the run is to be drawn, holds its telemetry.

    `gets` stays empty beside extensions of the user's own. `cloudwatch` has what was sent there.
    """

    settings: FunctionSettings
    intake: Intake | None
    gets: Sequence[CacheGet]
    cloudwatch: AwsEndpoints | None


@asynccontextmanager
async def surroundings(request: Request) -> AsyncIterator[Surroundings]:
    """Open what the request needs; lambda-dispatch where no other extension would use it."""
    settings, intake, cloudwatch = request.settings, None, None
    own: dict[str, str] = {}
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
        if request.cloudwatch is not None:
            cloudwatch = await stack.enter_async_context(_cloudwatch(request, settings))
            settings, own = _led_to(cloudwatch, settings)
        if settings.extensions is None and (request.seeds or intake or cloudwatch):
            wanted = wanted_port(settings.environment)
            settings, tap = await stack.enter_async_context(
                beside_dispatch(settings, environment=own)
            )
            _tell_where_the_cache_is(tap.port, wanted=wanted)
            gets = tap.gets
        yield Surroundings(settings=settings, intake=intake, gets=gets, cloudwatch=cloudwatch)


def _cloudwatch(request: Request, settings: FunctionSettings) -> AwsEndpoints:
    """Return endpoints that know the key of the function's environment."""
    key = AccessKey()
    own = key.environment | dict(settings.environment)
    if "AWS_ACCESS_KEY_ID" in settings.environment:
        key = AccessKey(
            key_id=own["AWS_ACCESS_KEY_ID"],
            secret=own["AWS_SECRET_ACCESS_KEY"],
            token=settings.environment.get("AWS_SESSION_TOKEN", ""),
        )
    region = settings.environment.get("AWS_REGION", settings.region)
    return AwsEndpoints(region=region, key=key, trouble=request.cloudwatch)


def _led_to(
    aws: AwsEndpoints, settings: FunctionSettings
) -> tuple[FunctionSettings, dict[str, str]]:
    """Return settings for all processes, and the variables of lambda-dispatch alone.

    The function keeps its own way to the internet. An extension of the user's own has only the
    variables of the settings: it gets all of them.
    """
    url = f"https://xray.{aws.region}.amazonaws.com"
    # A file that a variable names is visible in the sandbox.
    shared = {**aws.key.environment, _BUNDLE: str(aws.bundle), _ENDPOINT: url}
    if settings.extensions is not None:
        shared = aws.environment | shared
    environment = shared | dict(settings.environment)
    return replace(settings, environment=environment), aws.environment


def _tell_who_gets_nothing(environment: Mapping[str, str]) -> None:
    if environment.get(_ENDPOINT):
        _tell(f"--report takes the telemetry; nothing is sent to the {_ENDPOINT} of --env")


def _tell_where_the_cache_is(port: int, *, wanted: int) -> None:
    if wanted not in (0, port):
        _tell(f"port {wanted} is taken: the cache is at localhost:{port}, as {PORT_VARIABLE} says")


def _tell(line: str) -> None:
    print(f"simulator: {line}", file=sys.stderr)
