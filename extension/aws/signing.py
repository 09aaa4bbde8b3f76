"""Signature Version 4 for requests that are not sent by a botocore client.

HEAVY: imports botocore. A request is signed as it leaves: a signature is valid for minutes.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, HTTPClientError

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import SettingError, UpstreamError


class Signer:
    """Signs with the sandbox's credentials; every method may block and be called in any thread."""

    def __init__(self, credentials: SandboxCredentials) -> None:
        self._credentials = credentials

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
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        # Plain HTTP leaves the body unsigned; a proxy in front of AWS may be reached by it.
        request.context["payload_signing_enabled"] = True
        kind(frozen, service, region).add_auth(request)
        return dict(request.headers.items())

    def renew(self) -> None:
        """Take other credentials for the next request: AWS refused these as expired."""
        self._credentials.expire(since=self._credentials.renewals)
