"""What every start pays for: bind the sockets, register, subscribe, and perhaps ask for /next.

Lambda starts the function's runtime when every extension has registered, and the first invocation
when every extension has asked for /next; in between it takes subscriptions. Two kinds of start:

    first start of a sandbox    bind, register, subscribe; open; /next
    repeated start              bind, register, subscribe, /next; open

A first start is init: there is CPU to spare, and whatever is opened then costs no invocation
anything. So opening comes first, for `BUDGET_S` at most: when that is used up, /next is asked for
and opening goes on behind it. A repeated start follows a timeout, a crash or an out-of-memory end,
and is part of the next invocation: within the function's timeout, with its share of a core. It is
known by a mark that the first start leaves (`start_mark`). Where no mark can be left, a start that
gets little CPU is known by its own CPU time against the clock, and the budget ends all others.

All of this goes over plain sockets before anything but built-in modules is imported. A failure here
is kept in `Boot` for `app` to report: there is no log yet, and the process must live.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import _socket
import time
from errno import EADDRINUSE

from extension.platform import plain_http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from extension.platform.start_mark import StartMark

NAME = "lambda-dispatch"
"""Marks our lines. Also the file name in /opt/extensions, unless the launcher was renamed."""

NAME_VARIABLE = "DISPATCH_EXTENSION_NAME"
"""Set by the launcher to its own file name, by which Lambda recognises an external extension."""

REGISTER_PATH = "/2020-01-01/extension/register"
NEXT_PATH = "/2020-01-01/extension/event/next"
REGISTER_TIMEOUT_S = 5.0
"""Registering is a loopback call of a millisecond; half of the 10 s that Lambda gives init."""

BUDGET_S = 2.0
"""Most that opening delays the first /next, counted from registering."""

SLOW_SHARE = 0.15
"""With less of a core than this (256 MB) a start is as slow as a repeated one, and treated so."""

SLOW_AFTER_S = 0.5
"""Before that, waiting for the disk looks the same."""

DEFAULT_CACHE_PORT = 2773
CACHE_PORTS = ("DISPATCH_CACHE_PORT", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
"""The first that is set to a port counts; the second is AWS's own extension's, too."""

POST_URIS = tuple(f"DISPATCH_{each}_URI" for each in ("POST", "TRACES", "LOGS", "METRICS"))
"""With any of them there is telemetry."""

BACKLOG = 4096
"""Connections that may wait in the kernel until the loop runs; the kernel caps it itself."""

OFF = frozenset({"false", "0", "off", "no"})
MANAGED_INSTANCES = "lambda-managed-instances"
"""Here several requests run at once, and registering for INVOKE is refused."""

FINAL = frozenset(range(400, 500)) - {408, 429}
"""Statuses of a refusal that asking again does not change."""


class RefusedError(ValueError):
    """The Extensions API has refused a call."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"status {status}: {text}")
        self.is_final = status in FINAL


class Boot:
    """What stands after the bootstrap: bound sockets, the registration, and what went wrong."""

    __slots__ = (
        "_began_s",
        "_cpu_s",
        "api",
        "asked",
        "cache_sockets",
        "identifier",
        "is_subscribed",
        "knows_invoke",
        "listening",
        "mark",
        "name",
        "problems",
        "registration",
        "telemetry",
    )

    def __init__(self, api: str, *, name: str = NAME) -> None:
        self.api = api
        """As the environment has it; empty outside of Lambda."""
        self.name = name
        self.cache_sockets: list[_socket.socket] = []
        self.telemetry: _socket.socket | None = None
        self.listening: set[int] = set()
        """Descriptors that accept connections, whoever holds the sockets by now."""
        self.identifier = ""
        self.registration = b"{}"
        self.knows_invoke = True
        """False where INVOKE is refused: only SHUTDOWN is announced."""
        self.mark: StartMark | None = None
        self.is_subscribed = False
        self.asked: _socket.socket | None = None
        """The connection over which /next was asked for, as long as its answer is still to come."""
        self.problems: list[tuple[str, str]] = []
        """The part that is off, and why."""
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()  # noqa: TID251  # `clock` imports more

    @property
    def address(self) -> plain_http.Address:
        """Where the Extensions API is; raises ValueError if that cannot be read."""
        return plain_http.Address(self.api)

    @property
    def identity(self) -> dict[str, str]:
        """The header by which the API knows who calls."""
        return {"Lambda-Extension-Identifier": self.identifier}

    def start_clock(self) -> None:
        """Begin to count against the budget."""
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()  # noqa: TID251  # see above

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since registering."""
        return time.monotonic() - self._began_s  # noqa: TID251  # see above

    def budget_s(self) -> float:
        """Return how much longer the first /next may wait for what opens."""
        elapsed_s = self.elapsed_s
        share = (time.process_time() - self._cpu_s) / max(elapsed_s, 1e-9)
        if self.asked is not None or (elapsed_s > SLOW_AFTER_S and share < SLOW_SHARE):
            return 0.0
        return max(BUDGET_S - elapsed_s, 0.0)


def boot(environ: Mapping[str, str]) -> Boot:
    """Bind and enter the life cycle; never raises, `problems` says what failed."""
    booted = Boot(environ.get("AWS_LAMBDA_RUNTIME_API", "").strip(), name=_name(environ))
    if is_on(environ, "DISPATCH_ENABLED"):
        _bind_cache(booted, environ)
        _bind_telemetry(booted, environ)
    if booted.api:
        try:
            enter(booted, environ)
        except (OSError, ValueError) as error:
            booted.problems.append(("registering", f"registering failed: {error}"))
    return booted


def enter(booted: Boot, environ: Mapping[str, str]) -> None:
    """Register and do what must follow at once; what fails after registering is a problem.

    Raises:
        OSError: the Extensions API could not be reached.
        ValueError: it answered with a refusal, or has an address that cannot be read.
    """
    register(booted, environ)
    if is_on(environ, "DISPATCH_ENABLED"):
        # Not needed before, and every file costs.
        from extension.platform import early_calls  # noqa: PLC0415

        early_calls.follow(booted, environ)


def register(booted: Boot, environ: Mapping[str, str]) -> None:
    """Register for the events that this sandbox knows and we need; fills `identifier`.

    Raises:
        OSError: the Extensions API could not be reached.
        ValueError: it answered with a refusal, or has an address that cannot be read.
    """
    managed = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == MANAGED_INSTANCES
    booted.knows_invoke = not managed and is_on(environ, "DISPATCH_ENABLED")
    try:
        _register(booted)
    except RefusedError as error:
        if not (error.is_final and booted.knows_invoke):
            raise
        booted.knows_invoke = False  # perhaps it is INVOKE that is refused, as a new kind may do
        try:
            _register(booted)
        except (OSError, ValueError):
            raise error from None
    booted.start_clock()


def _register(booted: Boot) -> None:
    events = b'["INVOKE","SHUTDOWN"]' if booted.knows_invoke else b'["SHUTDOWN"]'
    answer = plain_http.exchange(
        booted.address,
        method="POST",
        path=REGISTER_PATH,
        headers={
            "Lambda-Extension-Name": booted.name,
            "Lambda-Extension-Accept-Feature": "accountId",
            "Content-Type": "application/json",
        },
        body=b'{"events":%b}' % events,
        timeout_s=REGISTER_TIMEOUT_S,
    )
    identifier = answer.headers.get("lambda-extension-identifier", "")
    if answer.status != 200 or not identifier:
        raise RefusedError(answer.status, answer.body.decode("utf-8", "replace")[:200])
    booted.identifier = identifier
    # From brace to brace: right for a plain and for a chunked answer alike.
    booted.registration = answer.body[answer.body.find(b"{") : answer.body.rfind(b"}") + 1] or b"{}"


def is_on(environ: Mapping[str, str], switch: str) -> bool:
    """Read a switch that is on unless it is set to off."""
    return environ.get(switch, "").strip().lower() not in OFF


def _name(environ: Mapping[str, str]) -> str:
    name = environ.get(NAME_VARIABLE, "")
    return name if name and name.isprintable() else NAME


def _bind_cache(booted: Boot, environ: Mapping[str, str]) -> None:
    """Bind both loopback addresses: `localhost` is ::1 first for Node 17 and newer."""
    if not is_on(environ, "DISPATCH_CACHE"):
        return
    port = next(filter(None, (_port(environ.get(name, "")) for name in CACHE_PORTS)), None)
    port = port or DEFAULT_CACHE_PORT
    try:
        booted.cache_sockets.append(_listen(booted, _socket.AF_INET, "127.0.0.1", port))
    except OSError as error:
        cause = f"no cache: port {port} on 127.0.0.1: {error.strerror}"
        booted.problems.append(("cache", cause))
        return
    try:
        booted.cache_sockets.append(_listen(booted, _socket.AF_INET6, "::1", port))
    except OSError as error:
        if error.errno == EADDRINUSE:
            # Clients that try ::1 first ask another process, and show it their token.
            cause = f"no cache on ::1: another process has port {port} there; use 127.0.0.1"
            booted.problems.append(("cache", cause))
        # Else a sandbox without IPv6, which has no client that would come this way.


def _port(text: str) -> int:
    """Return a port, 0 if the text is not one; `config` reports it."""
    text = text.strip()
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return port if port <= 65_535 else 0


def _bind_telemetry(booted: Boot, environ: Mapping[str, str]) -> None:
    """Bind any free port; the platform delivers from outside the loopback interface."""
    uris = [environ.get(name, "").strip().lower() for name in POST_URIS]
    wanted = any(uri.startswith(("http:", "https:")) for uri in uris)
    if not (booted.api and wanted and is_on(environ, "DISPATCH_TELEMETRY")):
        return
    try:
        booted.telemetry = _listen(booted, _socket.AF_INET, "0.0.0.0", 0)  # noqa: S104  # see above
    except OSError as error:
        cause = f"no telemetry: no port to listen on: {error.strerror}"
        booted.problems.append(("telemetry", cause))


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
