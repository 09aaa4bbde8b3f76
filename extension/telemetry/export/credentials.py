"""The endpoint's credentials where they are references to secrets: resolved together, and renewed.

A setting may hold `${secretsmanager:name#key}`, `${ssm:/path}` and `${arn:aws:…#key}`, so that what
they refer to lives where it is rotated, and not in the function's configuration. What cannot be
resolved is named by its reference, never by its value; the data waits meanwhile.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

from extension.process.clock import Clock
from extension.process.frozen import Frozen, fields, replace
from extension.process.log import Log, describe
from extension.process.waits import Budget
from extension.settings.otlp import OtlpConfig
from extension.settings.telemetry import TelemetryConfig
from extension.telemetry.export.tls import SettingError

REFERENCE = re.compile(r"\$\{((?:secretsmanager|ssm|arn):[^{}]+)\}")

RESOLVE_S = 2.0
"""For all references together: a secret store that cannot be reached costs no more than an endpoint
that cannot. What arrives later is in the cache, for the next attempt."""

Resolve = Callable[..., Awaitable[str]]
"""`await resolve(reference, fresh=…)` gives its value, past the cache if `fresh`, or raises."""

Section = TypeVar("Section", bound=Any)


class EndpointSettings(Frozen):
    """The settings that say where to export; headers and certificates may hold references."""

    telemetry: TelemetryConfig
    otlp: Mapping[str, OtlpConfig]
    """By signal."""

    @property
    def references(self) -> tuple[str, ...]:
        """Every reference in them."""
        texts = [self.telemetry.post_headers]
        texts += [str(getattr(each, name)) for each in self.otlp.values() for name in fields(each)]
        return references_in(" ".join(texts))


class EndpointCredentials:
    """Resolves the references and renews them; `use` is called with the settings, filled in.

    It may raise SettingError: a URL or a certificate cannot be used.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        use: Callable[[EndpointSettings], None],
        resolve: Resolve,
        clock: Clock,
        log: Log,
    ) -> None:
        self._settings = settings
        self._use = use
        self._resolve = resolve
        self._clock = clock
        self._log = log
        self._references = settings.references
        self._were_used = False

    def use_constants(self) -> None:
        """Use settings without references: they are complete from the start.

        Raises:
            SettingError: a URL or a certificate that is set cannot be used.
        """
        if not self._references:
            self._use(self._settings)

    async def prepare(self) -> None:
        """Resolve references before they are needed; until then, what is sent waits."""
        if self._references:
            with suppress(TimeoutError):
                await self._resolve_and_use(Budget(RESOLVE_S, clock=self._clock), fresh=False)

    async def renew(self, budget: Budget) -> bool:
        """Replace credentials that were refused or never resolved; return whether that worked.

        Raises:
            TimeoutError: they did not come within the budget.
        """
        if not self._references:
            return False
        return await self._resolve_and_use(budget, fresh=self._were_used)

    async def _resolve_and_use(self, budget: Budget, *, fresh: bool) -> bool:
        resolved = await self._resolved(budget, fresh=fresh)
        if resolved is None:
            return False
        try:
            self._use(resolved)
        except SettingError as error:
            self._log.error("credentials not usable", cause=describe(error))
            return False
        self._were_used = True
        return True

    async def _resolved(self, budget: Budget, *, fresh: bool) -> EndpointSettings | None:
        """Return the settings with values in place of references, None if one has no value.

        Raises:
            TimeoutError: they did not come within the budget, nor within `RESOLVE_S`.
        """
        try:
            values = await budget.wait(
                asyncio.gather(*(self._value(each, fresh=fresh) for each in self._references)),
                at_most_s=RESOLVE_S,
            )
        except TimeoutError:
            self._log.error(
                "credentials not resolved",
                references=[*map(_shown, self._references)],
                cause="timeout",
            )
            raise
        if not all(values):
            return None
        known = dict(zip(self._references, values, strict=True))
        return EndpointSettings(
            telemetry=_filled(self._settings.telemetry, known),
            otlp={name: _filled(each, known) for name, each in self._settings.otlp.items()},
        )

    async def _value(self, reference: str, *, fresh: bool) -> str:
        """Return the value of one reference, an empty text if it has none."""
        try:
            return await self._resolve(reference, fresh=fresh)
        except Exception as error:  # noqa: BLE001  # whatever it is, the data waits
            cause = describe(error)
            self._log.error("credentials not resolved", reference=_shown(reference), cause=cause)
            return ""


def references_in(text: str) -> tuple[str, ...]:
    """Return each reference in a setting once, without the braces."""
    return tuple(dict.fromkeys(REFERENCE.findall(text)))


def substitute(text: str, values: Mapping[str, str], *, encode: Callable[[str], str] = str) -> str:
    """Put values in the place of their references."""
    return REFERENCE.sub(lambda match: encode(values[match[1]]), text)


def _shown(reference: str) -> str:
    """Return what a line repeats of a reference: not its key, where a value may stand instead."""
    return reference.partition("#")[0]


def _filled(section: Section, values: Mapping[str, str]) -> Section:
    """Fill the text fields; in a header list, what has a meaning there is percent-encoded."""
    changed: dict[str, str] = {}
    for name in fields(section):
        text = getattr(section, name)
        if isinstance(text, str) and references_in(text):
            encode = quote if name.endswith("headers") else str
            changed[name] = substitute(text, values, encode=encode)
    return replace(section, **changed)
