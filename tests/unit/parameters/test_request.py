"""From a request target to a query."""

from __future__ import annotations

import pytest

from extension.parameters.request import (
    LONGEST_REMEMBERED,
    ParameterKey,
    PathKey,
    Query,
    Rejection,
    SecretKey,
    read,
)

PARAMETER = "/systemsmanager/parameters/get"
PATH = "/systemsmanager/parameters/getByPath"
SECRET = "/secretsmanager/get"


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (f"{PARAMETER}?name=a", Query(key=ParameterKey("a"))),
        (f"{PARAMETER}/?name=a&version=2", Query(key=ParameterKey("a:2"))),
        (f"{PARAMETER}?name=a&withDecryption=True", Query(key=ParameterKey("a", decrypt=True))),
        (f"{SECRET}?secretId=a", Query(key=SecretKey("a"))),
        (f"{SECRET}?secretId=a&versionId=i&versionStage=s", Query(key=SecretKey("a", "i", "s"))),
        (f"{SECRET}?secretId=a&refresh=1&raw=1", Query(key=SecretKey("a"), refresh=True, raw=True)),
        (f"{SECRET}?secretId=a&refreshNow=true", Query(key=SecretKey("a"), refresh=True)),
        (f"{SECRET}?secretId=a&jsonKey=b.c", Query(key=SecretKey("a"), json_key="b.c")),
        (f"{PATH}?path=/a", Query(key=PathKey("/a"))),
        (
            f"{PATH}?path=/a&recursive=true&withDecryption=1",
            Query(key=PathKey("/a", recursive=True, decrypt=True)),
        ),
        (f"https://localhost{SECRET}?secretId=a", Query(key=SecretKey("a"))),
    ],
)
def test_queries(target: str, query: Query) -> None:
    """Each form of a target has one meaning."""
    assert read("GET", target) == query


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nope", 404),
        ("POST", "/nope", 404),
        ("POST", SECRET, 405),
        ("HEAD", f"{SECRET}?secretId=a", 405),
        ("GET", SECRET, 400),
        ("GET", f"{SECRET}?secretId=%zz", 400),
        ("GET", f"{SECRET}?secretId=a&x=%", 400),
        ("GET", f"{SECRET}?secretId=%ff", 400),
        ("GET", f"{SECRET}?secretId=a&raw=maybe", 400),
    ],
)
def test_rejections(method: str, target: str, status: int) -> None:
    """Path before method before query."""
    rejection = read(method, target)
    assert isinstance(rejection, Rejection)
    assert rejection.status == status


def test_target_is_read_once() -> None:
    """The same target gives the same query object: a hit costs no parsing."""
    target = f"{PARAMETER}?name=/read/once"
    assert read("GET", target) is read("GET", target)


def test_long_targets_are_not_remembered() -> None:
    """Memory is not for those who send kilobytes."""
    target = f"{PARAMETER}?name={'x' * LONGEST_REMEMBERED}"
    assert read("GET", target) == read("GET", target)
    assert read("GET", target) is not read("GET", target)


def test_keys_of_different_services_differ() -> None:
    """A parameter and a secret of one name are two entries."""
    parameter, path, secret = ParameterKey("a"), PathKey("a"), SecretKey("a")
    assert len({parameter, path, secret}) == 3
