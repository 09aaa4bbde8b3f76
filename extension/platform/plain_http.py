"""HTTP/1.1 over a plain socket, for calls that are made before anything else may be imported.

Built-in modules only: every millisecond before registering delays each cold start. `_socket` is
what `socket` wraps; importing `socket` costs 5 ms, json and re another 6. So a response is parsed
here as far as Lambda's own responses need it, and not by `http.messages`.
"""

from __future__ import annotations

import _socket

READ_BYTES = 65_536
HTTP_PORT = 80

END_OF_HEAD = b"\r\n\r\n"
INTERIM = b"HTTP/1.1 1"
CHUNKED = b"\r\ntransfer-encoding: chunked"

FINAL_STATUSES = frozenset(range(400, 500)) - {408, 429}
"""A refusal with one of these statuses does not change when the request is repeated."""


class Address:
    """Where an API is: a host name or address, a port, and a prefix of every path."""

    __slots__ = ("authority", "host", "port", "prefix")

    def __init__(self, text: str) -> None:
        """Parse `host:port`, as Lambda sets it, or the forms that local tools use.

        Those have a scheme, a path prefix, or brackets around an IPv6 address.

        Raises:
            ValueError: it has another form.
        """
        scheme, separator, rest = text.strip().partition("://")
        if separator and scheme.lower() != "http":
            raise ValueError(f"the Extensions API is available over http only, not {scheme}")
        self.authority, _, path = (rest if separator else scheme).partition("/")
        self.prefix = f"/{path.strip('/')}".rstrip("/")
        if self.authority.startswith("["):
            self.host, _, port = self.authority[1:].partition("]")
        elif self.authority.count(":") > 1:
            self.host, port = self.authority, ""
        else:
            self.host, _, port = self.authority.partition(":")
        port = port.removeprefix(":") or str(HTTP_PORT)
        if not self.host or not (port.isascii() and port.isdigit()):
            raise ValueError(f"not an address of an API: {text[:80]!r}")
        self.port = int(port)

    def resolve(self) -> list[tuple[int, int, int, tuple[object, ...]]]:
        """Return family, type, protocol and socket address of each address to connect to."""
        # As bytes: a str would import the codec for international names.
        infos = _socket.getaddrinfo(self.host.encode(), self.port, 0, _socket.SOCK_STREAM)
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in infos]


class Response:
    """Status, headers (names in lower case) and body of an HTTP response."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, *, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json_object(self) -> bytes:
        """The JSON object in the body, from brace to brace; empty if there is none."""
        return self.body[self.body.find(b"{") : self.body.rfind(b"}") + 1]

    @property
    def error_type(self) -> str:
        """AWS's name of an error, empty if the body has none."""
        _, separator, rest = self.body.partition(b'"errorType"')
        name = rest.partition(b'"')[2].partition(b'"')[0]
        return name.decode("ascii", "replace")[:80] if separator else ""


class RefusedError(ValueError):
    """The API refused a request; `is_final` if repeating the request does not help."""

    def __init__(self, response: Response) -> None:
        text = response.body.decode("utf-8", "replace")[:200]
        super().__init__(f"status {response.status}: {text}")
        self.is_final = response.status in FINAL_STATUSES


def exchange(
    address: Address,
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    timeout_s: float | None,
) -> Response:
    """Send one request and read the whole response.

    Raises:
        OSError: no connection, or nothing received for `timeout_s` seconds (None: no limit).
        ValueError: the response is not HTTP.
    """
    closing = {"Connection": "close", **headers}
    connection = connect(address, timeout_s=timeout_s)
    try:
        connection.sendall(request(address, method=method, path=path, headers=closing, body=body))
        return receive(connection)
    finally:
        connection.close()


def connect(address: Address, *, timeout_s: float | None) -> _socket.socket:
    """Return a connection to the first address that accepts one; raises OSError."""
    failure = OSError("the host name of the API has no address")
    for family, kind, protocol, socket_address in address.resolve():
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(socket_address)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def request(
    address: Address, *, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> bytes:
    """Return a request as bytes; headers must not contain line breaks."""
    lines = [
        f"{method} {address.prefix}{path} HTTP/1.1",
        f"Host: {address.authority}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def receive(connection: _socket.socket) -> Response:
    """Read a response to its end, or until the peer closes; raises OSError or ValueError.

    Responses with a status of 1xx are skipped: the one that was asked for follows them.
    """
    data = bytearray()
    while received := connection.recv(READ_BYTES):
        data += received
        while data.startswith(INTERIM) and END_OF_HEAD in data:
            del data[: data.find(END_OF_HEAD) + len(END_OF_HEAD)]
        if _is_complete(bytes(data)):
            break
    return _parse(bytes(data))


def _is_complete(data: bytes) -> bool:
    head, separator, body = data.partition(END_OF_HEAD)
    if not separator:
        return False
    lines = head.lower()
    length = lines.partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0].strip()
    if length.isdigit():
        return len(body) >= int(length)
    return CHUNKED in lines and body.endswith(b"0\r\n\r\n")


def _parse(data: bytes) -> Response:
    head, separator, body = data.partition(END_OF_HEAD)
    status_line, *lines = head.decode("latin-1").split("\r\n")
    parts = status_line.split(" ")
    if not separator or len(parts) < 2 or not parts[1].isdigit():
        raise ValueError("not an HTTP response")
    if CHUNKED in head.lower():
        body = _joined(body)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Response(status=int(parts[1]), headers=headers, body=body)


def _joined(chunks: bytes) -> bytes:
    """Return the data of chunks; raises ValueError if they end early."""
    body, at, size = b"", 0, -1
    while size:
        end = chunks.index(b"\r\n", at)  # raises ValueError, too
        size = int(chunks[at:end].partition(b";")[0], 16)
        at = end + 2 + size + 2
        body += chunks[end + 2 : at - 2]
    return body
