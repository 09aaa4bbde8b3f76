"""PURE: the elements of a JSON array that cannot be read as a whole, each by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{},]', re.DOTALL)
"""What matters for finding the commas between elements: strings, brackets, commas. A string that
is never closed is one token to the end, else each quote in it would be searched from again."""


def elements(body: bytes) -> Iterator[bytes]:
    """Yield the text of each element, unread: one that is broken costs none of the others.

    What is left where the array has no end comes last.
    """
    depth, begin = 0, 0
    for token in TOKEN.finditer(body):
        match token[0]:
            case b"[" | b"{":
                depth += 1
                begin = token.end() if depth == 1 else begin
            case b"]" | b"}":
                depth -= 1
                if depth == 0:
                    yield body[begin : token.start()]
                    return
            case b"," if depth == 1:
                yield body[begin : token.start()]
                begin = token.end()
    if depth:
        yield body[begin:]
