"""Secrets as people have them, the same in each run."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256

PRINTABLE = "".join(map(chr, range(33, 127)))
KINDS = {
    "password": PRINTABLE,
    "words": PRINTABLE[32:58] + "     ",
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ abcXYZ12",
    "not ASCII": PRINTABLE + "äöüßéñ€漢字😀🔑 ",
    "escapes": "\\\\%%&&;nrtux041abcdef\"'/",
}
LENGTHS = (8, 13, 32, 80)


def drawn(alphabet: str, length: int, *, seed: str) -> str:
    """Return characters of an alphabet that depend on the seed alone."""
    raw = b"".join(sha256(f"{seed}/{part}".encode()).digest() for part in range(length // 16 + 1))
    picks = (int.from_bytes(raw[2 * at : 2 * at + 2]) for at in range(length))
    text = "".join(alphabet[pick % len(alphabet)] for pick in picks)
    return text.replace(text[0], "k", 1) if text[0] == " " else text


def texts(count: int) -> Iterator[str]:
    """Yield so many secrets of each kind and length, and a few that are special."""
    for kind, alphabet in KINDS.items():
        for length in LENGTHS:
            for number in range(count):
                yield drawn(alphabet, length, seed=f"{kind}/{length}/{number}").strip()
    key = base64.encodebytes(drawn(PRINTABLE, 600, seed="key").encode()).decode()
    yield f"-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----"
    yield "aB3&xY<9>kLmN0pQ"
    yield "p@ss!word(1)*'x"
    yield "with \"both' quotes\\"


def binaries(count: int) -> Iterator[bytes]:
    """Yield secrets that are no UTF-8."""
    for number in range(count):
        raw = b"".join(sha256(f"{number}/{part}".encode()).digest() for part in range(2))
        yield b"\xff" + raw[: (15, 31, 47)[number % 3]]
