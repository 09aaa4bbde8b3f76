"""What every cold start pays for: bind the listening sockets, then POST /register.

Lambda starts the function's runtime only after every extension has registered, so this room
imports built-in modules only; whatever is heavy opens afterwards, beside the function's own init.
A failure here is told to `app` as data: there is no log yet, and the process must live.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import _socket

from extension import plain_http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "lambda-dispatch"
"""Must be the file name in /opt/extensions: Lambda recognises an external extension by it."""

REGISTER_PATH = "/2020-01-01/extension/register"
REGISTER_TIMEOUT_S = 5.0
"""Registering is a loopback call of a millisecond; half of the 10 s that Lambda gives init."""

DEFAULT_CACHE_PORT = 2773
BACKLOG = 4096
"""Connections that may wait in the kernel while the rooms open; the kernel caps it itself."""

MANAGED_INSTANCES = "lambda-managed-instances"
"""Here several requests run at once, and registering for INVOKE is refused."""


class Boot:
    """What stands after the bootstrap: bound sockets, the registration, and what went wrong."""

    __slots__ = (
        "api",
        "cache_sockets",
        "identifier",
        "listening",
        "problems",
        "registration",
        "telemetry",
    )

    def __init__(self, api: str) -> None:
        self.api = api
        self.cache_sockets: list[_socket.socket] = []
        self.telemetry: _socket.socket | None = None
        self.listening: set[int] = set()
        """Descriptors that accept connections, whoever holds the sockets by now."""
        self.identifier = ""
        self.registration = b"{}"
        self.problems: list[str] = []


def boot(environ: Mapping[str, str]) -> Boot:
    """Bind and register; never raises, `problems` says what failed."""
    booted = Boot(environ.get("AWS_LAMBDA_RUNTIME_API", ""))
    if environ.get("DISPATCH_ENABLED", "").strip().lower() not in {"false", "0", "off", "no"}:
        _bind_cache(booted, environ)
        _bind_telemetry(booted, environ)
    if booted.api:
        try:
            register(booted, environ)
        except (OSError, ValueError) as error:
            booted.problems.append(f"registering failed: {error}")
    return booted


def register(booted: Boot, environ: Mapping[str, str]) -> None:
    """Register for the events that this kind of sandbox knows; fills `identifier`.

    Raises:
        OSError: the Extensions API could not be reached.
        ValueError: it answered with a refusal.
    """
    managed = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == MANAGED_INSTANCES
    answer = plain_http.exchange(
        booted.api,
        method="POST",
        path=REGISTER_PATH,
        headers={
            "Lambda-Extension-Name": NAME,
            "Lambda-Extension-Accept-Feature": "accountId",
            "Content-Type": "application/json",
        },
        body=b'{"events":["SHUTDOWN"]}' if managed else b'{"events":["INVOKE","SHUTDOWN"]}',
        timeout_s=REGISTER_TIMEOUT_S,
    )
    identifier = answer.headers.get("lambda-extension-identifier", "")
    if answer.status != 200 or not identifier:
        raise ValueError(f"status {answer.status}: {answer.body.decode('utf-8', 'replace')[:200]}")
    booted.identifier = identifier
    # From brace to brace: right for a plain and for a chunked answer alike.
    booted.registration = answer.body[answer.body.find(b"{") : answer.body.rfind(b"}") + 1] or b"{}"


def _bind_cache(booted: Boot, environ: Mapping[str, str]) -> None:
    """Bind both loopback addresses: `localhost` is ::1 first for Node 17 and newer."""
    text = environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "").strip()
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    port = port if 1 <= port <= 65_535 else DEFAULT_CACHE_PORT
    try:
        booted.cache_sockets.append(_listen(booted, _socket.AF_INET, "127.0.0.1", port))
    except OSError as error:
        booted.problems.append(f"no cache: port {port} on 127.0.0.1: {error.strerror}")
        return
    try:
        booted.cache_sockets.append(_listen(booted, _socket.AF_INET6, "::1", port))
    except OSError:
        return  # a sandbox without IPv6 has no client that would come this way


def _bind_telemetry(booted: Boot, environ: Mapping[str, str]) -> None:
    """Bind any free port; the platform delivers from outside the loopback interface."""
    if not booted.api or not environ.get("DISPATCH_POST_URI", "").strip():
        return
    try:
        booted.telemetry = _listen(booted, _socket.AF_INET, "0.0.0.0", 0)  # noqa: S104  # see above
    except OSError as error:
        booted.problems.append(f"no telemetry: no port to listen on: {error.strerror}")


def stop_listening(booted: Boot) -> None:
    """Refuse connections from now on: who got one would wait for an answer that nobody gives.

    The sockets are shut down, not closed: whoever holds them may yet close them, and a descriptor
    that was closed twice may be somebody else's by then.
    """
    while booted.listening:
        listener = _socket.socket(fileno=booted.listening.pop())
        try:
            listener.shutdown(_socket.SHUT_RDWR)
        except OSError:
            continue  # closed already
        finally:
            listener.detach()


def _listen(booted: Boot, family: int, host: str, port: int) -> _socket.socket:
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        # After a reset the next process binds while the last one's connections linger.
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    booted.listening.add(listener.fileno())
    return listener
