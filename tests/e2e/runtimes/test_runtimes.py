"""Real functions under their own runtime clients: what each failure looks like at the endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from simulator.intake import Intake
from simulator.intake.otlp import Span
from tests.e2e.runtimes.functions import LANGUAGES, Language, NotHereError
from tests.launchers import patient_to_the_last
from tests.sandbox import running

ROOM_S = 10.0
"""A timeout that leaves an init its time, on a busy machine too."""


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Language:
    """A function in one language."""
    try:
        return LANGUAGES[request.param](tmp_path_factory.mktemp(request.param))
    except NotHereError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["Text", "JSON"])
def log_format(request: pytest.FixtureRequest) -> str:
    """What the function's configuration says."""
    return str(request.param)


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    """An OTLP endpoint on loopback."""
    async with Intake() as accepting:
        yield accepting


async def spans(
    folder: Path, intake: Intake, language: Language, log_format: str, wishes: Sequence[str],
    **settings: Any,
) -> list[Span]:  # fmt: skip
    """Return the span of each invocation in which the function did what was asked."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
    async with running(
        folder, environment=environment, launch=patient_to_the_last, log_format=log_format,
        **language.settings, **settings,
    ) as stage:  # fmt: skip
        await stage.invoke(*({"do": wish} for wish in wishes))
    return [span for span in intake.spans if span.kind == "SERVER"]


async def test_handled_and_raised(
    tmp_path: Path, intake: Intake, language: Language, log_format: str
) -> None:
    """A handled error fails nothing, at whatever level it is logged; one that is raised does."""
    handled, raised, after = await spans(
        tmp_path, intake, language, log_format, ["handled", "raise", "nothing"]
    )
    assert (handled.status, after.status) == ("UNSET", "UNSET")
    assert "error.type" not in handled.attributes
    assert not [event for event in handled.events if event.name == "exception"]
    assert (raised.status, raised.status_message) == ("ERROR", "no stock")
    assert raised.attributes["error.type"] == language.error_type
    [exception] = [event for event in raised.events if event.name == "exception"]
    assert exception.attributes["exception.type"] == language.error_type
    assert exception.attributes["exception.message"] == "no stock"


async def test_failure_of_one_language(
    tmp_path: Path, intake: Intake, language: Language, log_format: str
) -> None:
    """An error of a Node.js library that writes itself as JSON; a panic of Go."""
    wish, kind, message = language.more
    [span] = await spans(tmp_path, intake, language, log_format, [wish])
    assert (span.status, span.status_message) == ("ERROR", message)
    assert span.attributes["error.type"] == kind


async def test_several_lines(
    tmp_path: Path, intake: Intake, language: Language, log_format: str
) -> None:
    """A message of several lines is one line of the log, or one after the other, but complete."""
    [span] = await spans(tmp_path, intake, language, log_format, ["lines"])
    texts = [str(event.attributes["log.message"]) for event in span.events if event.name == "log"]
    assert "one\ntwo" in "\n".join(texts)
    assert all(text.strip() for text in texts)


async def test_exit_and_timeout(
    tmp_path: Path, intake: Intake, language: Language, log_format: str
) -> None:
    """The platform tells of both; no line says more."""
    gone, late = await spans(
        tmp_path, intake, language, log_format, ["exit", "sleep"], timeout_s=ROOM_S
    )
    assert (gone.status, gone.attributes["error.type"]) == ("ERROR", "Runtime.ExitError")
    assert (late.status, late.attributes["error.type"]) == ("ERROR", "timeout")
