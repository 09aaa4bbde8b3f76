"""The log groups and streams of the account, and the two calls that create them (JSON 1.1).

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.aws.endpoints.answers import Answer, AwsError

if TYPE_CHECKING:
    from simulator.aws.endpoints.request import Received
    from simulator.aws.endpoints.trouble import Trouble

TARGET_PREFIX = "Logs_20140328."
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*]{1,512}")


@dataclass
class LogGroup:
    """A group; `retention_days` is how long its events are kept, for ever without it."""

    streams: set[str] = field(default_factory=set)
    retention_days: int | None = None


class LogGroups(dict[str, LogGroup]):
    """Groups by name. Fill and empty it at will: the function's calls do so too."""

    def put(self, group: str, *streams: str, retention_days: int | None = None) -> None:
        """Create a group with streams, or add to it."""
        found = self.setdefault(group, LogGroup())
        found.streams.update(streams)
        found.retention_days = retention_days

    def find(self, group: str, stream: str) -> LogGroup:
        """Return the group that has the stream; raises AwsError when one is missing."""
        found = self._find(group)
        if stream not in found.streams:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return found

    def call(self, request: Received, *, trouble: Trouble) -> Answer:
        """Answer a call of the API; raises AwsError."""
        operation = operation_of(request)
        calls = {"CreateLogGroup": self._create_group, "CreateLogStream": self._create_stream}
        if operation not in calls or request.method != "POST" or request.path != "/":
            raise AwsError("UnknownOperationException", f"{operation} is not simulated.")
        trouble.check_access(f"logs:{operation}")
        calls[operation](_arguments(request.body))
        return Answer(headers={"Content-Type": "application/x-amz-json-1.1"})

    def _create_group(self, arguments: dict[str, object]) -> None:
        name = _named(arguments, "logGroupName", _GROUP_NAME)
        if name.startswith("aws/"):
            raise AwsError(
                "InvalidParameterException", "Log groups starting with AWS/ are reserved."
            )
        if name in self:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log group already exists"
            )
        self[name] = LogGroup()

    def _create_stream(self, arguments: dict[str, object]) -> None:
        group = self._find(_named(arguments, "logGroupName", _GROUP_NAME))
        name = _named(arguments, "logStreamName", _STREAM_NAME)
        if name in group.streams:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log stream already exists"
            )
        group.streams.add(name)

    def _find(self, group: str) -> LogGroup:
        if group not in self:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return self[group]


def operation_of(request: Received) -> str:
    """Return the operation that a request of the API names; empty for any other request."""
    target = request.header("x-amz-target")
    return target.removeprefix(TARGET_PREFIX) if target.startswith(TARGET_PREFIX) else ""


def _arguments(body: bytes) -> dict[str, object]:
    try:
        arguments = json.loads(body)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    return arguments


def _named(arguments: dict[str, object], field: str, pattern: re.Pattern[str]) -> str:
    name = arguments.get(field)
    if not isinstance(name, str) or not pattern.fullmatch(name):
        message = (
            f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern.pattern}"
        )
        raise AwsError("InvalidParameterException", message)
    return name
