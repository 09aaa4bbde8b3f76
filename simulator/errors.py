"""What can go wrong, reported to the user, to the sandbox, or to a caller of an API."""

from __future__ import annotations

from dataclasses import dataclass


class SimulatorError(RuntimeError):
    """The set-up cannot work; the message's first line says what and where.

    Where a program ended by itself, what it printed last follows on lines of its own.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a sandbox or an invocation is lost, in Lambda's words.

    Attributes:
        error_type: For example "Extension.Crash".
        culprit: The name of the process that is to blame, if one is.
        is_hopeless: Whether it is beyond what any sandbox could bear, so that trying on is useless.
    """

    error_type: str
    message: str
    culprit: str = ""
    is_hopeless: bool = False


class SandboxLostError(Exception):
    """The sandbox cannot go on: a process ended, could not start, or reported a fatal error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.error_type}: {failure.message}")
        self.failure = failure


class ApiError(Exception):
    """An answer other than success of the Runtime, Extensions or Telemetry API."""

    def __init__(self, error_type: str, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.status = status


class SandboxClosedError(Exception):
    """Somebody still waited on a sandbox that has been shut down."""
