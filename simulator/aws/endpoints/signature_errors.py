"""What AWS answers to a signature that it does not take: one function for each thing wrong.

X-Ray, Logs and Monitoring have the names of AWS's JSON services; S3 has names of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.aws.endpoints.answers import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from simulator.aws.endpoints.hosts import Place

AUTHENTICATION_STATUS = 403
_STAMP = "%Y%m%dT%H%M%SZ"
_INVALID = "InvalidSignatureException"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
_INVALID_TOKEN = "The security token included in the request is invalid."


def missing(place: Place) -> AwsError:
    """No signature at all."""
    if place.service == "s3":
        return _error(place, s3="AccessDenied", message="Access Denied")
    return _error(
        place, json="MissingAuthenticationTokenException", message="Missing Authentication Token"
    )


def incomplete(place: Place, message: str) -> AwsError:
    """A part of the signature is missing or no such part."""
    return _error(
        place,
        json="IncompleteSignatureException",
        s3="AuthorizationHeaderMalformed",
        s3_status=400,
        message=message,
    )


def unknown_key(place: Place) -> AwsError:
    """The access key id exists nowhere."""
    if place.service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return _error(place, s3="InvalidAccessKeyId", message=message)
    return _error(place, json="UnrecognizedClientException", message=_INVALID_TOKEN)


def wrong_token(place: Place) -> AwsError:
    """The session token is missing, or belongs to another key."""
    if place.service == "s3":
        message = "The provided token is malformed or otherwise invalid."
        return _error(place, s3="InvalidToken", s3_status=400, message=message)
    return _error(place, json="UnrecognizedClientException", message=_INVALID_TOKEN)


def expired(place: Place) -> AwsError:
    """The key was valid until it was rotated."""
    if place.service == "s3":
        message = "The provided token has expired."
        return _error(place, s3="ExpiredToken", s3_status=400, message=message)
    message = "The security token included in the request is expired"
    return _error(place, json="ExpiredTokenException", message=message)


def wrong_region(place: Place, *, found: str) -> AwsError:
    """The scope has another Region than the host."""
    if place.service == "s3":
        return _error(
            place,
            s3="AuthorizationHeaderMalformed",
            s3_status=400,
            message=f"The authorization header is malformed; the region '{found}' is wrong; "
            f"expecting '{place.region}'",
            details={"Region": place.region},
        )
    message = f"Credential should be scoped to a valid region, not '{found}'."
    return _error(place, json=_INVALID, message=message)


def wrong_service(place: Place, *, found: str) -> AwsError:
    """The scope has another service than the host."""
    if place.service == "s3":
        message = f'The authorization header is malformed; incorrect service "{found}".'
        return bad_scope(place, message)
    return bad_scope(place, f"Credential should be scoped to correct service: '{place.service}'.")


def bad_scope(place: Place, message: str) -> AwsError:
    """The scope, or the list of signed headers, cannot be right."""
    return _error(
        place,
        json=_INVALID,
        s3="AuthorizationHeaderMalformed",
        s3_status=400,
        message=message,
    )


def skewed(place: Place, *, sent: datetime, now: datetime, latitude: timedelta) -> AwsError:
    """The request was signed too long ago, or by a clock that is ahead."""
    if place.service == "s3":
        message = "The difference between the request time and the current time is too large."
        details = {"RequestTime": f"{sent:{_STAMP}}", "ServerTime": now.isoformat()}
        return _error(place, s3="RequestTimeTooSkewed", message=message, details=details)
    minutes = latitude.seconds // 60
    if sent < now:
        edge, order, sign = now - latitude, "Signature expired: {} is now earlier than {}", "-"
    else:
        edge, order, sign = (
            now + latitude,
            "Signature not yet current: {} is still later than {}",
            "+",
        )
    claimed = order.format(f"{sent:{_STAMP}}", f"{edge:{_STAMP}}")
    return _error(place, json=_INVALID, message=f"{claimed} ({now:{_STAMP}} {sign} {minutes} min.)")


def not_signed(place: Place, names: Sequence[str]) -> AwsError:
    """S3 wants every x-amz- header signed."""
    message = "There were headers present in the request which were not signed"
    details = {"HeadersNotSigned": ", ".join(names)}
    return _error(place, s3="AccessDenied", message=message, details=details)


def payload_hash_missing() -> AwsError:
    """S3 wants the hash of the body in a header."""
    message = "Missing required header for this request: x-amz-content-sha256"
    return AwsError("InvalidRequest", message, status=400)


def payload_mismatch(place: Place, *, claimed: str, computed: str) -> AwsError:
    """The header says another hash than the body has."""
    if place.service == "s3":
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        details = {"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed}
        return AwsError("XAmzContentSHA256Mismatch", message, status=400, details=details)
    return _error(place, json=_INVALID, message=_MISMATCH)


def mismatch(place: Place, *, canonical: str, to_sign: str) -> AwsError:
    """All is there, and the signature is not that of this request and key."""
    details = {"StringToSign": to_sign, "CanonicalRequest": canonical}
    if place.service == "s3":
        return _error(place, s3="SignatureDoesNotMatch", message=_MISMATCH, details=details)
    message = (
        f"{_MISMATCH}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
        f"The String-to-Sign should have been\n'{to_sign}'\n"
    )
    return _error(place, json=_INVALID, message=message)


def _error(
    place: Place,
    *,
    message: str,
    json: str = "",
    s3: str = "",
    s3_status: int = AUTHENTICATION_STATUS,
    details: dict[str, str] | None = None,
) -> AwsError:
    is_s3 = place.service == "s3"
    status = s3_status if is_s3 else AUTHENTICATION_STATUS
    return AwsError(s3 if is_s3 else json, message, status=status, details=details)
