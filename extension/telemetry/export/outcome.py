"""PURE: what the answer to an export means for the batch: forget it, keep it, or drop it.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from typing import Literal

from extension.frozen import Frozen

RETRYABLE = frozenset({429, 502, 503, 504})
"""All that the specification lets a client send again."""

UNAUTHENTICATED = frozenset({401, 403})

TOO_LARGE = 413


class Outcome(Frozen):
    """`accepted`: forget · `kept`: try again later · `rejected`: drop and count ·
    `too_large`: send less at once, drop a single item · `unauthenticated`: renew the credentials
    and try once more, else keep."""

    kind: Literal["accepted", "kept", "rejected", "too_large", "unauthenticated"]
    cause: str = ""
    """The status or the kind of failure, never a text of the endpoint's."""
    retry_after_s: float = 0.0
    rejected_items: int = 0
    """How many of an accepted batch the endpoint refused (partial success)."""
    timed_out: bool = False
    """Whether it has cost all the time it was given."""


def judge_status(status: int, *, retry_after: str = "", rejected_items: int = 0) -> Outcome:
    """Return what an HTTP status means; a redirect is not followed and counts as refusal."""
    if 200 <= status < 300:
        return Outcome(kind="accepted", rejected_items=rejected_items)
    if status in UNAUTHENTICATED:
        return Outcome(kind="unauthenticated", cause=f"status {status}")
    if status == TOO_LARGE:
        return Outcome(kind="too_large", cause=f"status {status}")
    if status in RETRYABLE:
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
        return Outcome(kind="kept", cause=f"status {status}", retry_after_s=seconds)
    return Outcome(kind="rejected", cause=f"status {status}")
