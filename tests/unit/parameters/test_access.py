"""Who may ask the cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extension.parameters import access
from extension.parameters.access import (
    FOREIGN_HOST,
    FORWARDED,
    TOKEN_HEADER,
    is_accepted,
    refusal,
    token_of,
)
from extension.parameters.request import Rejection


class Uncomparable(bytes):
    """A token that must not be compared byte by byte with an early end."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared with ==")

    __hash__ = bytes.__hash__


def test_comparison_is_constant_in_time() -> None:
    """Never `==`, which ends at the first difference."""
    assert is_accepted(Uncomparable(b"good"), accepted=[Uncomparable(b"good")])
    assert not is_accepted(Uncomparable(b"gone"), accepted=[Uncomparable(b"good")])


def test_every_token_is_compared_although_the_first_fits() -> None:
    """How long it takes does not tell which of several tokens it was."""
    seen = []

    def tokens() -> Iterator[bytes]:
        for token in (b"first", b"second", b"third"):
            seen.append(token)
            yield token

    assert is_accepted(b"first", accepted=tokens())
    assert len(seen) == 3


def test_empty_token_is_never_accepted() -> None:
    """Neither where none is set nor where an empty one is."""
    assert not is_accepted(b"", accepted=[])
    assert not is_accepted(b"", accepted=[b""])


def test_token_may_hold_any_bytes() -> None:
    """Header bytes beyond UTF-8 arrive as surrogates, and are compared, not refused loudly."""
    headers = {TOKEN_HEADER: b"\xff\xfe".decode("utf-8", "surrogateescape")}
    assert token_of(headers) == b"\xff\xfe"
    assert token_of({}) == b""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:2773", "[::1]:80", "[::1]", "LOCALHOST"])
def test_names_of_loopback_are_good(host: str) -> None:
    """With and without a port, in any case."""
    assert refusal({"host": host}) is None


@pytest.mark.parametrize(
    "host", ["", "evil.com", "localhost@evil.com", "127.0.0.1.evil.com", "localhost:x", "::1", "0"]
)
def test_other_hosts_are_foreign(host: str) -> None:
    """Also a missing one, and what only looks local."""
    assert refusal({"host": host}) is FOREIGN_HOST


def test_forwarded_requests_are_refused_even_with_an_empty_header() -> None:
    """Its presence is enough."""
    headers = {"host": "localhost", "x-forwarded-for": ""}
    assert refusal(headers) is FORWARDED


@pytest.mark.parametrize(
    "target",
    ["http://evil.com/get", "HTTPS://evil.com:2773/get", "http://localhost@evil.com/get"],
)
def test_a_target_that_names_a_foreign_host_is_refused(target: str) -> None:
    """The absolute form replaces the Host header, so it is judged like one."""
    assert access.refusal({"host": "localhost"}, target) is access.FOREIGN_HOST
    assert access.refusal({"host": "localhost"}, "http://localhost:2773/get") is None


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"])
def test_every_sign_of_a_proxy_is_refused(name: str) -> None:
    """Whatever stands between the function and the cache does not belong there."""
    assert access.refusal({"host": "localhost", name: "x"}) is access.FORWARDED


def test_digits_of_other_scripts_are_no_port() -> None:
    """A port is written in ASCII."""
    assert access.refusal({"host": "localhost:٣"}) is access.FOREIGN_HOST


NEAR = ["host.docker.internal:2773", "host.containers.internal", "172.17.0.1:2773", "[fd00::1]:80"]


@pytest.mark.parametrize("host", [*NEAR, "secrets:2773", "localhost"])
def test_containers_know_this_machine_by_other_names(host: str) -> None:
    """They are taken only where an address is bound for containers, in a target as well."""
    assert refusal({"host": host}, from_near=True) is None
    target = f"http://{host}/ping"
    assert access.refusal({"host": "localhost"}, target, from_near=True) is None
    if host != "localhost":
        assert refusal({"host": host}) is FOREIGN_HOST


@pytest.mark.parametrize(
    "host",
    ["", "evil.com", "internal", "evil.internal.com", "1.2.3.4.evil.com", "1.2.3", "0x7f000001",
     "2130706433", "[::1", "a b", "host.docker.internal.", "x@host.docker.internal", "::1"],
)  # fmt: skip
def test_public_names_stay_foreign(host: str) -> None:
    """What someone can have in public DNS can be rebound to this machine."""
    accepted = refusal({"host": host}, from_near=True) is None
    assert accepted == (host == "internal")  # a name without a dot is not in public DNS


def test_a_proxy_is_refused_there_as_well() -> None:
    """Where containers are expected, too."""
    headers = {"host": "172.17.0.1", "x-forwarded-for": "10.0.0.1"}
    assert refusal(headers, from_near=True) is FORWARDED


@pytest.mark.parametrize("name", ["x-real-ip", "x-forwarded-", "x-forwarded-proto"])
def test_headers_of_proxies(name: str) -> None:
    """Those with names of their own, and all of one prefix."""
    assert refusal({"host": "localhost", name: ""}) is FORWARDED
    assert refusal({"host": "localhost", "x-forward": "", "x": ""}) is None


def test_the_latest_hosts_are_remembered() -> None:
    """A function names one or two: sixteen are kept."""
    assert access._is_here.cache_info().maxsize == 16


@pytest.mark.parametrize(
    ("rejection", "status", "is_plain"),
    [(access.UNAUTHORIZED, 401, True), (FORWARDED, 400, False), (FOREIGN_HOST, 400, False)],
)
def test_statuses_of_refusals(rejection: Rejection, status: int, is_plain: bool) -> None:
    """The text of a wrong token is that of AWS's extension, whatever the caller accepts."""
    assert (rejection.status, rejection.plain) == (status, is_plain)
    assert rejection.code == "AccessDeniedException"
