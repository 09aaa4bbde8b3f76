"""What was delivered against what arrived: each thing once, under one id, or counted as lost.

A thing may arrive again only where its sender could not know that it had been taken: it hung up
before the answer, or the sandbox was frozen meanwhile.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from simulator.intake.otlp import LogRecord, Span
from tests.soak.deliveries.course import Record
from tests.soak.deliveries.endpoint import Post

Item = TypeVar("Item")
Key = TypeVar("Key")

COUNTED = ("unsent", "dropped.buffer_full")
"""Losses that are counted and no fault: the sandbox ended, or more waited than may."""

OVERHEAD = "extension overhead"
"""Child of an invocation's span, made when its report comes."""

ACCURACY = 0.2
"""Of what the closing line says was added after responses."""

PER_INVOCATION_MS = 3.0
"""Besides: the platform dates events by the millisecond, and calls take their time."""

HOLD_S = 1.0
"""Far above what /next takes without waiting for anything, below the slowest answers."""

LOST_S = 2.0
EXPORT_S = 2.0
SLACK_S = 0.5
"""What a lost end may cost: a wait, an export, and the machine's pace."""

BLINK_S = 0.05
"""A freeze this near to an export may have met it on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a course came to, in figures, and what must not be, a line for each.

    `faults` are the same on any machine; how long an invocation is held depends on its pace, too.
    """

    figures: dict[str, object]
    faults: list[str]
    holds: list[str]

    @property
    def problems(self) -> list[str]:
        """All that must not be."""
        return [*self.faults, *self.holds]


def judge(record: Record) -> Verdict:
    """Balance a course."""
    balance = _Balance(record)
    faults = [
        *record.problems,
        *balance.missing(),
        *balance.copies(),
        *balance.ids(),
        *balance.counts(),
        *balance.added(),
        *record.waited,
    ]
    return Verdict(figures=balance.figures(), faults=faults, holds=[*balance.holds()])


class _Balance:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._summary = record.farewell
        self._spans = _group([(post, span) for post in record.posts for span in post.spans], _name)
        self._logs = _group([(post, log) for post in record.posts for log in post.logs], _text)
        self._trouble = {each.who.trace_id: each.step.trouble for each in record.invocations}
        self._servers = {
            trace_id: copies
            for (trace_id, _), copies in self._spans.items()
            if copies[0][1].kind == "SERVER"
        }

    def figures(self) -> dict[str, object]:
        """Return what people want to see."""
        held_ms = sorted(each.held_s * 1000 for each in self._record.invocations) or [0.0]
        spans = sum(len(copies) for copies in self._spans.values())
        logs = sum(len(copies) for copies in self._logs.values())
        return {
            "invocations": f"{len(self._record.invocations)} of {self._record.planned}",
            "spans": f"{len(self._spans)} arrived, {spans - len(self._spans)} copies",
            "lines": f"{len(self._record.lines)} delivered, {len(self._logs)} arrived,"
            f" {logs - len(self._logs)} copies",
            "exports": f"{len(self._record.posts)},"
            f" {sum(not post.acknowledged for post in self._record.posts)} not acknowledged",
            "held": f"median {median(held_ms):.0f} ms, worst {held_ms[-1]:.0f} ms,"
            f" together {sum(held_ms):.0f} ms",
            "summary": ", ".join(
                f"{key} {each}" for key, each in self._summary.items() if _is(each)
            ),
            "complaints": dict(self._record.complaints) or "none",
        }

    def missing(self) -> Iterator[str]:
        """Yield what did not arrive, by the trouble that it was in, where that is not counted."""
        if not self._summary:
            yield "no closing line"
        spans = [
            each.step.trouble
            for each in self._record.invocations
            if each.who.trace_id not in self._servers
        ]
        late = [
            each.step.trouble
            for each in self._record.invocations
            if "lost" not in each.step.trouble and (each.who.trace_id, OVERHEAD) not in self._spans
        ]
        lines = [
            step.trouble for text, (step, _) in self._record.lines.items() if text not in self._logs
        ]
        counted = sum(int(self._summary.get(reason, 0)) for reason in COUNTED) - self._unheard
        groups = (("span", spans), (f"{OVERHEAD} span", late), ("line", lines))
        missing = Counter(f"{what} ({trouble})" for what, group in groups for trouble in group)
        if missing.total() > counted:
            which = ", ".join(f"{count} {what}" for what, count in missing.items())
            yield f"{missing.total()} missing, {max(counted, 0)} counted: {which}"
        for reason, count in self._summary.items():
            if count and reason.startswith(("dropped.", "faults.")) and reason not in COUNTED:
                yield f"the closing line says {reason} {count}, and nothing was to be dropped"

    def copies(self) -> Iterator[str]:
        """Yield what arrived more than once without need."""
        lines = (
            self._record.lines[text][0].trouble
            for text, copies in self._logs.items()
            if self._needless([post for post, _ in copies]) and text in self._record.lines
        )
        spans = (
            self._trouble.get(trace_id, "none")
            for (trace_id, _), copies in self._spans.items()
            if self._needless([post for post, _ in copies])
        )
        for what, troubles in (("line", lines), ("span", spans)):
            for trouble, count in Counter(troubles).items():
                yield f"{count} {what}s arrived more than once without need ({trouble})"

    def ids(self) -> Iterator[str]:
        """Yield what has two ids, two versions, or ids of something else."""
        for (trace_id, name), copies in self._spans.items():
            where = f"span {name!r} of trace {trace_id} ({self._trouble.get(trace_id, 'none')})"
            if len({span.span_id for _, span in copies}) > 1:
                yield f"{where} has several ids"
            elif any(span != copies[0][1] for _, span in copies):
                yield f"{where} came in two versions"
        for each in self._record.invocations:
            for _, span in self._servers.get(each.who.trace_id, []):
                if span.span_id != each.who.span_id:
                    yield f"the span of invocation {each.step.number} has an id of its own"
        foreign: Counter[str] = Counter()
        for text, found in self._logs.items():
            if text not in self._record.lines:
                foreign[f"lines arrived that were never written, as {text[:60]!r}"] += 1
                continue
            step, who = self._record.lines[text]
            ids = {(log.trace_id, log.span_id) for _, log in found}
            if ids != {(who.trace_id, who.span_id)}:
                foreign[f"lines have the ids of another invocation ({step.trouble})"] += 1
        yield from (f"{count} {what}" for what, count in foreign.items())

    def counts(self) -> Iterator[str]:
        """Yield what was said to be accepted and was not, or the other way round."""
        spans = [len(copies) for copies in self._spans.values()]
        logs = [len(copies) for copies in self._logs.values()]
        for signal, copies in (("traces", spans), ("logs", logs)):
            accepted, unsent = int(self._summary.get(f"{signal}_accepted", 0)), self._unsent
            if not len(copies) <= accepted + unsent <= sum(copies) + unsent:
                yield f"{signal}_accepted is {accepted}, and {len(copies)} to {sum(copies)} arrived"

    def added(self) -> Iterator[str]:
        """Yield a difference between what the closing line says and what the outside clock saw."""
        seen_ms = sum(each.held_s for each in self._record.invocations) * 1000
        summary_ms = float(self._summary.get("added_ms", 0))
        allowed_ms = ACCURACY * seen_ms + PER_INVOCATION_MS * len(self._record.invocations)
        if abs(seen_ms - summary_ms) > allowed_ms:
            yield f"added_ms is {summary_ms:.0f}, and the outside clock saw {seen_ms:.0f}"

    def holds(self) -> Iterator[str]:
        """Yield invocations that were held although they must not, or for too long."""
        for each in self._record.invocations:
            held_s = each.held_s - each.held_frozen_s
            where = f"invocation {each.step.number} ({each.step.trouble}) was held {held_s:.2f} s"
            if self._record.flush == "periodic" and held_s > HOLD_S:
                yield f"{where} in periodic"
            elif held_s > LOST_S + EXPORT_S + SLACK_S:
                yield where

    @property
    def _unsent(self) -> int:
        return int(self._summary.get("unsent", 0))

    @property
    def _unheard(self) -> int:
        """What arrived without its sender's knowing, which counts as unsent."""
        spans = [[post for post, _ in copies] for copies in self._spans.values()]
        logs = [[post for post, _ in copies] for copies in self._logs.values()]
        return sum(not any(post.acknowledged for post in each) for each in spans + logs)

    def _needless(self, posts: Sequence[Post]) -> bool:
        """Whether a copy came in the same export, or after one whose answer was heard."""
        if len({id(post) for post in posts}) < len(posts):
            return True
        earlier = sorted(posts, key=lambda post: post.came_s)[:-1]
        return any(post.heard and not self._was_frozen(post) for post in earlier)

    def _was_frozen(self, post: Post) -> bool:
        begin_s, end_s = post.came_s - BLINK_S, post.answered_s + BLINK_S
        return any(begin < end_s and end > begin_s for begin, end in self._record.frozen)


def _group(
    items: Sequence[tuple[Post, Item]], key_of: Callable[[Item], Key]
) -> dict[Key, list[tuple[Post, Item]]]:
    groups: dict[Key, list[tuple[Post, Item]]] = defaultdict(list)
    for post, item in items:
        groups[key_of(item)].append((post, item))
    return dict(groups)


def _name(span: Span) -> tuple[str, str]:
    return span.trace_id, span.name


def _text(log: LogRecord) -> str:
    return str(log.body)


def _is(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
