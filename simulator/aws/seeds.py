"""What the local AWS holds before a run, as the command line gives it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from simulator.aws.local_aws import LocalAws
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

Kind = Literal["String", "SecureString", "secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A parameter of that type, or a secret; its value is never shown."""

    kind: Kind
    name: str
    value: str = field(repr=False)


@asynccontextmanager
async def seeded_aws(seeds: Iterable[Seed], *, region: str) -> AsyncIterator[LocalAws]:
    """Start the local AWS and put the seeds; raises SimulatorError when that does not work."""
    async with LocalAws(region=region) as aws:
        for seed in seeds:
            try:
                await _put(aws, seed)
            except (BotoCoreError, ClientError) as error:
                raise SimulatorError(f"{seed.name} cannot be put into AWS: {error}") from None
        yield aws


async def _put(aws: LocalAws, seed: Seed) -> None:
    if seed.kind == "secret":
        await aws.put_secret(seed.name, value=seed.value)
    else:
        await aws.put_parameter(seed.name, value=seed.value, kind=seed.kind)
