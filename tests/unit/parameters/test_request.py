"""From a request target to a query."""

from __future__ import annotations

import pytest

from extension.parameters import request
from extension.parameters.keys import ParameterKey, PathKey, SecretKey
from extension.parameters.request import NO_ROUTE, Query, Rejection, Several, read

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
    """Memory is not for those who send kilobytes: more than 1024 characters."""
    target = f"{PARAMETER}?name=".ljust(1024, "x")
    assert read("GET", target) is read("GET", target)
    longer = target + "x"
    assert read("GET", longer) == read("GET", longer)
    assert read("GET", longer) is not read("GET", longer)


def test_as_many_targets_are_remembered_as_the_cache_has_entries() -> None:
    """Nearly: 1024 of them."""
    assert request._remembered.cache_info().maxsize == 1024


ROLE = "arn:aws:iam::111122223333:role/a"
OTHER = "arn:aws:iam::111122223333:role/b"
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:n-AbCdEf"


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (f"{PARAMETER}?name=a#b?c", Query(ParameterKey("a"))),
        (f"{PARAMETER}?name=a?b", Query(ParameterKey("a?b"))),
        (f"/{PARAMETER}//?name=a", Query(ParameterKey("a"))),
        (f"HTTP://h{PARAMETER}?name=a", Query(ParameterKey("a"))),
        (f"{PARAMETER}?name=a&name=b", Query(ParameterKey("a"))),
        (f"{PARAMETER}?name=&name=b", Query(ParameterKey("b"))),
        (f"{PARAMETER}?name=a&label=l&version=2", Query(ParameterKey("a:l"))),
        (f"{PARAMETER}?name=a&version=", Query(ParameterKey("a"))),
        (f"{PARAMETER}?name=a%2520b%2Bc", Query(ParameterKey("a+b+c"))),
        (f"{PARAMETER}?name=a&withDecryption=F", Query(ParameterKey("a"))),
        (f"{PARAMETER}?name=a&withDecryption=T", Query(ParameterKey("a", decrypt=True))),
        (f"{PARAMETER}?name=a&refresh=0&refreshNow=1", Query(ParameterKey("a"), refresh=True)),
        (f"{PARAMETER}?name=a&roleArn={ROLE}", Query(ParameterKey("a", role=ROLE))),
        (f"{PARAMETER}?name=a&roleArn={ROLE}&roleArn={ROLE}", Query(ParameterKey("a", role=ROLE))),
        (f"{SECRET}?secretId=a&roleArn={ROLE}", Query(SecretKey("a", role=ROLE))),
        (f"{PATH}?path=/a&roleArn={ROLE}", Query(PathKey("/a", role=ROLE))),
        (f"{SECRET}?secretId={ARN}", Query(SecretKey(ARN))),
        (f"{SECRET}?secretId={ARN}:k", Query(SecretKey(ARN), json_key="k")),
        (f"{SECRET}?secretId={ARN}::s:i", Query(SecretKey(ARN, "i", "s"))),
        (f"{SECRET}?secretId={ARN}:k::", Query(SecretKey(ARN), json_key="k")),
        (f"{SECRET}?secretId={ARN}:k:s&jsonKey=j", Query(SecretKey(ARN, None, "s"), json_key="j")),
        (f"{SECRET}?secretId={ARN}:k:s:i:x", Query(SecretKey(f"{ARN}:k:s:i:x"))),
        (f"{SECRET}?secretId=a:b:c:d:e:f:g:h", Query(SecretKey("a:b:c:d:e:f:g:h"))),
        *(
            (f"{SECRET}?secretId={each}:k", Query(SecretKey(f"{each}:k")))
            for each in (
                ARN.replace("arn", "urn"),
                ARN.replace("secretsmanager", "ssm"),
                ARN.replace(":secret:", ":other:"),
            )
        ),
        (f"{SECRET}?secretId=a&jsonKey=https://b", Query(SecretKey("a"), json_key="https://b")),
        (
            f"http://h{SECRET}?secretId=a&jsonKey=http://b",
            Query(SecretKey("a"), json_key="http://b"),
        ),
    ],
)
def test_what_clients_write_in_other_ways(target: str, query: Query) -> None:
    """Each of these can mean only one thing."""
    assert read("GET", target) == query


@pytest.mark.parametrize("decrypt", [True, False])
def test_the_default_of_decryption_is_a_setting(decrypt: bool) -> None:
    """A query that says it itself is not changed, and without the setting nothing is decrypted."""
    plain, asked, refused = (
        read("GET", f"{PARAMETER}?name=a{each}", decrypt=decrypt)
        for each in ("", "&withDecryption=true", "&withDecryption=false")
    )
    assert plain == Query(ParameterKey("a", decrypt=decrypt))
    assert (asked, refused) == (Query(ParameterKey("a", decrypt=True)), Query(ParameterKey("a")))
    assert read("GET", f"{PARAMETER}?name=b") == Query(ParameterKey("b"))


@pytest.mark.parametrize(
    ("target", "status", "code", "text"),
    [
        ("/nope", 404, "NotFound", NO_ROUTE),
        ("/systemsmanager/get?name=a", 404, "NotFound", NO_ROUTE),
        (PARAMETER, 400, "ValidationException", "name is missing"),
        (f"{SECRET}?secretId=", 400, "ValidationException", "secretId is missing"),
        (f"{PATH}?path=a&raw=true", 400, "ValidationException", "raw is not for getByPath"),
        (f"{PATH}?path=a&jsonKey=b", 400, "ValidationException", "jsonKey is not for getByPath"),
        (
            f"{PARAMETER}?name=a&refresh=2", 400, "ValidationException",
            "refresh must be true or false",
        ),
        (f"{PARAMETER}?name=%25ff", 400, "ValidationException", "a name is not UTF-8"),
        (f"{PARAMETER}?name=%ff", 400, "ValidationException", "the query is not UTF-8"),
        (
            f"{PARAMETER}?name=a&x=%2", 400, "ValidationException",
            "the query has a broken percent-encoding",
        ),
        *(
            (
                f"{PARAMETER}?name=a{roles}", 400, "ValidationException",
                "roleArn must be one arn:PARTITION:iam::ACCOUNT:role/NAME",
            )
            for roles in (
                "&roleArn=", "&roleArn=a", f"&roleArn={ROLE}&roleArn={OTHER}",
                f"&roleArn={ROLE}&roleArn=",
            )
        ),
        (f"{SECRET}Many", 400, "ValidationException", "secretId is missing"),
        (f"{SECRET}Many?name=a", 400, "ValidationException", "secretId is missing"),
    ],
)  # fmt: skip
def test_why_a_request_is_refused(target: str, status: int, code: str, text: str) -> None:
    """The text names the field, and no value."""
    assert read("GET", target) == Rejection(status=status, code=code, text=text)


def test_a_refusal_may_be_json_unless_it_is_part_of_the_contract() -> None:
    """Those of a query are not; a wrong method has its own status."""
    assert read("PUT", PARAMETER) == Rejection(
        status=405, code="MethodNotAllowed", text="only GET is allowed", plain=False
    )
    assert Rejection(status=400, code="", text="").plain is False


def test_several_names() -> None:
    """A query for each as it was written, in order; the other fields hold for all."""
    found = read("GET", f"{PARAMETER}Many?name=a&name=b%2Fc&name=a&raw=1")
    a, b = (Query(ParameterKey(name), raw=True) for name in ("a", "b/c"))
    assert found == Several((("a", a), ("b/c", b), ("a", a)))


def test_several_secrets() -> None:
    """Each may be an ARN as ECS writes it."""
    found = read("GET", f"{SECRET}Many?secretId={ARN}:k&secretId=s")
    one, other = Query(SecretKey(ARN), json_key="k"), Query(SecretKey("s"))
    assert found == Several(((f"{ARN}:k", one), ("s", other)))


def test_an_empty_name_among_several_is_refused() -> None:
    """It is not left out, for the caller counts the results."""
    found = read("GET", f"{PARAMETER}Many?name=a&name=")
    assert found == Rejection(status=400, code="ValidationException", text="name is missing")


def test_a_hundred_names_are_the_most() -> None:
    """One more is refused before anything is looked up."""
    names = [f"name={number}" for number in range(100)]
    found = read("GET", f"{PARAMETER}Many?{'&'.join(names)}")
    assert isinstance(found, Several)
    assert len(found.queries) == 100
    found = read("GET", f"{PARAMETER}Many?{'&'.join([*names, 'name=x'])}")
    assert found == Rejection(
        status=400, code="ValidationException", text="name is repeated more than 100 times"
    )


def test_several_names_are_not_remembered() -> None:
    """Parsed they take fifty times the length of their target."""
    target = f"{PARAMETER}Many?name=a"
    assert read("GET", target) == read("GET", target)
    assert read("GET", target) is not read("GET", target)
