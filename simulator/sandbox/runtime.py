"""The runtime as the platform sees it: a state machine with one invocation at a time.

State names and refused transitions are those of AWS's own Runtime API server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from simulator.clock import monotonic_ns
from simulator.errors import ApiError

if TYPE_CHECKING:
    from simulator.invocation import Invocation
    from simulator.sandbox.changes import Changes

State = Literal[
    "Started",
    "InitError",
    "RestoreReady",
    "Restoring",
    "RuntimeRestoreErrorState",
    "Ready",
    "Running",
    "InvocationResponse",
    "InvocationErrorResponse",
    "RuntimeResponseSentState",
]
_MAY_ASK_FOR_NEXT: frozenset[State] = frozenset(
    {"Started", "Restoring", "Ready", "Running", "RuntimeResponseSentState"}
)
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024 + 100


class Runtime:
    """One runtime process and the invocation it works on."""

    def __init__(self, changes: Changes) -> None:
        self.state: State = "Started"
        self.init_error: bytes | None = None
        self.restore_error: str = ""
        self.invocation: Invocation | None = None
        self._is_released = False
        self._changes = changes

    @property
    def has_asked(self) -> bool:
        """Whether init is over as far as the runtime is concerned."""
        return self.state not in {"Started", "InitError"}

    @property
    def waits_for_restore(self) -> bool:
        """Whether it asked to learn when the snapshot has been restored."""
        return self.state == "RestoreReady"

    def release(self, invocation: Invocation | None) -> None:
        """Let the pending (or the next) /next go, with an invocation or out of the restore."""
        self.invocation = invocation
        self._is_released = True
        self._changes.notify()

    async def next(self) -> Invocation:
        """Wait for an invocation."""
        if self.state not in _MAY_ASK_FOR_NEXT:
            raise self._refused("Ready")
        if self.state == "Running" and self.invocation is not None:
            return self.invocation  # asked again without an answer: the same invocation
        self._enter("Ready")
        await self._wait_for_release()
        if self.state not in {"Ready", "Running"} or self.invocation is None:
            raise self._refused("Ready")
        self._enter("Running")
        return self.invocation

    async def restore_next(self) -> None:
        """Wait, as part of the snapshot, until the sandbox is restored."""
        if self.state != "Started":
            raise self._refused("Ready")
        self._enter("RestoreReady")
        await self._wait_for_release()
        self._enter("Restoring")

    def current(self, request_id: str) -> Invocation:
        """Return the invocation this id belongs to; any other id is refused."""
        if self.invocation is None or self.invocation.request_id != request_id:
            raise ApiError("InvalidRequestID", "Invalid request ID", status=400)
        return self.invocation

    def begin_response(self, request_id: str, *, is_error: bool) -> Invocation:
        """Note that an answer starts to come in."""
        invocation = self.current(request_id)
        target: State = "InvocationErrorResponse" if is_error else "InvocationResponse"
        if self.state != "Running":
            raise self._refused(target)
        self._enter(target)
        invocation.response_began_ns = monotonic_ns()
        return invocation

    def end_response(
        self, invocation: Invocation, body: bytes, *, is_error: bool, error_type: str = ""
    ) -> None:
        """Note the complete answer."""
        invocation.complete(body, is_error=is_error, error_type=error_type)
        self._enter("RuntimeResponseSentState")

    def refuse_response(self, invocation: Invocation, error_type: str) -> None:
        """Note an answer that cannot be accepted; the state stays, as it does in Lambda."""
        invocation.complete(b"", is_error=True, error_type=error_type)
        self._changes.notify()

    def fail_init(self, body: bytes) -> None:
        """Note the runtime's /init/error; the process is expected to exit."""
        if self.state == "Restoring":
            self.fail_restore(body.decode(errors="replace"))
            return
        if self.state != "Started":
            raise self._refused("InitError")
        self.init_error = body
        self._enter("InitError")

    def fail_restore(self, error_type: str) -> None:
        """Note the runtime's /restore/error."""
        if self.state != "Restoring":
            raise self._refused("RuntimeRestoreErrorState")
        self.restore_error = error_type or "Runtime.Unknown"
        self._enter("RuntimeRestoreErrorState")

    async def _wait_for_release(self) -> None:
        await self._changes.wait_for(lambda: self._is_released)
        self._is_released = False

    def _enter(self, state: State) -> None:
        self.state = state
        self._changes.notify()

    def _refused(self, target: State) -> ApiError:
        return ApiError(
            "InvalidStateTransition",
            f"State transition from {self.state} to {target} failed for runtime. "
            "Error: State transition is not allowed",
        )
