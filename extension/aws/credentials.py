"""The sandbox's AWS credentials: from the environment, or from the container endpoint.

HEAVY: imports botocore. A sandbox has no other source. Nothing is fetched before the first call, so
a SnapStart snapshot holds no credentials. botocore renews them before they expire.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from botocore.credentials import (
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import (
    CredentialRetrievalError,
    MetadataRetrievalError,
)
from botocore.utils import (
    ContainerMetadataFetcher,
)

from extension.aws.reasons import CONTAINER

MAX_TOKENS = 4
"""Session tokens kept: the current one and those it replaced."""

PAUSE_S = 0.1
"""Between attempts to ask the endpoint, in place of botocore's second: it is in this sandbox."""

FIELDS = {
    "access_key": "AccessKeyId",
    "secret_key": "SecretAccessKey",
    "token": "Token",
    "expiry_time": "Expiration",
}
"""botocore's names for the fields of the endpoint's answer."""

SECRETS = {"secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
"""The secret fields, with the names of the variables that hold them elsewhere."""


class _ContainerCredentials(DeferredRefreshableCredentials):  # type: ignore[misc]  # botocore is without types
    """Credentials that are also fetched again when AWS reports them as expired."""

    has_expired = False

    def refresh_needed(self, refresh_in: int | None = None) -> bool:
        """Whether to fetch them before the next request is signed."""
        return self.has_expired or bool(super().refresh_needed(refresh_in))

    def forget(self) -> None:
        """Be as they were before they were fetched."""
        self._access_key = self._secret_key = self._token = None
        self._expiry_time = self._frozen_credentials = None


class SandboxCredentials:
    """Resolves credentials; has the shape of botocore's credential resolver.

    Every method may be called in any thread, and those that may ask the endpoint block.
    `on_secret` is called, in that thread, with the name and the value of each secret that the
    endpoint returns.
    """

    def __init__(
        self, environ: Mapping[str, str], *, on_secret: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        self._environ = environ
        self.on_secret = on_secret
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._tokens: deque[str] = deque(maxlen=MAX_TOKENS)
        self._renewable: _ContainerCredentials | None = None
        self.renewals = 0
        """How often the endpoint's credentials were renewed."""

    def load_credentials(self) -> Credentials | None:
        """Return the credentials, or None if the environment names no source of any."""
        if static := self._static():
            return static
        if self._uri() is None:
            return None
        with self._lock:
            if self._renewable is None:
                self._renewable = _ContainerCredentials(self._renew, CONTAINER)
        return self._renewable

    def _static(self) -> Credentials | None:
        """Return the credentials in the environment; only AWS knows when they expire."""
        key, secret, token, older = (
            self._value(f"AWS_{each}")
            for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "SECURITY_TOKEN")
        )
        if not (key and secret):
            return None
        return Credentials(key, secret, token or older, method="env")

    def _value(self, name: str) -> str | None:
        """Return the value of a variable; an empty one is unset."""
        return self._environ.get(name, "").strip() or None

    @property
    def are_renewable(self) -> bool:
        """Whether the credentials come from a container endpoint."""
        return self._renewable is not None

    def expire(self, *, since: int) -> None:
        """Renew the credentials before the next request, unless `renewals` has passed `since`."""
        with self._lock:
            if self._renewable is not None and self.renewals == since:
                self._renewable.has_expired = True

    def forget(self) -> None:
        """Hold nothing that was fetched: the memory is written to a snapshot."""
        with self._lock:
            if self._renewable is not None:  # clients have this object, too
                self._renewable.forget()
            self._tokens.clear()

    def renewed_tokens(self) -> tuple[str, ...]:
        """Ask the container endpoint; return the latest tokens that it returned, newest last."""
        if self._uri() is not None:
            self._fetch()
        with self._lock:
            return tuple(self._tokens)

    def _renew(self) -> dict[str, Any]:
        fetched = self._fetch()
        with self._lock:
            self.renewals += 1
            if self._renewable is not None:
                self._renewable.has_expired = False
        return fetched

    def _uri(self) -> str | None:
        if full := self._value("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            return full
        if relative := self._value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            return str(ContainerMetadataFetcher().full_url(relative))
        return None

    def _authorization(self) -> str | None:
        """Return what the endpoint knows us by; EKS replaces the file from time to time."""
        path = self._value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if path is None:
            return self._value("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        with open(path) as file:  # noqa: PTH123  # a start does not load pathlib
            return file.read().strip()

    def _fetch(self) -> dict[str, Any]:
        try:
            token = self._authorization()
            headers = {"Authorization": token} if token else None
            fetcher = ContainerMetadataFetcher(sleep=lambda _: self._never.wait(PAUSE_S))
            answer = fetcher.retrieve_full_uri(self._uri(), headers=headers)
            fetched = {name: answer[field] for name, field in FIELDS.items()}
        except (MetadataRetrievalError, OSError, ValueError, LookupError, TypeError) as error:
            raise CredentialRetrievalError(provider=CONTAINER, error_msg="no answer") from error
        for field, name in SECRETS.items():
            if isinstance(fetched[field], str):
                self.on_secret(name, fetched[field])
        if isinstance(fetched["token"], str) and fetched["token"]:
            self._keep_token(fetched["token"])
        return fetched

    def _keep_token(self, token: str) -> None:
        with self._lock:
            if token in self._tokens:
                self._tokens.remove(token)
            self._tokens.append(token)
