"""PURE: the log group and the log stream in CloudWatch Logs: named in headers, created once.

The stream has the sandbox's name, so no one else creates it. A name that the user's headers have
is taken as it is. `ask(operation, arguments)` calls the Logs API.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from extension.process.ids import Ids
from extension.process.log import Log
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.aws_answers import advice_of, error_of

GROUP, STREAM = "x-aws-log-group", "x-aws-log-stream"
NOT_IN_A_NAME = str.maketrans(":*", "--")
TARGET_PREFIX = "Logs_20140328."

Ask = Callable[[str, Mapping[str, str]], Awaitable[Answer]]


class LogStream:
    """Where the log records of this sandbox go."""

    def __init__(self, group: str, *, ids: Ids, log: Log) -> None:
        self._group = group
        self._ids = ids
        self._log = log
        self._name = ""
        self._complaint = ""
        self.is_created = False
        """Whether it exists, as far as is known."""

    def use(self, sandbox: str) -> None:
        """Take the sandbox's name for the stream's."""
        name = sandbox.translate(NOT_IN_A_NAME)
        if name != self._name:
            self._name, self.is_created = name, False

    def headers(self, others: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers with the names of group and stream."""
        self._name = self._name or f"{self._ids.span_id():016x}"  # no event has named the sandbox
        return {GROUP: self._group, STREAM: self._name, **others}

    async def create(self, headers: Mapping[str, str], ask: Ask) -> None:
        """Create the stream, and the group if need be; a line says what the role may not."""
        if self.is_created:
            return
        stream = {"logGroupName": headers[GROUP], "logStreamName": headers[STREAM]}
        answer = await ask("CreateLogStream", stream)
        if error_of(answer).startswith("ResourceNotFound"):
            answer = await ask("CreateLogGroup", {"logGroupName": headers[GROUP]})
            if _exists(answer):
                answer = await ask("CreateLogStream", stream)
        self.is_created = _exists(answer)
        complaint = "" if self.is_created else _complaint(answer)
        if complaint not in ("", self._complaint):
            self._log.warning("log stream not created", group=headers[GROUP], cause=complaint)
        self._complaint = complaint


def _complaint(answer: Answer) -> str:
    return advice_of(answer) or f"status {answer.status} {error_of(answer)}".rstrip()


def _exists(answer: Answer) -> bool:
    return answer.is_success or error_of(answer).startswith("ResourceAlreadyExists")
