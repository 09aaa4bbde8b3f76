"""How long a GET and its calls to AWS may take: shares of what the caller's invocation has left.

A GET can come before the INVOKE that has the new deadline. So a deadline that has passed says
nothing: it is that of the last invocation.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from extension.parameters.lazy_clients import OPEN_WAIT_S
from extension.process.clock import Clock

WAIT_SHARE = 0.75
"""The share of an invocation's remaining time that a GET waits for the AWS clients at most, and
then of what is left for a call to AWS, be it its own or one that others began."""

CALLER_SHARE = 0.8
"""The share that a caller waits at most, whatever it waits for: a bit more, because the end of a
wait for the clients or for a call of its own says more about the cause."""

LEAST_CALL_S = 0.5
"""A call to AWS may take as long in any case: a GET can come before the INVOKE that has the new
deadline, while that of the last invocation is near."""

AHEAD_S = 0.5
"""A renewal ahead is not started so many seconds before the deadline of the invocation."""


class TimeLeft:
    """What is left at any moment; `is_managed`: nothing is frozen after an invocation."""

    def __init__(self, *, clock: Clock, is_managed: bool) -> None:
        self.was_invoked = False
        """Whether an invocation was announced."""
        self.start_left_s: Callable[[], float] = lambda: OPEN_WAIT_S
        """Returns how long the start may still take, 0 if unknown; called before INVOKE."""
        self.deadline_ms = 0
        self._clock = clock
        self._is_managed = is_managed

    def announced(self, deadline_ms: int) -> None:
        """Note the deadline of an invocation."""
        self.was_invoked, self.deadline_ms = True, deadline_ms

    def for_clients_s(self) -> float:
        """Return how long a GET may wait for the clients, so that its caller still gets a reply."""
        left_s = self._left_s() if self.was_invoked else self.start_left_s()
        return min(left_s * WAIT_SHARE, OPEN_WAIT_S) if left_s > 0 else OPEN_WAIT_S

    def for_call_s(self) -> float:
        """Return how long a call may take, so that its caller can use an error or a stale value."""
        return self._share_s(WAIT_SHARE)

    def for_caller_s(self) -> float:
        """Return how long a caller waits, be it for a call that others began."""
        return self._share_s(CALLER_SHARE)

    def has_time_ahead(self) -> bool:
        """Whether a call that no caller waits for would end before the invocation does.

        There is time where nothing is frozen, and before the first INVOKE.
        """
        left_s = self._left_s()
        return self._is_managed or left_s <= 0 or left_s >= AHEAD_S

    def _share_s(self, share: float) -> float:
        left_s = self._left_s()
        return max(left_s * share, LEAST_CALL_S) if left_s > 0 else inf

    def _left_s(self) -> float:
        return self._clock.now().until_ms(self.deadline_ms)
