"""One account of AWS: what it knows, what it decides about a request, and what it keeps.

The order of decisions: availability, signature, throttling, permission, then the request itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.aws.endpoints import bucket as s3
from simulator.aws.endpoints.accepted import Exchange
from simulator.aws.endpoints.answers import Answer, AwsError, api_error, otlp_error, s3_error
from simulator.aws.endpoints.hosts import Place, place_behind_proxy, place_of
from simulator.aws.endpoints.ingestion import Ingestion
from simulator.aws.endpoints.keys import AccessKey, Keyring
from simulator.aws.endpoints.log_groups import LogGroups, operation_of
from simulator.aws.endpoints.signature import key_id_of, verify
from simulator.aws.endpoints.trouble import Trouble

if TYPE_CHECKING:
    from simulator.aws.endpoints.accepted import Accepted
    from simulator.aws.endpoints.request import Received
    from simulator.intake.otlp import LogRecord, Metric, Span

_SECOND_NS = 1_000_000_000


class Account:
    """`exchanges` holds every request and how it ended, `accepted` what the endpoints took.

    `spans`, `logs` and `metrics` are what was accepted, decoded. `trouble`, `keys`, `log_groups`
    and `bucket` may be changed at any time.
    """

    def __init__(
        self,
        *,
        region: str = "eu-central-1",
        bucket: str = "dead-letters",
        key: AccessKey | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        self.region = region
        self.key = key or AccessKey()
        self.keys = Keyring(self.key)
        self.trouble = trouble or Trouble()
        self.log_groups = LogGroups()
        self.bucket = s3.Bucket(bucket, region=region, trouble=self.trouble)
        self.exchanges: list[Exchange] = []
        self.accepted: list[Accepted] = []
        self._ingestion = Ingestion(
            trouble=self.trouble, log_groups=self.log_groups, keep=self.accepted.append
        )

    @property
    def spans(self) -> list[Span]:
        """All spans that X-Ray has, in order of arrival."""
        return [span for accepted in self.accepted for span in accepted.spans]

    @property
    def logs(self) -> list[LogRecord]:
        """All log records that CloudWatch Logs has, in order of arrival."""
        return [record for accepted in self.accepted for record in accepted.logs]

    @property
    def metrics(self) -> list[Metric]:
        """All metrics that CloudWatch has, in order of arrival."""
        return [metric for accepted in self.accepted for metric in accepted.metrics]

    @property
    def refused(self) -> list[Exchange]:
        """The requests that were not taken."""
        return [exchange for exchange in self.exchanges if exchange.status // 100 != 2]

    def now_ns(self, machine_ns: int) -> int:
        """Return the time of AWS's clock when the machine's is that."""
        return machine_ns + int(self.trouble.clock_skew_s * _SECOND_NS)

    def decide(self, request: Received, *, now_ns: int) -> Answer | None:
        """Judge a request, note it, and return the answer; None cuts the connection."""
        place = self._place(request)
        service, operation = place.service, _operation(request, place)
        if service in self.trouble.down:
            self._note(request, service, operation, status=0)
            return None
        try:
            answer, message = self._take(request, place, now_ns), ""
        except AwsError as error:
            answer, message = self._refusal(error, request, place), error.message
        is_lost = service in self.trouble.lost_answers
        status = 0 if is_lost else answer.status
        self._note(request, service, operation, status=status, error=answer.error, message=message)
        if request.method == "HEAD":
            return replace(answer, body=b"")
        return None if is_lost else answer

    def _place(self, request: Received) -> Place:
        host = request.host.rpartition(":")[0] if ":" in request.host else request.host
        target = request.header("x-amz-target")
        behind = place_behind_proxy(request.path, target=target, region=self.region)
        return place_of(host) or behind

    def _take(self, request: Received, place: Place, now_ns: int) -> Answer:
        is_api = bool(operation_of(request))
        is_otlp = not is_api and place.service != "s3"
        self.trouble.check_unavailable(place.service, is_otlp=is_otlp)
        now = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC)
        try:
            verify(request, place=place, keys=self.keys, now=now)
        except AwsError as error:
            if is_otlp:
                error.status = self.trouble.authentication_status
            raise
        self.trouble.check_throttled(place.service, is_otlp=is_otlp)
        if self.trouble.refuse is not None:
            self.trouble.refuse(request)
        if place.service == "s3":
            return self.bucket.take(request, place=place, now_ns=now_ns)
        if is_api and place.service == "logs":
            return self.log_groups.call(request, trouble=self.trouble)
        return self._ingestion.take(request, place=place, now_ns=now_ns)

    def _refusal(self, error: AwsError, request: Received, place: Place) -> Answer:
        if place.service == "s3":
            return s3_error(error)
        if operation_of(request):
            return api_error(error)
        return otlp_error(error, form=self.trouble.error_form)

    def _note(
        self,
        request: Received,
        service: str,
        operation: str,
        *,
        status: int,
        error: str = "",
        message: str = "",
    ) -> None:
        self.exchanges.append(
            Exchange(
                service=service,
                operation=operation,
                status=status,
                error=error,
                message=message,
                key_id=key_id_of(request),
                request=request,
            )
        )


def _operation(request: Received, place: Place) -> str:
    if place.service == "s3":
        return s3.operation_of(request, place)
    return operation_of(request) or request.path
