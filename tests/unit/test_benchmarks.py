"""The pure parts of the benchmarks: turns, ratios, the table, the ramp; nothing here takes time."""

from __future__ import annotations

import asyncio
import json

import pytest

from benchmarks import ramp, traffic
from benchmarks.__main__ import main
from benchmarks.after_response import Window, window_rows
from benchmarks.cache_in_time import CountingSource, Sandbox
from benchmarks.rows import Row, bounded, compare, fail, skip, take_turns
from benchmarks.share import share_of
from benchmarks.table import figure, render
from extension.process.frozen import replace
from extension.settings.parameters import ParametersConfig
from extension.telemetry.reading.decode import parse
from tests.doubles import ManualClock


@pytest.mark.parametrize("name", ["strat", "--hlep", "rows"])
def test_an_unknown_benchmark_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before minutes of measuring those that there are; `rows` is a module and no benchmark."""
    assert main([name, "start"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"benchmarks: no {name}; there are start, layer, ")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_the_benchmarks(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is measured."""
    assert main([option]) == 0
    assert "\nstart, layer, " in capsys.readouterr().out


def test_contenders_take_turns() -> None:
    """What disturbs the machine for a while hits all contenders alike."""
    order: list[str] = []
    take_turns({name: lambda n=name: order.append(n) for name in "ab"}, turns=2)  # type: ignore[misc]
    assert order == ["a", "b"] * 3


def test_first_turn_does_not_count() -> None:
    """The first turn fills the caches of the machine and is thrown away."""
    figures = iter([100.0, 1.0, 2.0])
    assert take_turns({"a": lambda: next(figures)}, turns=2) == {"a": [1.0, 2.0]}


def test_ratio_is_the_median_of_the_turns_ratios() -> None:
    """Each turn is compared with itself, so a slow turn of both does not shift the ratio."""
    row = compare("x", [1, 10, 3], [2, 20, 4], unit="ms", reference="r")
    assert (row.ours, row.theirs, row.ratio) == (3, 4, 0.5)
    assert (row.low, row.high) == (0.5, 0.75)


def test_ratio_needs_as_many_turns_of_the_reference() -> None:
    """Turns cannot be compared with turns that did not happen."""
    with pytest.raises(ValueError, match="shorter"):
        compare("x", [1, 2], [1], unit="ms", reference="r")


@pytest.mark.parametrize(("ours", "kept"), [(15.0, True), (16.0, True), (17.0, False)])
def test_promise_about_a_ratio(ours: float, kept: bool) -> None:
    """A promised ratio is kept up to its bound."""
    row = compare("x", [ours], [10], unit="ms", reference="r", at_most=1.6)
    assert (row.promise, row.kept) == ("≤ 1.6", kept)


def test_promise_about_a_figure() -> None:
    """A promise may be about the figure itself, whatever the ratio is."""
    row = bounded("x", [19_000], [1], unit="/s", reference="r", at_least=20_000)
    assert (row.promise, row.kept, row.ratio) == ("≥ 20,000 /s", False, 19_000)


def test_nothing_promised_is_neither_kept_nor_missed() -> None:
    """A row without a promise makes no claim."""
    row = compare("x", [1], [1], unit="ms", reference="r")
    assert (row.promise, row.kept) == ("", None)


def test_table_aligns_its_columns() -> None:
    """The table is Markdown, and its columns stand under each other in a terminal."""
    rows = [
        compare("short", [1.5], [3], unit="ms", reference="bare", at_most=1.6),
        compare("somewhat longer", [1234], [12], unit="MiB", reference="eager", at_most=2),
        skip("skipped", "no quota here"),
    ]
    lines = render(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    bars = [[at for at, char in enumerate(line) if char == "|"] for line in lines]
    assert bars.count(bars[0]) == len(lines)


def test_table_says_what_was_missed() -> None:
    """A promise that was not kept cannot be overlooked."""
    table = render([compare("x", [2], [1], unit="ms", reference="r", at_most=1.6)])
    assert "MISSED" in table
    assert "kept" not in table


def test_table_names_what_was_skipped_and_what_failed() -> None:
    """A row without figures says why, in one cell whatever the reason holds."""
    table = render([skip("share", "no CPU quota here"), fail("layer", "a | b\nc")])
    assert "skipped" in table
    assert "no CPU quota here" in table
    assert "FAILED" in table
    assert "a / b c" in table


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.12345, "ms", "0.123 ms"),
        (12.345, "ms", "12.3 ms"),
        (1234.5, "/s", "1,234 /s"),
        (18, "calls", "18 calls"),
        (None, "ms", ""),
    ],
)
def test_figures_have_the_digits_that_count(value: float | None, unit: str, text: str) -> None:
    """A figure is not written more exactly than it was measured."""
    assert figure(value, unit) == text


def test_share_grows_with_memory_up_to_a_core() -> None:
    """A function of 1769 MB and more has at least a whole core."""
    assert share_of(128) == pytest.approx(0.0724, abs=0.0001)
    assert share_of(1769) == share_of(3008) == 1.0


def test_ramp_sends_what_the_blog_sends() -> None:
    """From 10 to 40 requests a second within a minute: 25 a second on average."""
    times = ramp.arrival_times()
    assert len(times) == pytest.approx(1500, abs=1)
    assert sum(1 for at_s in times if at_s < 1) == 10
    assert sum(1 for at_s in times if at_s >= 59) == pytest.approx(40, abs=1)


def test_requests_go_to_the_sandbox_that_was_free_last() -> None:
    """A second sandbox is made when none is free, and stays idle when one suffices."""
    during_init, later = 0.5, 10.0
    assert ramp.assign([0.0, during_init, later, later + 1]) == [0, 1, 1, 1]


@pytest.mark.parametrize(("ttl_s", "calls"), [(0, 6), (2, 3), (300, 1)])
def test_calls_depend_on_the_ttl(ttl_s: int, calls: int) -> None:
    """The cache of the ramp is the real one: what is fresh is not asked for again."""
    config = replace(ParametersConfig(), ssm_ttl_s=ttl_s, ttl_jitter=0.0)

    async def ask() -> int:
        source, clock = CountingSource(), ManualClock()
        sandbox = Sandbox(source, clock, config)
        for _ in range(6):
            await sandbox.get("/name")
            clock.advance(1)
        return source.calls.total()

    assert asyncio.run(ask()) == calls


def test_batched_parameters_share_a_call() -> None:
    """Twelve parameters at once take two calls instead of twelve."""

    async def ask(*, batch: bool) -> dict[str, int]:
        source = CountingSource()
        sandbox = Sandbox(source, ManualClock(), replace(ParametersConfig(), batch=batch))
        await asyncio.gather(*(sandbox.get(f"/{number}") for number in range(12)))
        return dict(source.calls)

    assert asyncio.run(ask(batch=False)) == {"GetParameter": 12}
    assert asyncio.run(ask(batch=True)) == {"GetParameters": 2}


def test_traffic_is_what_the_decoder_knows() -> None:
    """Every event that is measured with is one that the extension takes."""
    for delivery in (traffic.during(2), traffic.after(2), traffic.whole(range(1, 4))):
        batch = parse(delivery)
        assert batch.bad == 0
        assert len(batch.events) == len(json.loads(delivery))


def test_traffic_of_an_invocation_has_the_report_of_the_one_before() -> None:
    """The platform reports an invocation only when every extension is done with it."""
    types = [event["type"] for event in json.loads(traffic.during(2))]
    assert types[:2] == ["platform.report", "platform.start"]
    assert types[2:] == ["function"] * traffic.LINES


def test_rows_cannot_be_changed() -> None:
    """A figure that was measured stays what it is."""
    with pytest.raises(AttributeError):
        Row(what="x").ours = 1.0  # type: ignore[misc]


def test_window_shows_the_median_and_the_worst() -> None:
    """One invocation in fifty that is held for an export does not move the median."""
    ours = Window(added_ms=[1.0, 2.0, 201.0], exports=2)
    rows = list(window_rows("auto", ours, Window(added_ms=[25.0, 26.0, 30.0], exports=0)))
    assert [(row.ours, row.theirs) for row in rows] == [(2.0, 26.0), (201.0, 30.0)]
    assert ["median of 3, 2 exports" in row.what for row in rows] == [True, False]


def test_window_without_exports_is_no_measurement() -> None:
    """What is added after responses cannot be seen where nothing is exported."""
    [row] = window_rows(
        "auto", Window(added_ms=[1.0], exports=1), Window(added_ms=[1.0], exports=0)
    )
    assert row.failed == "1 exports among 1 invocations"
