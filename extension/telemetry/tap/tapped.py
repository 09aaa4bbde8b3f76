"""PURE: what the copies of one invocation's messages say of it together.

Each part may be missing, because any copy may have been lost: then the span says what it would say
without it. What the runtime has posted to the Runtime API overrules what log lines suggest: an
error that it reported left the handler, and after a response nothing did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extension.process.clock import NS_PER_MS
from extension.process.frozen import Frozen, replace
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.xray import SpanLink, TraceContext, TraceParent
from extension.telemetry.tap import names
from extension.telemetry.tap.age import age_ms
from extension.telemetry.tap.answer import Answer
from extension.telemetry.tap.cause import Cause
from extension.telemetry.tap.following import follow, links_of
from extension.telemetry.tap.reported_error import shorten
from extension.telemetry.tap.trace_context import RemoteSpan

ELSEWHERE = (names.FAAS_TRIGGER, names.ERROR_TYPE)

Clean = Callable[[str], str]
"""Takes the secrets out of a text."""


class Tapped(Frozen):
    """The cause and the result of an invocation, as far as they were copied.

    `error`: what the runtime reported, at `error_ns`. `has_responded`: a whole response was posted.
    `received_ns`: when the runtime had the event, `first_byte_ns`: when its response began, both 0
    if unknown.
    """

    cause: Cause | None = None
    answer: Answer | None = None
    error: HandlerError | None = None
    error_ns: int = 0
    has_responded: bool = False
    received_ns: int = 0
    first_byte_ns: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether it is known if an exception left the handler."""
        return self.has_responded or self.error is not None

    @property
    def error_type(self) -> str:
        """The `error.type` of a response that is an error, empty for all others."""
        return self.answer.error_type if self.answer else ""

    @property
    def span_name(self) -> str:
        """The span's name by its source, empty for the function's."""
        return self.cause.name if self.cause else ""

    @property
    def is_consumer(self) -> bool:
        """Whether the invocation processes messages."""
        return self.cause is not None and self.cause.kind == "consumer"

    @property
    def trigger(self) -> str:
        """The trigger, empty if the event does not say."""
        return self.cause.trigger if self.cause and self.cause.trigger != "other" else ""

    @property
    def has_waited(self) -> bool:
        """Whether the invocation works on messages or records, which wait for it."""
        return self.trigger in ("pubsub", "datasource")

    def caller_in(self, trace_id: int) -> RemoteSpan | None:
        """Return the caller's span if it is in this trace."""
        parent = self.cause.parent if self.cause else None
        return parent if parent and parent.trace_id == trace_id else None

    def follow(
        self, ours: TraceContext, *, beside: TraceContext, trace_parent: TraceParent
    ) -> TraceContext:
        """Return our ids as the caller asks for them; see `following`."""
        if self.cause is None:
            return ours
        return follow(ours, self.cause, beside=beside, trace_parent=trace_parent)

    def links(self, ours: TraceContext) -> tuple[SpanLink, ...]:
        """Return links to the senders of messages, and to a caller in another trace."""
        return links_of(self.cause, ours=ours) if self.cause else ()

    def waited_ms(self, *, start_ns: int) -> float | None:
        """Return how long the request, or the oldest message, waited; None if unknown."""
        return age_ms(self.cause, start_ns=start_ns) if self.cause else None

    def attributes(self, *, start_ns: int) -> Mapping[str, Any]:
        """Return the attributes of the invocation's span; None for what is unknown.

        Without its trigger and its error, about which others know something, too.
        """
        given = {
            **(self.cause.attributes if self.cause else {}),
            **(self.answer.attributes() if self.answer else {}),
            names.AGE_MS: self.waited_ms(start_ns=start_ns),
            names.FIRST_BYTE_MS: self._first_byte_ms(start_ns),
        }
        return {name: value for name, value in given.items() if name not in ELSEWHERE}

    def _first_byte_ms(self, start_ns: int) -> float | None:
        if not self.first_byte_ns:
            return None
        return max(0, self.first_byte_ns - (self.received_ns or start_ns)) / NS_PER_MS


def clean_cause(cause: Cause, clean: Clean) -> Cause:
    """Return a cause without secrets."""
    return replace(
        cause,
        name=clean(cause.name),
        attributes={name: _clean_value(value, clean) for name, value in cause.attributes.items()},
        parent=_clean_parent(cause.parent, clean),
    )


def clean_error(error: HandlerError, clean: Clean) -> HandlerError:
    """Return an error without secrets, and then with a type of a bounded length."""
    return shorten(replace(error, **{name: clean(text) for name, text in vars(error).items()}))


def _clean_value(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return [_clean_value(each, clean) for each in value]
    return value


def _clean_parent(parent: RemoteSpan | None, clean: Clean) -> RemoteSpan | None:
    """Leave out a state with a secret in it: without one it is no state any more."""
    if parent is None or clean(parent.trace_state) == parent.trace_state:
        return parent
    return parent._replace(trace_state="")
