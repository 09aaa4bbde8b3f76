"""Credentials of other roles, from STS; imported for the first call as another role.

HEAVY: imports botocore. The endpoint is that of the function's region. A role's session lasts an
hour, the longest that a role may assume another for, and is renewed a few minutes before its end.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.credentials import Credentials, DeferredRefreshableCredentials

from extension.aws.call import STS
from extension.aws.client_builder import CONNECT_S, Limits
from extension.aws.errors import DENIED, UNUSABLE, UpstreamError
from extension.process.clock import NS_PER_S, Clock, Instant
from extension.settings.process import LambdaConfig

READ_S = 1.2
"""Longest wait for an answer of STS, which takes a tenth of a second."""

ATTEMPTS = 2
"""Where STS does not answer, 4 s of the 5 that a GET may take are over; then one with credentials
that are still valid has time for the call itself."""

RETRY_S = 60.0
"""How long credentials that could not be renewed, but are still valid, are used as they are."""

SECRETS = {"SecretAccessKey": "AWS_SECRET_ACCESS_KEY", "SessionToken": "AWS_SESSION_TOKEN"}
"""The secret fields of STS's answer, with the names of the variables that hold them elsewhere."""

LONGEST_NAME = 64
"""Characters of a session's name."""

SANDBOX_LENGTH = 32
"""Characters by which the log streams of a function differ."""

_NOT_IN_A_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)

OnSecret = Callable[[str, str], None]
"""Called with the name and the value of each secret that STS returns, in the thread that asked."""


class Role:
    """One role that the function's role assumes; has the shape of a session's identity.

    `ask` makes the call to STS; it raises UpstreamError.
    """

    def __init__(
        self,
        arn: str,
        *,
        ask: Callable[[str], Mapping[str, Any]],
        on_secret: OnSecret,
        clock: Clock,
    ) -> None:
        self._arn = arn
        self._ask = ask
        self._on_secret = on_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._credentials = _RoleCredentials(self._renew, clock=clock)
        self.renewals = 0
        """How often the credentials were renewed."""

    @property
    def are_renewable(self) -> bool:
        """Whether the credentials can be fetched again."""
        return True

    def load_credentials(self) -> Credentials:
        """Return botocore's object for them; STS is asked before the first request is signed."""
        return self._credentials

    def expire(self, *, since: int) -> None:
        """Renew the credentials before the next request, unless `renewals` has passed `since`."""
        with self._lock:
            if self.renewals == since:
                self._credentials.has_expired = True

    def _renew(self) -> dict[str, Any]:
        """Return new credentials as botocore names their fields."""
        fetched = self._ask(self._arn)
        try:
            renewed = {
                "access_key": fetched["AccessKeyId"],
                "secret_key": fetched["SecretAccessKey"],
                "token": fetched["SessionToken"],
                "expiry_time": fetched["Expiration"].isoformat(),
            }
        except (LookupError, AttributeError) as error:
            raise UpstreamError(UNUSABLE, service=STS, transient=True) from error
        for field, variable in SECRETS.items():
            self._on_secret(f"{variable}@{self._arn}", fetched[field])
        with self._lock:
            self.renewals += 1
            self._credentials.has_expired = False
        return renewed


class _RoleCredentials(DeferredRefreshableCredentials):  # type: ignore[misc]  # botocore is without types
    """Renewed early, and where that fails, used until shortly before their end."""

    _advisory_refresh_timeout = 10 * 60
    _mandatory_refresh_timeout = 60

    def __init__(self, renew: Callable[[], dict[str, Any]], *, clock: Clock) -> None:
        super().__init__(renew, "assume-role", time_fetcher=self._wall_time)
        self._clock = clock
        self._tried_at: Instant | None = None
        self.has_expired = False
        """Whether AWS has reported them as expired."""

    def refresh_needed(self, refresh_in: int | None = None) -> bool:
        """Whether to renew them before the next request is signed."""
        if self.has_expired:
            return True
        early = refresh_in == self._advisory_refresh_timeout
        if early and self._tried_at and self._clock.now().since(self._tried_at) < RETRY_S:
            refresh_in = self._mandatory_refresh_timeout
        return bool(super().refresh_needed(refresh_in))

    def _wall_time(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now().wall_ns / NS_PER_S, UTC)

    def _protected_refresh(self, is_mandatory: bool) -> None:  # noqa: FBT001  # botocore's own
        super()._protected_refresh(is_mandatory=is_mandatory)
        self._tried_at = self._clock.now()


def limits(*, deadline_s: float, connections: int) -> Limits:
    """Return those of the client of STS; a part of a call must not take longer than the call."""
    return Limits(
        connect_s=min(CONNECT_S, deadline_s),
        read_s=min(READ_S, deadline_s),
        attempts=ATTEMPTS,
        connections=connections,
    )


def session_name(sandbox: LambdaConfig) -> str:
    """Return the name under which CloudTrail shows what was read: of the function and its sandbox.

    The sandbox is the end of its log stream's name.
    """
    log_stream = _NOT_IN_A_NAME.sub("", sandbox.log_stream.replace("-", ""))[-SANDBOX_LENGTH:]
    function = _NOT_IN_A_NAME.sub("", sandbox.function_name) or "lambda-dispatch"
    shortened = function[: LONGEST_NAME - len(log_stream) - 1]
    return "-".join(filter(None, [shortened, log_stream]))


def reason_of_refusal(code: str, arn: str) -> str:
    """Return what to do about an error of AssumeRole."""
    if code in DENIED:
        return (
            f"allow sts:AssumeRole on {arn} in the policy of the function's role, and the"
            f" function's role in the trust policy of {arn}"
        )
    return f"sts:AssumeRole of {arn} was refused"
