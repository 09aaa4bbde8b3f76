"""Log lines, exceptions and GETs as moments on the axis of a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.report.axis import duration

if TYPE_CHECKING:
    from simulator.intake.otlp import Attributes, Event, LogRecord
    from simulator.report.axis import Axis
    from simulator.report.cache_tap import CacheGet

Tone = Literal["plain", "warn", "error", "hit", "miss", "stale"]
Fields = tuple[tuple[str, str], ...]

_OK = 200
_INVOCATION_ID = "faas.invocation_id"  # on the card already
_LONGEST_FIRST = 240  # characters; the list stays one, whatever a function prints


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that is marked on the axis and described in the list beside it.

    `left` and `width` in percent of the axis; the list shows `first` and unfolds `rest`.
    """

    time_ns: int
    left: float
    width: float = 0.0
    at: str
    tag: str
    tone: Tone
    first: str
    rest: str = ""
    took: str = ""
    fields: Fields = ()


def event_moment(event: Event, *, axis: Axis) -> Moment:
    """A log line, an exception, or another event by its name."""
    carried = dict(event.attributes)
    tag, text = event.name.upper(), ""
    tone: Tone = "plain"
    if event.name == "log":
        tag = str(carried.pop("log.severity", "") or "LOG")
        text, tone = str(carried.pop("log.message", "")), _tone(tag)
    elif event.name == "exception":
        parts = [str(carried.pop(f"exception.{part}", "")) for part in ("type", "message")]
        stack = str(carried.pop("exception.stacktrace", ""))
        text, tone = ": ".join(filter(None, parts)) + f"\n{stack}", "error"
    return _moment(event.time_ns, axis=axis, tag=tag, tone=tone, text=text, carried=carried)


def record_moment(record: LogRecord, *, axis: Axis) -> Moment:
    """A log record of the logs signal."""
    tag = record.severity_text or record.event_name.upper() or "LOG"
    return _moment(
        record.time_ns,
        axis=axis,
        tag=tag,
        tone=_tone(tag),
        text=written(record.body),
        carried={name: it for name, it in record.attributes.items() if name != _INVOCATION_ID},
    )


def get_moment(get: CacheGet, *, axis: Axis) -> Moment:
    """A GET of the cache; whatever went to AWS is a miss."""
    stretch = axis.stretch(get.start_ns, get.end_ns)
    failed = get.status != _OK
    tones: dict[str, Tone] = {"HIT": "hit", "STALE": "stale"}
    return Moment(
        time_ns=get.start_ns,
        left=stretch.left,
        width=stretch.width,
        at=_since(get.start_ns, axis=axis),
        tag=f"{get.result} {get.status}".strip() if failed else get.result,
        tone="error" if failed else tones.get(get.result, "miss"),
        first=get.name,
        took=duration(get.end_ns - get.start_ns),
    )


def written(value: object) -> str:
    """An attribute or a body as text: what is not a text as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def as_fields(attributes: Attributes) -> Fields:
    """Attributes as texts, in their order."""
    return tuple((name, written(value)) for name, value in attributes.items())


def _moment(
    time_ns: int, *, axis: Axis, tag: str, tone: Tone, text: str, carried: Attributes
) -> Moment:
    first, _, rest = text.strip().partition("\n")
    if len(first) > _LONGEST_FIRST:
        first, rest = first[:_LONGEST_FIRST] + "…", text.strip()
    return Moment(
        time_ns=time_ns,
        left=axis.left(time_ns),
        at=_since(time_ns, axis=axis),
        tag=tag,
        tone=tone,
        first=first,
        rest=rest,
        fields=as_fields(carried),
    )


def _since(time_ns: int, *, axis: Axis) -> str:
    return f"+{duration(max(time_ns - axis.start_ns, 0))}"


def _tone(severity: str) -> Tone:
    if severity.startswith(("ERROR", "FATAL", "CRITICAL")):
        return "error"
    return "warn" if severity.startswith("WARN") else "plain"
