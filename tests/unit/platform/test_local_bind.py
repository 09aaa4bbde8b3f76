"""The address that containers reach: refused unless callers need a good token."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from extension.platform.bootstrap import bind_and_register
from extension.platform.local_bind import addresses, content_of, path_of, refusal
from tests.sandbox import free_port

GOOD = "0123456789abcdef"
SESSION = {"AWS_SESSION_TOKEN": GOOD}


@pytest.mark.parametrize("address", ["", "localhost", "0", "1.2.3", "1.2.3.4:80", "[::1]", "a b"])
def test_only_an_ip_address_is_bound(address: str) -> None:
    """A name may mean one thing today and another one tomorrow."""
    assert refusal(address, SESSION) == "not an IP address"


@pytest.mark.parametrize("address", ["0.0.0.0", "172.17.0.1", "::", "fe80::1", "127.0.0.1"])
def test_a_good_token_is_enough(address: str) -> None:
    """In the environment or in a file."""
    assert refusal(address, SESSION) == ""


@pytest.mark.parametrize("variables", [{}, {"AWS_SESSION_TOKEN": " "}, {"DISPATCH_TOKEN_FILE": ""}])
def test_without_a_token_it_is_refused(variables: dict[str, str]) -> None:
    """The line says what to set."""
    assert refusal("0.0.0.0", variables) == "it needs a token: set DISPATCH_TOKEN_FILE"


def test_every_accepted_token_must_be_long(tmp_path: Path) -> None:
    """One that can be guessed is a way in beside the good one."""
    file = tmp_path / "token"
    file.write_text(f"{GOOD}\n")
    good = {"DISPATCH_TOKEN_FILE": str(file)}
    short = "a token is shorter than 16 characters"
    assert refusal("0.0.0.0", good) == ""
    assert refusal("0.0.0.0", {**good, "AWS_SESSION_TOKEN": "test"}) == short
    file.write_text("test")
    assert refusal("0.0.0.0", good) == short
    assert refusal("0.0.0.0", {**good, **SESSION}) == short


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "pipe", "not text"])
def test_a_file_without_a_token(tmp_path: Path, kind: str) -> None:
    """Nothing is raised, and nothing waits."""
    file = tmp_path / "token"
    match kind:
        case "empty":
            file.write_text(" \n")
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "not text":
            file.write_bytes(b"\xff" * 32)
    assert content_of(str(file)) == ""
    why = refusal("0.0.0.0", {"DISPATCH_TOKEN_FILE": str(file), **SESSION})
    assert why == "DISPATCH_TOKEN_FILE names no file with a token"


def test_the_path_as_the_agent_of_aws_writes_it() -> None:
    """`file:///path`, or the path alone."""
    for text in ("/run/token", "file:///run/token", " /run/token "):
        assert path_of({"DISPATCH_TOKEN_FILE": text}) == "/run/token"


def test_loopback_is_bound_as_well() -> None:
    """Callers on this machine go on using localhost."""
    assert addresses("172.17.0.1") == ("127.0.0.1", "::1", "172.17.0.1")
    assert addresses("0.0.0.0") == ("0.0.0.0", "::1")
    assert addresses("::") == ("127.0.0.1", "::")
    assert addresses("::1") == ("127.0.0.1", "::1")


def bound(**variables: str) -> tuple[set[str], list[tuple[str, str]]]:
    """Return which addresses are bound, and the problems; close everything."""
    start = bind_and_register({"DISPATCH_CACHE_PORT": str(free_port()), **variables})
    hosts = {each.getsockname()[0] for each in start.cache_sockets}
    for each in (*start.cache_sockets, *filter(None, [start.telemetry_socket])):
        each.close()
    return hosts, start.problems


def test_in_lambda_it_is_never_bound() -> None:
    """Whatever is set, with or without a token."""
    hosts, _ = bound(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", DISPATCH_BIND="0.0.0.0", **SESSION)
    assert hosts <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in hosts


def test_what_is_refused_binds_nothing() -> None:
    """Not even loopback: a developer would not see that containers are left out."""
    hosts, [(part, cause)] = bound(DISPATCH_BIND="0.0.0.0")
    assert (hosts, part) == (set(), "cache")
    assert cause == "no cache: DISPATCH_BIND: it needs a token: set DISPATCH_TOKEN_FILE"
    hosts, [(_, cause)] = bound(DISPATCH_BIND="203.0.113.1", **SESSION)
    assert hosts == set()
    assert "203.0.113.1" in cause


def test_it_is_bound() -> None:
    """Beside loopback."""
    hosts, problems = bound(DISPATCH_BIND="0.0.0.0", **SESSION)
    assert "0.0.0.0" in hosts
    assert problems == []
    hosts, _ = bound(DISPATCH_BIND="127.0.0.2", **SESSION)
    assert {"127.0.0.1", "127.0.0.2"} <= hosts


def test_every_address_of_ipv6_is_bound_beside_loopback_of_ipv4() -> None:
    """It does not take the addresses of IPv4, which may be another network's."""
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6")
    hosts, problems = bound(DISPATCH_BIND="::", **SESSION)
    assert (hosts, problems) == ({"127.0.0.1", "::"}, [])
