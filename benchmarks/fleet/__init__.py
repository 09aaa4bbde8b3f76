"""What a fleet asks of AWS and of its endpoint, simulated on the real code for a day.

`python -m benchmarks fleet` writes RESULTS.md and two charts beside this file; `rates` says how
few sandboxes stand for many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.charts import Chart, Point, Series, draw
from benchmarks.fleet.day import (
    DAY_S,
    GAP_S,
    HIGHER_GET_PARAMETER,
    HIGHER_GET_PARAMETERS,
    HOUR_S,
    NOON_S,
    PARAMETER_STORE,
    PEAK_S,
    SECRETS_MANAGER,
    lives,
    ranks,
    traffic,
)
from benchmarks.fleet.rates import Line, Rates, binned, rates, table
from benchmarks.fleet.sandbox import ENDPOINT, Calls, Sandbox
from benchmarks.rows import Row, compare

FOLDER = Path(__file__).resolve().parent
SIZES = (100, 1_000, 10_000, 100_000)
CHARTED = 1_000
"""Sandboxes of the fleet that is drawn."""

MINUTE_S = 60.0
SHOWN_BEFORE_S = 240.0
"""What is drawn before the deployment: by then, sandboxes have begun at different times."""

SAMPLED = 15
"""Sandboxes of the busiest hour, whose calls are many."""

SAMPLED_DEPLOYED = 40
"""Of the hour after a deployment, whose worst ten seconds are looked at."""

SAMPLED_DAY = 10
"""Of the day that is drawn."""

SAMPLED_POSTS = 6
PARAMETERS = 5
REFERENCES = (
    *(f"ssm:/app/parameter-{number}" for number in range(PARAMETERS)),
    "secretsmanager:app/database",
)
GAPS_S = (30.0, 3.0)
"""Between the invocations of a sandbox that exports: less often than `periodic` does, and more."""

DEFAULT = "default settings"
BATCHED = {"DISPATCH_CACHE_BATCH": "true"}
CACHES: Mapping[str, Mapping[str, str]] = {
    DEFAULT: {},
    "TTL 60 s": {"SSM_PARAMETER_STORE_TTL": "60", "SECRETS_MANAGER_TTL": "60"},
    "TTL 3,600 s": {
        "SSM_PARAMETER_STORE_TTL": "3600",
        "SECRETS_MANAGER_TTL": "3600",
        "DISPATCH_CACHE_TTL_LIMIT_SECONDS": "3600",
    },
    "no jitter": {"DISPATCH_CACHE_TTL_JITTER": "0"},
    "jitter 0.5": {"DISPATCH_CACHE_TTL_JITTER": "0.5"},
    "batched": BATCHED,
    "batched, TTL 3,600 s": {
        **BATCHED,
        "SSM_PARAMETER_STORE_TTL": "3600",
        "SECRETS_MANAGER_TTL": "3600",
        "DISPATCH_CACHE_TTL_LIMIT_SECONDS": "3600",
    },
}
EXPORTING = {"DISPATCH_POST_URI": "http://endpoint:4318"}
FLUSHES = ("end", "auto", "periodic")
STORE = ("GetParameter", "GetParameters")
SECRETS = ("GetSecretValue",)
ONE_BY_ONE = {"> 40": PARAMETER_STORE, "> 10,000": HIGHER_GET_PARAMETER}
TOGETHER = {"> 40": PARAMETER_STORE, "> 1,000": HIGHER_GET_PARAMETERS}
MANAGER = {"> 10,000": SECRETS_MANAGER}
DRAWN = (DEFAULT, "TTL 60 s", "TTL 3,600 s", "batched")
DRAWN_DEPLOYED = (DEFAULT, "no jitter", "jitter 0.5", "batched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the day, lived by `sampled` sandboxes that are invoked every `gap_s`."""

    begin_s: float
    end_s: float
    sampled: int
    gap_s: float = GAP_S


PEAK = Part(begin_s=PEAK_S - HOUR_S, end_s=PEAK_S + HOUR_S / 2, sampled=SAMPLED)
AROUND_NOON = Part(begin_s=NOON_S - HOUR_S / 3, end_s=NOON_S + HOUR_S, sampled=SAMPLED_DEPLOYED)
REPLACED = sum(rank <= traffic(NOON_S) for rank in ranks(SAMPLED_DEPLOYED)) / SAMPLED_DEPLOYED
"""The share of sandboxes that a deployment at noon finds."""

WHOLE = Part(begin_s=0.0, end_s=DAY_S, sampled=SAMPLED_DAY, gap_s=30.0)


def simulate(environ: Mapping[str, str], part: Part, *, references: Sequence[str] = ()) -> Calls:
    """Let sandboxes with these settings live through a part of the day; count their calls."""
    calls: Calls = Counter()
    for seed, rank in enumerate(ranks(part.sampled)):
        for invocations in lives(
            rank, seed=seed, gap_s=part.gap_s, begin_s=part.begin_s, end_s=part.end_s
        ):
            Sandbox(environ, references=references, calls=calls).live(invocations)
    return calls


def by_second(calls: Calls, operations: Sequence[str]) -> Mapping[int, int]:
    """Return how often any of these operations was called in each second."""
    seconds: Counter[int] = Counter()
    for (operation, at), number in calls.items():
        if operation in operations:
            seconds[at] += number
    return seconds


def rows() -> Iterator[Row]:
    """Simulate each of the settings, write the tables and the charts, and yield the walls."""
    busiest = {name: _cached(environ, PEAK) for name, environ in CACHES.items()}
    deployed = {name: _cached(environ, AROUND_NOON) for name, environ in CACHES.items()}
    store, secrets = (
        {name: _rates(busiest[name], deployed[name], kind) for name in CACHES}
        for kind in (STORE, SECRETS)
    )
    posts = dict(_posts())
    _write(store, secrets, posts)
    _draw_day({name: _cached(CACHES[name], WHOLE) for name in DRAWN})
    _draw_deployment({name: deployed[name] for name in DRAWN_DEPLOYED})
    yield from _walls(store)
    yield from _post_rows(posts)


def _cached(environ: Mapping[str, str], part: Part) -> Calls:
    return simulate(environ, part, references=REFERENCES)


def _rates(busiest: Calls, deployed: Calls, operations: Sequence[str]) -> Rates:
    return rates(
        by_second(busiest, operations),
        by_second(deployed, operations),
        sampled=PEAK.sampled,
        sampled_deployed=AROUND_NOON.sampled,
    )


def _posts() -> Iterator[tuple[str, float]]:
    """Yield POSTs a second for each sandbox in the busiest hour, by flush mode and gap."""
    for gap_s in GAPS_S:
        part = Part(
            begin_s=PEAK_S - HOUR_S, end_s=PEAK_S + HOUR_S / 2, sampled=SAMPLED_POSTS, gap_s=gap_s
        )
        for mode in FLUSHES:
            posts = by_second(simulate({**EXPORTING, "DISPATCH_FLUSH": mode}, part), [ENDPOINT])
            each = rates(posts, {}, sampled=SAMPLED_POSTS, sampled_deployed=1).ordinary
            yield f"{mode}, an invocation in {gap_s:g} s", each


def _walls(measured: Mapping[str, Rates]) -> Iterator[Row]:
    """Yield how large a fleet may be until Parameter Store refuses calls."""
    usual = measured[DEFAULT]
    for name, each in measured.items():
        for what, ours, theirs in (
            ("sandboxes, in the busiest hour", each.ordinary, usual.ordinary),
            ("sandboxes, in the hour after a deployment", each.echo, usual.echo),
            ("cold starts a second", each.deployment / REPLACED, usual.deployment / REPLACED),
        ):
            yield compare(
                f"fleet, {name}: {what}, that {PARAMETER_STORE} calls a second carry",
                [PARAMETER_STORE / ours],
                [PARAMETER_STORE / theirs],
                unit="",
                reference=DEFAULT,
            )


def _post_rows(measured: Mapping[str, float]) -> Iterator[Row]:
    for name, each in measured.items():
        flush, _, what = name.partition(", ")
        yield compare(
            f"fleet of {CHARTED:,}, DISPATCH_FLUSH={flush}, {what}: POSTs",
            [each * CHARTED],
            [measured[f"end, {what}"] * CHARTED],
            unit="/s",
            reference="DISPATCH_FLUSH=end",
        )


def _write(
    store: Mapping[str, Rates], secrets: Mapping[str, Rates], posts: Mapping[str, float]
) -> None:
    about = (
        "Calls a second by the number of sandboxes that are busy at the peak of the day. Each asks "
        f"for {PARAMETERS} parameters and a secret in every invocation, one in {GAP_S:g} s; "
        f"{SAMPLED_DEPLOYED} were simulated around the deployment, {SAMPLED} in the busiest hour. "
        "What breaks a quota has it in parentheses."
    )
    parts = [
        "# Results",
        about,
        "## Parameter Store",
        table([_line(name, each, _quotas(name)) for name, each in store.items()], sizes=SIZES),
        "## Secrets Manager",
        table([_line(name, each, MANAGER) for name, each in secrets.items()], sizes=SIZES),
        "## The endpoint: POSTs of one signal",
        table(
            [
                Line(name=f"`DISPATCH_FLUSH={mode}`, {what}", phases={"busiest hour": each})
                for name, each in posts.items()
                for mode, _, what in [name.partition(", ")]
            ],
            sizes=SIZES,
        ),
    ]
    (FOLDER / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


def _line(name: str, each: Rates, quotas: Mapping[str, float]) -> Line:
    return Line(name=name, phases=each.phases, quotas=quotas)


def _quotas(name: str) -> Mapping[str, float]:
    return TOGETHER if "DISPATCH_CACHE_BATCH" in CACHES[name] else ONE_BY_ONE


def _draw_day(days: Mapping[str, Calls]) -> None:
    series = {name: _points(calls, WHOLE, HOUR_S / 2) for name, calls in days.items()}
    hours = {
        name: [(at_s / HOUR_S, per_s) for at_s, per_s in points] for name, points in series.items()
    }
    _draw("day", "over a day", "hour of the day", hours)


def _draw_deployment(deployed: Mapping[str, Calls]) -> None:
    series = {name: _points(calls, AROUND_NOON, MINUTE_S) for name, calls in deployed.items()}
    minutes = {
        name: [
            ((at_s - NOON_S) / MINUTE_S, per_s)
            for at_s, per_s in points
            if at_s > NOON_S - SHOWN_BEFORE_S
        ]
        for name, points in series.items()
    }
    _draw("deployment", "after a deployment", "minutes after it", minutes)


def _points(calls: Calls, part: Part, bin_s: float) -> list[Point]:
    """Return the calls a second of a fleet of `CHARTED`, in bins, by second of the day."""
    scale = CHARTED / part.sampled
    seconds = by_second(calls, STORE)
    bins = binned(seconds, bin_s, begin_s=part.begin_s, end_s=part.end_s)
    return [(at_s, per_s * scale) for at_s, per_s in bins]


def _draw(slug: str, title: str, across: str, series: Mapping[str, Sequence[Point]]) -> None:
    ends = [next(iter(series.values()))[end][0] for end in (0, -1)]
    quota = [(at, float(PARAMETER_STORE)) for at in ends]
    chart = Chart(
        title=f"Parameter Store, {CHARTED:,} sandboxes, {title}",
        across=across,
        up="calls/s",
        series=[
            *(Series(name=name, points=points) for name, points in series.items()),
            Series(name=f"quota of {PARAMETER_STORE}", points=quota, dashed=True),
        ],
        log_across=False,
    )
    (FOLDER / f"{slug}.svg").write_text(draw(chart))
