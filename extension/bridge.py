"""Connects telemetry and the parameters cache; no other module but `opening` knows both.

The cache knows which values are secret, and telemetry removes them from what it exports. Telemetry
shows what the cache does, and takes the credentials of its endpoint from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extension.redaction.redactor import Redactor

if TYPE_CHECKING:  # a function that uses one of them, or where one is broken, does not import both
    from extension.parameters.answer import Result
    from extension.parameters.hooks import Value
    from extension.parameters.keys import Key
    from extension.parameters.parameters import Parameters
    from extension.telemetry.export.credentials import Resolve
    from extension.telemetry.pipeline import Pipeline
    from extension.telemetry.reader import DeliveryReader


OWN = "environment"
"""The redactor's key for the secrets of the process itself."""


class NoParametersError(Exception):
    """Parameters and secrets could not be opened, so that a reference has no value."""


def hide_own_secrets(redactor: Redactor, environ: Mapping[str, str]) -> None:
    """Redact the credentials in the environment, and the headers of exports."""
    from extension.redaction.own_secrets import own_secrets  # noqa: PLC0415  # only with telemetry

    redactor.hold(OWN, own_secrets(environ, strict=redactor.strict))


def redact_what_is_served(parameters: Parameters, *, redactor: Redactor, exports: bool) -> None:
    """Redact each secret that the cache serves.

    The redactor learns at once what AWS returns, cached or not, and holds what the cache keeps.
    Before a snapshot nothing is kept: then it learns only if the lines of this init may be
    exported, until `forget_for_snapshot`.
    """

    def learn(name: str, value: str | bytes, *, secure: bool) -> None:
        if secure and (exports or parameters.keeps):
            redactor.learn(name, value)

    def hold(key: Key, values: Sequence[Value]) -> None:
        redactor.hold(key, [(each.name, each.value) for each in values if each.secure])

    parameters.hooks.on_value = learn
    parameters.hooks.on_kept = hold


def forget_for_snapshot(
    redactor: Redactor, environ: Mapping[str, str], parameters: Parameters | None
) -> None:
    """Forget all secrets but those in the environment: the memory is written to a snapshot."""
    if parameters is None or not parameters.keeps:  # if it keeps values, this is after the restore
        redactor.forget()
        hide_own_secrets(redactor, environ)


def read_after_restore(reader: DeliveryReader, parameters: Parameters) -> None:
    """Let lines that come right after a restore wait for the secrets that were forgotten."""
    reader.before_reading = parameters.read_again


def resolver(parameters: Parameters | None) -> Resolve:
    """Return what gives telemetry the value of a reference in its settings."""

    async def resolve(reference: str, *, fresh: bool) -> str:
        if parameters is None:
            raise NoParametersError("the parameters are switched off")
        return await parameters.resolve(reference, fresh=fresh)

    return resolve


def show_the_cache(parameters: Parameters, *, pipeline: Pipeline) -> None:
    """Report each GET and each call to AWS to telemetry, those before it was open among them."""
    from extension.telemetry.assembly.cache_use import CacheAnswer  # noqa: PLC0415  # see above

    def answered(result: Result, *, age_s: float, waited_s: float) -> None:
        pipeline.cache_answered(CacheAnswer(result=result.value, age_s=age_s, waited_s=waited_s))

    parameters.hooks.hand_over(on_upstream_call=pipeline.cache_called, on_answer=answered)
