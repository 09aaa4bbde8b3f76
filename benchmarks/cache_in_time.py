"""A sandbox's cache on a clock that is set, in front of an AWS that only counts calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from extension.aws.call import Call, Service
from extension.parameters.hooks import Hooks
from extension.parameters.keys import ParameterKey
from extension.parameters.lazy_clients import LazyClients
from extension.parameters.lookup import Lookup, Policy
from extension.parameters.request import Query
from extension.process.clock import Clock
from extension.process.log import Log
from extension.settings.parameters import ParametersConfig

GOLDEN = 0.618033988749895
"""Multiples of it, modulo one, are spread evenly: jitter that is the same in every run."""


class CountingSource:
    """Parameter Store as one account has it: every sandbox's calls are counted together."""

    region = "eu-central-1"

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer with each parameter that was asked for."""
        self.calls[call.operation] += 1
        names = call.arguments.get("Names")
        if isinstance(names, list):
            return {"Parameters": [_parameter(name) for name in names], "InvalidParameters": []}
        return {"Parameter": _parameter(str(call.arguments["Name"]))}

    def session_tokens(self) -> tuple[str, ...]:
        """Return none: no token is asked for here."""
        return ()


class Sandbox:
    """The cache of one sandbox, without its HTTP server."""

    def __init__(self, source: CountingSource, clock: Clock, config: ParametersConfig) -> None:
        log = Log(clock=clock, level="NONE")
        hooks = Hooks(log=log)
        self._clients = LazyClients(
            lambda: source, config=config, clock=clock, hooks=hooks, log=log
        )
        self._drawn = 0
        self._lookup = Lookup(
            policy=Policy(
                ttl_s=dict.fromkeys(Service, config.ssm_ttl_s),
                jitter=config.ttl_jitter,
                max_stale_s=config.max_stale_s,
                size=config.cache_size,
            ),
            fetch=self._clients.fetch,
            clock=clock,
            draw=self._draw,
            log=log,
        )

    async def get(self, name: str) -> None:
        """Ask for one parameter."""
        await self._lookup.get(Query(key=ParameterKey(name)))

    def _draw(self) -> float:
        self._drawn += 1
        return self._drawn * GOLDEN % 1


def _parameter(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "String", "Value": "value", "Version": 1}
