"""What a span says: what it is about, how it went, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulator.intake.otlp import Span

Kind = Literal["init", "invocation", "phase", "aws", "overhead", "cache"]

_NAMED_KINDS: dict[str, Kind] = {
    "init": "init",
    "restore": "init",
    "extension overhead": "overhead",
}
_SPAN_KINDS: dict[str, Kind] = {"SERVER": "invocation", "CLIENT": "aws"}
_BYTES_PER_MIB = 1_048_576


def attribute(span: Span, name: str) -> str:
    """An attribute as text; empty when the span has none of that name."""
    return str(span.attributes.get(name, ""))


def kind_of(span: Span) -> Kind:
    """What a span is about, which is its colour."""
    return _SPAN_KINDS.get(span.kind) or _NAMED_KINDS.get(span.name, "phase")


def failure_of(span: Span) -> str:
    """Why a span failed, type and message; empty when it did not."""
    if span.status != "ERROR":
        return ""
    # A dictionary as an ordered set: a timeout's type and message are the same word.
    parts = dict.fromkeys((attribute(span, "error.type"), span.status_message))
    return ": ".join(filter(None, parts)) or "error"


def verdict_of(span: Span) -> str:
    """How an invocation ended, in a word or two."""
    status = attribute(span, "lambda_dispatch.status")
    if span.status != "ERROR":
        return status or "success"
    # The runtime calls it a success to have reported what the handler has raised.
    ending = "error" if status in ("", "success") else status
    parts = dict.fromkeys((ending, attribute(span, "error.type")))
    return " ".join(filter(None, parts))


def facts_of(spans: Iterable[Span]) -> Iterator[str]:
    """What the platform bills, and the memory it has seen in use."""
    for span in spans:
        billed_ms = span.attributes.get("lambda_dispatch.billed_duration_ms")
        used_bytes = span.attributes.get("lambda_dispatch.max_memory_used_bytes")
        if isinstance(billed_ms, int | float):
            yield f"billed {billed_ms:g} ms"
        if isinstance(used_bytes, int | float):
            yield f"{used_bytes / _BYTES_PER_MIB:.0f} MiB used"
