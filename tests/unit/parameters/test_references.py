"""The prefetch list."""

from __future__ import annotations

from extension.aws.errors import UpstreamError
from extension.parameters.answer import Served
from extension.parameters.references import prefetch, read_list
from extension.parameters.request import ParameterKey, Query, SecretKey
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock


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
