"""The attempts of one call to AWS: counted, ended if nothing waits for them, errors converted.

HEAVY. A call stays in the thread that it began in, as do all attempts that botocore makes for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # no connection at all; not an HTTPClientError
    CredentialRetrievalError,
    HTTPClientError,
)
from botocore.parsers import ResponseParserError

from extension.aws.call import Answer, Call
from extension.aws.client_builder import Client
from extension.aws.errors import (
    EXPIRED,
    THROTTLING,
    TIMEOUT,
    UNUSABLE,
    UpstreamError,
    is_outdated,
    is_transient,
)
from extension.aws.reasons import reason_of, reason_of_denial

NETWORK = (HTTPClientError, ConnectionError, CredentialRetrievalError, ResponseParserError)
"""Errors without an answer of AWS after which another attempt may succeed."""


class Attempts:
    """Asks for the call of each thread; `before` and `after` are handlers of botocore's events."""

    def __init__(self) -> None:
        self._current = threading.local()

    def begin(self, call: Call) -> None:
        """Take what follows in this thread for attempts of a call."""
        self._current.call = call

    def ask(self, client: Client, method: str, arguments: Mapping[str, Any]) -> Answer:
        """Return the parsed answer, or raise UpstreamError; blocks.

        AWS is asked once more with a new signature if the first was refused for its time.
        """
        renewals = client.identity.renewals
        try:
            return self._ask(client, method, arguments)
        except UpstreamError as error:
            # What STS refused were the credentials of the function, not those of a role.
            if error.code in EXPIRED and error.service == client.service and _renews(client):
                client.identity.expire(since=renewals)
            elif not is_outdated(error.code, message=error.message):
                raise
        return self._ask(client, method, arguments)

    def _ask(self, client: Client, method: str, arguments: Mapping[str, Any]) -> Answer:
        call: Call = self._current.call
        try:
            answer: Answer = getattr(client.botocore, method)(**arguments)
        except ClientError as error:
            raise self._refused(client, error) from error
        except (BotoCoreError, HTTPClientError, ResponseParserError) as error:
            raise UpstreamError(
                type(error).__name__,
                reason=reason_of(error, host=client.host, named_by=client.named_by),
                service=client.service,
                transient=isinstance(error, NETWORK),
            ) from error
        call.request_id = answer.get("ResponseMetadata", {}).get("RequestId", "")
        return answer

    def check_abandoned(self, **_: object) -> None:
        """End a call that is not waited for any longer."""
        call: Call = self._current.call
        if call.abandoned:
            raise UpstreamError(TIMEOUT, service=call.service, transient=True)

    def before(self, **_: object) -> None:
        """Count an attempt of botocore's, unless the call is not waited for any longer."""
        self.check_abandoned()
        self._current.call.attempts += 1

    def reconnects(self) -> bool:
        """Whether a connection that failed is tried again."""
        call: Call = self._current.call
        return call.reconnects

    def after(self, parsed_response: Answer | None = None, **_: object) -> None:
        """Count an answer by which AWS slows us down."""
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        if code in THROTTLING:
            call: Call = self._current.call
            call.throttles += 1

    def _refused(self, client: Client, error: ClientError) -> UpstreamError:
        """Convert an error that AWS answered."""
        call: Call = self._current.call
        fields = error.response.get("Error", {})
        metadata = error.response.get("ResponseMetadata", {})
        call.request_id = metadata.get("RequestId", "")
        code, message = str(fields.get("Code", "")) or UNUSABLE, str(fields.get("Message", ""))
        can_renew = code in EXPIRED and _renews(client)
        reason = ""
        if client.service == call.service:  # not STS, whose refusals `roles` explains
            reason = reason_of_denial(
                code, message=message, service=call.service, operation=call.operation
            )
        return UpstreamError(
            code,
            message=message,
            reason=reason,
            service=client.service,
            request_id=call.request_id,
            transient=can_renew
            or is_transient(code, message=message, status=metadata.get("HTTPStatusCode", 0)),
        )


def _renews(client: Client) -> bool:
    """Whether a client's credentials can be fetched again."""
    return client.identity.are_renewable
