"""build_layer.sh answers what it cannot do with one line, status 1 and no zip."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layer.interpreters import find_interpreter
from layer.order import ROOT
from layer.target import COMING
from layer.wheels import explain, index_settings
from tests.layer.built import VERSION

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
UNREACHABLE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": os.devnull,
}


def run(
    *arguments: object, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the script in `folder` with this Python."""
    return subprocess.run(
        [ROOT / "build_layer.sh", *map(str, arguments)],
        env={**os.environ, "PYTHON": sys.executable, **(environment or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str], *, folder: Path) -> str:
    """Return the one line of a refusal, which left no zip behind."""
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    left = [path.name for path in folder.rglob("*") if ".zip" in path.name]
    assert left == []
    return line.removeprefix("build_layer.sh: ")


def make_wheel(folder: Path, *, name: str) -> Path:
    """Write a wheel that pip can install."""
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--arch", "sparc"], "argument --arch: invalid choice: 'sparc'"),
        (["--python", "3.12,3.9"], "argument --python: '3.9' is not one of 3.11, 3.12"),
        (["--glibc", "two"], "argument --glibc: 'two' is not a version like 2.34"),
        (["--standalone", "--python", "3.12"], "--python and --standalone exclude each other"),
        (["--interpreter", "/nowhere"], "/nowhere holds no Python 3.11"),
        (["--output", "/dev/null/dist"], "/dev/null/dist cannot be written: Not a directory"),
        (["--output", ""], "argument --output: the name is empty"),
        (["--interpreter", ""], "argument --interpreter: the name is empty"),
        (["--requirements", ""], "argument --requirements: the name is empty"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], line: str, tmp_path: Path) -> None:
    """The line says which, and what would be right."""
    assert refusal(run(*arguments, folder=tmp_path), folder=tmp_path).startswith(line)


def test_a_python_that_lambda_does_not_have_yet_needs_its_interpreter(tmp_path: Path) -> None:
    """It is built for where one is found, and otherwise named as missing."""
    if find_interpreter(COMING[0]):
        pytest.skip(f"there is a Python {COMING[0]} here")
    done = run("--python", COMING[0], folder=tmp_path)
    assert done.stdout.startswith(f"Python {COMING[0]} is skipped: no interpreter here")
    assert refusal(done, folder=tmp_path).startswith("no version is left")


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    """The package index does not answer."""
    done = run("--python", VERSION, folder=tmp_path, environment=UNREACHABLE)
    assert refusal(done, folder=tmp_path).endswith("cannot be reached; is there a network?")


@pytest.mark.parametrize(
    ("pinned", "line"),
    [
        ("--hash=sha256:" + "0" * 64, "does not have the hash that is pinned for it"),
        ("", "every requirement needs a hash (make lock)"),
    ],
)
def test_a_wheel_must_have_the_pinned_hash(pinned: str, line: str, tmp_path: Path) -> None:
    """Another hash, or none, and nothing is installed."""
    make_wheel(tmp_path, name="innocent")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"innocent==1.0 {pinned}\n")
    done = run(
        *("--python", VERSION, "--requirements", requirements),
        folder=tmp_path,
        environment={**OFFLINE, "PIP_FIND_LINKS": str(tmp_path)},
    )
    assert refusal(done, folder=tmp_path).endswith(line)


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    """No wheel fits the machine."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    done = run(
        *("--python", VERSION, "--requirements", requirements),
        folder=tmp_path,
        environment={**OFFLINE, "PIP_FIND_LINKS": str(tmp_path)},
    )
    assert refusal(done, folder=tmp_path).endswith("there is no wheel of absent==1.0 for it")


def test_packages_without_ours_are_no_layer(tmp_path: Path) -> None:
    """Requirements that install, but lack botocore."""
    wheel = make_wheel(tmp_path, name="innocent")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"innocent==1.0 --hash=sha256:{digest}\n")
    done = run(
        *("--python", VERSION, "--requirements", requirements, "--no-comparison"),
        folder=tmp_path,
        environment={**OFFLINE, "PIP_FIND_LINKS": str(tmp_path)},
    )
    assert refusal(done, folder=tmp_path) == "botocore has no model of ssm in service-2.json.gz"


def test_a_python_that_cannot_build_is_named(tmp_path: Path) -> None:
    """Too old, without zlib, or not there."""
    done = run(folder=tmp_path, environment={"PYTHON": "/nowhere/python3"})
    assert refusal(done, folder=tmp_path).startswith(
        "needs Python 3.11 or newer with zlib; /nowhere"
    )


INSTALL_SETTINGS = "user = true\nrequire-virtualenv = true\nprefix = /nowhere\nroot = /nowhere\n"


@pytest.mark.parametrize("settings", ["file", "variables"])
def test_the_users_settings_for_installing_do_not_matter(settings: str, tmp_path: Path) -> None:
    """Those of the index do: the wheel is found, and put where the build wants it."""
    wheel = make_wheel(tmp_path, name="innocent")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"innocent==1.0 --hash=sha256:{digest}\n")
    file = tmp_path / "pip.conf"
    index = f"[global]\nno-index = true\nfind-links = {tmp_path}\n"
    file.write_text(f"{index}[install]\ndry-run = true\n{INSTALL_SETTINGS}")
    in_file = {"PIP_CONFIG_FILE": str(file), "PIP_FIND_LINKS": ""}
    in_variables = {
        **OFFLINE,
        "PIP_FIND_LINKS": str(tmp_path),
        **dict.fromkeys(("PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN"), "1"),
        **dict.fromkeys(("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET"), "/nowhere"),
    }
    done = run(
        *("--python", VERSION, "--requirements", requirements, "--no-comparison"),
        folder=tmp_path,
        environment=in_file if settings == "file" else in_variables,
    )
    assert refusal(done, folder=tmp_path) == "botocore has no model of ssm in service-2.json.gz"
    assert Path("/nowhere").exists() is False


def test_settings_of_the_index_are_read_from_pips_list() -> None:
    """Also those of several lines; those for `pip install` win over those for every command."""
    listed = (
        "download.index-url='https://download'\n"
        "global.extra-index-url='https://a\\nhttps://b'\n"
        "global.index-url='https://global'\n"
        "global.user='true'\n"
        "install.index-url='https://install'\n"
    )
    assert index_settings(listed) == {
        "PIP_EXTRA_INDEX_URL": "https://a\nhttps://b",
        "PIP_INDEX_URL": "https://install",
    }


@pytest.mark.parametrize(
    "call",
    [
        "cd {root} && ./build_layer.sh",
        "cd {root} && sh build_layer.sh",
        "cd {root}/.. && sh -c '{name}/build_layer.sh \"$@\"' sh",
        "CDPATH={root}:/ && export CDPATH && cd {root}/.. && {name}/build_layer.sh",
        "{link}",
        "cd {link_folder} && ./link",
        "PATH={root}:$PATH && build_layer.sh",
    ],
)
def test_it_may_be_called_from_anywhere(call: str, tmp_path: Path) -> None:
    """By any path, through links, and with CDPATH set."""
    (tmp_path / "a b").mkdir()
    (tmp_path / "direct").symlink_to(os.path.relpath(ROOT / "build_layer.sh", tmp_path))
    (tmp_path / "a b/link").symlink_to("../direct")
    places = {
        "root": shlex.quote(str(ROOT)),
        "name": shlex.quote(ROOT.name),
        "link": shlex.quote(str(tmp_path / "a b/link")),
        "link_folder": shlex.quote(str(tmp_path / "a b")),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", call.format(**places) + " --frobnicate"],
        env={**os.environ, "PYTHON": sys.executable},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "build_layer.sh: unrecognized arguments: --frobnicate\n"


def test_scripts_are_checked_out_with_line_ends_that_a_kernel_understands() -> None:
    """Whatever git is set to on Windows."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()


def test_help_names_every_option(tmp_path: Path) -> None:
    """And exits with 0."""
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0
    for option in ("--arch", "--python", "--standalone", "--interpreter", "--output", "--source"):
        assert option in done.stdout


def test_an_unknown_complaint_of_pip_is_passed_on() -> None:
    """Its first error, or else its first line."""
    assert explain("WARNING: x\nERROR: the disk is full\nmore") == "the disk is full"
    assert explain("just this\n") == "just this"
    assert explain("") == "pip failed without a word"
    assert explain("/usr/bin/python3: No module named pip") == f"{sys.executable} has no pip"
