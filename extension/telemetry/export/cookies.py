"""A cookie jar that keeps nothing, so that nothing of one answer goes with the next request.

aiohttp's own class for that is in one module with its jars, whose import brings pickle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http.cookies import Morsel, SimpleCookie
from types import MappingProxyType
from typing import Any

from aiohttp.abc import AbstractCookieJar

NONE: Mapping[Any, Any] = MappingProxyType({})


class NoCookies(AbstractCookieJar):
    """The jar of a `ClientSession`; what it is given is forgotten."""

    unsafe = False
    quote_cookie = True
    cookies = NONE  # type: ignore[assignment]  # a read-only property there
    host_only_cookies = frozenset()

    def __init__(self) -> None:
        """Need no event loop, unlike the base class."""

    def clear(self, predicate: object = None) -> None:
        """Do nothing: there is none."""

    def clear_domain(self, domain: str) -> None:
        """Do nothing: there is none."""

    def update_cookies(self, cookies: object, response_url: object = None) -> None:
        """Forget them."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: object) -> None:
        """Forget them, unread."""

    def filter_cookies(self, request_url: object) -> SimpleCookie:
        """Return no cookie for a request."""
        del request_url
        return SimpleCookie()

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def __len__(self) -> int:
        return 0
