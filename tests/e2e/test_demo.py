"""`make demo` as a newcomer runs it: a process of its own, judged by what it prints and leaves."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from simulator.demo.stage import API_KEY, GREETING
from simulator.intake import Intake
from tests.build_cache import locked
from tests.process_table import descendants, still_living

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 300.0
MISSING = (
    "  1 × logs CreateLogStream: 400 ResourceNotFoundException: "
    "The specified log group does not exist."
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def output() -> AsyncIterator[str]:
    """What one whole run prints."""
    async with _demo() as demo:
        text, _ = await asyncio.wait_for(demo.communicate(), DEADLINE_S)
    assert demo.returncode == 0, text.decode()
    yield text.decode()


async def test_every_invocation_is_reported(output: str) -> None:
    """Seven invocations: two cold starts, one failure, one timeout, and the rest succeed."""
    rows = re.findall(r"^ +(\d)  \{.*?\} +(success|error|timeout) .*?(cold start)?$", output, re.M)
    assert rows == [
        ("1", "success", "cold start"),
        ("2", "success", ""),
        ("3", "error", ""),
        ("4", "success", ""),
        ("5", "timeout", ""),
        ("6", "success", "cold start"),
        ("7", "success", ""),
    ]


async def test_every_trace_is_shown(output: str) -> None:
    """Each invocation has a trace of its own, with its span; each cold start has an init span."""
    traces = output.partition("Traces that arrived")[2].partition("What the function got")[0]
    headings = re.findall(r"^(\d) · .* trace ([0-9a-f]{32})$", traces, re.M)
    assert [number for number, _ in headings] == list("1234567")
    assert len({trace_id for _, trace_id in headings}) == 7
    assert len(re.findall(r"^  greeter .*[0-9a-f]{16}$", traces, re.M)) == 7
    assert len(re.findall(r"^  init .*[0-9a-f]{16}$", traces, re.M)) == 2
    assert "✗ ValueError: the event asked for a failure" in traces
    assert "✗ timeout" in traces


async def test_log_lines_are_in_the_traces(output: str) -> None:
    """The JSON line comes with its fields, the text line as it was."""
    assert output.count("INFO  settings read /demo/greeting=HIT demo/api-key=HIT") == 5
    assert output.count("INFO  settings read /demo/greeting=MISS demo/api-key=MISS") == 2
    assert output.count(f"INFO  greeting with '{GREETING}'") == 7


async def test_gets_cost_one_aws_call_a_sandbox(output: str) -> None:
    """The first GET in each sandbox is a miss and one AWS call, every other is a hit and none."""
    pattern = r"^  (\d)  (\S+) +(MISS|HIT) +[\d.]+ m?s +(\d)$"
    names = ("/demo/greeting", "demo/api-key")
    expected = {"1": ("MISS", "1"), "2": ("HIT", "0"), "4": ("HIT", "0")}
    expected |= {"6": ("MISS", "1"), "7": ("HIT", "0")}
    assert re.findall(pattern, output, re.M) == [
        (number, name, *cost) for number, cost in expected.items() for name in names
    ]
    assert "6 of these 10 GETs were answered from the cache" in output
    assert "made 4 calls to AWS" in output


async def test_each_call_to_aws_is_a_span(output: str) -> None:
    """After the timeout, too, where the cache is there before telemetry."""
    assert len(re.findall(r"─ SSM\.GetParameter ", output)) == 2
    assert len(re.findall(r"─ Secrets Manager\.GetSecr", output)) == 2


async def test_output_is_plain_and_fits(output: str) -> None:
    """Without a terminal there is no colour; no line is wider than 100 columns."""
    assert "\x1b" not in output
    assert max(len(line) for line in output.splitlines()) <= 100


async def test_busy_port_is_avoided(output: str) -> None:
    """The cache listens elsewhere when its usual port is taken."""
    (port,) = re.findall(r"^  cache +http://localhost:(\d+)", output, re.M)
    assert port != "2773"


async def test_secret_is_never_shown(output: str) -> None:
    """The function uses the secret; nothing tells it."""
    assert API_KEY not in output


async def test_traces_go_to_the_users_endpoint() -> None:
    """With --otlp the traces arrive there, and their ids are printed to look for."""
    async with Intake() as intake, _demo("--otlp", intake.url) as demo:
        text, _ = await asyncio.wait_for(demo.communicate(), DEADLINE_S)
    assert demo.returncode == 0
    listed = text.decode().partition(f"Traces sent to {intake.url}")[2]
    ids = re.findall(r"^  ([0-9a-f]{32})  \d · ", listed, re.M)
    assert len(ids) == 7
    assert set(ids) == {span.trace_id for span in intake.spans if span.kind == "SERVER"}


@pytest.mark.parametrize(
    ("signal_", "moment", "others"),
    [
        pytest.param(signal.SIGINT, "beside a function", 0, id="while it starts"),
        pytest.param(signal.SIGINT, "event  ", 1, id="in the cold start"),
        pytest.param(signal.SIGINT, "  1  {}", 3, id="between warm invocations"),
        pytest.param(signal.SIGINT, "  4  {}", 3, id="in the invocation that sleeps"),
        pytest.param(signal.SIGTERM, "  1  {}", 3, id="terminated"),
    ],
)
async def test_interrupted_demo_leaves_no_process(
    signal_: signal.Signals, moment: str, others: int
) -> None:
    """Ctrl-C, however often, or termination ends everything it started, and it says so."""
    async with _demo() as demo:
        started: set[tuple[int, int]] = set()
        await asyncio.wait_for(_read_until(demo, moment, started), DEADLINE_S)
        assert len(started) >= others
        # A terminal sends Ctrl-C to the whole foreground group.
        os.killpg(demo.pid, signal_)
        await asyncio.wait_for(_read_until(demo, "Stopping", started), DEADLINE_S)
        with suppress(ProcessLookupError):  # it may have stopped everything by now
            os.killpg(demo.pid, signal_)
        text = await asyncio.wait_for(_read_until(demo, None, started), DEADLINE_S)
        await asyncio.wait_for(demo.wait(), DEADLINE_S)
    assert demo.returncode == 130, text
    assert text == "Interrupted: everything that the demo had started has been stopped.\n"
    assert still_living(started) == set()


async def test_help_explains() -> None:
    """--help says what it does, what it needs, and what the exit codes mean."""
    async with _demo("--help") as demo:
        text, _ = await asyncio.wait_for(demo.communicate(), DEADLINE_S)
    words = " ".join(text.decode().split())
    assert demo.returncode == 0
    assert "no AWS account" in words
    assert "--otlp URL" in words
    assert "Exit codes: 0" in words


async def test_it_runs_against_a_local_cloudwatch() -> None:
    """All three signals arrive; only the question whether the group exists is refused."""
    async with _demo("--cloudwatch") as demo:
        text, _ = await asyncio.wait_for(demo.communicate(), DEADLINE_S)
    output = text.decode()
    assert demo.returncode == 0, output
    assert "https://xray.eu-central-1.amazonaws.com a local X-Ray" in output
    assert max(len(line) for line in output.splitlines()) <= 100
    counts = re.search(r"^  (\d+) spans, (\d+) log records, (\d+) points", output, re.M)
    assert counts is not None
    assert all(int(count) > 0 for count in counts.groups())
    assert re.findall(r"^  \d+ × .*", output, re.M) == [
        MISSING,
    ]


@pytest.mark.parametrize("place", [["--cloudwatch"], ["--otlp", "http://127.0.0.1:{port}"]])
async def test_a_page_is_refused_where_the_traces_go_elsewhere(
    place: list[str], tmp_path: Path
) -> None:
    """It would be empty; without a word it was not written."""
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        port = endpoint.getsockname()[1]
        words = [word.format(port=port) for word in place]
        async with _demo(*words, "--report", str(tmp_path / "page.html")) as demo:
            text, _ = await asyncio.wait_for(demo.communicate(), DEADLINE_S)
    assert demo.returncode == 2
    assert f"--report: not allowed with argument {place[0]}" in text.decode()


@asynccontextmanager
async def _demo(*arguments: str) -> AsyncIterator[Process]:
    """Run the demo in a process group of its own, as a shell does; it never outlives the test.

    The cache's usual port is taken meanwhile, so that no other extension is in the way.
    """
    with locked("demo"), _taken(2773):  # test_report runs it, too
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulator.demo",
            *arguments,
            cwd=ROOT,
            env={**os.environ, "TTY_COMPATIBLE": "0", "FORCE_COLOR": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@contextmanager
def _taken(port: int) -> Iterator[None]:
    """Listen on the port, unless another process does so already."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


async def _read_until(demo: Process, word: str | None, started: set[tuple[int, int]]) -> str:
    """Read up to the line that holds `word`, or all; note in `started` what the demo starts."""
    assert demo.stdout is not None
    text = ""
    while line := (await demo.stdout.readline()).decode():
        started |= descendants(demo.pid)
        text += line
        if word is not None and word in line:
            break
    return text
