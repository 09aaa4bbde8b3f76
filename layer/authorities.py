"""Splits a bundle of certificate authorities into files that OpenSSL finds by a hash of names.

From such a folder OpenSSL reads the one certificate that it needs; of a bundle it parses all, which
takes 50 ms of CPU. The names are those that `openssl rehash` gives: no build needs that program.

Source: https://docs.openssl.org/3.0/man3/X509_NAME_hash/ and, of the canonical form, RFC 5280, 7.1.
"""

from __future__ import annotations

import hashlib
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from layer.errors import LayerError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTF8 = 0x0C
_TEXTS = {
    _UTF8: "utf-8",
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, as OpenSSL reads it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""How the values of a name are encoded, by their tag; a value of another type is taken as it is."""


def hash_authorities(bundle: Path, *, folder: Path) -> None:
    """Write each certificate of `bundle` into `folder`, as `HASH.N`.

    Raises:
        LayerError: the bundle holds no certificate, or one that cannot be read.
    """
    folder.mkdir()
    taken: Counter[str] = Counter()
    for text in _certificates(bundle.read_text("utf-8")):
        name = subject_hash(ssl.PEM_cert_to_DER_cert(text))
        (folder / f"{name}.{taken[name]}").write_text(f"{text}\n", "ascii")
        taken[name] += 1
    if not taken:
        raise LayerError(f"{bundle.name} holds no certificate")


def subject_hash(certificate: bytes) -> str:
    """Return the hash of the subject of a DER certificate, as `openssl x509 -hash` prints it."""
    try:
        name = _canonical(_subject(certificate))
    except (IndexError, ValueError) as error:
        raise LayerError("a certificate authority cannot be read") from error
    digest = hashlib.sha1(name).digest()  # OpenSSL's choice, and a name alone
    return digest[3::-1].hex()


def _certificates(text: str) -> Iterator[str]:
    for part in text.split(_BEGIN)[1:]:
        yield f"{_BEGIN}{part.partition(_END)[0]}{_END}"


def _subject(certificate: bytes) -> bytes:
    """Return what is in the subject: of the signed part, the fifth element after the version."""
    [(_, outer)] = _elements(certificate)
    (_, signed), *_ = _elements(outer)
    fields = [content for tag, content in _elements(signed) if tag != _VERSION]
    return fields[4]


def _canonical(name: bytes) -> bytes:
    """Return a name with its texts in UTF-8, lower case and single blanks, without its own head."""
    canonical = b""
    for relative_tag, relative in _elements(name):
        pairs = [_canonical_pair(pair) for _, pair in _elements(relative)]
        canonical += _element(relative_tag, b"".join(sorted(pairs)))
    return canonical


def _canonical_pair(pair: bytes) -> bytes:
    (kind_tag, kind), (tag, value) = _elements(pair)
    if tag in _TEXTS:
        words = (
            value.decode(_TEXTS[tag]).encode().split()
        )  # bytes: ASCII's blanks and letters alone
        tag, value = _UTF8, b" ".join(words).lower()
    return _element(_SEQUENCE, _element(kind_tag, kind) + _element(tag, value))


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element."""
    at = 0
    while at < len(content):
        tag, size, at = content[at], content[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(content[at : at + more], "big"), at + more
        yield tag, content[at : at + size]
        at += size


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
