"""Which proxy a request uses, by the usual variables; requests to loopback never use one.

The rules of NO_PROXY are those of Python's urllib.
Source: https://curl.se/docs/manpage.html#ENVIRONMENT
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


class BadProxyError(ValueError):
    """A proxy that is not a URL; the text names its variable, not its value."""


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for `url`, None for a direct connection.

    Raises:
        BadProxyError: it is not an http or https URL; connecting directly instead would be wrong.
    """
    parts = urlsplit(url)
    if _is_loopback(parts.hostname or ""):
        return None
    # A CGI server sets HTTP_PROXY from a request's `Proxy` header, so only lower case counts.
    names = ("https_proxy", "HTTPS_PROXY") if parts.scheme == "https" else ("http_proxy",)
    variable, proxy = _first(environ, *names, "all_proxy", "ALL_PROXY")
    _, excluded = _first(environ, "no_proxy", "NO_PROXY")
    if not proxy or _is_excluded(parts.netloc, excluded):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_usable(proxy):
        raise BadProxyError(f"{variable} is not an http:// or https:// URL of a proxy")
    return proxy


def _is_excluded(host: str, excluded: str) -> bool:
    # It brings http.client, email and more: only to sandboxes with a proxy.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # noqa: PLC0415

    return bool(proxy_bypass_environment(host, {"no": excluded}))


def _first(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return the first of some variables that is set, and its value."""
    found = ((name, value) for name in names if (value := environ.get(name, "").strip()))
    return next(found, ("", ""))


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and host != "" and " " not in host and port != 0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
