"""The credentials of the AWS clients: from the environment, or from the container endpoint.

HEAVY: imports botocore. These two are all that a sandbox has; nothing is fetched before the first
call, so that a SnapStart snapshot holds none. botocore renews them before they expire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from botocore.credentials import (
    Credentials,
    DeferredRefreshableCredentials,
    EnvProvider,
)
from botocore.exceptions import (
    CredentialRetrievalError,
    MetadataRetrievalError,
)
from botocore.utils import (
    ContainerMetadataFetcher,
)

MAX_TOKENS = 4
"""Session tokens remembered: the current one and those it replaced."""

METHOD = "container-role"

FIELDS = {
    "access_key": "AccessKeyId",
    "secret_key": "SecretAccessKey",
    "token": "Token",
    "expiry_time": "Expiration",
}
"""What botocore calls the fields of the endpoint's answer."""


class SandboxCredentials:
    """Finds credentials; the shape of botocore's credential resolver."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._tokens: deque[str] = deque(maxlen=MAX_TOKENS)

    def load_credentials(self) -> Credentials | None:
        """Return the credentials, or None when the environment names none."""
        credentials = EnvProvider(environ=dict(self._environ)).load()
        if credentials is None and self._uri() is not None:
            return DeferredRefreshableCredentials(refresh_using=self._fetch, method=METHOD)
        return credentials

    def renewed_tokens(self) -> tuple[str, ...]:
        """Ask the container endpoint anew; return the tokens it gave, newest last."""
        if self._uri() is not None:
            self._fetch()
        return tuple(self._tokens)

    def _uri(self) -> str | None:
        if full := self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            return full
        if relative := self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
            return str(ContainerMetadataFetcher().full_url(relative))
        return None

    def _fetch(self) -> dict[str, Any]:
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        headers = {"Authorization": token} if token else None
        try:
            answer = ContainerMetadataFetcher().retrieve_full_uri(self._uri(), headers=headers)
            fetched = {name: answer[field] for name, field in FIELDS.items()}
        except (MetadataRetrievalError, ValueError, LookupError, TypeError) as error:
            raise CredentialRetrievalError(provider=METHOD, error_msg="no answer") from error
        self._note(fetched["token"])
        return fetched

    def _note(self, token: str) -> None:
        if token in self._tokens:
            self._tokens.remove(token)
        self._tokens.append(token)
