"""The page of a run: true bars, everything that happened, no network, no text that is markup."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from simulator.intake.otlp import Event, LogRecord, Span
from simulator.report.axis import Axis
from simulator.report.cache_tap import CacheGet
from simulator.report.cards import Card, build_card
from simulator.report.moments import Moment
from simulator.report.page import Page, build_page
from simulator.report.render import Run, render_report
from simulator.report.traces import traces_of
from tests.arrived import arrived_span

MS = 1_000_000
TRACE, OTHER = "5759e988bd862e3fe1be46a994272793", "6759e988bd862e3fe1be46a994272793"
CSS = Path(__file__).resolve().parents[3] / "simulator" / "report" / "page.css"
HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror='a' \"&amp;"


def test_rows_are_a_tree_over_one_axis() -> None:
    """Parents stand before children, siblings by time, bars where their time was."""
    card = _card(
        _span("phase", span_id="3", parent="2", start_ms=60, end_ms=80),
        _span("greeter", span_id="2", parent="9", start_ms=50, end_ms=90, kind="SERVER"),
        _span("GetParameter", span_id="4", parent="2", start_ms=70, end_ms=75, kind="CLIENT"),
        _span("extension overhead", span_id="5", parent="2", start_ms=90, end_ms=100),
        _span("restore", span_id="1", parent="9", start_ms=0, end_ms=50),
    )
    assert [(row.name, row.kind, row.depth) for row in card.rows] == [
        ("restore", "init", 0),
        ("greeter", "invocation", 0),
        ("phase", "phase", 1),
        ("GetParameter", "aws", 1),
        ("extension overhead", "overhead", 1),
    ]
    bars = [(row.bar.left, row.bar.width) for row in card.rows if row.bar]
    assert bars == [(0, 50), (50, 40), (60, 20), (70, 5), (90, 10)]


@pytest.mark.parametrize(
    ("total_ns", "labels"),
    [
        (0, ["0"]),
        (421 * MS, ["0", "100 ms", "200 ms", "300 ms"]),
        (29 * MS, ["0", "5 ms", "10 ms", "15 ms", "20 ms", "25 ms"]),
        (3_003 * MS, ["0", "1 s", "2 s"]),
        (90 * 60_000 * MS, ["0", "1000 s", "2000 s", "3000 s", "4000 s"]),
        (1_300, ["0", "0.5 µs", "1 µs"]),
    ],
)
def test_ticks_are_few_and_round(total_ns: int, labels: list[str]) -> None:
    """Ticks are 1, 2 or 5 times a power of ten apart; none is so far right that it is cut."""
    axis = Axis(start_ns=7, end_ns=7 + total_ns)
    assert [tick.label for tick in axis.ticks] == labels


def test_nothing_lies_outside_the_axis() -> None:
    """What came before or after the spans is marked at the end that is nearer."""
    axis = Axis(start_ns=100, end_ns=200)
    assert (axis.left(50), axis.left(150), axis.left(500)) == (0, 50, 100)
    assert axis.stretch(190, 300).width == 10
    assert axis.stretch(150, 140).width == 0


def test_log_lines_are_marked_on_their_span_and_listed_by_time() -> None:
    """Each line is a mark where it was written, and stands in the list with fields and level."""
    events = (
        _log(30, "second\nand more", severity="WARN", n=1),
        _log(20, "first"),
        Event(
            name="exception",
            time_ns=40 * MS,
            attributes={
                "exception.type": "ValueError",
                "exception.message": "no",
                "exception.stacktrace": "line 1",
            },
        ),
        _log(40, "[ERROR] ValueError: no", severity="ERROR"),
        Event(name="other", time_ns=41 * MS, attributes={"a": [1]}),
    )
    card = _card(_span("greeter", events=events, kind="SERVER"))
    assert [mark.left for mark in card.rows[0].marks] == [30, 20, 40, 40, 41]
    assert [_fields(moment) for moment in card.moments] == [
        ("+20.0 ms", "LOG", "plain", "first", "", ()),
        ("+30.0 ms", "WARN", "warn", "second", "and more", (("n", "1"),)),
        ("+40.0 ms", "ERROR", "error", "[ERROR] ValueError: no", "", ()),
        ("+40.0 ms", "EXCEPTION", "error", "ValueError: no", "line 1", ()),
        ("+41.0 ms", "OTHER", "plain", "", "", (("a", "[1]"),)),
    ]


def test_log_records_stand_beside_their_span_too() -> None:
    """Lines of the logs signal go to their span; those without a trace to the one of their time."""
    spans = [_span("greeter", kind="SERVER"), _span("later", trace_id=OTHER, start_ms=200)]
    logs = [
        _record(10, "of the span", trace_id=TRACE, span_id="1"),
        _record(250, {"no": "trace"}, trace_id="", span_id=""),
    ]
    first, second = traces_of(spans, logs=logs, gets=[])
    card = build_card(first, payloads={})
    assert [mark.first for mark in card.rows[0].marks] == ["of the span"]
    assert [moment.first for moment in build_card(second, payloads={}).moments] == [
        '{"no": "trace"}'
    ]


def test_long_lines_are_folded() -> None:
    """A list entry stays readable, the whole line is one click away."""
    [moment] = _card(_span("greeter", events=(_log(1, "m" * 1000),))).moments
    assert moment.first == "m" * 240 + "…"
    assert moment.rest == "m" * 1000


def test_gets_are_marks_beneath_the_invocation() -> None:
    """Hits, misses, stale answers and refusals are separate, in the trace of their time."""
    gets = [
        _get(5, "MISS"),
        _get(10, "HIT"),
        _get(20, "STALE"),
        _get(30, "", status=404),
        _get(300, "HIT"),
        _get(-1, "BYPASS"),
    ]
    spans = [
        _span("greeter", span_id="1", kind="SERVER"),
        _span("phase", span_id="2", parent="1"),
        _span("greeter", trace_id=OTHER, start_ms=290, end_ms=310, kind="SERVER"),
    ]
    first, second = (build_card(it, payloads={}) for it in traces_of(spans, logs=[], gets=gets))
    assert [row.kind for row in first.rows] == ["invocation", "cache", "phase"]
    marks = [(mark.left, mark.width, mark.tag, mark.tone) for mark in first.rows[1].marks]
    assert marks == [
        (5, 2, "MISS", "miss"),
        (10, 2, "HIT", "hit"),
        (20, 2, "STALE", "stale"),
        (30, 2, "404", "error"),
        (0, 1, "BYPASS", "miss"),
    ]
    assert [mark.left for mark in second.rows[1].marks] == [50]
    assert first.cache == ((2, "hits", "hit"), (3, "misses", "miss"))
    assert second.cache == ((1, "hit", "hit"), (0, "misses", "miss"))


def test_totals_tell_what_happened() -> None:
    """Timeouts are no errors; a failed init is not counted as an invocation."""
    timeout = {"error.type": "timeout", "lambda_dispatch.status": "timeout"}
    spans = [
        _span("init", span_id="1", status="ERROR"),
        _span("f", span_id="2", kind="SERVER", attributes={"faas.coldstart": True}),
        _span("f", span_id="3", kind="SERVER", status="ERROR", trace_id=OTHER),
        _span("f", span_id="4", kind="SERVER", status="ERROR", attributes=timeout),
        _span("GetParameter", span_id="5", kind="CLIENT"),
    ]
    assert _totals(_page(*spans, gets=[_get(1, "MISS"), _get(2, "HIT"), _get(3, "HIT")])) == {
        "invocations": 3,
        "cold starts": 1,
        "errors": 1,
        "timeouts": 1,
        "cache hits": 2,
        "cache misses": 1,
        "AWS calls": 1,
    }


def test_extensions_own_counts_stand_in_for_gets() -> None:
    """Where no GET was noted, hits and misses are those that the extension has counted."""
    counts = {f"lambda_dispatch.cache.{name}": n for name, n in _counts(2, 1, 3).items()}
    totals = _totals(_page(_span("f", kind="SERVER", attributes=counts), _span("g", kind="SERVER")))
    assert (totals["cache hits"], totals["cache misses"]) == (3, 3)


@pytest.mark.parametrize(
    ("status", "attributes", "message", "verdict", "failure"),
    [
        ("UNSET", {}, "", "success", ""),
        (
            "ERROR",
            {"error.type": "ValueError", "lambda_dispatch.status": "success"},
            "no",
            "error ValueError",
            "ValueError: no",
        ),
        (
            "ERROR",
            {"error.type": "timeout", "lambda_dispatch.status": "timeout"},
            "timeout",
            "timeout",
            "timeout",
        ),
        ("ERROR", {}, "", "error", "error"),
    ],
)
def test_failure_is_unmistakable(
    status: str, attributes: dict[str, object], message: str, verdict: str, failure: str
) -> None:
    """The card says how the invocation ended, its row says why."""
    span = _span("f", kind="SERVER", status=status, status_message=message, attributes=attributes)
    card = _card(span)
    assert (card.verdict, card.rows[0].failure, card.failed) == (verdict, failure, bool(failure))


def test_cards_are_numbered_and_titled_by_their_event() -> None:
    """Invocations are counted through the run, also when several share a trace."""
    spans = [
        _span("init", span_id="0", trace_id="aa", start_ms=0),
        *(
            _span(
                "f",
                span_id=str(n),
                start_ms=100 * n,
                kind="SERVER",
                attributes={"faas.invocation_id": f"r{n}"},
                trace_id=trace_id,
            )
            for n, trace_id in ((1, TRACE), (2, OTHER), (3, OTHER))
        ),
    ]
    page = build_page(Run(spans=spans, payloads={"r1": '{"a": 1}', "r2": "2"}))
    assert page is not None
    titles = [(card.number, card.title) for card in page.cards]
    assert titles == [("", "init"), ("1", '{"a": 1}'), ("2–3", "2, f")]
    assert [segment.label for segment in page.segments] == ["", "1", "2", "3"]


def test_long_event_is_cut() -> None:
    """A megabyte of event is no title."""
    span = _span("f", kind="SERVER", attributes={"faas.invocation_id": "r"})
    [trace] = traces_of([span], logs=[], gets=[])
    assert build_card(trace, payloads={"r": "x" * 1_000_000}).title == "x" * 160 + "…"


def test_leak_is_told_by_name() -> None:
    """Which secret the function has written into a log line, once for the whole trace."""
    leaks = {"secret.leaked": "shop/key"}
    leaky = _span("f", span_id="1", kind="SERVER", attributes=leaks)
    card = _card(leaky, _span("init", span_id="2", attributes=leaks), _span("g", span_id="3"))
    assert card.leaked == "shop/key"
    assert "leaked shop/key" in _elements(render_report(Run(spans=[leaky]))).text
    assert _card(_span("f")).leaked == ""


def test_call_that_failed_does_not_fail_the_card() -> None:
    """Whether a trace has failed is decided by its invocation, and without one by the init."""
    call = _span("GetParameter", span_id="2", parent="1", kind="CLIENT", status="ERROR")
    card = _card(_span("init", span_id="1"), call)
    assert (card.failed, card.verdict) == (False, "success")
    assert _card(_span("init", span_id="1", status="ERROR"), call).failed


def test_labels_of_the_run_do_not_cover_each_other() -> None:
    """Every invocation has a bar on the axis of the run, and a number if there is room."""
    spans = [
        _span("f", span_id=f"{n}", trace_id=f"{n}", start_ms=start, end_ms=start + 1, kind="SERVER")
        for n, start in enumerate((0, 1, 500, 1000))
    ]
    segments = _page(*spans).segments
    assert [segment.label for segment in segments] == ["1", "", "3", "4"]


def test_no_text_is_markup() -> None:
    """Whatever names, lines and values hold, the page has the elements it would have anyway."""
    harmless, hostile = _elements(_full_page("x")), _elements(_full_page(HOSTILE))
    assert hostile.counts == harmless.counts
    assert hostile.counts["script"] == 0
    assert hostile.text.count(HOSTILE) == harmless.text.count("«x»")
    assert harmless.text.count("«x»") > 20


def test_page_asks_for_nothing() -> None:
    """No address, no script, no foreign style: and a policy that would forbid them."""
    page = _elements(_full_page("x"))
    assert page.counts["style"] == 1
    assert not page.counts.keys() & {"script", "link", "img", "iframe", "object", "svg"}
    assert all(link.startswith("#") for link in page.links)
    assert "default-src 'none'; style-src 'unsafe-inline'" in _full_page("x")
    assert not re.search(r"url\(|@import|https?:", _full_page("x"))


def test_links_of_the_run_lead_to_their_cards() -> None:
    """Each bar of the run is a link to the card of its trace."""
    page = _elements(_full_page("x"))
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= page.ids


def test_folders_of_the_machine_are_not_told() -> None:
    """Tracebacks name the folders that Lambda would, longest match first, whole names only."""
    line = 'File "/home/ada/code & co/app.py" in /home/ada/.cache, not /home/adam/x'
    page = render_report(
        Run(
            spans=[_span("f", events=(_log(1, line),))],
            folders={"/home/ada": "~", "/home/ada/code & co": "/var/task"},
        )
    )
    assert 'File "/var/task/app.py" in ~/.cache, not /home/adam/x' in _elements(page).text


def test_control_characters_are_made_visible() -> None:
    """An escape sequence for terminals is shown as what it is."""
    page = render_report(Run(spans=[_span("f", events=(_log(1, "\x1b[31mred\x00"),))]))
    assert r"\x1b[31mred\x00" in page
    assert not set(page) & {chr(code) for code in range(32)} - {"\n"}


def test_run_without_spans_is_a_page_too() -> None:
    """When nothing has arrived, the page says so."""
    assert "Nothing arrived" in _elements(render_report(Run(spans=[]))).text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_accessible(scheme: str) -> None:
    """Text has a contrast of 4.5 to 1 and what is drawn 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    light, _, dark = CSS.read_text().partition("@media (prefers-color-scheme: dark)")
    block = (light if scheme == "light" else dark).partition("\n}\n")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for text in ("text", "dim", "init", "error", "hit", "miss", "stale", "warn"):
        assert _contrast(colours[text], colours["card"]) >= 4.5, text
    for text in ("text", "dim"):
        assert _contrast(colours[text], colours["page"]) >= 4.5, text
    for drawn in ("invocation", "phase", "aws", "overhead"):
        assert _contrast(colours[drawn], colours["card"]) >= 3, drawn
    assert _contrast(colours["on-fill"], colours["error"]) >= 4.5


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] += 1
        attributes = dict(attrs)
        self.links += [str(attributes[name]) for name in ("href", "src") if name in attributes]
        self.ids.add(str(attributes.get("id")))
        self.text += "".join(str(value) for value in attributes.values())

    def handle_data(self, data: str) -> None:
        self.text += data


def _elements(html: str) -> _Elements:
    parser = _Elements()
    parser.feed(html)
    return parser


def _full_page(text: str) -> str:
    """A page with `text` wherever the function, its caller or AWS decide about a text."""
    word = text if text == HOSTILE else f"«{text}»"
    spans = [
        _span(
            word,
            kind=kind,
            span_id=f"{n}{word}",
            trace_id=word,
            status="ERROR",
            status_message=word,
            attributes=dict.fromkeys((word, "error.type", "secret.leaked"), word)
            | {"faas.invocation_id": "r"},
            resource={"faas.name": word, "cloud.region": word},
            events=(_log(1, f"{word}\n{word}", severity=word, **{word: word}),),
        )
        for n, kind in enumerate(("SERVER", "CLIENT", "INTERNAL"))
    ]
    logs = [_record(2, word, trace_id=word, span_id=f"0{word}")]
    return render_report(
        Run(spans=spans, logs=logs, gets=[_get(3, word, name=word)], payloads={"r": word})
    )


def _card(*spans: Span) -> Card:
    [trace] = traces_of(spans, logs=[], gets=[])
    return build_card(trace, payloads={})


def _page(*spans: Span, gets: list[CacheGet] | None = None) -> Page:
    page = build_page(Run(spans=spans, gets=gets or []))
    assert page is not None
    return page


def _totals(page: Page) -> dict[str, int]:
    return {total.label: total.count for total in page.totals}


def _fields(moment: Moment) -> tuple[object, ...]:
    return moment.at, moment.tag, moment.tone, moment.first, moment.rest, moment.fields


def _counts(hits: int, stale: int, misses: int) -> dict[str, int]:
    return {"hits": hits, "stale": stale, "misses": misses}


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _get(start_ms: float, result: str, *, name: str = "/a", status: int = 200) -> CacheGet:
    start_ns = round(start_ms * MS)
    return CacheGet(
        name=name, result=result, status=status, start_ns=start_ns, end_ns=start_ns + 2 * MS
    )


def _log(time_ms: float, message: str, *, severity: str = "", **fields: object) -> Event:
    level = {"log.severity": severity} if severity else {}
    return Event(
        name="log",
        time_ns=round(time_ms * MS),
        attributes={**fields, "log.message": message, **level},
    )


def _record(time_ms: float, body: object, *, trace_id: str, span_id: str) -> LogRecord:
    return LogRecord(
        time_ns=round(time_ms * MS),
        observed_time_ns=0,
        severity_number=9,
        severity_text="INFO",
        body=body,
        attributes={},
        trace_id=trace_id,
        span_id=span_id,
        event_name="",
        resource={},
        scope="",
    )


def _span(
    name: str,
    *,
    span_id: str = "1",
    parent: str = "",
    start_ms: float = 0,
    end_ms: float | None = None,
    **fields: Any,
) -> Span:
    return arrived_span(
        name,
        span_id=span_id,
        parent_span_id=parent,
        start_ns=round(start_ms * MS),
        end_ns=round((start_ms + 100 if end_ms is None else end_ms) * MS),
        **({"trace_id": TRACE} | fields),
    )
