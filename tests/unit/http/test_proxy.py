"""Which proxy a request uses."""

from __future__ import annotations

import pytest

from extension.http.proxy import BadProxyError, proxy_for

PROXY, OTHER = "http://proxy.example.com:3128", "http://other.example.com"
HTTP, HTTPS = "http://api.example.com/x", "https://api.example.com/x"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        (HTTPS, {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        (HTTPS, {"HTTPS_PROXY": PROXY, "all_proxy": OTHER}, PROXY),
        (HTTPS, {"https_proxy": " ", "all_proxy": PROXY, "ALL_PROXY": OTHER}, PROXY),
        (HTTPS, {"ALL_PROXY": f" {PROXY} "}, PROXY),
        (HTTPS, {"http_proxy": PROXY}, None),
        (HTTP, {"http_proxy": PROXY, "all_proxy": OTHER}, PROXY),
        (HTTP, {"HTTP_PROXY": PROXY, "https_proxy": PROXY}, None),
        (HTTP, {"all_proxy": "proxy.example.com:3128"}, PROXY),
        (HTTPS, {}, None),
        ("http:///x", {}, None),
    ],
)
def test_the_usual_variables_name_it(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """That of the scheme first, lower case first; HTTP_PROXY is what a caller of CGI may set."""
    assert proxy_for(url, environ) == proxy


@pytest.mark.parametrize(
    ("url", "excluded", "is_used"),
    [
        (HTTPS, {"no_proxy": "example.com"}, False),
        (HTTPS, {"NO_PROXY": "other.com, .example.com"}, False),
        (HTTPS, {"no_proxy": "*"}, False),
        (HTTPS, {"no_proxy": "ample.com"}, True),
        (HTTPS, {"no_proxy": "other.com", "NO_PROXY": "*"}, True),
        ("https://api.example.com:8443/", {"no_proxy": "api.example.com:8443"}, False),
        ("https://api.example.com:8444/", {"no_proxy": "api.example.com:8443"}, True),
    ],
)
def test_hosts_may_be_excluded(url: str, excluded: dict[str, str], *, is_used: bool) -> None:
    """By the rules of urllib."""
    assert proxy_for(url, {"all_proxy": PROXY, **excluded}) == (PROXY if is_used else None)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True), ("api.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True),
        ("[::1]", True), ("localhost.example.com", False), ("mylocalhost", False),
        ("10.0.0.1", False),
    ],
)  # fmt: skip
def test_what_stays_on_the_machine_uses_none(host: str, *, is_loopback: bool) -> None:
    """A proxy would look for it on its own machine, and see the session's token."""
    for scheme in ("http", "https"):
        proxy = proxy_for(f"{scheme}://{host}:4318/", {"all_proxy": PROXY})
        assert (proxy is None) is is_loopback


@pytest.mark.parametrize(
    "proxy", ["socks5://h:1080", "http://h:x", "http://h:0", "http://h:65536", "a b"]
)
def test_what_is_no_proxy_is_an_error_and_no_direct_connection(proxy: str) -> None:
    """The text names the variable alone: the value may hold a password."""
    with pytest.raises(BadProxyError, match=r"^ALL_PROXY is not") as raised:
        proxy_for(HTTPS, {"ALL_PROXY": proxy})
    assert proxy not in str(raised.value)


@pytest.mark.parametrize("proxy", ["http://", "http://:80", "https://u@:80"])
def test_a_proxy_has_a_host(proxy: str) -> None:
    """Else there is nothing to connect to."""
    with pytest.raises(BadProxyError):
        proxy_for(HTTPS, {"ALL_PROXY": proxy})


@pytest.mark.parametrize("proxy", ["https://u:p@h:1", "HTTP://h", "http://h:65535"])
def test_a_proxy_is_a_url_of_http_or_https(proxy: str) -> None:
    """With or without a port and credentials."""
    assert proxy_for(HTTPS, {"ALL_PROXY": proxy}) == proxy
