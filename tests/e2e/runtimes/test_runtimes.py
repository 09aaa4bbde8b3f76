"""Real functions under their own runtime clients: what each failure looks like at the endpoint.

A function does all it can be asked for in one run, with its logs as text and as JSON side by side;
the tests look at the spans. The functions are built while those before them run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from simulator.intake import Intake
from simulator.intake.otlp import Event, Span
from tests.e2e.runtimes.functions import LANGUAGES, WITH_BUILDS_S, NotHereError, Settings
from tests.e2e.runtimes.wishes import EXITS, FAILURES, HANDLED, INITS, Failure, all_of
from tests.launchers import patient_to_the_last
from tests.sandbox import running

pytestmark = pytest.mark.timeout(WITH_BUILDS_S)

FORMATS = ("Text", "JSON")
TIMEOUT_S = 2.0
"""Of a function that sleeps for a minute."""

Spans = Mapping[tuple[str, str], Span]
"""One span for each log format and wish."""


def each(of: Mapping[str, Sequence[Any]]) -> pytest.MarkDecorator:
    """Run a test for each entry of each language."""
    pairs = [(language, entry) for language in LANGUAGES for entry in of[language]]
    names = [f"{name}-{entry.do if isinstance(entry, Failure) else entry}" for name, entry in pairs]
    return pytest.mark.parametrize(("spans", "entry"), pairs, indirect=["spans"], ids=names)


of_each_language = pytest.mark.parametrize("spans", LANGUAGES, indirect=True)


@pytest.fixture(params=FORMATS)
def log_format(request: pytest.FixtureRequest) -> str:
    """What the function's configuration says."""
    return str(request.param)


@pytest.fixture(scope="module")
def builds(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Settings]]]:
    """The functions of the chosen tests, which are built side by side."""
    ours = (item for item in request.session.items if item.path == request.path)
    calls = (getattr(item, "callspec", None) for item in ours)
    chosen = {call.params["spans"] for call in calls if call and "spans" in call.params}
    with ThreadPoolExecutor(len(LANGUAGES)) as pool:
        yield {name: pool.submit(build) for name, build in LANGUAGES.items() if name in chosen}


@pytest.fixture(scope="module")
def known() -> dict[str, Spans]:
    """What the functions did that have run."""
    return {}


@pytest.fixture
def spans(
    request: pytest.FixtureRequest,
    builds: Mapping[str, Future[Settings]],
    known: dict[str, Spans],
    tmp_path_factory: pytest.TempPathFactory,
) -> Spans:
    """All that the function of one language did, which runs once for all tests."""
    language = request.param
    if language not in known:
        try:
            settings = builds[language].result()
        except NotHereError as error:
            pytest.skip(f"{language}: {error}")
        known[language] = asyncio.run(
            run_all(language, settings, lambda: tmp_path_factory.mktemp("run"))
        )
    return known[language]


async def run_all(language: str, settings: Settings, folder: Callable[[], Path]) -> Spans:
    """Run a function with both log formats, asleep and broken, side by side."""
    asleep = {**settings, "timeout_s": TIMEOUT_S}
    broken = {**settings, "environment": {"BROKEN": "1"}}
    runs = ((all_of(language), settings), (["sleep"], asleep), (["broken"], broken))
    seen: dict[tuple[str, str], Span] = {}
    for some in await asyncio.gather(
        *(
            run(folder(), log_format, wishes, chosen)
            for log_format in FORMATS
            for wishes, chosen in runs
        )
    ):
        seen |= some
    return seen


async def run(
    folder: Path, log_format: str, wishes: Sequence[str], settings: Settings
) -> dict[tuple[str, str], Span]:
    """Return the span of each invocation in which the function did what was asked."""
    async with Intake() as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_FLUSH": "end",
            **settings.get("environment", {}),
        }
        async with running(
            folder, launch=patient_to_the_last, log_format=log_format,
            **{**settings, "environment": environment},
        ) as stage:  # fmt: skip
            await stage.invoke(*({"do": wish} for wish in wishes))
        # What the endpoint answers too late, on a busy machine, comes again.
        each_once = {(span.trace_id, span.span_id): span for span in intake.spans}
        found = sorted(each_once.values(), key=lambda span: span.start_ns)
    invocations = [span for span in found if span.kind == "SERVER"]
    assert len(invocations) == len(wishes)
    seen = {(log_format, wish): span for wish, span in zip(wishes, invocations, strict=True)}
    inits = [span for span in found if span.name == "init"]
    return {**seen, (log_format, f"init of {wishes[0]}"): inits[0]}


def exceptions(span: Span) -> list[Event]:
    """Return the exceptions of a span."""
    return [event for event in span.events if event.name == "exception"]


def lines(span: Span) -> list[Event]:
    """Return the lines that the function wrote."""
    return [event for event in span.events if event.name == "log"]


@each(FAILURES)
def test_an_exception_that_leaves_the_handler(
    spans: Spans, log_format: str, entry: Failure
) -> None:
    """The span has its type and message, once, whatever its text says."""
    span = spans[log_format, entry.do]
    assert (span.status, span.attributes["error.type"]) == ("ERROR", entry.error_type)
    [exception] = exceptions(span)
    assert exception.attributes["exception.type"] == entry.error_type
    seen = str(exception.attributes.get("exception.message", ""))
    assert (seen if entry.is_whole else seen[: len(entry.message)]) == entry.message
    assert span.status_message[:1000] == (seen or entry.error_type)[:1000]


@each(HANDLED)
def test_an_error_that_is_handled(spans: Spans, log_format: str, entry: str) -> None:
    """It fails nothing, at whatever level and in whatever way it is logged."""
    span = spans[log_format, entry]
    assert (span.status, span.status_message) == ("UNSET", "")
    assert "error.type" not in span.attributes
    assert exceptions(span) == []
    assert lines(span)


@of_each_language
def test_nothing_happens(spans: Spans, log_format: str) -> None:
    """An invocation after all of these is a success."""
    assert spans[log_format, "nothing"].status == "UNSET"


@of_each_language
def test_level_of_a_handled_error(spans: Spans, log_format: str) -> None:
    """What the function logs as an error has that severity and its text."""
    errors = [
        str(line.attributes["log.message"])
        for line in lines(spans[log_format, "handled"])
        if line.attributes.get("log.severity") == "ERROR"
    ]
    assert [text for text in errors if "handled" in text or "went on" in text]


@of_each_language
def test_several_lines(spans: Spans, log_format: str) -> None:
    """A message of several lines is one line of the log, or one after the other, but complete."""
    texts = [str(line.attributes["log.message"]) for line in lines(spans[log_format, "lines"])]
    assert "one\ntwo" in "\n".join(texts)
    assert all(text.strip() for text in texts)


@each(EXITS)
def test_the_process_exits(spans: Spans, log_format: str, entry: str) -> None:
    """Only the platform reports it; no line says more."""
    span = spans[log_format, entry]
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "Runtime.ExitError")
    assert exceptions(span) == []


@of_each_language
def test_a_timeout(spans: Spans, log_format: str) -> None:
    """The platform reports it."""
    span = spans[log_format, "sleep"]
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "timeout")
    assert exceptions(span) == []


@pytest.mark.parametrize("name", ["init of broken", "broken"])
@pytest.mark.parametrize(
    ("spans", "entry"), INITS.items(), indirect=["spans"], ids=list(INITS)
)  # fmt: skip
def test_an_init_that_fails(
    spans: Spans, log_format: str, entry: tuple[str, str], name: str
) -> None:
    """The span of the init has the exception, and so has the invocation that waited for it."""
    span = spans[log_format, name]
    assert (span.status, span.attributes["error.type"], span.status_message) == ("ERROR", *entry)
    [exception] = exceptions(span)
    assert exception.attributes["exception.message"] == entry[1]
