"""Traces as waterfalls, and GETs as a table, for a terminal of 100 columns.

The rule of this module: values in, rich Text out; nothing is read, printed or timed.
The caller prints, and decides about colour (rich's console honours NO_COLOR and a missing tty).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from simulator.report.axis import duration
from simulator.report.spans import failure_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from simulator.intake.otlp import Event, Span

WIDTH = 100
_NAME_WIDTH = 27
_BAR_WIDTH = 43
_DURATION_WIDTH = 9
_GET_WIDTH = 42
_NS_PER_MS = 1_000_000
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_BENEATH = {"": "", "├─ ": "│  ", "└─ ": "   "}
_CACHE_STYLES = {"HIT": "green", "MISS": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """One GET of the function: which invocation, what, the X-Cache answer, and what it cost."""

    invocation: int
    name: str
    cache: str
    ms: float
    aws_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """The time that the bars of one trace share."""

    start_ns: int
    total_ns: int

    def bar(self, span: Span) -> str:
        """The span on the axis; never less than an eighth of a column, never outside."""
        columns_per_ns = _BAR_WIDTH / self.total_ns
        left = min(int((span.start_ns - self.start_ns) * columns_per_ns), _BAR_WIDTH - 1)
        eighths = max(1, round((span.end_ns - span.start_ns) * columns_per_ns * 8))
        full, rest = divmod(min(eighths, (_BAR_WIDTH - left) * 8), 8)
        return (" " * left + "█" * full + _EIGHTHS[rest]).ljust(_BAR_WIDTH)


def waterfall(spans: Sequence[Span], *, title: str) -> Text:
    """One trace: a line for each span, its events below it, children below their parent."""
    start_ns = min(span.start_ns for span in spans)
    end_ns = max(span.end_ns for span in spans)
    axis = _Axis(start_ns=start_ns, total_ns=max(end_ns - start_ns, 1))
    lines = [_heading(title, trace_id=spans[0].trace_id), _scale(axis)]
    for span, above, branch in _walk(spans):
        lines.append(_span_line(span, indent=above + branch, axis=axis))
        lines += _beneath(span, indent=above + _BENEATH[branch], axis=axis)
    return Text("\n").join(lines)


def table_of_gets(gets: Iterable[Get]) -> Text:
    """The GETs of all invocations: what came from the cache, and what it cost."""
    heading = (
        f"{'':>3}  {'GET':<{_GET_WIDTH}}{'X-Cache':<9}{'took':>{_DURATION_WIDTH}}{'AWS calls':>12}"
    )
    rows = [
        Text.assemble(
            f"{get.invocation:>3}  {_fit(get.name, _GET_WIDTH - 2)}  ",
            (f"{get.cache:<9}", _CACHE_STYLES.get(get.cache, "")),
            f"{duration(round(get.ms * _NS_PER_MS)):>{_DURATION_WIDTH}}{get.aws_calls:>12}",
        )
        for get in gets
    ]
    return Text("\n").join([Text(heading, style="dim"), *rows])


def _heading(title: str, *, trace_id: str) -> Text:
    trace = f"trace {trace_id}"
    return Text.assemble((_fit(title, WIDTH - len(trace) - 1), "bold"), " ", (trace, "dim"))


def _scale(axis: _Axis) -> Text:
    end = duration(axis.total_ns)
    return Text(" " * (_NAME_WIDTH + 3) + "0" + end.rjust(_BAR_WIDTH - 1), style="dim")


def _walk(spans: Sequence[Span]) -> Iterator[tuple[Span, str, str]]:
    """Parents before children, siblings by time; with what precedes each in the tree."""
    ids = {span.span_id for span in spans}
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))

    def children(parent: Span, above: str) -> Iterator[tuple[Span, str, str]]:
        found = [span for span in ordered if span.parent_span_id == parent.span_id]
        for span in found:
            branch = "└─ " if span is found[-1] else "├─ "
            yield span, above, branch
            yield from children(span, above + _BENEATH[branch])

    for span in ordered:
        if span.parent_span_id not in ids:
            yield span, "", ""
            yield from children(span, "")


def _span_line(span: Span, *, indent: str, axis: _Axis) -> Text:
    style = "red" if span.status == "ERROR" else "cyan" if span.kind == "SERVER" else "blue"
    took = duration(span.end_ns - span.start_ns).rjust(_DURATION_WIDTH)
    return Text.assemble(
        "  ",
        (indent, "dim"),
        (_fit(span.name, _NAME_WIDTH - len(indent)), "bold" if span.kind == "SERVER" else ""),
        " ",
        (axis.bar(span), style),
        f" {took} ",
        (span.span_id, "dim"),
    )


def _beneath(span: Span, *, indent: str, axis: _Axis) -> Iterator[Text]:
    """The reason of an error, then the events in the order of their times."""
    if span.status == "ERROR":
        yield _note(f"✗ {failure_of(span)}", indent=indent, style="red")
    for event in sorted(span.events, key=lambda event: event.time_ns):
        at = f"+{duration(max(event.time_ns - axis.start_ns, 0))}".rjust(_DURATION_WIDTH + 1)
        yield _note(f"{at}  {_said(event)}", indent=indent, style="dim")


def _note(note: str, *, indent: str, style: str) -> Text:
    line = "  " + _fit(note, WIDTH - 4 - len(indent)).rstrip()
    return Text.assemble("  ", (indent, "dim"), (line, style))


def _said(event: Event) -> str:
    """A log line with its severity and fields, or another event by name and what it carries."""
    carried = dict(event.attributes)
    if event.name == "exception":
        return (
            f"{carried.get('exception.type', event.name)}: {carried.get('exception.message', '')}"
        )
    words = [event.name]
    if event.name == "log":
        severity = carried.pop("log.severity", None) or "-"
        first, *others = str(carried.pop("log.message", "")).rstrip().split("\n")
        words = [f"{severity:<5}", first, *([f"(+{len(others)} more)"] if others else [])]
    return " ".join([*words, *(f"{key}={value}" for key, value in carried.items())])


def _fit(text: str, width: int) -> str:
    """The text in one line of exactly this width, cut with an ellipsis if need be.

    Log lines may hold line ends and escape sequences: neither may reach the terminal.
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    return line.ljust(width) if len(line) <= width else line[: width - 1] + "…"
