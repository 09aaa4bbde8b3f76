"""PURE: one call to AWS, what answers it, and what is known of it once it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from extension.process.frozen import Frozen

Answer = Mapping[str, Any]
"""An answer of AWS as botocore parses it."""


class Service(StrEnum):
    """The two services behind the cache, by the names AWS prints."""

    SSM = "SSM"
    SECRETS_MANAGER = "Secrets Manager"


STS = "STS"
"""The service that gives credentials for another role; calls to it are part of others."""


class Place(NamedTuple):
    """Where and as which role a service is asked: calls to one place share clients and threads.

    Without a `region` it is that of the function, without a `role` the function's own.
    """

    service: Service
    region: str = ""
    role: str = ""


class Call:
    """One call, shared between the event loop and a worker thread.

    The thread counts `attempts` and `throttles` and sets the `request_id`; the loop sets
    `abandoned` once no caller waits any more.
    """

    def __init__(
        self,
        *,
        service: Service,
        operation: str,
        name: str,
        arguments: Mapping[str, object],
        region: str = "",
        role: str = "",
        reconnects: bool = True,
    ) -> None:
        self.service = service
        self.place = Place(service, region, role)
        self.operation = operation
        self.name = name
        self.arguments = arguments
        self.reconnects = reconnects
        """Whether to try again to connect; another region may be the better next try."""
        self.attempts = 0
        self.throttles = 0
        self.number = 0
        """Its place in the order in which calls are made."""
        self.request_id = ""
        self.abandoned = False


class Source(Protocol):
    """AWS. Every method blocks and is called in a worker thread.

    `region` is the one that a place without a region stands for.
    """

    region: str

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError."""

    def session_tokens(self) -> tuple[str, ...]:
        """Renew credentials that come from a container endpoint; return their tokens, newest last.

        Empty for credentials that cannot be renewed; raises UpstreamError.
        """


class CompletedCall(Frozen):
    """One call to AWS with all its attempts, as logs, spans and metrics report it.

    `name`: of the parameter, secret or path; several names of one call are joined by commas.
    `code`: empty for success, else AWS's error code or one of ours (`errors`).
    `region`: the one that was asked; empty for the function's own.
    `traceparent`: that of the GET which caused the call; empty for a prefetch, and where the GET
    had none.
    """

    service: str
    operation: str
    name: str
    start_ns: int
    end_ns: int
    attempts: int = 1
    throttles: int = 0
    code: str = ""
    request_id: str = ""
    region: str = ""
    traceparent: str = ""
