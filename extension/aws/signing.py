"""Signature Version 4 for requests that are not sent by a botocore client.

HEAVY: imports botocore. A request is signed as it leaves: a signature is valid for minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, HTTPClientError

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import SettingError, UpstreamError
from extension.process.clock import NS_PER_S, Clock, SystemClock

SMALL_SKEW_S = 60.0
"""AWS takes five minutes; `Date` has whole seconds, and the answer was some time under way."""


class _AtTime:
    """Signs at the time that the request has already, in place of botocore's own clock."""

    def add_auth(self: SigV4Auth, request: AWSRequest) -> None:
        """Do what botocore's `add_auth` does after it has looked at its clock."""
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


class _SigV4(_AtTime, SigV4Auth):  # type: ignore[misc]  # botocore is without types
    pass


class _S3SigV4(_AtTime, S3SigV4Auth):  # type: ignore[misc]  # likewise
    pass


class Signer:
    """Signs with the sandbox's credentials; every method may block and be called in any thread."""

    def __init__(self, credentials: SandboxCredentials, *, clock: Clock | None = None) -> None:
        self._credentials = credentials
        self._clock = clock or SystemClock()
        self._skew_s = 0.0

    def sign(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        service: str,
        region: str,
    ) -> dict[str, str]:
        """Return the headers of a request, with its signature.

        Raises:
            SettingError: there are no credentials.
            UpstreamError: the container endpoint does not return any.
        """
        try:
            found = self._credentials.load_credentials()
            if found is None:
                raise SettingError("there are no AWS credentials")
            frozen = found.get_frozen_credentials()
        except (BotoCoreError, HTTPClientError) as error:
            raise UpstreamError(type(error).__name__, transient=True) from error
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
        request.context["timestamp"] = self._now().strftime(SIGV4_TIMESTAMP)
        kind = _S3SigV4 if service == "s3" else _SigV4
        # Plain HTTP leaves the body unsigned; a proxy in front of AWS may be reached by it.
        request.context["payload_signing_enabled"] = True
        kind(frozen, service, region).add_auth(request)
        return dict(request.headers.items())

    @property
    def renewals(self) -> int:
        """How often the credentials were renewed so far."""
        return self._credentials.renewals

    def renew(self) -> None:
        """Take other credentials for the next request: AWS refused these as expired."""
        self._credentials.expire(since=self.renewals)

    def renew_since(self, renewals: int) -> bool:
        """Do so unless they were renewed meanwhile: `renewals` had been so many.

        Return False where there are no others: those in the environment stay the same.
        """
        self._credentials.expire(since=renewals)
        return self._credentials.are_renewable

    def forget(self) -> None:
        """Hold nothing that was fetched: the memory is written to a snapshot."""
        self._credentials.forget()
        self._skew_s = 0.0

    def set_time(self, aws_s: float) -> None:
        """Sign by the clock of AWS from now on: `aws_s` is its Unix time now."""
        skew_s = aws_s - self._clock.now().wall_ns / NS_PER_S
        self._skew_s = skew_s if abs(skew_s) > SMALL_SKEW_S else 0.0

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now().wall_ns / NS_PER_S + self._skew_s, UTC)
