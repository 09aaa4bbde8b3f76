"""PURE: the parts of a private key in PEM that may turn up alone.

Where a key is printed, each of its lines becomes a record of its own; and some libraries want it
without its first and last line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 4096
"""Characters of a text that is taken apart: an RSA key of 4096 bits has 3300."""

BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----([^-]*)-----END")
SHORTEST_LINE = 16


def key_parts(text: str) -> Iterator[str]:
    """Yield what stands in each private key of a text, as a whole and line by line."""
    if len(text) > LONGEST or "PRIVATE KEY" not in text:
        return
    for block in BLOCK.finditer(text):
        lines = [line.strip() for line in block[1].replace("\\n", "\n").splitlines()]
        yield "".join(lines)
        if len(lines) > 1:
            yield from (line for line in lines if len(line) >= SHORTEST_LINE)
