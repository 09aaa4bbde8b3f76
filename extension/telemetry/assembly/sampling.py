"""PURE: what waits until it is known whether its invocation is kept, and what becomes of it.

All that belongs to an invocation is kept or not together: its span, its lines, the calls of the
cache, and what the function's SDK sent of the same trace, which comes before the decision and waits
for it. How it is decided: see `decisions`.

What the SDK sent of a trace that no invocation is known by is decided when `PATIENCE` invocations
have ended since.

What waits is bounded. Of the trace with the most, the oldest makes room: it leaves at once if its
trace id is chosen, because then it is kept in any case; else it is lost, and counted once it is
known whether it was wanted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator

from extension.process.frozen import replace
from extension.settings.sharing import Share
from extension.telemetry.assembly.decisions import Decision, Decisions, traces_of
from extension.telemetry.assembly.finished import CallSpan, Finished, Invocation, JoinedSpan
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.probability import own_tracestate
from extension.telemetry.assembly.undecided import (
    ITEM_BYTES,
    MAX_WAITING_BYTES,
    Item,
    SdkPart,
    Undecided,
    Waiting,
    is_detail,
    number_of,
)

MAX_UNCLAIMED = 2 * MAX_WAITING_BYTES // ITEM_BYTES

PATIENCE = 2
"""Two, because the SDK's spans may overtake the end of the invocation before."""
PATIENCE_OF_MANY = 128
"""On Managed Instances, where many invocations end while one runs."""


class Sampler:
    """Passes on what is kept in one sandbox.

    `on_left_out` takes what is finished and not kept, because metrics count everything. What is not
    kept is counted in `filtered`, what is lost in `dropped`.
    """

    def __init__(
        self,
        *,
        share: Share = Share(),  # noqa: B008  # a value
        slow_ms: int = 0,
        concurrent: bool = False,
        filtered: Counter[str],
        dropped: Counter[str],
    ) -> None:
        self._decisions = Decisions(share, slow_ms=slow_ms, concurrent=concurrent)
        self._has_share = not share.is_whole
        self._concurrent = concurrent
        self._patience = PATIENCE_OF_MANY if concurrent else PATIENCE
        self._filtered = filtered
        self._dropped = dropped
        self.on_left_out: Callable[[Finished], None] = lambda _: None
        self.undecided = Undecided()
        self._lost: Counter[tuple[int, bool]] = Counter()
        """What had to make room, by trace, and whether it was details."""
        self._unclaimed: deque[tuple[int, int]] = deque(maxlen=MAX_UNCLAIMED)
        """Since when, and of which trace, something waits of which no request is known."""

    def concerns(self, signal: str) -> bool:
        """Return whether anything that the SDK sends of a signal may have to wait."""
        return signal == "logs" or (signal == "traces" and self._has_share)

    def feed(self, finished: Finished) -> Iterator[Item]:
        """Take something finished; yield what leaves now."""
        if isinstance(finished, Invocation):
            yield from self._judge(finished)
        elif not self._has_share:
            yield from self._follow(finished)
        elif isinstance(finished, Initialization):
            yield self._marked(finished, Decision(is_kept=True))
        elif decision := self._decisions.of(finished):
            yield from self._decided(finished, decision)
        elif finished.context is None and not isinstance(finished, JoinedSpan):
            yield finished
        else:
            yield from self._take(finished, _trace_of(finished))

    def feed_sdk(self, part: SdkPart) -> Iterator[Item]:
        """Take what the SDK sent; yield what leaves now."""
        if not part.is_detail and not (part.trace_id and self._has_share):
            yield part
        elif not part.trace_id and self._concurrent:
            self._leave_out(part)  # nothing says whose it is
        else:
            yield from self._take(part, part.trace_id)

    def end(self) -> Iterator[Item]:
        """Decide all that waits: nothing more will come."""
        for trace_id in [*self.undecided.traces]:
            for each in self.undecided.take(trace_id):
                yield from self._decided(each.item, self._decisions.alone(each, trace_id))
        for trace_id in {trace_id for trace_id, _ in self._lost}:
            self._count_lost(trace_id, self._decisions.traces.get(trace_id, Decision(is_kept=True)))

    def _follow(self, finished: Finished) -> Iterator[Item]:
        """Pass on what is kept whatever happens; it may name the request of a trace."""
        yield finished
        if isinstance(finished, JoinedSpan) and (decision := self._decisions.of(finished)):
            yield from self._claim(finished.span.trace_id, decision)

    def _judge(self, invocation: Invocation) -> Iterator[Item]:
        decision = self._decisions.judge(invocation, has_sdk=self.undecided.has_sdk)
        for each in traces_of(invocation):
            yield from self._claim(each, decision, request_id=invocation.request_id)
        yield from self._decided(invocation, decision)
        yield from self._decide_unclaimed()

    def _claim(self, trace_id: int, decision: Decision, *, request_id: str = "") -> Iterator[Item]:
        """Decide what waits of a trace, what belongs to other requests excepted."""
        self._decisions.remember(trace_id, decision)
        for each in self.undecided.take(
            trace_id, is_wanted=lambda each: each.request_id in ("", request_id)
        ):
            yield from self._decided(each.item, decision)
        if trace_id not in self.undecided.traces:
            self._count_lost(trace_id, decision)

    def _take(self, item: Item, trace_id: int) -> Iterator[Item]:
        """Let something wait, unless its trace is kept already."""
        decision = self._decisions.traces.get(trace_id)
        is_ours = bool(getattr(item, "request_id", ""))
        if decision and not is_ours and decision.keeps(item):
            yield from self._decided(item, decision)
            return
        self.undecided.add(trace_id, Waiting(item, since=self._decisions.count))
        mark = (self._decisions.count, trace_id)
        if not is_ours and (not self._unclaimed or self._unclaimed[-1] != mark):
            self._unclaimed.append(mark)
        while self.undecided.bytes > MAX_WAITING_BYTES:
            yield from self._make_room()

    def _make_room(self) -> Iterator[Item]:
        trace_id, item = self.undecided.pop_oldest()
        decision = self._decisions.of_sdk(trace_id, item)
        if self._has_share and decision.keeps(item):
            yield from self._decided(item, decision)
        else:
            self._lost[trace_id, is_detail(item)] += number_of(item)

    def _decide_unclaimed(self) -> Iterator[Item]:
        """Decide what has waited for long enough for an invocation of its trace."""
        while self._unclaimed and self._unclaimed[0][0] + self._patience <= self._decisions.count:
            until, trace_id = self._unclaimed.popleft()
            for each in self.undecided.take(
                trace_id,
                is_wanted=lambda each: each.since <= until and not each.request_id,  # noqa: B023
            ):
                yield from self._decided(each.item, self._decisions.alone(each, trace_id))
            if trace_id not in self.undecided.traces:
                otherwise = self._decisions.by_share(trace_id, "", is_sampled=True)
                self._count_lost(trace_id, self._decisions.traces.get(trace_id, otherwise))

    def _decided(self, item: Item, decision: Decision) -> Iterator[Item]:
        if decision.keeps(item):
            yield self._marked(item, decision)
        else:
            self._leave_out(item)
        if isinstance(item, JoinedSpan) and item.request_id:
            yield from self._claim(item.span.trace_id, decision, request_id=item.request_id)

    def _marked(self, item: Item, decision: Decision) -> Item:
        """Return what is kept with the threshold by which it was."""
        if not self._has_share:
            return item
        if isinstance(item, SdkPart):
            return replace(item, threshold=decision.threshold)
        if isinstance(item, JoinedSpan):
            return replace(item, threshold=decision.threshold)
        if item.context is None:
            return item
        if decision.threshold is None:
            return item
        tracestate = own_tracestate(decision.threshold, of_trace=decision.of_trace)
        return replace(item, context=replace(item.context, tracestate=tracestate))

    def _leave_out(self, item: Item) -> None:
        match item:
            case SdkPart():
                reason = "details" if item.is_detail else "unsampled_sdk"
                self._filtered[reason] += item.count
                return
            case JoinedSpan():
                self._filtered["unsampled_sdk"] += 1
            case Invocation():
                self._filtered["unsampled_invocations"] += 1
            case CallSpan():
                self._filtered["unsampled_calls"] += 1
        if lines := len(item.records) + item.dropped_records:
            self._filtered["unsampled_lines"] += lines
        self.on_left_out(item)

    def _count_lost(self, trace_id: int, decision: Decision) -> None:
        for of_details in (False, True):
            if lost := self._lost.pop((trace_id, of_details), 0):
                wanted = decision.is_kept and (decision.has_details or not of_details)
                (self._dropped if wanted else self._filtered)["undecided"] += lost


def _trace_of(finished: Finished) -> int:
    if isinstance(finished, JoinedSpan):
        return finished.context.trace_id if finished.context else finished.span.trace_id
    return finished.context.trace_id if finished.context else 0
