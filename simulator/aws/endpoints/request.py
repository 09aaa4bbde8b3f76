"""One request as it came over the wire: no header is merged, no byte is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request; `body` is still compressed, `path` and `query` are still percent-encoded."""

    method: str
    host: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the values of a header joined by commas; empty without it."""
        return ",".join(self.values(name))

    def values(self, name: str) -> list[str]:
        """Return all values of a header; `name` is in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


def split_target(target: str) -> tuple[str, str]:
    """Split a request target, also the absolute form that a plain proxy gets, in path and query."""
    if target.startswith("http://"):
        _, slash, rest = target.removeprefix("http://").partition("/")
        target = f"{slash or '/'}{rest}"
    path, _, query = target.partition("?")
    return path, query
