"""Why a call got no answer from AWS, and what to do about it, in words for a log line.

PURE. Errors of libraries are described by their type and by the operating system's message, never
by their own text, which may contain a proxy's password.
"""

from __future__ import annotations

from collections.abc import Iterator

from extension.aws.call import Service
from extension.aws.errors import DENIED

ROUTE = "a function in a VPC needs a NAT gateway or a VPC endpoint to reach AWS"
NO_NAME = f"check the region's name; {ROUTE}"
IAM_PREFIXES = {Service.SSM: "ssm", Service.SECRETS_MANAGER: "secretsmanager"}
"""What the names of their IAM actions begin with."""

CONTAINER = "container-role"
"""botocore's name for the container endpoint: all that Lambda has besides variables."""

AUTHORITIES = "AWS_CA_BUNDLE may name a PEM file of further authorities"
NO_AUTHORITIES = (
    "the file that AWS_CA_BUNDLE, else REQUESTS_CA_BUNDLE, else SSL_CERT_FILE names holds no"
    " certificate"
)
PROXY = "check the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, and NO_PROXY"
CREDENTIALS = (
    "neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor AWS_CONTAINER_CREDENTIALS_FULL_URI is"
    " set; outside Lambda, AWS_PROFILE may also name a profile that has credentials"
)
NO_CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI does not answer with credentials"
NO_PROFILE = (
    "the profile gives no credentials: `aws sts get-caller-identity` with the same AWS_PROFILE"
    " says why"
)


def reason_of(error: Exception, *, host: str, named_by: str = "") -> str:
    """Return the cause and remedy of a botocore error; empty if its type says enough.

    `named_by` is the variable that names the host, unless it is AWS's default.
    """
    match type(error).__name__:
        case "ConnectTimeoutError" | "EndpointConnectionError":
            return f"no connection to {host}: {_cause(error)}; {_remedy(error, named_by)}"
        case "SSLError" if any(map(_is_about_a_file, _chain(error))):
            return NO_AUTHORITIES
        case "SSLError":
            return f"no TLS with {host}: {_cause(error)}; {AUTHORITIES}"
        case "ProxyConnectionError":
            return f"no connection through the proxy: {_cause(error)}; {PROXY}"
        case "ReadTimeoutError":
            return f"{host} accepts connections and does not answer"
        case "NoCredentialsError":
            return CREDENTIALS
        case "UnauthorizedSSOTokenError" | "SSOTokenLoadError" | "TokenRetrievalError":
            return "single sign-on has expired: run aws sso login"
        case "CredentialRetrievalError":
            is_container = getattr(error, "kwargs", {}).get("provider") == CONTAINER
            return NO_CONTAINER if is_container else NO_PROFILE
    return ""


def reason_of_denial(code: str, *, message: str, service: Service, operation: str) -> str:
    """Return which permission to check if AWS's code says that one is missing, else nothing."""
    if code not in DENIED:
        return ""
    is_key = "kms" in message.lower()  # a key without permission has the same code
    action = "kms:Decrypt" if is_key else f"{IAM_PREFIXES[service]}:{operation}"
    return f"check that the role may call {action} on {'its key' if is_key else 'it'}"


def _remedy(error: Exception, named_by: str) -> str:
    """Say what to check where no connection was made."""
    if named_by:
        return f"{named_by} names it"
    return NO_NAME if any(type(each).__name__ == "gaierror" for each in _chain(error)) else ROUTE


def _cause(error: Exception) -> str:
    """Return the system's message from the innermost error that has one."""
    messages = [message for each in _chain(error) if (message := _system_message(each))]
    return messages[-1] if messages else "it failed"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that caused it."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, BaseException) and inner not in seen:
        seen.append(inner)
        yield inner
        named = getattr(inner, "kwargs", {}).get("error") or getattr(inner, "original_error", None)
        inner = named or inner.__cause__ or inner.__context__ or _argument(inner)


def _is_about_a_file(error: BaseException) -> bool:
    """Return whether OpenSSL could not load a file of authorities: it has no other word for it."""
    return "[X509]" in (getattr(error, "strerror", None) or "")


def _argument(error: BaseException) -> object:
    return next((each for each in error.args if isinstance(each, BaseException)), None)


def _system_message(error: BaseException) -> str:
    """Return the message of one error, if it is the system's or OpenSSL's."""
    if words := getattr(error, "verify_message", ""):
        return str(words)
    if words := getattr(error, "reason", ""):
        return words.replace("_", " ").lower() if isinstance(words, str) else ""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, TimeoutError) else ""
