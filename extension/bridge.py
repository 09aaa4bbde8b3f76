"""What the two jobs tell each other; only here does anybody know both.

The cache knows which values are secret, and telemetry takes them out of what it exports; telemetry
shows what the cache did, and gets the endpoint's credentials from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extension.redaction.redactor import Redactor

if TYPE_CHECKING:  # who has one job alone, or one that is broken, imports nothing of the other
    from extension.parameters.answer import Result, Value
    from extension.parameters.hooks import UpstreamCall
    from extension.parameters.keys import Key
    from extension.parameters.parameters import Parameters
    from extension.telemetry.pipeline import Pipeline


OWN = "environment"
"""Holds the secrets of the process itself."""


def hide_own_secrets(redactor: Redactor, environ: Mapping[str, str]) -> None:
    """Let the redactor know the credentials in the environment, and the headers of exports."""
    from extension.redaction.own_secrets import own_secrets  # noqa: PLC0415  # only with telemetry

    redactor.hold(OWN, own_secrets(environ, strict=redactor.strict))


def redact_what_is_served(parameters: Parameters, *, redactor: Redactor, exports: bool) -> None:
    """Let the redactor know each secret that arrives.

    It learns at once what AWS answers, whether it is cached or not, and holds what the cache keeps.
    Before a snapshot nothing is kept: there it learns only if the lines of this init may be
    exported, until `forget_for_snapshot`.
    """

    def learn(name: str, value: str | bytes, *, secure: bool) -> None:
        if secure and (exports or parameters.keeps):
            redactor.learn(name, value)

    def hold(key: Key, values: Sequence[Value]) -> None:
        redactor.hold(key, [(each.name, each.value) for each in values if each.secure])

    parameters.hooks.on_value = learn
    parameters.hooks.on_kept = hold


def forget_for_snapshot(redactor: Redactor, environ: Mapping[str, str]) -> None:
    """Forget all but what the environment holds anyway: the sandbox is about to be written down."""
    redactor.forget()
    hide_own_secrets(redactor, environ)


def show_the_cache(parameters: Parameters, *, pipeline: Pipeline) -> None:
    """Let telemetry know of each GET and of each call to AWS."""
    from extension.telemetry.assembly.cache_use import CacheAnswer, CacheCall  # noqa: PLC0415  # see above

    def answered(result: Result, *, age_s: float, waited_s: float) -> None:
        pipeline.cache_answered(CacheAnswer(result=result.value, age_s=age_s, waited_s=waited_s))

    def called(call: UpstreamCall) -> None:
        pipeline.cache_called(
            CacheCall(
                service=call.service.value,
                operation=call.operation,
                entry=call.name,
                start_ns=call.started_at.wall_ns,
                end_ns=call.ended_at.wall_ns,
                attempts=call.attempts,
                throttles=call.throttles,
                code=call.code,
                request_id=call.request_id,
                traceparent=call.traceparent or "",
            )
        )

    parameters.hooks.on_answer = answered
    parameters.hooks.on_upstream_call = called
