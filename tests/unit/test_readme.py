"""README and docs/ say what the code does, and name what exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from extension.settings.config import USER_SECTIONS, read_config
from extension.settings.sdk_variables import PREFIX, SIGNALS
from extension.settings.variable import variables
from extension.telemetry.otlp import attributes, instruments
from tests.configuration_table import DOCUMENT

ROOT = DOCUMENT.parent.parent
README = ROOT / "README.md"
GUIDES = [README, *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [*GUIDES, ROOT / "layer/README.md", ROOT / "simulator/README.md"]
LINES = 180
"""Longest README: the rest belongs to docs/."""
PREFIXES = "DISPATCH|OTEL|PARAMETERS_SECRETS_EXTENSION|SECRETS_MANAGER|SSM_PARAMETER_STORE"
OURS = rf"\b(?:{PREFIXES})_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])"
"""Whole names of variables; `DISPATCH_` alone is none."""
MAKE = r"`make ([a-z]+)"

documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def inline(text: str) -> list[str]:
    """Return what stands between single backticks, outside fenced blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def test_the_readme_is_short() -> None:
    """It says what, why and how to start; the rest belongs to docs/."""
    assert len(README.read_text().splitlines()) <= LINES


@documents
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file or folder, every fragment a heading of its own page."""
    text = document.read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    headings = {_fragment(each) for each in re.findall(r"^#+ (.+)$", text, re.M)}
    inside = {link[1:] for link in links if link.startswith("#")}
    files = {link for link in links if not re.match(r"#|https://", link)}
    paths = [link.partition("#")[0] for link in files]
    assert [link for link in paths if not (document.parent / link).exists()] == []
    assert inside <= headings


def _fragment(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_paths_exist() -> None:
    """What looks like a file or folder of the checkout is one."""
    pattern = r"(?:\./)?\w[\w/-]*(?:/|\.py|\.sh|\.yaml|\.toml)"
    words = {each.split()[0] for guide in GUIDES for each in inline(guide.read_text())}
    named = {word for word in words if re.fullmatch(pattern, word)}
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize(
    "document",
    # These name variables of SDKs, too.
    [each for each in DOCUMENTS if each.name not in ("conventions.md", "migrate.md", "sdk.md")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_variables_exist(document: Path) -> None:
    """Every variable that is ours, or that we share with others, is read by the code."""
    known = {each.name for section in USER_SECTIONS for each in variables(section)}
    general = {name for name in known if name.startswith(PREFIX)}
    known |= {name.replace(PREFIX, f"{PREFIX}{signal.upper()}_") for name in general
              for signal in SIGNALS}  # fmt: skip
    named = set(re.findall(OURS, document.read_text()))
    assert named - known == set()


def test_examples_of_values_are_accepted() -> None:
    """Each `NAME=value` outside the table is a good setting."""
    texts = [each for guide in GUIDES for each in inline(guide.read_text())]
    settings = [each for each in texts if re.match(rf"{OURS}=[^=]", each)]
    assert settings
    for setting in settings:
        name, _, value = setting.partition("=")
        assert read_config({name: value})[1] == (), setting


def test_settings_in_blocks_are_accepted() -> None:
    """Each `NAME: value` of a block in YAML is a good setting."""
    blocks = [
        block
        for guide in GUIDES
        for block in re.findall(r"^```yaml\n(.*?)^```$", guide.read_text(), re.M | re.S)
    ]
    settings = [each for block in blocks for each in re.findall(rf"^({OURS}): (\S+)", block, re.M)]
    assert settings
    for name, value in settings:
        assert read_config({name: value})[1] == (), name


def test_telemetry_is_called_as_the_code_calls_it() -> None:
    """Attributes and metrics that the text names exist."""
    constants = {value for name, value in vars(attributes).items() if name.isupper()}
    named = {
        each
        for guide in (README, ROOT / "docs/telemetry.md")
        for each in inline(guide.read_text())
        if re.match(r"(faas|lambda_dispatch)\.", each)
    }
    assert named
    assert named - constants - set(instruments.INSTRUMENTS) == set()


@pytest.mark.parametrize(
    "target",
    sorted({name for each in DOCUMENTS for name in re.findall(MAKE, each.read_text())}),
)
def test_make_knows_the_target(target: str) -> None:
    """It is in the Makefile, is explained by `make help`, and could be run."""
    explained = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"make {target} " in explained.stdout
    subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)


def test_the_build_has_the_options() -> None:
    """Whatever the layer's README calls `./build_layer.sh` with, its help explains."""
    calls = re.findall(r"`\./build_layer\.sh ([^`]+)`", (ROOT / "layer/README.md").read_text())
    options = {word for call in calls for word in call.split() if word.startswith("--")}
    called = ["./build_layer.sh", "--help"]
    done = subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=True)
    assert options
    assert [option for option in options if f"  {option} " not in f"{done.stdout} "] == []
