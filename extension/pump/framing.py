"""PURE: finds where the HTTP/1.1 messages in one direction of a connection begin and end.

It copies the first and the last bytes of each message and counts the rest. Nothing is changed, and
nothing is judged: what it does not understand raises `UnknownFramingError`, and the connection goes
on without copies. Built-in modules only: this runs before /register.

Source: https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
"""

from __future__ import annotations

MOST_COPIED = 65_536
"""Bytes at the beginning of a message, and as many at its end."""

LONGEST_HEAD = 1_310_720
"""Runtimes describe errors for X-Ray in a header of up to 1 MiB."""

LONGEST_SIZE_LINE = 1024
"""The line before a chunk, with extensions that no client uses."""

STEP = 4096
"""So many bytes are searched at once for the end of a line or head."""

METHODS = (b"GET ", b"POST ", b"PUT ", b"DELETE ", b"PATCH ", b"OPTIONS ")
"""After these an answer's length can be told from the answer alone."""

HEX_DIGITS = b"0123456789abcdefABCDEF"

CHUNKED, UNTIL_CLOSED = -2, -1
"""Lengths of bodies that no header states."""


class UnknownFramingError(ValueError):
    """Where a message ends cannot be known."""


class Copy:
    """What is kept of one message; times are Unix nanoseconds, `size` counts all bytes.

    A message that was cut may have no tail.
    """

    __slots__ = ("first_ns", "head", "is_complete", "last_ns", "size", "tail")

    def __init__(self, *, now_ns: int) -> None:
        self.head, self.tail = bytearray(), bytearray()
        self.size = 0
        self.first_ns = self.last_ns = now_ns
        self.is_complete = False

    def add(self, data: memoryview, *, now_ns: int, may_end: bool) -> None:
        """Take the next bytes of the message; `may_end` unless more than a tail is to come."""
        self.size += len(data)
        self.last_ns = now_ns
        missing = MOST_COPIED - len(self.head)
        self.head += data[:missing]
        if may_end:
            self.tail += data[missing:][-MOST_COPIED:]
            del self.tail[:-MOST_COPIED]


class Framing:
    """The messages of one direction, as their bytes pass."""

    __slots__ = ("_are_answers", "_copy", "_left", "_take", "_text")

    def __init__(self, *, are_answers: bool) -> None:
        self._are_answers = are_answers
        self._copy: Copy | None = None
        # The part that is read: what its line or head holds so far, or how much of it is left.
        self._take = Framing._take_head
        self._text = bytearray()
        self._left = 0

    def feed(self, data: memoryview, *, now_ns: int) -> list[Copy]:
        """Take the next bytes; return the messages that end in them. Raises UnknownFramingError."""
        ended: list[Copy] = []
        place = 0
        while place < len(data):
            begin = place
            self._copy = copy = self._copy or Copy(now_ns=now_ns)
            while place < len(data) and not copy.is_complete:
                place += self._take(self, data[place:])
            copy.add(data[begin:place], now_ns=now_ns, may_end=self._left < MOST_COPIED)
            if copy.is_complete:
                ended.append(copy)
                self._copy = None
        return ended

    def close(self) -> Copy | None:
        """Return the message that was open when the direction ended; it may be cut."""
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.is_complete = self._take is Framing._take_rest
        return copy

    def _take_head(self, data: memoryview) -> int:
        taken = self._take_until(b"\r\n\r\n", data, longest=LONGEST_HEAD)
        if self._text.endswith(b"\r\n\r\n"):
            self._left = body_length(bytes(self._text), is_answer=self._are_answers)
            self._text.clear()
            if not self._left:
                self._end_message()
            else:
                bodies = {CHUNKED: Framing._take_size, UNTIL_CLOSED: Framing._take_rest}
                self._take = bodies.get(self._left, Framing._take_body)
        return taken

    def _take_body(self, data: memoryview) -> int:
        taken = min(len(data), self._left)
        self._left -= taken
        if not self._left:
            self._end_message()
        return taken

    def _take_rest(self, data: memoryview) -> int:
        return len(data)

    def _take_size(self, data: memoryview) -> int:
        taken = self._take_until(b"\n", data, longest=LONGEST_SIZE_LINE)
        if self._text.endswith(b"\n"):
            size = chunk_size(bytes(self._text))
            self._text.clear()
            self._left = size + len(b"\r\n")
            self._take = Framing._take_chunk if size else Framing._take_trailer
        return taken

    def _take_chunk(self, data: memoryview) -> int:
        taken = min(len(data), self._left)
        self._left -= taken
        if not self._left:
            self._take = Framing._take_size
        return taken

    def _take_trailer(self, data: memoryview) -> int:
        taken = self._take_until(b"\n", data, longest=LONGEST_HEAD)
        if self._text.endswith(b"\n"):
            if not self._text.strip():
                self._end_message()
            self._text.clear()
        return taken

    def _take_until(self, end: bytes, data: memoryview, *, longest: int) -> int:
        """Add what belongs to a line or head to its text, which `end` then closes."""
        had = len(self._text)
        self._text += data[:STEP]
        place = self._text.find(end, max(had - len(end) + 1, 0))
        if place >= 0:
            del self._text[place + len(end) :]
        elif len(self._text) > longest:
            raise UnknownFramingError("a line or head is too long")
        return len(self._text) - had

    def _end_message(self) -> None:
        assert self._copy is not None
        self._copy.is_complete = True
        self._take = Framing._take_head


def body_length(head: bytes, *, is_answer: bool) -> int:
    """Return the length of what follows a head; raises UnknownFramingError."""
    start, *lines = head.lower().split(b"\r\n")
    has_body = _answers_with_body(start) if is_answer else _requests(head)
    if not has_body:
        return 0
    codings = _values(lines, b"transfer-encoding:")
    if codings == [b"chunked"]:
        return CHUNKED
    lengths = set(_values(lines, b"content-length:"))
    if codings or len(lengths) > 1:
        raise UnknownFramingError("an unknown transfer encoding, or two lengths")
    for length in lengths:
        if not length.isdigit() or len(length) > 18:
            raise UnknownFramingError("a length that is no number")
        return int(length)
    return UNTIL_CLOSED if is_answer else 0


def _answers_with_body(start: bytes) -> bool:
    """Return whether an answer may have a body, by its first line."""
    version, _, rest = start.partition(b" ")
    status = rest[:3]
    if not (version.startswith(b"http/1.") and status.isdigit() and len(status) == 3):
        raise UnknownFramingError("not the first line of an answer")
    if status == b"101":
        raise UnknownFramingError("another protocol follows")
    return status[:1] != b"1" and status not in (b"204", b"304")


def _requests(head: bytes) -> bool:
    """Check the first line of a request."""
    if not (head.startswith(METHODS) and b" HTTP/1." in head.partition(b"\r\n")[0]):
        raise UnknownFramingError("not the first line of a request")
    return True


def _values(lines: list[bytes], name: bytes) -> list[bytes]:
    return [line[len(name) :].strip() for line in lines if line.startswith(name)]


def chunk_size(line: bytes) -> int:
    """Return the size that the line before a chunk states; raises UnknownFramingError."""
    digits = line.partition(b";")[0].strip()
    if not digits or digits.strip(HEX_DIGITS) or len(digits) > 16:
        raise UnknownFramingError("not the size of a chunk")
    return int(digits, 16)
