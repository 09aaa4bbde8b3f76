"""PURE: which invocations and traces are kept, and by which threshold.

An invocation that failed, was slow or cold is kept, and of the others a share. The share is drawn
by the trace id, or by the SDK's own sampler: then what the SDK has sent spans of is kept.

A trace that no invocation is known by is kept if one was remarkable since it began to wait, else by
its own trace id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from extension.settings.sharing import Share
from extension.telemetry.assembly.finished import (
    CallSpan,
    Invocation,
    JoinedSpan,
    LooseRecords,
    Overhead,
)
from extension.telemetry.assembly.keeping import reason_to_keep
from extension.telemetry.assembly.probability import (
    EVERY,
    randomness,
    threshold_in,
    threshold_of,
)
from extension.telemetry.assembly.undecided import (
    Item,
    SdkPart,
    Waiting,
    is_detail,
    tracestate_of,
)

Attached = CallSpan | Invocation | JoinedSpan | LooseRecords | Overhead
"""An invocation, or what may belong to one."""

MAX_REMEMBERED = 2048
"""Decisions: of requests that are open, or whose report is still to come."""


class Decision(NamedTuple):
    """What becomes of an invocation, or of a trace."""

    is_kept: bool
    threshold: int | None = 0
    """By which it was kept; None if that is not known."""
    has_details: bool = False
    of_trace: str = ""
    """The tracestate of the SDK's spans."""

    def keeps(self, item: Item) -> bool:
        """Return whether something that belongs to it is kept."""
        return self.is_kept and (self.has_details or not is_detail(item))


class Decisions:
    """Decides for one sandbox, and remembers what was decided."""

    def __init__(self, share: Share, *, slow_ms: int, concurrent: bool) -> None:
        self._share = share
        self._threshold = None if share.ratio is None else threshold_of(share.ratio)
        self._slow_ms = slow_ms
        self._concurrent = concurrent
        self.requests: OrderedDict[tuple[str, int], Decision] = OrderedDict()
        """By the id of a request and that of its span: each attempt of a request has its own."""
        self.traces: OrderedDict[int, Decision] = OrderedDict()
        self.count = 0
        """Of invocations that were judged."""
        self._last_remarkable = self._last_detailed = 0
        """What `count` was then."""

    def judge(self, invocation: Invocation, *, has_sdk: Callable[[int], bool]) -> Decision:
        """Decide about an invocation; `has_sdk` says whether spans of the SDK wait of a trace."""
        trace_id, sdk = invocation.context.trace_id, invocation.sdk
        traces = traces_of(invocation)
        caller = invocation.tapped.caller_in(trace_id) if invocation.tapped else None
        of_trace = sdk.tracestate if sdk and sdk.trace_id == trace_id else ""
        if caller and not of_trace:
            of_trace = caller.trace_state
        reason = reason_to_keep(invocation, slow_ms=self._slow_ms)
        self.count += 1
        if reason:
            self._last_remarkable = self.count
        if has_details := reason in ("failed", "slow"):
            self._last_detailed = self.count
        # Another invocation of the trace was kept, and the SDK's spans with it.
        known = [self.traces[each] for each in traces if each in self.traces]
        if reason or any(each.is_kept and each.threshold == 0 for each in known):
            decision = Decision(is_kept=True, has_details=has_details, of_trace=of_trace)
        elif not self._share.is_whole and caller and caller.sampled is False:
            decision = Decision(is_kept=False, of_trace=of_trace)  # nor is the rest of its trace
        else:
            decision = self.by_share(
                trace_id,
                of_trace,
                is_sampled=sdk is not None or has_sdk(trace_id),
                has_parent=sdk is not None and sdk.parent_span_id != 0,
            )
        self.requests[_invocation_of(invocation)] = decision
        _forget_oldest(self.requests)
        return decision

    def of(self, finished: Attached) -> Decision | None:
        """Return what was decided of the invocation that something belongs to."""
        return self.requests.get(_invocation_of(finished))

    def by_share(
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

    def alone(self, waiting: Waiting, trace_id: int) -> Decision:
        """Decide about what no invocation has claimed."""
        if trace_id in self.traces:
            return self.traces[trace_id]
        if not self._concurrent and self._last_remarkable > waiting.since:
            return Decision(is_kept=True, has_details=self._last_detailed > waiting.since)
        return self.of_sdk(trace_id, waiting.item)

    def of_sdk(self, trace_id: int, item: Item) -> Decision:
        """Decide about something of a trace that no invocation is known of, nor its parent."""
        is_sampled = isinstance(item, SdkPart | JoinedSpan)
        return self.by_share(trace_id, tracestate_of(item), is_sampled=is_sampled, has_parent=True)

    def remember(self, trace_id: int, decision: Decision) -> None:
        """Remember what was decided of a trace, unless what is known keeps more of it."""
        before = self.traces.get(trace_id)
        if before is not None and before.is_kept:
            decision = max(before, decision, key=lambda each: (each.is_kept, each.has_details))
        self.traces[trace_id] = decision
        _forget_oldest(self.traces)


def _invocation_of(finished: Attached) -> tuple[str, int]:
    return finished.request_id, finished.context.span_id if finished.context else 0


def traces_of(invocation: Invocation) -> Collection[int]:
    """Return the trace of an invocation, and that of the SDK's span if it is another one."""
    sdk = invocation.sdk
    return dict.fromkeys([invocation.context.trace_id, *([sdk.trace_id] if sdk else [])])


def _forget_oldest(decisions: OrderedDict[Any, Decision]) -> None:
    if len(decisions) > MAX_REMEMBERED:
        decisions.popitem(last=False)
