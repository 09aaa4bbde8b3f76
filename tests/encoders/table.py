"""Encoders of Python, and those of languages that are not on every machine, written after them."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import textwrap
from collections.abc import Callable
from html.entities import html5
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

Encoder = Callable[[str], str]

HTML5 = {character: name for name, character in html5.items() if not character.isalnum()}
"""The names of characters that are no letters; PHP and some of JavaScript use them all."""


def base64_of(secret: str) -> str:
    """Return standard base64 of UTF-8."""
    return base64.b64encode(secret.encode()).decode()


def _json(secret: str, *, also: str, digits: str = "04x", solidus: bool = False) -> str:
    """Return JSON in which the characters of a class are spelled by their number, too."""
    text = json.dumps(secret, ensure_ascii=False)
    text = re.sub("(?<!^)(?:" + also + ")(?!$)", lambda each: _units(each[0][-1], digits), text)
    return text.replace("/", "\\/") if solidus else text


def _units(character: str, digits: str) -> str:
    raw = character.encode("utf-16-be")
    return "".join(
        "\\u" + format(int.from_bytes(raw[at : at + 2]), digits) for at in range(0, len(raw), 2)
    )


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _lines(secret: str, width: int, *, end: str = "\n") -> str:
    return end.join(textwrap.wrap(base64_of("user:" + secret), width))


PYTHON: dict[str, Encoder] = {
    "plain": str,
    "json.dumps": json.dumps,
    "json.dumps of UTF-8": lambda s: json.dumps(s, ensure_ascii=False),
    "json.dumps twice": lambda s: json.dumps(json.dumps({"s": s})),
    "json.dumps three times": lambda s: json.dumps(json.dumps(json.dumps(s))),
    "quote": quote,
    "quote without safe": lambda s: quote(s, safe=""),
    "quote in lower case": lambda s: re.sub("%..", lambda c: c[0].lower(), quote(s, safe="")),
    "quote_plus": quote_plus,
    "quote twice": lambda s: quote(quote(s, safe=""), safe=""),
    "urlencode": lambda s: urlencode({"s": s}),
    "quote of json.dumps": lambda s: quote(json.dumps({"s": s})),
    "json.dumps of quote": lambda s: json.dumps("/?s=" + quote(s)),
    "repr": lambda s: repr({"s": s}),
    "ascii": ascii,
    "repr of bytes": lambda s: repr(s.encode()),
    "unicode_escape": lambda s: s.encode("unicode_escape").decode(),
    "html.escape": html.escape,
    "html.escape of json.dumps": lambda s: html.escape(json.dumps(s)),
    "xml escape": escape,
    "xml quoteattr": quoteattr,
    "xmlcharrefreplace": lambda s: html.escape(s).encode("ascii", "xmlcharrefreplace").decode(),
    "b64encode": base64_of,
    "urlsafe_b64encode": lambda s: base64.urlsafe_b64encode(("u:" + s).encode()).decode(),
    "encodebytes": lambda s: base64.encodebytes(s.encode()).decode(),
    "base64, quote": lambda s: quote(base64_of(s), safe=""),
    "base64, json.dumps": lambda s: json.dumps(_lines(s, 76)),
    "base64 in lines of 64": lambda s: _lines(s, 64),
    "base64 in indented lines": lambda s: textwrap.indent(_lines(s, 60), "    "),
    "base64 in lines of 76, CRLF": lambda s: _lines(s, 76, end="\r\n"),
    "base64 of json.dumps": lambda s: base64_of(json.dumps({"body": s})),
    "base64 of urlencode": lambda s: base64_of(urlencode({"user": "app", "password": s})),
    "base64 of base64": lambda s: base64_of(base64_of(s)),
    "a claim in a token": lambda s: f"eyJhbGciOiJIUzI1NiJ9.{_url_safe(json.dumps({'p': s}))}.c2ln",
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16-le")).decode(),
    "hex": lambda s: s.encode().hex(),
    "hex, upper case": lambda s: s.encode().hex().upper(),
    "hex of json.dumps": lambda s: json.dumps({"raw": json.dumps(s).encode().hex()}),
    "hex with blanks": lambda s: s.encode().hex(" "),
    "list of bytes": lambda s: str(list(s.encode())),
    "list of bytes, indented": lambda s: json.dumps(list(s.encode()), indent=2),
    "shlex.quote": shlex.quote,
    "csv": lambda s: '"' + s.replace('"', '""') + '"',
}
"""By their names in Python."""

ELSEWHERE: dict[str, Encoder] = {
    "Gson": lambda s: _json(s, also="[<>&='\u2028\u2029]"),
    "Jackson, ASCII": lambda s: _json(s, also=r"[^\x00-\x7f]", digits="04X"),
    ".NET System.Text.Json": lambda s: _json(s, also=r"\\\"|[<>&'+`]|[^\x00-\x7f]", digits="04X"),
    ".NET HtmlEncode": lambda s: re.sub(
        "[\xa0-\xff]", lambda c: f"&#{ord(c[0])};", html.escape(s).replace("&#x27;", "&#39;")
    ),
    ".NET EscapeDataString": lambda s: quote(s, safe="-_.~"),
    ".NET UrlEncode": lambda s: re.sub(
        "%..", lambda c: c[0].lower(), quote_plus(s, safe="-_.!*()")
    ),
    "PHP json_encode": lambda s: _json(s, also=r"[^\x00-\x7f]", solidus=True),
    "PHP JSON_HEX": lambda s: _json(
        s, also=r"\\\"|[<>&']|[^\x00-\x7f]", digits="04X", solidus=True
    ),
    "PHP htmlspecialchars": lambda s: html.escape(s).replace("&#x27;", "&#039;"),
    "PHP htmlentities": lambda s: html.escape(s).replace("ä", "&auml;").replace("é", "&eacute;"),
    "PHP urlencode": lambda s: quote_plus(s, safe="-_.").replace("~", "%7E"),
    "PHP base64, urlencode": lambda s: quote_plus(base64_of(s)),
    "Ruby JSON in Rails": lambda s: _json(s, also="[<>&\u2028\u2029]"),
    "Ruby h": lambda s: html.escape(s).replace("&#x27;", "&#39;"),
    "Ruby CGI.escape": lambda s: quote_plus(s, safe="*-._"),
    "Ruby inspect": lambda s: json.dumps(s, ensure_ascii=False).replace("#{", "\\#{"),
    "Ruby inspect, ASCII": lambda s: re.sub(
        r"[^\x00-\x7f]",
        lambda c: f"\\u{ord(c[0]):04X}" if c[0] < "\U00010000" else f"\\u{{{ord(c[0]):X}}}",
        json.dumps(s, ensure_ascii=False),
    ),
    "Ruby Base64.encode64": lambda s: _lines(s, 60) + "\n",
    "C escapes in octal": lambda s: re.sub(
        r"[^\x20-\x7e]|[\"\\]",
        lambda c: "".join(f"\\{byte:03o}" for byte in c[0].encode()),
        s,
    ),
    "JavaScript \\u{}": lambda s: "".join(
        c if c.isalnum() and c.isascii() else f"\\u{{{ord(c):x}}}" for c in s
    ),
    "PHP htmlentities, HTML5": lambda s: "".join(f"&{HTML5[c]}" if c in HTML5 else c for c in s),
    "PHP bin2hex": lambda s: f"password => {s.encode().hex()}",
    "SQL": lambda s: "'" + s.replace("'", "''") + "'",
    "Perl Data::Dumper": lambda s: "".join(
        c if c.isascii() else f"\\x{{{ord(c):x}}}" for c in s.replace("\\", "\\\\")
    ),
    "Node Buffer": lambda s: f"<Buffer {s.encode().hex(' ')}>",
    "Node Buffer, JSON": lambda s: json.dumps({"type": "Buffer", "data": list(s.encode())}),
    "Go []byte": lambda s: str(list(s.encode())).replace(",", ""),
    "Java byte[]": lambda s: str([b - 256 if b > 127 else b for b in s.encode()]),
    ".NET BitConverter": lambda s: s.encode().hex("-").upper(),
    ".NET Convert.ToHexString": lambda s: "0x" + s.encode().hex().upper(),
    "the cache's own JSON, printed": lambda s: "answer: " + _json(s, also="[<>&\u2028\u2029]"),
}
"""Written after the documentation, for they are not on every machine."""

OF_BYTES: dict[str, Callable[[bytes], str]] = {
    "b64encode": lambda raw: base64.b64encode(raw).decode(),
    "urlsafe_b64encode": lambda raw: base64.urlsafe_b64encode(raw).decode(),
    "encodebytes": lambda raw: base64.encodebytes(raw).decode(),
    "hex": lambda raw: raw.hex(),
    "HEX": lambda raw: raw.hex().upper(),
    "repr": repr,
    "latin-1, JSON": lambda raw: json.dumps(raw.decode("latin-1")),
    "quote": lambda raw: quote(raw, safe=""),
}
"""What becomes of a secret that is no text."""
