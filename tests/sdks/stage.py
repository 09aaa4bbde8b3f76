"""A function with an SDK in a local Lambda, and what it posted, invocation by invocation.

Without a launch of the extension and without another endpoint the SDK posts to the intake itself.
With both, the extension takes what the SDK posts and the intake sees what leaves:
`visit("node", events, folder=…, launch=patient, endpoint=f"http://127.0.0.1:{port}",
environment={"DISPATCH_POST_URI": "{intake}", "DISPATCH_OTLP_PORT": str(port)})`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.answers import Answer
from simulator.intake import Intake, IntakeRequest
from simulator.intake.otlp import LogRecord, Span
from simulator.intake.replies import Answer as Reply
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.launchers import Launch
from tests.sandbox import GENEROUS
from tests.sdks.installed import installed

NAME = "shop"
"""The function's name, and that of its spans."""

INTAKE = "{intake}"
"""Where a variable of a visit gets the intake's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came of one invocation.

    Attributes:
        trace_header: What the runtime was handed: `Root=…;Parent=…;Sampled=…`; empty without.
        requests: What was posted between this invocation's beginning and the next one's.
        spans: Those of them, in order of arrival.
    """

    answer: Answer
    trace_header: str
    requests: Sequence[IntakeRequest]
    spans: Sequence[Span]
    logs: Sequence[LogRecord]

    @property
    def header_trace(self) -> str:
        """The trace id of X-Ray, as OpenTelemetry writes it."""
        return self._header["Root"].removeprefix("1-").replace("-", "")

    @property
    def header_parent(self) -> str:
        """The segment beneath which Lambda expects the function's own spans."""
        return self._header["Parent"]

    @property
    def _header(self) -> dict[str, str]:
        return dict(part.split("=") for part in self.trace_header.split(";"))

    def span(self, name: str) -> Span:
        """Return the only span of a name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found

    @property
    def posts(self) -> Sequence[IntakeRequest]:
        """The requests that carry spans."""
        return [request for request in self.requests if request.path == "/v1/traces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """All invocations of one function.

    Attributes:
        spans: All of them, those that left when the sandbox ended, too.
        lines: What the function and the extension printed.
    """

    each: Sequence[Visit]
    spans: Sequence[Span]
    lines: Sequence[OutputLine]

    @property
    def traces(self) -> dict[str, list[Span]]:
        """The spans by trace id."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            found.setdefault(span.trace_id, []).append(span)
        return found


async def visit(
    language: str,
    events: Sequence[object],
    *,
    folder: Path,
    kind: str = "",
    endpoint: str = INTAKE,
    trace_header: str | None = None,
    launch: Launch | None = None,
    environment: Mapping[str, str] | None = None,
    respond: Sequence[Reply] | Callable[[IntakeRequest], Reply] = (),
    **settings: Any,
) -> Visits:
    """Invoke a function once for each event, with freezes, and return what became of each.

    Args:
        language: One of `tests.sdks.installed.LANGUAGES`.
        events: The payloads.
        folder: For the extension's launcher.
        kind: "queue" or "rest" for the handler that takes these events as classes.
        endpoint: Where the SDK posts.
        trace_header: What the invocations' caller sends as X-Amzn-Trace-Id.
        launch: How the extension is started; without it there is none.
        environment: Variables of the function, and of the extension.
        respond: How the intake answers.
        settings: Of the function.
    """
    function = installed(language)
    handler = function.handlers.get(kind, function.handlers[""])
    extensions = None
    if launch is not None:
        extensions = folder / "extensions"
        launch(extensions)
    lines: list[OutputLine] = []
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(Intake(respond=respond))
        given = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            **function.environment,
            **(environment or {}),
        }
        chosen = FunctionSettings(
            code=function.code,
            handler=handler,
            runtime=tuple(part.replace("{handler}", handler) for part in function.command),
            extensions=extensions,
            environment={key: value.replace(INTAKE, intake.url) for key, value in given.items()},
            name=NAME,
            **{**GENEROUS, **settings},
        )
        running = LocalLambda(chosen, on_line=lines.append)
        await stack.enter_async_context(running)
        kept = [await _invoke(running, intake, event, trace_header) for event in events]
    return Visits(each=kept, spans=intake.spans, lines=lines)


async def _invoke(
    running: LocalLambda, intake: Intake, event: object, trace_header: str | None
) -> Visit:
    marks = len(intake.requests), len(intake.spans), len(intake.logs)
    answer = await running.invoke(event, trace_header=trace_header)
    starts = [each for each in running.events if each.type == "platform.start"]
    return Visit(
        answer=answer,
        trace_header=_header_of(starts[-1].record),
        requests=intake.requests[marks[0] :],
        spans=intake.spans[marks[1] :],
        logs=intake.logs[marks[2] :],
    )


def _header_of(record: Any) -> str:
    """Return what the runtime was handed: the platform's own span stands in place of its parent."""
    tracing = record.get("tracing")
    if not tracing:
        return ""
    pairs = dict(part.split("=") for part in tracing["value"].split(";"))
    return ";".join(
        f"{key}={value}" for key, value in {**pairs, "Parent": tracing["spanId"]}.items()
    )
