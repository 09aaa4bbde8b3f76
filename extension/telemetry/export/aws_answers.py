"""PURE: what an AWS endpoint's answer means, and what to do about it.

AWS names its errors, in the body or in a header. The status alone says too little: an expired token
is 403 with one service and 400 with another, and a 400 may be cured by a person, or by nothing.
OTLP endpoints answer protobuf with a protobuf Status, which has a message and no name, so an error
is recognised by AWS's words, too.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPTroubleshooting.html
(the collector has `Message=` in a line where it has decoded a Status)
"""

from __future__ import annotations

import json
import re
from typing import Literal

from extension.aws.errors import is_transient
from extension.process.frozen import replace
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.outcome import Outcome

Remedy = Literal["credentials", "clock", ""]
"""What may make the same request good: other credentials, or AWS's time in its signature."""

CREDENTIALS = (
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
)
"""How the names begin of errors that other credentials may cure."""

SKEWED = ("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture")
SKEWED_WORDS = ("Signature expired", "Signature not yet current")

MAY_REFUSE = (400, 401, 403)

SEARCH_OFF = "Trace Segment Destination"
"""In the message of X-Ray where Transaction Search is off."""

NAME_BY_WORDS = {
    "security token included in the request is expired": "ExpiredTokenException",
    "security token included in the request is invalid": "UnrecognizedClientException",
    "request signature we calculated does not match": "InvalidSignatureException",
    **dict.fromkeys(SKEWED_WORDS, "InvalidSignatureException"),
    "Missing Authentication Token": "MissingAuthenticationTokenException",
    "is not authorized to perform: ": "AccessDeniedException",
    SEARCH_OFF: "InvalidRequestException",
    "specified log group does not exist": "ResourceNotFoundException",
    "specified log stream does not exist": "ResourceNotFoundException",
    "Rate exceeded": "ThrottlingException",
}
"""What the messages of errors have in them whose names say what to do."""

SWITCH_ON = "aws xray update-trace-segment-destination --destination CloudWatchLogs"


def error_of(answer: Answer) -> str:
    """Return AWS's name of an error, empty if there is none.

    It may come with a namespace and `#` before it, and with `:` and a URL after it. An error
    without one has that of its message.
    """
    if answer.is_success:
        return ""
    name = answer.error_type or str(_body(answer).get("__type", ""))
    return name.rpartition("#")[2].partition(":")[0] or _name_by_words(_message(answer))


def _name_by_words(message: str) -> str:
    return next((name for words, name in NAME_BY_WORDS.items() if words in message), "")


def remedy_of(answer: Answer) -> Remedy:
    """Return what to try before the answer counts."""
    name = error_of(answer)
    if answer.status not in MAY_REFUSE or not name:
        return ""
    message = _message(answer)
    if name.startswith(SKEWED) or any(words in message for words in SKEWED_WORDS):
        return "clock"
    return "credentials" if name.startswith(CREDENTIALS) else ""


def refine(outcome: Outcome, answer: Answer, *, is_cloudwatch: bool = True) -> Outcome:
    """Return the outcome of an answer of AWS; what passes, or a person can cure, is kept.

    AWS's own SDKs send again after a fault, status 500 included, and after throttling under any
    status, which OTLP's rules for statuses do not. Behind a gateway, not `is_cloudwatch`, an answer
    without AWS's name of an error may be that of a collector, for which they hold.
    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    name = error_of(answer)
    is_of_aws = is_cloudwatch or bool(name)
    if outcome.kind == "rejected" and is_of_aws and is_transient(name, status=answer.status):
        outcome = replace(outcome, kind="kept")
    if not name:
        return outcome
    cause = f"status {answer.status} {name}"
    if remedy_of(answer):
        # What follows of the message is our own request, with the session token in it.
        said = outcome.said.partition("The Canonical String")[0].rstrip()
        return replace(outcome, kind="unauthenticated", cause=cause, said=said)
    if advice := advice_of(answer):
        return replace(outcome, kind="kept", cause=f"{cause}: {advice}")
    return replace(outcome, cause=cause)


def advice_of(answer: Answer) -> str:
    """Return what a person can do about an error, empty if there is nothing to do."""
    name, message = error_of(answer), _message(answer)
    if SEARCH_OFF in message:
        return f"Transaction Search is off: {SWITCH_ON}"
    if name.startswith("AccessDenied"):
        action = re.search(r"perform: ([a-z0-9-]+:\w+)", message)
        return f"the role needs {action[1]}" if action else "the role lacks a permission"
    if name.startswith("ResourceNotFound"):
        return "the log group or the log stream does not exist"
    if name.startswith("Throttl"):
        return "AWS throttles: send less often (DISPATCH_FLUSH=periodic), or ask for a higher quota"
    return ""


def _message(answer: Answer) -> str:
    """Return the message in a JSON body; another body as a whole, which may be a Status."""
    if body := _body(answer):
        return str(body.get("message") or body.get("Message") or "")
    return answer.content.decode("utf-8", "replace")


def _body(answer: Answer) -> dict[str, object]:
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
