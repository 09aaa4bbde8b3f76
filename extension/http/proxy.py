"""Which proxy a POST goes through, by the usual variables; loopback never goes through one.

The rules of NO_PROXY are those of Python's urllib.
Source: https://curl.se/docs/manpage.html#ENVIRONMENT
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's URL for `url`, None to go there directly."""
    parts = urlsplit(url)
    if _is_loopback(parts.hostname or ""):
        return None
    # HTTP_PROXY could be a request's header where CGI is near, so only lower case counts.
    names = ("https_proxy", "HTTPS_PROXY") if parts.scheme == "https" else ("http_proxy",)
    proxy = _first(environ, *names, "all_proxy", "ALL_PROXY")
    excluded = _first(environ, "no_proxy", "NO_PROXY")
    if not proxy or proxy_bypass_environment(parts.netloc, {"no": excluded}):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
