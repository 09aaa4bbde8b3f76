"""Prints what came of the demo: where things run, traces, GETs, surprises; and draws a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.rule import Rule
from rich.text import Text

from layer.commands import counted
from simulator.aws.endpoints.summary import summary
from simulator.demo.outcome import trace_ids, undelivered
from simulator.demo.waterfall import table_of_gets, waterfall
from simulator.report.file import write_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from simulator.demo.outcome import Outcome
    from simulator.demo.stage import Stage

ARRIVAL_S = 10.0


def show_places(stage: Stage, console: Console) -> None:
    """Print where each piece runs."""
    for name, (address, what) in stage.places.items():
        console.print(Text.assemble(f"  {name:<13}", (f"{address:<25} ", "cyan"), (what, "dim")))


async def show_traces(
    stage: Stage, console: Console, outcomes: Sequence[Outcome], *, deadline_s: float = ARRIVAL_S
) -> int:
    """Print each invocation's trace, or its id when it went elsewhere; 1 when one is missing."""
    ids = trace_ids(stage.function.events)
    traces = {outcome.title: ids[outcome.answer.request_id] for outcome in outcomes}
    if not stage.keeps_traces:
        return _show_sent(stage, console, traces)
    missing = await _missing(stage, expected=set(ids.values()), deadline_s=deadline_s)
    section(console, f"Traces that arrived at {stage.traces_url}")
    for title, trace_id in traces.items():
        spans = [span for span in stage.spans if span.trace_id == trace_id]
        console.print()
        console.print(waterfall(spans, title=title) if spans else f"none: {title}")
    if missing:
        _quote_extension(stage, console, f"{len(missing)} of {len(ids)} traces did not arrive")
    return 1 if missing else 0


def _show_sent(stage: Stage, console: Console, traces: Mapping[str, str]) -> int:
    """Print what to look for at the user's endpoint, unless the extension could not send it."""
    lost = undelivered(stage.extension_lines)
    if lost != 0:
        many = "An unknown number of spans" if lost is None else counted(lost, "span")
        verb = "was" if lost == 1 else "were"
        _quote_extension(stage, console, f"{many} {verb} not taken by {stage.traces_url}")
        return 1
    section(console, f"Traces sent to {stage.traces_url}")
    for title, trace_id in traces.items():
        console.print(f"  {trace_id}  {title}")
    return 0


def _quote_extension(stage: Stage, console: Console, problem: str) -> None:
    console.print(f"\n{problem}; the extension said:")
    console.print("\n".join(stage.extension_lines) or "nothing")


async def _missing(stage: Stage, *, expected: set[str], deadline_s: float) -> set[str]:
    """The trace ids of which no invocation's span has come by the deadline."""

    def missing() -> set[str]:
        return expected - {span.trace_id for span in stage.spans if span.kind == "SERVER"}

    try:
        await stage.wait_for(lambda: not missing(), deadline_s=deadline_s)
    except TimeoutError:
        return missing()
    return set()


def show_cloudwatch(stage: Stage, console: Console) -> None:
    """Print what is at the local CloudWatch, and what it refused."""
    if stage.cloudwatch is None:
        return
    section(console, "What X-Ray, CloudWatch Logs and CloudWatch have")
    for line in summary(stage.cloudwatch):
        console.print(f"  {line}")


def show_gets(stage: Stage, console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print what the function got from the cache, and how often AWS was asked."""
    section(console, "What the function got from the cache, as it reports")
    gets = [get for outcome in outcomes for get in outcome.gets()]
    console.print(table_of_gets(gets))
    hits = sum(get.cache == "HIT" for get in gets)
    console.print(
        f"\n{hits} of these {len(gets)} GETs were answered from the cache; "
        f"all {len(outcomes)} invocations together made {len(stage.aws.calls)} calls to AWS."
    )


def write_picture(
    stage: Stage, console: Console, outcomes: Sequence[Outcome], *, path: Path
) -> None:
    """Write the run as a page; what went to an endpoint of the user's own cannot be shown."""
    if stage.intake is None:
        return
    write_report(
        path,
        intake=stage.intake,
        gets=stage.gets,
        payloads={each.answer.request_id: json.dumps(each.payload) for each in outcomes},
        code=stage.function.settings.code,
    )
    console.print(f"The picture of this run, for a browser: {path}")


def show_surprises(console: Console, outcomes: Sequence[Outcome]) -> int:
    """Say which invocations did not end as the demo meant them to; 1 when there is one."""
    surprises = [outcome.surprise for outcome in outcomes if outcome.surprise]
    if surprises:
        console.print("\nNot as expected:\n" + "\n".join(surprises))
    return 1 if surprises else 0


def section(console: Console, title: str) -> None:
    """Print the title of what follows."""
    console.print()
    console.print(Rule(title, align="left", style="dim"))
