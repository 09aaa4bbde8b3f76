"""One invocation on its way through the sandbox: what was asked, answered and measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from simulator.clock import MILLISECOND_NS, monotonic_ns
from simulator.tracing import Trace

Status = Literal["success", "error", "timeout", "failure"]
Reason = Literal["spindown", "timeout", "failure"]


@dataclass(slots=True, kw_only=True)
class Invocation:
    """The state of one invocation; the runtime's calls fill it in.

    Attributes:
        invocation_id: A second id that Managed Instances give the runtime.
        deadline_ns: Wall time at which the function times out.
        cold_start: Whether it waited for an init, or is the first after one.
        response: Body of the runtime's /response or /error; None until then.
        is_error: Whether the runtime called /error.
        The *_ns fields without `deadline` are monotonic.
    """

    request_id: str
    invocation_id: str = ""
    payload: bytes
    deadline_ns: int
    trace: Trace
    cold_start: bool
    client_context: str = ""
    tenant_id: str = ""
    started_ns: int = field(default_factory=monotonic_ns)
    response: bytes | None = None
    is_error: bool = False
    error_type: str = ""
    response_began_ns: int = 0
    response_ended_ns: int = 0
    runtime_done_ns: int = 0

    @property
    def deadline_ms(self) -> int:
        """The deadline as Lambda hands it out: milliseconds since the epoch."""
        return self.deadline_ns // MILLISECOND_NS

    def complete(self, body: bytes, *, is_error: bool, error_type: str = "") -> None:
        """Note the runtime's answer."""
        self.response = body
        self.is_error = is_error
        self.error_type = error_type
        self.response_ended_ns = monotonic_ns()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """The SHUTDOWN event that extensions get."""

    reason: Reason
    deadline_ns: int

    @property
    def deadline_ms(self) -> int:
        """The deadline as Lambda hands it out: milliseconds since the epoch."""
        return self.deadline_ns // MILLISECOND_NS
