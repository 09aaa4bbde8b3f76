"""What every start pays for: bind the sockets, register, subscribe, and perhaps request /next.

Lambda starts the function's runtime when every extension has registered, and the first invocation
when every extension has requested /next; in between it accepts subscriptions. Two kinds of start:

    first start of a sandbox    bind, register, subscribe; open the rest; /next
    repeated start              bind, register, subscribe, /next; open the rest

A first start is part of init: there is CPU to spare, and what is opened then costs no invocation
anything. So opening comes first, for `BUDGET_S` at most; then /next is requested and opening
continues. A repeated start follows a timeout, a crash or an out-of-memory end, and is part of
the next invocation: it counts against the function's timeout and has the function's share of a
core. It is recognised by a mark that the first start leaves (`start_mark`). Where no mark can be
left, a start that gets little CPU is treated as a repeated one; the budget limits all others.

All of this uses plain sockets, before any module that is not built in is imported. Failures are
kept in `Start.problems` for `app` to report: there is no log yet, and the process must live. It is
one long module, because every file that is read before /register makes every cold start slower.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import _socket
import time

from extension import NAME
from extension.platform import plain_http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from extension.platform.start_mark import StartMark

NAME_VARIABLE = "DISPATCH_EXTENSION_NAME"
"""Set by the launcher to its own file name, by which Lambda recognises an external extension."""

REGISTER_PATH = "/2020-01-01/extension/register"
NEXT_PATH = "/2020-01-01/extension/event/next"
REGISTER_TIMEOUT_S = 5.0
"""Registering is a loopback call of a millisecond; half of the 10 s that Lambda gives init. A
response that is late is waited for once more: a second registration would be refused."""

BUDGET_S = 2.0
"""How long opening may delay the first /next, counted from registering."""

SLOW_SHARE = 0.15
"""With less of a core than this (256 MB) a start is as slow as a repeated one, and treated so."""

SLOW_AFTER_S = 0.5
"""Before that, a start that waits for the disk looks the same."""

DEFAULT_CACHE_PORT = 2773
CACHE_PORTS = ("DISPATCH_CACHE_PORT", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
"""The first that is set to a port counts; the second is also read by AWS's own extension."""

BIND = "DISPATCH_BIND"
"""An address that containers reach, for use outside Lambda."""

OTLP_PORT = "DISPATCH_OTLP_PORT"
"""Where the function's own SDK posts to; without it there is no receiver."""

POST_URIS = tuple(f"DISPATCH_{each}_URI" for each in ("POST", "TRACES", "LOGS", "METRICS"))
"""If any of them is set, there is telemetry."""

BACKLOG = 4096
"""Connections that may wait in the kernel until the loop runs; the kernel caps it itself."""

TAP = "DISPATCH_TAP"
"""Starts the pump for the wrapper of an image or a script, or prevents it."""

TAP_WRAPPERS = ("AWS_LAMBDA_EXEC_WRAPPER", "DISPATCH_ENV_NEXT")
"""If one of them names our wrapper, there is a pump for it."""

TAP_WRAPPER = "lambda-dispatch-tap"
TAP_PORT = "DISPATCH_TAP_PORT"

ON = frozenset({"true", "1", "on", "yes"})
OFF = frozenset({"false", "0", "off", "no"})

MANAGED_INSTANCES = "lambda-managed-instances"
"""Initialization type: several requests run at once, and registering for INVOKE is refused."""


class Start:
    """One start of the process: what it has bound, how it is registered, and what failed."""

    def __init__(self, api: str, *, extension_name: str = NAME) -> None:
        self.api = api
        """Address of the Extensions API, as the environment has it; empty outside Lambda."""
        self.extension_name = extension_name
        self.cache_sockets: list[_socket.socket] = []
        self.telemetry_socket: _socket.socket | None = None
        self.otlp_sockets: list[_socket.socket] = []
        self.tap_channel: _socket.socket | None = None
        """Brings the copies of the Runtime API's messages, where there is a pump."""
        self.listening: set[int] = set()
        """Descriptors of all listening sockets, whichever objects hold them by now."""
        self.identifier = ""
        """Given by the Extensions API; empty until this process is registered."""
        self.registration = b"{}"
        """The JSON object that /register returned."""
        self.pending_registration: tuple[_socket.socket, bool] | None = None
        """The connection on which /register was requested, if the response is late, and whether
        that was for INVOKE, too."""
        self.receives_invoke = True
        """False where registering for INVOKE is refused: only SHUTDOWN is announced."""
        self.mark: StartMark | None = None
        self.is_subscribed = False
        self.subscribes_late = False
        """The subscription is to be asked for, or its answer waited for, in the event loop."""
        self.pending_subscription: _socket.socket | None = None
        """The connection on which it was asked for, until its response has been read."""
        self.pending_next: _socket.socket | None = None
        """The connection on which /next was requested, until its response has been read."""
        self.has_requested_next = False
        """/next was requested before the event loop runs: the start is part of an invocation."""
        self.held_event = b""
        """An event that was received and is not handled yet; empty if there is none."""
        self.held_ns = 0
        """When that was, in epoch nanoseconds."""
        self.let_go: list[tuple[bytes, int, int]] = []
        """The invocations before it: INVOKE, when it came and when /next was requested, in ns."""
        self.problems: list[tuple[str, str]] = []
        """Which part is off, and why."""
        self.begin_budget()

    @property
    def api_address(self) -> plain_http.Address:
        """Where the Extensions API is; raises ValueError if `api` cannot be parsed."""
        return plain_http.Address(self.api)

    @property
    def identity(self) -> dict[str, str]:
        """The header by which the API recognises the caller."""
        return {"Lambda-Extension-Identifier": self.identifier}

    def begin_budget(self) -> None:
        """Count `elapsed_s` and `budget_s` from now on."""
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()  # noqa: TID251  # `clock` imports more

    @property
    def elapsed_s(self) -> float:
        """Seconds since registering."""
        return time.monotonic() - self._began_s  # noqa: TID251  # see above

    def budget_s(self) -> float:
        """Return how much longer opening may delay the first /next."""
        elapsed_s = self.elapsed_s
        share = (time.process_time() - self._cpu_s) / max(elapsed_s, 1e-9)
        if self.has_requested_next or (elapsed_s > SLOW_AFTER_S and share < SLOW_SHARE):
            return 0.0
        return max(BUDGET_S - elapsed_s, 0.0)


def bind_and_register(environ: Mapping[str, str]) -> Start:
    """Do all that must come first; never raises, `problems` says what failed."""
    start = Start(environ.get("AWS_LAMBDA_RUNTIME_API", "").strip(), extension_name=_name(environ))
    if is_on(environ, "DISPATCH_ENABLED"):
        if start.api and is_tapped(environ):
            _start_tap(start, environ)  # first: the pump must not hold what is bound after it
        _bind_cache(start, environ)
        _bind_telemetry(start, environ)
        _bind_otlp(start, environ)
    if start.api:
        try:
            register_and_follow_up(start, environ)
        except Exception as error:  # noqa: BLE001  # an end before SHUTDOWN ends the function, too
            start.problems.append(("registration", f"registration failed: {describe(error)}"))
    return start


def describe(error: Exception) -> str:
    """Describe why registering failed; the text of an error that is not expected stays unsaid."""
    return str(error) if isinstance(error, (OSError, ValueError)) else type(error).__name__


def register_and_follow_up(start: Start, environ: Mapping[str, str]) -> None:
    """Register, then subscribe at once; raises as `register` does."""
    register(start, environ)
    if is_on(environ, "DISPATCH_ENABLED"):
        # Every file that is read before /register costs.
        from extension.platform import early_calls  # noqa: PLC0415

        early_calls.make(start, environ)


def register(start: Start, environ: Mapping[str, str]) -> None:
    """Register for the events that this sandbox sends and we need; sets `identifier`.

    Raises:
        OSError: the Extensions API could not be reached, or its response is late: the next attempt
            waits for that response first.
        ValueError: it refused, or its address cannot be parsed.
    """
    if not _is_registered_late(start):
        managed = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == MANAGED_INSTANCES
        wants_invoke = not managed and is_on(environ, "DISPATCH_ENABLED")
        try:
            _register(start, with_invoke=wants_invoke)
        except plain_http.RefusedError as error:
            if not (error.is_final and wants_invoke):
                raise
            try:  # perhaps INVOKE is what a new kind of sandbox refuses
                _register(start, with_invoke=False)
            except (OSError, ValueError):
                raise error from None
    start.begin_budget()


def _register(start: Start, *, with_invoke: bool) -> None:
    events = b'["INVOKE","SHUTDOWN"]' if with_invoke else b'["SHUTDOWN"]'
    request = plain_http.request(
        start.api_address,
        method="POST",
        path=REGISTER_PATH,
        headers={
            "Connection": "close",
            "Lambda-Extension-Name": start.extension_name,
            "Lambda-Extension-Accept-Feature": "accountId",
            "Content-Type": "application/json",
        },
        body=b'{"events":%b}' % events,
    )
    connection = plain_http.connect(start.api_address, timeout_s=REGISTER_TIMEOUT_S)
    is_late = False
    try:
        connection.sendall(request)
        _take_registration(start, plain_http.receive(connection), with_invoke=with_invoke)
    except TimeoutError:
        is_late = start.pending_registration is None  # else the earlier request counts
        raise
    finally:
        if is_late:
            start.pending_registration = connection, with_invoke
        else:
            connection.close()


def _is_registered_late(start: Start) -> bool:
    """Wait once more for the response to an earlier request; return whether it has come."""
    if start.pending_registration is None:
        return False
    connection, with_invoke = start.pending_registration
    try:
        _take_registration(start, plain_http.receive(connection), with_invoke=with_invoke)
    except TimeoutError:
        return False  # it may still come
    except (OSError, ValueError):
        pass  # lost, or a refusal
    start.pending_registration = None
    connection.close()
    return bool(start.identifier)


def _take_registration(start: Start, response: plain_http.Response, *, with_invoke: bool) -> None:
    """Take over what a registration brings; raises RefusedError."""
    identifier = response.headers.get("lambda-extension-identifier", "")
    if response.status != 200 or not identifier:
        raise plain_http.RefusedError(response)
    start.identifier, start.receives_invoke = identifier, with_invoke
    start.registration = response.json_object or b"{}"


def is_on(environ: Mapping[str, str], switch: str) -> bool:
    """Read a switch that is on by default; `settings.kinds` has the same words."""
    return environ.get(switch, "").strip().lower() not in OFF


def is_tapped(environ: Mapping[str, str]) -> bool:
    """Return whether the runtime will be started through the pump."""
    chosen = environ.get(TAP, "").strip().lower()
    named = (environ.get(name, "").strip().rpartition("/")[2] for name in TAP_WRAPPERS)
    return chosen in ON or (chosen not in OFF and TAP_WRAPPER in named)


def _start_tap(start: Start, environ: Mapping[str, str]) -> None:
    try:
        from extension.pump.start import start_pump  # noqa: PLC0415  # only where wanted

        start.tap_channel = start_pump(
            start.api, addresses=start.api_address.resolve(), port=_port(environ, TAP_PORT)
        )
    except (ImportError, OSError, ValueError) as error:
        start.problems.append(("tap", f"no tap: {error}"))


def _name(environ: Mapping[str, str]) -> str:
    name = environ.get(NAME_VARIABLE, "")
    return name if name and name.isprintable() else NAME


def _bind_cache(start: Start, environ: Mapping[str, str]) -> None:
    """Bind the port of the cache."""
    if not is_on(environ, "DISPATCH_CACHE"):
        return
    address, port = environ.get(BIND, "").strip(), _cache_port(environ)
    if address and not start.api:
        start.cache_sockets += _listen_where_asked(start, address, port, environ)
    else:
        start.cache_sockets += _listen_on_loopback(start, port, part="cache")


def _listen_where_asked(
    start: Start, address: str, port: int, environ: Mapping[str, str]
) -> list[_socket.socket]:
    """Bind loopback and one more address, or nothing: outside Lambda no function depends on it."""
    from extension.platform import local_bind  # noqa: PLC0415  # only where wanted

    cause = local_bind.refusal(address, environ)
    sockets: list[_socket.socket] = []
    for host in () if cause else local_bind.addresses(address):
        try:
            sockets.append(_listen(start, local_bind.family_of(host), host, port))
        except OSError as error:
            if host != "::1":  # this machine may have no IPv6
                cause = f"port {port} on {host}: {error.strerror}"
    if cause:
        for each in sockets:
            each.close()
        start.problems.append(("cache", f"no cache: {BIND}: {cause}"))
        return []
    return sockets


def _cache_port(environ: Mapping[str, str]) -> int:
    """Return the first port that is set; `settings.kinds` has the same rule for a port."""
    for name in CACHE_PORTS:
        if port := _port(environ, name):
            return port
    return DEFAULT_CACHE_PORT


def _port(environ: Mapping[str, str], name: str) -> int:
    """Return the port that a variable is set to, 0 if it is none."""
    text = environ.get(name, "").strip()
    is_port = text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535
    return int(text) if is_port else 0


def _bind_telemetry(start: Start, environ: Mapping[str, str]) -> None:
    """Bind any free port; the platform delivers from outside the loopback interface."""
    uris = [environ.get(name, "").strip().lower() for name in POST_URIS]
    wanted = any(uri.startswith(("http:", "https:")) for uri in uris)
    if not (start.api and wanted and is_on(environ, "DISPATCH_TELEMETRY")):
        return
    try:
        start.telemetry_socket = _listen(start, _socket.AF_INET, "0.0.0.0", 0)  # noqa: S104  # see above
    except OSError as error:
        cause = f"no telemetry: no port to listen on: {error.strerror}"
        start.problems.append(("telemetry", cause))


def _bind_otlp(start: Start, environ: Mapping[str, str]) -> None:
    """Bind the port for the function's SDK, so early that its first export is not refused."""
    port = _port(environ, OTLP_PORT)
    if not (start.api and port):
        return
    if any(_is_here(environ.get(name, ""), port) for name in POST_URIS):
        cause = f"no receiver: what is received on port {port} would be posted to itself"
        start.problems.append(("receiver", cause))
        return
    start.otlp_sockets += _listen_on_loopback(start, port, part="receiver")


def _is_here(uri: str, port: int) -> bool:
    """Return whether a URI names a port of this sandbox, as it is usually written."""
    host, _, number = uri.strip().lower().partition("://")[2].partition("/")[0].rpartition(":")
    host = host.rpartition("@")[2]
    return number == str(port) and (host in ("localhost", "[::1]") or host.startswith("127."))


def _listen_on_loopback(start: Start, port: int, *, part: str) -> list[_socket.socket]:
    """Bind both loopback addresses: Node 17 and newer resolve `localhost` to ::1 first."""
    try:
        sockets = [_listen(start, _socket.AF_INET, "127.0.0.1", port)]
    except OSError as error:
        cause = f"no {part}: port {port} on 127.0.0.1: {error.strerror}"
        start.problems.append((part, cause))
        return []
    try:
        sockets.append(_listen(start, _socket.AF_INET6, "::1", port))
    except OSError as error:
        from errno import EADDRINUSE  # noqa: PLC0415  # built in, yet not free

        if error.errno == EADDRINUSE:
            # Clients that try ::1 first connect to that process, and send it what is meant for us.
            cause = f"no {part} on ::1: another process has port {port} there; use 127.0.0.1"
            start.problems.append((part, cause))
        # Otherwise the sandbox has no IPv6, and no client that would use it.
    return sockets


def _listen(start: Start, family: int, host: str, port: int) -> _socket.socket:
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        # After a reset the next process binds while connections of the last one linger.
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if host == "::":  # otherwise it would take the IPv4 addresses, too
            listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    start.listening.add(listener.fileno())
    return listener
