"""What goes wrong on request, beside what a request does wrong itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.keys import caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.aws.endpoints.answers import ErrorForm
    from simulator.aws.endpoints.hosts import Service
    from simulator.aws.endpoints.request import Received

ALL_SERVICES: frozenset[Service] = frozenset({"xray", "logs", "monitoring", "s3"})

_THROTTLED: dict[str, tuple[str, str, int]] = {
    "xray": ("ThrottledException", "Rate exceeded", 429),
    "logs": ("ThrottlingException", "Rate exceeded", 429),
    "monitoring": ("ThrottlingException", "Rate exceeded", 429),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
}
_UNAVAILABLE: dict[str, tuple[str, str, int]] = {
    "xray": ("ServiceUnavailableException", "Service is unavailable.", 503),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request.", 503),
    "monitoring": ("ServiceUnavailableException", "Service is unavailable.", 503),
    "s3": ("ServiceUnavailable", "Service is unable to handle request.", 503),
}


@dataclass(kw_only=True)
class Trouble:
    """May be changed at any time; the default causes none.

    Attributes:
        transaction_search_off: X-Ray refuses all spans with 400, as before the account switched
            Transaction Search on.
        denied: IAM actions that the role lacks, for example "xray:PutTraceSegments",
            "logs:CreateLogGroup", "cloudwatch:PutMetricData", "s3:PutObject".
        throttled: Services that answer 429 (S3: 503).
        unavailable: Services that answer 503.
        retry_after_s: The Retry-After of 429 and 503; only `/v1/logs` has it, as AWS documents.
        down: Services that cut the connection instead of answering.
        lost_answers: Services that take what is sent and then cut the connection.
        refuse: Called with each request whose signature is right; raises AwsError to refuse it.
        clock_skew_s: How far the clock of AWS is ahead of this machine's.
        authentication_status: Status of a bad signature at the OTLP endpoints: the sources have
            400, 401 and 403.
        error_form: Whether OTLP endpoints name an error in the body, in a header, or answer with a
            protobuf Status without a name, as AWS's documentation shows it.
        drops_random_trace_ids: X-Ray takes, and then forgets, spans whose trace id does not begin
            with its time in epoch seconds; the sources disagree on whether it does.
    """

    transaction_search_off: bool = False
    denied: set[str] = field(default_factory=set)
    throttled: set[Service] = field(default_factory=set)
    unavailable: set[Service] = field(default_factory=set)
    retry_after_s: int | None = None
    down: set[Service] = field(default_factory=set)
    lost_answers: set[Service] = field(default_factory=set)
    refuse: Callable[[Received], None] | None = None
    clock_skew_s: float = 0.0
    authentication_status: Literal[400, 401, 403] = 403
    error_form: ErrorForm = "body"
    drops_random_trace_ids: bool = False

    def check_unavailable(self, service: Service, *, is_otlp: bool) -> None:
        """Raise AwsError when the service is unavailable."""
        if service in self.unavailable:
            raise self._error(_UNAVAILABLE, service, is_otlp=is_otlp)

    def check_throttled(self, service: Service, *, is_otlp: bool) -> None:
        """Raise AwsError when the service throttles."""
        if service in self.throttled:
            raise self._error(_THROTTLED, service, is_otlp=is_otlp)

    def check_access(self, action: str, *, resource: str = "*") -> None:
        """Raise AwsError when the role lacks the action."""
        if action not in self.denied:
            return
        why = f"because no identity-based policy allows the {action} action"
        refusal = f"User: {caller()} is not authorized to perform: {action}"
        name = "AccessDenied" if action.startswith(("s3:", "kms:")) else "AccessDeniedException"
        raise AwsError(name, f"{refusal} on resource: {resource} {why}", status=403)

    def _error(
        self, errors: dict[str, tuple[str, str, int]], service: Service, *, is_otlp: bool
    ) -> AwsError:
        name, message, status = errors[service]
        has_retry = self.retry_after_s is not None and service == "logs" and is_otlp
        headers = {"Retry-After": str(self.retry_after_s)} if has_retry else None
        return AwsError(name, message, status=status, headers=headers)
