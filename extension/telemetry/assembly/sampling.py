"""PURE: what waits until it is known whether its invocation is kept, and what becomes of it.

An invocation that failed, was slow or cold is kept, and of the others a share. All that belongs to
one is kept or not together: its span, its lines, the calls of the cache, and what the function's
SDK sent of the same trace, which comes before the verdict and waits for it. The share is drawn by
the trace id, or by the SDK's own sampler: then what the SDK has sent spans of is kept.

What the SDK sent of a trace that no invocation is known by is decided when `PATIENCE` invocations
have ended since: it is kept if one of them was remarkable, else by its own trace id.

What waits is bounded. Of the trace with the most, the oldest makes room: it leaves at once if its
trace id is chosen, for then it is kept in any case; else it is lost, and counted once it is known
whether it was wanted.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from extension.process.frozen import replace
from extension.settings.sharing import Share
from extension.telemetry.assembly.finished import (
    CallSpan,
    Finished,
    Invocation,
    JoinedSpan,
)
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.keeping import reason_to_keep
from extension.telemetry.assembly.probability import (
    EVERY,
    own_tracestate,
    randomness,
    threshold_in,
    threshold_of,
)
from extension.telemetry.assembly.undecided import (
    ITEM_BYTES,
    MAX_WAITING_BYTES,
    Item,
    SdkPart,
    Undecided,
    Waiting,
    is_detail,
    number_of,
    tracestate_of,
)

MAX_REMEMBERED = 2048
"""Verdicts: of requests that are open, or whose report is still to come."""

MAX_UNCLAIMED = 2 * MAX_WAITING_BYTES // ITEM_BYTES

PATIENCE = 2
"""Two, for the SDK's spans may overtake the end of the invocation before."""
PATIENCE_OF_MANY = 128
"""On Managed Instances, where many invocations end while one runs."""


class Decision(NamedTuple):
    """What becomes of an invocation, or of a trace."""

    is_kept: bool
    threshold: int | None = 0
    """By which it was kept; None if that is not known."""
    has_details: bool = False
    of_trace: str = ""
    """The tracestate of the SDK's spans."""


class Sampler:
    """Decides for one sandbox.

    `on_left_out` takes what is finished and not kept, for metrics count everything. What is not
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
        self._share = share
        self._threshold = None if share.ratio is None else threshold_of(share.ratio)
        self._has_share = not share.is_whole
        self._slow_ms = slow_ms
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
        self._requests: OrderedDict[str, Decision] = OrderedDict()
        self._traces: OrderedDict[int, Decision] = OrderedDict()
        self._verdicts = 0
        self._last_remarkable = self._last_detailed = 0
        """Numbers of verdicts."""

    def concerns(self, signal: str) -> bool:
        """Tell whether anything that the SDK sends of a signal may have to wait."""
        return signal == "logs" or (signal == "traces" and self._has_share)

    def feed(self, finished: Finished) -> Iterator[Item]:
        """Take something finished; yield what leaves now."""
        if isinstance(finished, Invocation):
            yield from self._judge(finished)
        elif not self._has_share:
            yield from self._follow(finished)
        elif isinstance(finished, Initialization):
            yield self._marked(finished, Decision(is_kept=True))
        elif decision := self._requests.get(finished.request_id):
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
                yield from self._decided(each.item, self._alone(each, trace_id))
        for trace_id in {trace_id for trace_id, _ in self._lost}:
            self._count_lost(trace_id, self._traces.get(trace_id, Decision(is_kept=True)))

    def _follow(self, finished: Finished) -> Iterator[Item]:
        """Pass on what is kept whatever happens; it may tell the request of a trace."""
        yield finished
        if isinstance(finished, JoinedSpan) and finished.request_id in self._requests:
            yield from self._claim(finished.span.trace_id, self._requests[finished.request_id])

    def _judge(self, invocation: Invocation) -> Iterator[Item]:
        trace_id, sdk = invocation.context.trace_id, invocation.sdk
        traces = dict.fromkeys([trace_id, *([sdk.trace_id] if sdk else [])])
        caller = invocation.tapped.caller_in(trace_id) if invocation.tapped else None
        of_trace = sdk.tracestate if sdk and sdk.trace_id == trace_id else ""
        if caller and not of_trace:
            of_trace = caller.trace_state
        reason = reason_to_keep(invocation, slow_ms=self._slow_ms)
        self._verdicts += 1
        if reason:
            self._last_remarkable = self._verdicts
        if has_details := reason in ("failed", "slow"):
            self._last_detailed = self._verdicts
        # Another invocation of the trace was kept, and the SDK's spans with it.
        known = [self._traces[each] for each in traces if each in self._traces]
        if reason or any(each.is_kept and each.threshold == 0 for each in known):
            decision = Decision(is_kept=True, has_details=has_details, of_trace=of_trace)
        elif self._has_share and caller and caller.sampled is False:
            decision = Decision(is_kept=False, of_trace=of_trace)  # nor is the rest of its trace
        else:
            is_sampled = any(map(self.undecided.has_sdk, traces)) or sdk is not None
            decision = self._by_share(
                trace_id,
                of_trace,
                is_sampled=is_sampled,
                has_parent=sdk is not None and sdk.parent_span_id != 0,
            )
        self._requests[invocation.request_id] = decision
        _forget_oldest(self._requests)
        for each in traces:
            yield from self._claim(each, decision, request_id=invocation.request_id)
        yield from self._decided(invocation, decision)
        yield from self._decide_unclaimed()

    def _by_share(
        self, trace_id: int, of_trace: str, *, is_sampled: bool, has_parent: bool = False
    ) -> Decision:
        """Decide about what is unremarkable; `is_sampled`: by the SDK, which sent spans of it."""
        threshold = self._threshold
        if not self._share.follows_sdk:
            chosen = threshold is None or randomness(trace_id, of_trace) >= threshold
            return Decision(is_kept=chosen, threshold=threshold, of_trace=of_trace)
        of_parent = self._share.has_parents and has_parent
        known = threshold_in(of_trace)
        if known is not None or of_parent or threshold == EVERY:
            threshold = known
        return Decision(is_kept=is_sampled, threshold=threshold, of_trace=of_trace)

    def _claim(self, trace_id: int, decision: Decision, *, request_id: str = "") -> Iterator[Item]:
        """Decide what waits of a trace, what belongs to other requests excepted."""
        self._traces[trace_id] = self._stronger(trace_id, decision)
        _forget_oldest(self._traces)
        for each in self.undecided.take(
            trace_id, is_wanted=lambda each: each.request_id in ("", request_id)
        ):
            yield from self._decided(each.item, decision)
        if trace_id not in self.undecided.traces:
            self._count_lost(trace_id, decision)

    def _stronger(self, trace_id: int, decision: Decision) -> Decision:
        """Return a decision, or one before it that keeps more of the trace."""
        before = self._traces.get(trace_id)
        if before is None or not before.is_kept:
            return decision
        return max(before, decision, key=lambda each: (each.is_kept, each.has_details))

    def _take(self, item: Item, trace_id: int) -> Iterator[Item]:
        """Let something wait, unless its trace is kept already."""
        decision = self._traces.get(trace_id)
        is_ours = bool(getattr(item, "request_id", ""))
        if decision and not is_ours and _keeps(decision, item):
            yield from self._decided(item, decision)
            return
        self.undecided.add(trace_id, Waiting(item, since=self._verdicts))
        mark = (self._verdicts, trace_id)
        if not is_ours and (not self._unclaimed or self._unclaimed[-1] != mark):
            self._unclaimed.append(mark)
        while self.undecided.bytes > MAX_WAITING_BYTES:
            yield from self._make_room()

    def _make_room(self) -> Iterator[Item]:
        trace_id, item = self.undecided.pop_oldest()
        decision = self._of_sdk(trace_id, item)
        if self._has_share and _keeps(decision, item):
            yield from self._decided(item, decision)
        else:
            self._lost[trace_id, is_detail(item)] += number_of(item)

    def _decide_unclaimed(self) -> Iterator[Item]:
        """Decide what has waited for long enough for an invocation of its trace."""
        while self._unclaimed and self._unclaimed[0][0] + self._patience <= self._verdicts:
            until, trace_id = self._unclaimed.popleft()
            for each in self.undecided.take(
                trace_id,
                is_wanted=lambda each: each.since <= until and not each.request_id,  # noqa: B023
            ):
                yield from self._decided(each.item, self._alone(each, trace_id))
            if trace_id not in self.undecided.traces:
                otherwise = self._by_share(trace_id, "", is_sampled=True)
                self._count_lost(trace_id, self._traces.get(trace_id, otherwise))

    def _alone(self, waiting: Waiting, trace_id: int) -> Decision:
        """Decide what no invocation has claimed."""
        if trace_id in self._traces:
            return self._traces[trace_id]
        if not self._concurrent and self._last_remarkable > waiting.since:
            return Decision(is_kept=True, has_details=self._last_detailed > waiting.since)
        return self._of_sdk(trace_id, waiting.item)

    def _of_sdk(self, trace_id: int, item: Item) -> Decision:
        """Decide about something of a trace that no invocation is known of, nor its parent."""
        is_sampled = isinstance(item, SdkPart | JoinedSpan)
        return self._by_share(trace_id, tracestate_of(item), is_sampled=is_sampled, has_parent=True)

    def _decided(self, item: Item, decision: Decision) -> Iterator[Item]:
        if _keeps(decision, item):
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


def _forget_oldest(decisions: OrderedDict[Any, Decision]) -> None:
    if len(decisions) > MAX_REMEMBERED:
        decisions.popitem(last=False)


def _keeps(decision: Decision, item: Item) -> bool:
    return decision.is_kept and (decision.has_details or not is_detail(item))


def _trace_of(finished: Finished) -> int:
    if isinstance(finished, JoinedSpan):
        return finished.context.trace_id if finished.context else finished.span.trace_id
    return finished.context.trace_id if finished.context else 0
