"""The prefetch list."""

from __future__ import annotations

import asyncio

import pytest

from extension.aws.errors import UpstreamError
from extension.parameters import references
from extension.parameters.answer import Result, Served
from extension.parameters.keys import ParameterKey, SecretKey
from extension.parameters.references import (
    BadReferenceError,
    prefetch,
    read_list,
    read_reference,
)
from extension.parameters.request import Query
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.waiting import until

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:n-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/p"


def test_list() -> None:
    """Three kinds, in the order of the list, each once; spaces and empty entries do not count."""
    keys, unusable = read_list(
        " ssm:/a , SSM+decrypt:/b,,secretsmanager:arn:aws:secretsmanager:x:1:secret:n, ssm:/a,"
    )
    assert keys == [
        ParameterKey("/a"),
        ParameterKey("/b", decrypt=True),
        SecretKey("arn:aws:secretsmanager:x:1:secret:n"),
    ]
    assert unusable == []


def test_unusable_entries() -> None:
    """They are named by their place, shown if they cannot be a secret, and the rest counts."""
    keys, unusable = read_list("database,ssm:,,sk-live-4f8Q2xZ9,ssm:/b")
    assert keys == [ParameterKey("/b")]
    assert unusable == [
        "entry 1 = 'database'",
        "entry 2 = (4 characters, not shown)",
        "entry 3 = (16 characters, not shown)",
    ]
    assert read_list("") == ([], [])


async def test_every_failure_is_told() -> None:
    """Also one that is a bug of ours, by its type alone."""
    lines = LogLines()

    async def get(query: Query) -> Served:
        raise UpstreamError("AccessDeniedException") if query.key.name == "a" else KeyError("text")

    keys = [ParameterKey("a"), ParameterKey("b")]
    await prefetch(keys, get=get, log=Log(clock=ManualClock(), sink=lines))
    codes = {line["name"]: line["code"] for line in lines.parsed}
    assert codes == {"a": "AccessDeniedException", "b": "KeyError"}


@pytest.mark.parametrize(
    ("reference", "query"),
    [
        ("ssm:/a", Query(ParameterKey("/a", decrypt=True), raw=True)),
        ("secretsmanager:n", Query(SecretKey("n"), raw=True)),
        ("secretsmanager:n#k.l", Query(SecretKey("n"), raw=True, json_key="k.l")),
        (f"{SECRET}#k", Query(SecretKey(SECRET), raw=True, json_key="k")),
        (PARAMETER, Query(ParameterKey(PARAMETER, decrypt=True), raw=True)),
    ],
)
def test_references(reference: str, query: Query) -> None:
    """A parameter is always decrypted; behind `#` stands a key of JSON."""
    assert read_reference(reference, fresh=False) == query
    assert read_reference(reference, fresh=True) == query._replace(refresh=True)


@pytest.mark.parametrize(
    "text",
    ["", "x", "ssm:", "secretsmanager:", "ssm+decrypt:/a", "arn", "arn:aws:s3:::b", "SSM:/a", "#k"],
)
def test_what_is_no_reference(text: str) -> None:
    """It is not looked up, and not repeated: it may be the secret itself."""
    with pytest.raises(BadReferenceError) as raised:
        read_reference(text, fresh=False)
    assert str(raised.value) == "neither secretsmanager:NAME, ssm:NAME nor an ARN of these"


async def test_without_keys_nothing_is_fetched() -> None:
    """And nothing is said."""
    lines = LogLines()

    async def get(query: Query) -> Served:
        raise AssertionError(query)

    await prefetch([], get=get, log=Log(clock=ManualClock(), sink=lines))
    assert lines.messages == []


async def test_a_prefetch_that_takes_too_long_goes_on_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The start does not wait for it any longer; what was there in time is no warning."""
    monkeypatch.setattr(references, "PREFETCH_S", 0.05)
    lines, left = LogLines(), []

    async def get(query: Query) -> Served:
        if query.key.name != "a":
            try:
                await asyncio.Future()
            finally:
                left.append(query.key.name)
        return Served(b"", Result.MISS)

    keys = [ParameterKey(name) for name in "abc"]
    await prefetch(keys, get=get, log=Log(clock=ManualClock(), sink=lines))
    [line] = lines.parsed
    assert line["message"] == "prefetch continues after init"
    assert (line["unfinished"], line["after_s"]) == (2, 0.05)
    await until(lambda: sorted(left) == ["b", "c"])  # the flights go on without these callers


def test_a_prefetch_is_waited_for_two_seconds() -> None:
    """They are part of every cold start of which AWS does not answer."""
    assert references.PREFETCH_S == 2
