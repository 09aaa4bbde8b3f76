"""PURE: how long invocations were held after their responses, whichever path held them.

/next is called at one moment, the runtime was done at another, and the platform may report the
second before or after the first. Both are put together here; where the end is never reported, the
hold counts from the last event that was heard.
"""

from __future__ import annotations

from collections import OrderedDict

from extension.process.clock import NS_PER_S
from extension.telemetry.health import Health

MAX_OPEN = 64
"""Invocations whose end may still be reported; an older one counts as if it never will be."""


class AddedTime:
    """Puts calls of /next and ends together and counts the difference."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._called: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._done: OrderedDict[str, int] = OrderedDict()
        self._latest = ""

    def next_called(self, request_id: str, *, at_ns: int, heard_ns: int) -> None:
        """Learn when /next was called; `heard_ns`: the last event before, 0 if it did not wait."""
        self._latest = request_id
        if request_id in self._done:
            self._count(at_ns - self._done.pop(request_id))
            return
        self._called[request_id] = (at_ns, heard_ns)
        if len(self._called) > MAX_OPEN:
            self._close(next(iter(self._called)))

    def ended(self, request_id: str, *, at_ns: int) -> None:
        """Learn when the runtime was done, by the platform's clock."""
        if request_id in self._called:
            called_ns, _ = self._called.pop(request_id)
            self._count(called_ns - at_ns)
            return
        self._done[request_id] = at_ns
        if len(self._done) > MAX_OPEN:
            self._done.popitem(last=False)

    def close(self, *, timed_out: bool = False) -> None:
        """Count what is still open: its end will not be reported any more.

        If the latest invocation has timed out, it ran to its end and nothing was added to it.
        """
        if timed_out:
            self._called.pop(self._latest, None)
        for request_id in tuple(self._called):
            self._close(request_id)

    def _close(self, request_id: str) -> None:
        called_ns, heard_ns = self._called.pop(request_id)
        if heard_ns:
            self._count(called_ns - heard_ns)

    def _count(self, added_ns: int) -> None:
        if added_ns > 0:
            self._health.add_after_response(added_ns / NS_PER_S)
