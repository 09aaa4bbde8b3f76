"""What start.py settles before the extension is imported: whose library, and whom TLS trusts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from layer.order import ROOT

TELLS = "import os\ndef main():\n    print(__file__, os.environ.get('SSL_CERT_FILE'), sep='\\n')\n"
NO_AUTHORITIES = (
    "for each in /etc/ssl /etc/pki; do [ ! -d $each ] || mount -t tmpfs none $each; done"
)


@dataclass(frozen=True)
class Started:
    """What came of a start: our own lines, the module that ran, and the SSL_CERT_FILE it saw."""

    lines: list[dict[str, str]]
    module: str
    certificates: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A layer's folder with one library, whose extension says what it finds."""
    folder = tmp_path / "lambda-dispatch"
    add_library(folder, "lib-1")
    shutil.copy(ROOT / "layer/start.py", folder)
    (folder / "build").write_text("1\n")
    return folder


def add_library(home: Path, name: str) -> None:
    """Add the library of one release."""
    (home / name / "extension").mkdir(parents=True)
    (home / name / "extension/__main__.py").write_text(TELLS)
    (home / name / "botocore").mkdir()
    (home / name / "botocore/cacert.pem").touch()


def start(home: Path, *, before: str = ":", **environment: str) -> Started:
    """Run start.py in a mount namespace of its own, after the shell line `before`."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'set -e; {before}; exec {sys.executable} -I -S "$0"'
    unshare = shutil.which("unshare")
    command = [unshare or "", "--mount", *rights, "/bin/sh", "-c"]
    if unshare is None or subprocess.run([*command, ":"], check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    done = subprocess.run(
        [*command, script, home / "start.py"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, module, certificates = done.stdout.splitlines()
    return Started([json.loads(line) for line in lines], module, certificates)


def test_in_an_image_without_authorities_the_layers_are_trusted(home: Path) -> None:
    """Whichever interpreter runs, botocore's bundle lies in every layer."""
    started = start(home, before=NO_AUTHORITIES)
    assert started == Started([], started.module, str(home / "lib-1/botocore/cacert.pem"))


def test_an_interpreter_of_the_image_knows_the_images_authorities(home: Path) -> None:
    """Nothing is set where there are any, as one bundle or as single files."""
    assert start(home).certificates == "None"
    before = f"{NO_AUTHORITIES}; mkdir /etc/ssl/certs; echo > /etc/ssl/certs/own.pem"
    assert start(home, before=before).certificates == "None"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_users_choice_stands(variable: str, home: Path) -> None:
    """A file or a folder; an empty variable is no choice."""
    chosen = start(home, before=NO_AUTHORITIES, **{variable: "/own"})
    assert chosen.certificates == ("/own" if variable == "SSL_CERT_FILE" else "None")
    empty = start(home, before=NO_AUTHORITIES, **{variable: ""})
    assert empty.certificates == str(home / "lib-1/botocore/cacert.pem")


def test_without_any_authorities_a_line_says_so(home: Path) -> None:
    """In words, and where they were looked for."""
    (home / "lib-1/botocore/cacert.pem").unlink()
    [line] = start(home, before=NO_AUTHORITIES).lines
    assert (line["level"], line["message"]) == ("WARN", "no certificate authorities found")
    assert line["cause"].endswith(f"{home}/lib-1/botocore/cacert.pem")


def test_of_two_releases_in_one_tree_one_runs_as_a_whole(home: Path) -> None:
    """That which was unpacked last; a line names both."""
    add_library(home, "lib-2")
    assert start(home).module == str(home / "lib-1/extension/__main__.py")
    (home / "build").write_text("2\n")
    started = start(home)
    assert started.module == str(home / "lib-2/extension/__main__.py")
    [line] = started.lines
    assert (line["level"], line["message"]) == ("WARN", "two releases attached")
    assert line["cause"] == f"lib-2 runs; in {home} are ['lib-1', 'lib-2']"
