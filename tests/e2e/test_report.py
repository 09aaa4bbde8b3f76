"""The picture of a run, as a browser shows it: Chromium opens the page and tells what is there."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import struct
import sys
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.build_cache import locked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 300.0
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
SCHEMES = {"dark": 0, "light": 1}
# Asks the browser for what it has laid out: the bar of each span, in shares of its track, and
# whether it is on top where it should be seen.
PROBE = """
<script>
const measured = element => {
  element.scrollIntoView({block: "center"});
  const bar = element.getBoundingClientRect();
  const track = element.parentElement.getBoundingClientRect();
  const on_top = document.elementFromPoint(bar.x + bar.width / 2, bar.y + 1);
  const style = getComputedStyle(element);
  return {
    name: element.closest(".row").querySelector(".name").textContent,
    left: (bar.left - track.left) / track.width,
    right: (bar.right - track.left) / track.width,
    width_px: bar.width,
    seen: element.parentElement.contains(on_top),
    colour: style.backgroundColor,
    hatched: style.backgroundImage != "none",
  };
};
parent.document.body.textContent = JSON.stringify({
  spans: [...document.querySelectorAll("[data-span]")].map(measured),
  gets: [...document.querySelectorAll(".card .mark.get")].map(mark => mark.title),
  lines: document.querySelectorAll(".waterfall .mark.line").length,
  background: getComputedStyle(document.body).backgroundColor,
  width_px: innerWidth,
  needs_px: document.documentElement.scrollWidth,
  requests: performance.getEntriesByType("resource").length,
});
</script>
"""
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not here (apt-get install it)"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The page that one whole demo writes."""
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    with locked("demo"):  # test_demo looks at the port that it takes
        output = await _run(sys.executable, "-m", "simulator.demo", "--report", str(path))
    assert f"The picture of this run, for a browser: {path}" in output
    yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(page: Path) -> AsyncIterator[dict[str, Any]]:
    """What Chromium finds on it, on a desk and in light mode."""
    yield await _probe(page, width_px=1280, scheme="light")


async def test_every_span_is_seen(seen: dict[str, Any]) -> None:
    """Inits, invocations and calls to AWS are all drawn, each on its track, none covered."""
    names = Counter(span["name"].removeprefix("✗ ") for span in seen["spans"])
    assert (names["init"], names["greeter"]) == (2, 7)
    assert (names["SSM.GetParameter"], names["Secrets Manager.GetSecretValue"]) == (2, 2)
    for span in seen["spans"]:
        assert span["seen"], span
        assert span["width_px"] >= 3, span
        assert -0.01 <= span["left"] <= 1.01, span


async def test_cold_start_is_drawn_before_its_invocation(seen: dict[str, Any]) -> None:
    """The bar of the init ends where that of the invocation begins, or before."""
    spans = seen["spans"]
    inits = [at for at, span in enumerate(spans) if span["name"] == "init"]
    assert [spans[at + 1]["name"] for at in inits] == ["greeter", "greeter"]
    for at in inits:
        assert spans[at]["left"] == pytest.approx(0, abs=0.01)
        assert spans[at]["right"] <= spans[at + 1]["left"] + 0.01
        assert spans[at]["colour"] != spans[at + 1]["colour"]


async def test_failures_stand_out(seen: dict[str, Any]) -> None:
    """The exception and the timeout are hatched and marked by a sign, and nothing else is."""
    failed = [span for span in seen["spans"] if span["hatched"]]
    assert [span["name"] for span in failed] == ["✗ greeter", "✗ greeter"]


async def test_gets_and_lines_are_marked(seen: dict[str, Any]) -> None:
    """Two misses in each sandbox, hits in all other invocations, each with its log lines."""
    results = Counter(title.split()[2] for title in seen["gets"])
    assert results == {"MISS": 4, "HIT": 10}
    assert seen["lines"] >= 2 * 7


async def test_page_needs_no_network(seen: dict[str, Any]) -> None:
    """The browser has fetched nothing but the page itself."""
    assert seen["requests"] == 0


async def test_page_is_readable_in_the_dark(page: Path, seen: dict[str, Any]) -> None:
    """With a dark system the page is dark; the same spans are seen."""
    dark = await _probe(page, width_px=1280, scheme="dark")
    assert _brightness(dark["background"]) < 40 < 220 < _brightness(seen["background"])
    assert [span["name"] for span in dark["spans"]] == [span["name"] for span in seen["spans"]]
    assert all(span["seen"] for span in dark["spans"])


async def test_page_fits_a_phone(page: Path) -> None:
    """On 390 pixels nothing runs over the edge, and every span is still seen."""
    phone = await _probe(page, width_px=390, scheme="light")
    assert phone["width_px"] == 390
    assert phone["needs_px"] <= 390
    assert all(span["seen"] and span["width_px"] >= 3 for span in phone["spans"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_can_be_photographed(page: Path, tmp_path: Path, scheme: str) -> None:
    """A screenshot has the size that was asked for, and is not empty."""
    png = tmp_path / "page.png"
    await _chromium(page, f"--screenshot={png}", "--window-size=1280,1100", _preference(scheme))
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1280, 1100)
    assert len(content) > 50_000


def test_page_tells_nothing_private(page: Path) -> None:
    """Neither the secret nor a folder of this machine is on it."""
    text = page.read_text()
    assert "correct-horse-battery-staple" not in text
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert "/var/task/handler.py" in text


async def test_simulator_draws_any_function(tmp_path: Path) -> None:
    """With --report the simulator runs lambda-dispatch beside the function and writes the page."""
    (tmp_path / "app.py").write_text(
        "print('importing')\n"
        "def handler(event, context):\n    print('<b>running</b>')\n    return 1 / event['n']\n"
    )
    path = tmp_path / "out.html"
    await _simulate(f"{tmp_path / 'app.py'}:handler", path, '{"n": 0}', "--times", "2", code=1)
    page = await _probe(path, width_px=1280, scheme="light")
    named = [span["name"] for span in page["spans"]]
    assert [name for name in named if "function" in name or name == "init"] == [
        "init",
        "✗ function",
        "✗ function",
    ]
    assert page["lines"] >= 2
    _assert_shows(path, '{"n": 0}', "ZeroDivisionError: division by zero", "<b>running</b>")


async def test_simulator_draws_hits_and_misses(tmp_path: Path) -> None:
    """The function's GETs of the cache are on the page, whatever port it takes for the cache."""
    path = tmp_path / "out.html"
    seeds = ("--parameter=/demo/greeting=hello", "--secret=demo/api-key=key")
    await _simulate("examples/function:handler.handler", path, "{}", "--times=2", *seeds)
    page = await _probe(path, width_px=1280, scheme="light")
    titles = [re.search(r"(MISS|HIT) ([^,]+)", title) for title in page["gets"]]
    names = ("/demo/greeting", "demo/api-key")
    assert [found and found.groups() for found in titles] == [
        (result, name) for result in ("MISS", "HIT") for name in names
    ]


def _assert_shows(page: Path, *texts: str) -> None:
    html = page.read_text()
    for text in texts:
        assert escape(text) in html.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


async def _simulate(function: str, path: Path, event: str, *more: str, code: int = 0) -> None:
    command = ("--function", function, "--report", str(path), "--event", event, *more)
    output = await _run(sys.executable, "-W", "error", "-m", "simulator", *command, code=code)
    assert output.rstrip().endswith(f"report: {path}")


async def _probe(page: Path, *, width_px: int, scheme: str) -> dict[str, Any]:
    """What the browser says of the page in a frame of that width."""
    frame = page.with_name(f"frame-{width_px}.html")
    _write_frame(frame, around=page, width_px=width_px)
    dom = await _chromium(frame, "--dump-dom", "--window-size=1400,1200", _preference(scheme))
    answer = re.search(r"<body>(\{.+\})", dom, re.S)
    assert answer, dom[-2000:]
    found: dict[str, Any] = json.loads(unescape(answer[1]))
    return found


def _write_frame(frame: Path, *, around: Path, width_px: int) -> None:
    """A page of that width, for no window is as narrow as a phone; with the script that asks."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    html, found = policy.subn("", around.read_text())
    assert found == 1
    probed = escape(html.replace("</body>", f"{PROBE}</body>"))
    frame.write_text(
        f'<!doctype html><body><iframe width="{width_px}" height="1100" style="border: 0" '
        f'srcdoc="{probed}"></iframe></body>'
    )


async def _chromium(page: Path, *options: str) -> str:
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory() as profile:
        return await _run(CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri())


async def _run(*command: str, code: int = 0) -> str:
    """What the command prints; it never outlives the test."""
    async with _started(*command) as process:
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == code, output.decode() + errors.decode()
    return output.decode()


@asynccontextmanager
async def _started(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _preference(scheme: str) -> str:
    return f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"


def _brightness(colour: str) -> float:
    """The mean of red, green and blue, 0 to 255, of a computed `rgb(…)`."""
    channels = [int(number) for number in re.findall(r"\d+", colour)[:3]]
    return sum(channels) / 3
