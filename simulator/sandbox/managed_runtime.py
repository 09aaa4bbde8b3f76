"""The runtime of Managed Instances as the platform sees it: many workers, many invocations."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.clock import monotonic_ns
from simulator.errors import ApiError

if TYPE_CHECKING:
    from simulator.invocation import Invocation
    from simulator.sandbox.changes import Changes
    from simulator.sandbox.runtime import State


class ManagedRuntime:
    """Hands each invocation to the worker that asks first; ids distinguish the answers."""

    def __init__(self, changes: Changes) -> None:
        self.state: State = "Started"
        self.init_error: bytes | None = None
        self.restore_error = ""
        self._queue: deque[Invocation] = deque()
        self._running: dict[str, Invocation] = {}
        self._timed_out: set[str] = set()
        self._changes = changes

    @property
    def has_asked(self) -> bool:
        """Whether any worker is ready for an invocation."""
        return self.state == "Ready"

    @property
    def waits_for_restore(self) -> bool:
        """Never: Managed Instances know no snapshots."""
        return False

    def release(self, invocation: Invocation | None) -> None:
        """Queue an invocation for the next free worker."""
        assert invocation is not None
        self._queue.append(invocation)
        self._running[invocation.request_id] = invocation
        self._changes.notify()

    def abandon(self, invocation: Invocation) -> None:
        """Forget an invocation whose time is up; a late answer is refused."""
        self._timed_out.add(invocation.request_id)
        self._running.pop(invocation.request_id, None)
        if invocation in self._queue:
            self._queue.remove(invocation)

    async def next(self) -> Invocation:
        """Wait for an invocation."""
        self.state = "Ready"
        self._changes.notify()
        await self._changes.wait_for(lambda: bool(self._queue))
        return self._queue.popleft()

    async def restore_next(self) -> None:
        """Refuse: nothing is restored here."""
        raise _unknown_id()

    def current(self, request_id: str) -> Invocation:
        """Return the running invocation with this id."""
        if request_id in self._timed_out:
            raise ApiError("InvokeTimeout", "Invoke timeout", status=410)
        if request_id not in self._running:
            raise _unknown_id()
        return self._running[request_id]

    def begin_response(self, request_id: str, *, is_error: bool) -> Invocation:
        """Note that an answer starts to come in."""
        invocation = self.current(request_id)
        if invocation.response_began_ns:
            raise _unknown_id()
        invocation.response_began_ns = monotonic_ns()
        return invocation

    def end_response(
        self, invocation: Invocation, body: bytes, *, is_error: bool, error_type: str = ""
    ) -> None:
        """Note the complete answer."""
        self._running.pop(invocation.request_id, None)
        invocation.complete(body, is_error=is_error, error_type=error_type)
        self._changes.notify()

    def refuse_response(self, invocation: Invocation, error_type: str) -> None:
        """Note an answer that cannot be accepted."""
        self.end_response(invocation, b"", is_error=True, error_type=error_type)

    def fail_init(self, body: bytes) -> None:
        """Note the first worker's /init/error; the others' are refused."""
        if self.init_error is not None:
            raise ApiError(
                "InvalidStateTransition",
                "State transition from InitError to InitError failed for runtime. "
                "Error: state transition is not allowed",
            )
        self.init_error = body
        if self.state == "Started":
            self.state = "InitError"
        self._changes.notify()

    def fail_restore(self, error_type: str) -> None:
        """Refuse: nothing is restored here."""
        raise _unknown_id()


def _unknown_id() -> ApiError:
    return ApiError("InvalidRequestID", "Invalid request ID", status=400)
