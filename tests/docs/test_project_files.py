"""Workflows, templates and the files of the release are well formed, and name what exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from extension import __version__
from tests.build_cache import locked
from tests.docs.pages import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
TEMPLATES = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
ACTIONLINT, VERSION = "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"
BUILD_S = 280
REGISTRIES = r"pypi\.org|pythonhosted|npmjs|proxy\.golang|maven\.org|crates\.io|docker\.io|ghcr\.io"


def read(path: Path) -> Any:
    """Return what a file in YAML says; `on:` is the key True there."""
    return yaml.safe_load(path.read_text())


def actionlint() -> str:
    """Return the linter, which is built where Go and its modules are; skips elsewhere."""
    if found := shutil.which("actionlint"):
        return found
    go = shutil.which("go")
    if go is None:
        pytest.skip("neither actionlint nor go is installed")
    with locked(f"actionlint-{VERSION}") as folder:
        if not (folder / "actionlint").exists():
            environment = {**os.environ, "GOBIN": str(folder)}
            done = subprocess.run(
                [go, "install", f"{ACTIONLINT}@{VERSION}"], env=environment, timeout=BUILD_S,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                pytest.skip(f"actionlint cannot be built: {done.stderr[-200:]}")
    return str(folder / "actionlint")


def test_the_workflows_pass_the_linter() -> None:
    """Without an error, their shell lines included where shellcheck is installed."""
    done = subprocess.run(
        [actionlint(), *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(workflow: Path) -> None:
    """Each by the hash of its commit, with the version beside it, as dependabot keeps them."""
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert used
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_allowed_that_is_not_needed(workflow: Path) -> None:
    """The token reads; a job that writes says so itself."""
    assert read(workflow)["permissions"] == {"contents": "read"}


def test_ci_runs_what_a_reviewer_runs() -> None:
    """On each supported Python and both architectures."""
    job = read(GITHUB / "workflows/ci.yml")["jobs"]["test"]
    assert {"run": ".ci/run"} in job["steps"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert len(job["strategy"]["matrix"]["runner"]) == 2
    assert os.access(ROOT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_of_issues_can_be_used(template: Path) -> None:
    """It has what a form must have, and no id twice."""
    form = read(template)
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    for field in form["body"]:
        assert field["type"] in ("markdown", "textarea", "input", "dropdown")
        assert "value" in field["attributes"] or field["attributes"]["label"]


def test_dependabot_looks_at_every_pin() -> None:
    """Each folder that it names exists, and each with pinned requirements is named."""
    updates = read(GITHUB / "dependabot.yml")["updates"]
    named = {folder for each in updates for folder in
             each.get("directories", [each.get("directory")])}  # fmt: skip
    assert [each for each in named if not (ROOT / each.lstrip("/")).is_dir()] == []
    pinned = {"/layer", *(f"/{path.parent.relative_to(ROOT)}" for path in
                          (ROOT / "requirements").glob("*.txt"))}  # fmt: skip
    assert pinned <= named


def test_no_host_of_a_registry_is_named() -> None:
    """Packages come from where each machine is set up to look."""
    files = [path for path in GITHUB.rglob("*") if path.is_file()]
    files += [ROOT / "RELEASING.md", ROOT / "CODE_OF_CONDUCT.md", ROOT / "mkdocs.yml"]
    assert [str(path) for path in files if re.search(REGISTRIES, path.read_text())] == []


def test_the_version_stands_in_one_place() -> None:
    """The package takes it from the code, and no other module repeats it."""
    assert 'version = { attr = "extension.__version__" }' in (ROOT / "pyproject.toml").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    hits = [path for folder in ("extension", "layer") for path in (ROOT / folder).rglob("*.py")
            if f'"{__version__}"' in path.read_text()]  # fmt: skip
    assert hits == [ROOT / "extension/__init__.py"]


def test_the_changelog_has_a_place_for_what_comes() -> None:
    """Its first heading is Unreleased, or the version itself."""
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert heading
    assert heading[1] in ("Unreleased", __version__)


def test_releasing_names_targets_that_exist() -> None:
    """Each `make` in it can be run."""
    targets = set(re.findall(r"make ([a-z-]+)", (ROOT / "RELEASING.md").read_text()))
    assert targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)
