"""The log group and the stream of a sandbox, in the simulator's CloudWatch Logs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from extension.process.clock import SystemClock
from simulator.aws.endpoints import AwsEndpoints
from tests.signed_exports import GROUP, SignedExports, signed_exports
from tests.simulator.aws.messages import record, records

SANDBOX = "2026/11/25/[$LATEST]0123456789abcdef"


def body() -> bytes:
    """Return a request of one record, of now."""
    encoded: bytes = records(record(at_ns=SystemClock().now().wall_ns)).SerializeToString()
    return encoded


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """AWS on loopback."""
    async with AwsEndpoints() as aws:
        yield aws


@pytest.fixture
async def exports(aws: AwsEndpoints) -> AsyncIterator[SignedExports]:
    """What exports there from a sandbox whose name is known."""
    async with signed_exports(aws) as exports:
        exports.stream.use(SANDBOX)
        yield exports


def operations(aws: AwsEndpoints) -> list[str]:
    """What was asked for, in its order."""
    return [each.operation for each in aws.exchanges]


async def test_both_are_created_once(aws: AwsEndpoints, exports: SignedExports) -> None:
    """Before the first record goes out, and not again."""
    for _ in range(2):
        assert (await exports.send("logs", body())).kind == "accepted"
    create = ["CreateLogStream", "CreateLogGroup", "CreateLogStream"]
    assert operations(aws) == [*create, "/v1/logs", "/v1/logs"]
    assert aws.log_groups[GROUP].streams == {SANDBOX}
    assert {(each.group, each.stream) for each in aws.accepted} == {(GROUP, SANDBOX)}
    assert exports.lines.lines == []


async def test_a_group_that_exists_needs_one_call(
    aws: AwsEndpoints, exports: SignedExports
) -> None:
    """With a template's group, the role needs no logs:CreateLogGroup."""
    aws.log_groups.put(GROUP)
    aws.trouble.denied = {"logs:CreateLogGroup"}
    assert (await exports.send("logs", body())).kind == "accepted"
    assert operations(aws) == ["CreateLogStream", "/v1/logs"]


async def test_a_start_in_the_same_sandbox_finds_its_stream(
    aws: AwsEndpoints, exports: SignedExports
) -> None:
    """After a timeout the extension starts again under the same name."""
    aws.log_groups.put(GROUP, SANDBOX)
    assert (await exports.send("logs", body())).kind == "accepted"
    assert exports.lines.lines == []


async def test_what_was_deleted_is_created_again(aws: AwsEndpoints, exports: SignedExports) -> None:
    """No record is lost with the group."""
    await exports.send("logs", body())
    aws.log_groups.clear()
    assert (await exports.send("logs", body())).kind == "accepted"
    assert aws.log_groups[GROUP].streams == {SANDBOX}


@pytest.mark.parametrize("action", ["logs:CreateLogGroup", "logs:CreateLogStream"])
async def test_a_role_that_may_not(aws: AwsEndpoints, exports: SignedExports, action: str) -> None:
    """One line names the action; the records are kept until the role may."""
    aws.trouble.denied = {action}
    for _ in range(2):
        outcome = await exports.send("logs", body())
        assert (outcome.kind, outcome.cause) == (
            "kept",
            "status 400 ResourceNotFoundException: the log group or the log stream does not exist",
        )
    [line] = [each for each in exports.lines.parsed if each["message"] == "log stream not created"]
    assert (line["group"], line["cause"]) == (GROUP, f"the role needs {action}")
    aws.trouble.denied = set()
    assert (await exports.send("logs", body())).kind == "accepted"


async def test_a_call_that_is_throttled_is_repeated_later(
    aws: AwsEndpoints, exports: SignedExports
) -> None:
    """With the next export, when AWS may have time."""
    aws.trouble.throttled = {"logs"}
    assert (await exports.send("logs", body())).kind == "kept"
    aws.trouble.throttled = set()
    assert (await exports.send("logs", body())).kind == "accepted"


async def test_names_of_the_users_own(aws: AwsEndpoints) -> None:
    """Headers that name a stream are taken as they are, and nothing is created."""
    aws.log_groups.put("/mine", "one")
    headers = {"x-aws-log-group": "/mine", "x-aws-log-stream": "one"}
    async with signed_exports(aws, headers=headers) as exports:
        assert (await exports.send("logs", body())).kind == "accepted"
    assert operations(aws) == ["/v1/logs"]


async def test_without_a_name_the_stream_gets_one(aws: AwsEndpoints) -> None:
    """Only the platform's events name the sandbox; the records do not wait for them."""
    async with signed_exports(aws) as exports:
        assert (await exports.send("logs", body())).kind == "accepted"
        exports.stream.use("a:b*c")
        assert (await exports.send("logs", body())).kind == "accepted"
    assert aws.log_groups[GROUP].streams == {"0000000000000001", "a-b-c"}
