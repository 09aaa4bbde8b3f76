"""The endpoint's credentials where they are references to secrets: resolved together, and renewed.

What cannot be resolved is told by its reference, never by its value; the data waits meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from extension.process.budget import Budget
from extension.process.frozen import Frozen, fields, replace
from extension.process.log import Log, describe
from extension.settings.config import OtlpConfig, TelemetryConfig
from extension.telemetry.export.references import references_in, substitute

Resolve = Callable[..., Awaitable[str]]
"""`await resolve(reference, fresh=…)` gives its value, past the cache if `fresh`, or raises."""

RESOLVE_S = 2.0
"""For all references together: a secret store that cannot be reached costs no more than an endpoint
that cannot. What arrives later is in the cache, for the next attempt."""

Section = TypeVar("Section", bound=Any)


class Settings(Frozen):
    """What may hold references: the headers, and certificates of each signal."""

    telemetry: TelemetryConfig
    otlp: Mapping[str, OtlpConfig]

    @property
    def references(self) -> tuple[str, ...]:
        """Every reference in them."""
        texts = [self.telemetry.post_headers]
        texts += [str(getattr(each, name)) for each in self.otlp.values() for name in fields(each)]
        return references_in(" ".join(texts))


class Credentials:
    """Fills the references of some settings."""

    def __init__(self, settings: Settings, *, resolve: Resolve, log: Log) -> None:
        self.unresolved = settings
        self._resolve = resolve
        self._log = log

    @property
    def are_references(self) -> bool:
        """Whether anything is to be resolved at all."""
        return bool(self.unresolved.references)

    async def settings(self, budget: Budget, *, fresh: bool) -> Settings | None:
        """Return the settings with values in place of references, None while one has no value.

        Raises:
            TimeoutError: they did not come within the budget, nor within `RESOLVE_S`.
        """
        references = self.unresolved.references
        try:
            values = await budget.wait(
                asyncio.gather(*(self._value(each, fresh=fresh) for each in references)),
                at_most_s=RESOLVE_S,
            )
        except TimeoutError:
            self._log.error("credentials not resolved", references=references, cause="timeout")
            raise
        known = {name: value for name, value in zip(references, values, strict=True) if value}
        if len(known) < len(references):
            return None
        return Settings(
            telemetry=_filled(self.unresolved.telemetry, known),
            otlp={name: _filled(each, known) for name, each in self.unresolved.otlp.items()},
        )

    async def _value(self, reference: str, *, fresh: bool) -> str:
        """Return the value of one reference, nothing if it has none."""
        try:
            return await self._resolve(reference, fresh=fresh)
        except Exception as error:  # noqa: BLE001  # whatever it is, the data waits
            self._log.error("credentials not resolved", reference=reference, cause=describe(error))
            return ""


def _filled(section: Section, values: Mapping[str, str]) -> Section:
    """Fill the text fields; in a header list, what has a meaning there is percent-encoded."""
    changed: dict[str, str] = {}
    for name in fields(section):
        text = getattr(section, name)
        if isinstance(text, str) and references_in(text):
            encode = quote if name.endswith("headers") else str
            changed[name] = substitute(text, values, encode=encode)
    return replace(section, **changed)
