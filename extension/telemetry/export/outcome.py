"""PURE: what the answer to an export means: for its batch, and for whether to try the next one.

A dead endpoint must cost an invocation nothing. A retry never sleeps: a later invocation tries,
when the pause has passed. The pause grows with each failure in a row, and chance shortens it, so
that the sandboxes of a function do not all come back to their endpoint in the same moment.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from extension.process.clock import Instant
from extension.process.frozen import Frozen, replace
from extension.telemetry.export.answers import Answer, EndpointMessage

RETRYABLE = frozenset({429, 502, 503, 504})
"""All that the specification lets a client send again."""

PROXY_DENIES, GAVE_UP = 407, 408
CONNECTION_STATUSES = frozenset({PROXY_DENIES, GAVE_UP})
"""Of a proxy, and of a server that waits no longer for a request; neither has read it."""

UNAUTHENTICATED = frozenset({401, 403})

TOO_LARGE = 413

HINTS = {
    PROXY_DENIES: "the proxy asks for a password; check http_proxy and ALL_PROXY",
    415: "try OTEL_EXPORTER_OTLP_COMPRESSION=none",
    404: "is the path of the URI right?",
    405: "is the path of the URI right?",
    **dict.fromkeys((301, 302, 303, 307, 308), "redirects are not followed; does it expect https?"),
}
"""What to do about a status, where it is always the same."""

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""After the first, second, … failure in a row."""

JITTER = 0.25
"""Most that chance takes off a pause, as a share of it."""

TIMEOUT_WEIGHS = 3
"""As much as so many failures, because it has cost the user its whole budget."""

SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")

LONGEST_RETRY_AFTER_S = 3600.0
"""An endpoint may ask for an hour; what asks for more is mistaken."""


class Outcome(Frozen):
    """`accepted`: forget · `kept`: try again later · `rejected`: drop and count ·
    `too_large`: send less at once, drop a single item · `unauthenticated`: renew the credentials
    and try once more, else keep."""

    kind: Literal["accepted", "kept", "rejected", "too_large", "unauthenticated"]
    cause: str = ""
    """The status or the kind of failure, in our words."""
    said: str = ""
    """The endpoint's words, cut and without credentials."""
    variable: str = ""
    """The one that names the endpoint."""
    retry_after_s: float = 0.0
    rejected_items: int = 0
    """How many of an accepted batch the endpoint refused (partial success)."""
    timed_out: bool = False
    """Whether it has cost all the time it was given."""


TAKEN = Outcome(kind="accepted")
"""What nearly all answers mean; there is nothing to say of it."""


def judge(
    answer: Answer, message: EndpointMessage, *, said: str = "", retry_after_s: float = 0.0
) -> Outcome:
    """Return what an answer to OTLP means; one that is none loses the batch."""
    if message.is_none:
        language = "HTML" if answer.is_page else "XML"
        cause = f"answers {language}, not OTLP: a sign-in page or a proxy?"
        return Outcome(kind="rejected", cause=cause)
    outcome = judge_status(answer.status, rejected_items=message.rejected_items)
    if not (said or retry_after_s):
        return outcome
    return replace(outcome, said=said, retry_after_s=retry_after_s)


def judge_status(status: int, *, rejected_items: int = 0) -> Outcome:
    """Return what an HTTP status means; a redirect is not followed and counts as refusal."""
    if 200 <= status < 300:
        return Outcome(kind="accepted", rejected_items=rejected_items) if rejected_items else TAKEN
    cause = f"status {status}: {HINTS[status]}" if status in HINTS else f"status {status}"
    if status in UNAUTHENTICATED:
        return Outcome(kind="unauthenticated", cause=cause)
    if status == TOO_LARGE:
        return Outcome(kind="too_large", cause=cause)
    is_kept = status in RETRYABLE or status in CONNECTION_STATUSES
    return Outcome(kind="kept" if is_kept else "rejected", cause=cause)


def retry_after_s(text: str, *, date: str) -> float:
    """Read a Retry-After header, seconds or a date, as seconds; 0 if it is neither.

    Some endpoints send fractions of seconds, which HTTP does not know. A date is held against the
    answer's own: the endpoint's clock may be another than ours.
    """
    if not text:
        return 0.0
    if SECONDS.fullmatch(text):
        return float(text)
    until_s, now_s = unix_time_of(text), unix_time_of(date)
    return 0.0 if until_s is None or now_s is None else max(until_s - now_s, 0.0)


def unix_time_of(date: str) -> float | None:
    """Return a date of HTTP, in any of its three forms, as Unix time; None if it is no date.

    The oldest form names no zone: whatever names none is in UTC.
    Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    """
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


class Circuit:
    """What is known of the endpoint's health, by the answers to one signal."""

    def __init__(self, draw: Callable[[], float] = lambda: 0.0) -> None:
        """Start with nothing known; `draw` gives a number from 0 to 1 for each pause."""
        self._draw = draw
        self._failures = 0
        self._failed_at: Instant | None = None
        self._pause_s = 0.0

    def allows(self, now: Instant) -> bool:
        """Return whether to try: always after success, else when the pause has passed."""
        return self._failed_at is None or now.since(self._failed_at) >= self._pause_s

    def learn(self, outcome: Outcome, now: Instant) -> None:
        """Take the outcome of a try; a refusal shows that the endpoint is there."""
        if outcome.kind in ("accepted", "rejected", "too_large"):
            self._failures, self._failed_at = 0, None
            return
        weight = TIMEOUT_WEIGHS if outcome.timed_out else 0
        self._failures = max(self._failures + 1, weight)
        self._failed_at = now
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1] * (1 - JITTER * self._draw())
        self._pause_s = max(pause_s, min(outcome.retry_after_s, LONGEST_RETRY_AFTER_S))
