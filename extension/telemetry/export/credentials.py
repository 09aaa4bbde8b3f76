"""The endpoint's credentials where they are references to secrets: resolved, and renewed.

What cannot be resolved is told by its reference, never by its value; the data waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from extension.config import OtlpConfig, TelemetryConfig
from extension.frozen import Frozen, fields, replace
from extension.log import Log, describe
from extension.telemetry.export.references import references_in, substitute

Resolve = Callable[..., Awaitable[str]]
"""`await resolve(reference, fresh=…)` gives its value, past the cache if `fresh`, or raises."""

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
        self._settings = settings
        self._resolve = resolve
        self._log = log

    @property
    def are_references(self) -> bool:
        """Whether anything is to be resolved at all."""
        return bool(self._settings.references)

    async def settings(self, *, fresh: bool) -> Settings | None:
        """Return the settings with values in place of references, None while one has no value."""
        values: dict[str, str] = {}
        for reference in self._settings.references:
            try:
                values[reference] = await self._resolve(reference, fresh=fresh)
            except Exception as error:  # noqa: BLE001  # whatever it is, the data waits
                self._log.error(
                    "credentials not resolved", reference=reference, cause=describe(error)
                )
                return None
        return Settings(
            telemetry=_filled(self._settings.telemetry, values),
            otlp={name: _filled(each, values) for name, each in self._settings.otlp.items()},
        )


def _filled(section: Section, values: Mapping[str, str]) -> Section:
    """Fill the text fields; in a header list, what has a meaning there is percent-encoded."""
    changed: dict[str, str] = {}
    for name in fields(section):
        text = getattr(section, name)
        if isinstance(text, str) and references_in(text):
            encode = quote if name.endswith("headers") else str
            changed[name] = substitute(text, values, encode=encode)
    return replace(section, **changed)
