"""PURE: the spans that the function's own SDK makes of invocations, put to ours, in any order."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from extension.process.ids import Ids
from extension.telemetry.assembly.finished import Finished, JoinedSpan
from extension.telemetry.assembly.held_records import MAX_BYTES_TOGETHER
from extension.telemetry.assembly.in_flight import START_SLACK_NS, InFlightInvocation
from extension.telemetry.assembly.request_table import RequestTable
from extension.telemetry.assembly.span_ids import SpanIds

if TYPE_CHECKING:  # not imported where no SDK sends anything
    from extension.telemetry.reading.sdk_spans import Orphan, SdkSpan

MAX_EARLY_SPANS = 64
"""The SDK's spans of requests that are not known yet; some are not known any more."""

MAX_WAITING_BYTES = 65_536
"""Of one span of the SDK that waits for ours; a larger one decides our ids and leaves at once."""


class SdkSpans:
    """Those of unknown requests wait here, bounded; the others with their invocations."""

    def __init__(self, *, requests: RequestTable, span_ids: SpanIds, ids: Ids) -> None:
        self._requests = requests
        self._span_ids = span_ids
        self._ids = ids
        self._early: OrderedDict[tuple[int, int], SdkSpan] = OrderedDict()
        self._has_ended = False

    def feed(self, span: SdkSpan) -> list[Finished]:
        """Take the SDK's span of an invocation; it goes out with, or after, ours.

        One of an unknown request waits for it, and makes none: anything in the sandbox may post.
        That of an earlier attempt may come with the next one, which has the same request id.
        """
        in_flight = self._requests.find_at(span.request_id, span.start_ns + START_SLACK_NS)
        is_large = len(span.body) > MAX_WAITING_BYTES
        if in_flight is None and (self._has_ended or is_large):
            return [JoinedSpan(span=span)]
        if in_flight is None:
            self._early[span.trace_id, span.span_id] = span
            if len(self._early) <= MAX_EARLY_SPANS:
                return []
            _, oldest = self._early.popitem(last=False)
            return [JoinedSpan(span=oldest)]
        if not in_flight.learn_sdk(span):
            return [JoinedSpan(span=span)]
        fits = self._requests.budget.held_bytes <= MAX_BYTES_TOGETHER
        if in_flight.context is None and fits and not is_large:
            return []
        return list(in_flight.joined_spans(self._span_ids.of(in_flight), ids=self._ids))

    def feed_orphan(self, orphan: Orphan) -> None:
        """Take a span that the SDK sent without its parent.

        It matters only if the invocation that runs fails: then the parent is never coming.
        """
        in_flight = self._requests.current(orphan.start_ns + START_SLACK_NS)
        if in_flight is None or not in_flight.may_learn(orphan):
            return
        if not any(each.has_parent_of(orphan) for each in self._requests):
            in_flight.learn_orphan(orphan)

    def claim(self, in_flight: InFlightInvocation) -> None:
        """Give a new request the spans that were here before it."""
        for key, span in [*self._early.items()]:
            if span.request_id == in_flight.request_id and in_flight.learn_sdk(span):
                del self._early[key]

    def end(self) -> list[Finished]:
        """Return what still waits; from now on nothing does."""
        waiting = [*self._early.values()]
        self._early.clear()
        self._has_ended = True
        return [JoinedSpan(span=span) for span in waiting]
