"""`make docs` builds a site without a warning, which a browser shows without any other host."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from tests.build_cache import locked
from tests.docs.linters import NotHereError
from tests.docs.pages import PAGES, ROOT
from website.outside import PAGES as OUTSIDE

BUILD_S = 280
BROKEN = "[no page](nothing.md) and [no heading](sdk.md#nothing)\n"
LOADED = r'<(?:script|img|link|iframe)[^>]*\b(?:src|href)="([a-z]+:[^"]*|//[^"]*)"'
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=5000",
)


PROBE = """<!doctype html><body><script>
const width = Number(location.search.slice(1));
const frame = document.createElement("iframe");
frame.width = width;
frame.height = 900;
frame.style.border = "0";
frame.onload = () => setTimeout(() => {
  const page = frame.contentDocument;
  const resources = frame.contentWindow.performance.getEntriesByType("resource");
  document.body.textContent = JSON.stringify({
    needs_px: page.documentElement.scrollWidth,
    pictures: [...page.querySelectorAll("article img")].map(each => each.offsetWidth),
    has_search: page.querySelector("[data-md-component=search]") !== null,
    resources: resources.map(each => each.name),
  });
}, 500);
frame.src = "/index.html";
document.body.append(frame);
</script></body>"""
"""Asks the browser for what it has laid out."""


@pytest.fixture(scope="module")
def site() -> Path:
    """The site, as `make docs` builds it; skipped where its packages cannot be fetched."""
    with locked("docs") as folder:
        try:
            folder.mkdir(exist_ok=True)
            _make(folder, ".ready")
        except NotHereError as error:
            pytest.skip(str(error))
        target = folder / "site"
        command = ["make", "docs", f"DOCS={folder}", f"SITE={target}"]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False
        )
    assert (done.returncode, re.findall(r"^WARNING.*", done.stderr, re.M)) == (0, [])
    return target


def _make(folder: Path, name: str) -> None:
    """Install what builds the site."""
    done = subprocess.run(
        ["make", f"{folder}/{name}", f"DOCS={folder}"],
        cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotHereError(f"the packages of the site cannot be fetched: {done.stderr[-200:]}")


def test_a_broken_link_fails(site: Path, tmp_path: Path) -> None:
    """Of a page that is not there, and of a heading that is not there."""
    for name in ("website", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "layer", "simulator",
                 "benchmarks", "Makefile", "requirements", "mkdocs.yml"):  # fmt: skip
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs/limits.md").open("a") as page:
        page.write(BROKEN)
    command = ["make", "docs", f"DOCS={site.parent}", f"SITE={tmp_path / 'site'}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert re.search(r"limits\.md.*nothing\.md", done.stderr)
    assert "#nothing" in done.stderr


def test_every_page_is_in_the_navigation() -> None:
    """A page is found without its name."""
    text = (ROOT / "mkdocs.yml").read_text()
    listed = [page for part in yaml.safe_load(text)["nav"] for [(_, pages)] in [part.items()]
              for entry in pages for page in entry.values()]  # fmt: skip
    ours = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
    assert sorted(listed) == sorted([*ours, *OUTSIDE.values()])


def test_each_page_is_built(site: Path) -> None:
    """Each has its title, and none is empty."""
    ours = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
    for page in (*ours, *OUTSIDE.values()):
        built = page.replace("README.md", "index.md").replace(".md", ".html")
        text = (site / built).read_text()
        assert re.search(r"<h1[^>]*>[^<]+", text), page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No font, script or picture of another host: the site works without a network."""
    texts = {path: path.read_text() for path in site.rglob("*.html")}
    loaded = {found for text in texts.values() for found in re.findall(LOADED, text)}
    assert {each for each in loaded if not each.startswith("data:")} == set()
    sheets = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?https?:", sheets) == []


def test_lists_and_tables_are_rendered(site: Path) -> None:
    """No Markdown is left in the text of a page."""
    for path in site.rglob("*.html"):
        text = re.sub(r"<(pre|code|script)\b.*?</\1>", "", path.read_text(), flags=re.S)
        assert re.findall(r"<p>[^<]*\n(?:- |\d+\. )", text) == [], path.name
        assert re.findall(r"\| --- \|", text) == [], path.name


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    """The site over HTTP, with a page beside it that measures the start page."""

    class Pages(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(site))

        def do_GET(self) -> None:
            if not self.path.startswith("/probe"):
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PROBE.encode())
            return None

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.mark.parametrize("width", [1280, 400])
def test_the_start_page_fits_into_a_browser(server: str, tmp_path: Path, width: int) -> None:
    """On a wide screen and on a phone: the pictures are there, and nothing is cut off."""
    dom = _chromium(tmp_path, "--dump-dom", f"{server}/probe?{width}")
    found = re.search(r"<body>(\{.*\})</body>", dom, re.S)
    assert found, dom[-500:]
    measured = json.loads(unescape(found[1]))
    assert measured["needs_px"] <= width
    assert measured["pictures"]
    assert all(each > 100 for each in measured["pictures"])
    assert measured["has_search"]
    assert {each for each in measured["resources"] if not each.startswith(server)} == set()


@pytest.mark.parametrize("width", [1280, 400])
def test_a_picture_of_the_start_page(server: str, tmp_path: Path, width: int) -> None:
    """Chromium draws it."""
    shot = tmp_path / "start.png"
    size = f"--window-size={width},900"
    _chromium(tmp_path, f"--screenshot={shot}", size, f"{server}/index.html")
    content = shot.read_bytes()
    assert struct.unpack(">II", content[16:24]) == (width, 900)
    assert len(content) > 20_000  # an empty page of this size takes 4 KB


def _chromium(folder: Path, *options: str) -> str:
    """Run the browser, with a profile on a short path; return what it printed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not here (apt-get install it)")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="site-") as profile:
        done = subprocess.run(
            [program, *FLAGS, f"--user-data-dir={profile}", *options],
            cwd=folder, capture_output=True, text=True, timeout=BUILD_S, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout
