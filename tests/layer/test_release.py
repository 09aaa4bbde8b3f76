"""`python -m layer.release` gathers zips, checksums, licences, SBOMs and notes of one version."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from extension import __version__
from layer.contents_of_zip import read_layer
from layer.errors import LayerError
from layer.notes import release_notes
from layer.order import ROOT
from layer.release import gather, main
from layer.sbom import sbom
from tests.build_cache import built
from tests.layer.zips import write_layer

YARL = metadata.version("yarl")
VALIDATOR = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    assert error is None, error
"""


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The folder of a release of two zips."""
    settings: dict[str, Any] = {
        "version": __version__,
        "packages": {"yarl": YARL, "boto3": metadata.version("boto3"), "of_nowhere": "1.0"},
        "files": ("yarl/__init__.py",),
    }
    zips = [
        write_layer(tmp_path, **settings),
        write_layer(tmp_path, architecture="arm64", interpreter="3.13", **settings),
    ]
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "lambda-dispatch-0.0.1-x86_64.zip").touch()  # of an earlier release
    gather([read_layer(path) for path in zips], notes="Better.", folder=folder)
    return folder


def test_the_version_stands_in_every_name(released: Path) -> None:
    """Two releases can lie in one folder."""
    kinds = (f"lambda-dispatch-{__version__}-x86_64",
             f"lambda-dispatch-standalone-{__version__}-arm64")  # fmt: skip
    endings = ("zip", "cdx.json", "licenses.txt")
    assert {path.name for path in released.iterdir()} == {
        "SHA256SUMS", "NOTES.md", *(f"{kind}.{ending}" for kind in kinds for ending in endings),
    }  # fmt: skip


def test_the_checksums_hold(released: Path) -> None:
    """Of every file but their own, in the form that sha256sum reads."""
    lines = (released / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(list(released.iterdir())) - 1
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((released / name).read_bytes()).hexdigest() == digest


def test_the_sbom_lists_what_is_in_the_zip(released: Path) -> None:
    """A package that was pruned completely is not in it; an interpreter and its libraries are."""
    [path] = released.glob("*standalone*.cdx.json")
    components = {each["name"]: each for each in json.loads(path.read_text())["components"]}
    assert set(components) == {"yarl", "of-nowhere", "CPython", "OpenSSL", "libssl"}
    assert components["yarl"]["purl"] == f"pkg:pypi/yarl@{YARL}"
    assert components["yarl"]["licenses"]
    assert components["CPython"]["version"] == "3.13"


@pytest.mark.parametrize(
    ("package", "expression"),
    [
        ("yarl", "Apache-2.0"),
        ("aiosignal", "Apache-2.0"),
        ("protobuf", "BSD-3-Clause"),
        ("python-dateutil", "Apache-2.0 OR BSD-3-Clause"),
    ],
)
def test_a_licence_is_an_spdx_expression(tmp_path: Path, package: str, expression: str) -> None:
    """Also where the package has it in words of its own: scanners know nothing else."""
    module = {"python-dateutil": "dateutil", "protobuf": "google/protobuf"}.get(package, package)
    layer = write_layer(
        tmp_path,
        packages={package: metadata.version(package)},
        files=(f"{module}/__init__.py",),
    )
    [component] = sbom(read_layer(layer), sha256="ab")["components"]
    assert component["licenses"] == [{"expression": expression}]


def test_the_sbom_is_the_same_each_time(tmp_path: Path) -> None:
    """It names neither a time nor a place."""
    layer = read_layer(write_layer(tmp_path, packages={"yarl": YARL}))
    assert sbom(layer, sha256="ab") == sbom(layer, sha256="ab")
    assert sbom(layer, sha256="ab")["serialNumber"] != sbom(layer, sha256="cd")["serialNumber"]


def test_the_sbom_follows_its_schema(released: Path) -> None:
    """CycloneDX's own validator accepts it."""

    pins = ROOT / "requirements/sbom.txt"

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--require-hashes", "--target", str(folder), "-r", str(pins)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"the validator cannot be fetched: {done.stderr[-200:]}")

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    folder = built(f"sbom-{version}-{digest}", install)
    done = subprocess.run(
        [sys.executable, "-c", VALIDATOR, *released.glob("*.cdx.json")],
        env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_zip_of_another_version_is_refused(tmp_path: Path) -> None:
    """What is older than the checkout is not released under its version."""
    layer = read_layer(write_layer(tmp_path, version="0.0.1"))
    with pytest.raises(LayerError, match="not of version"):
        gather([layer], notes="", folder=tmp_path / "release")


def test_two_zips_of_one_kind_are_refused(tmp_path: Path) -> None:
    """One would overwrite the other."""
    layer = read_layer(write_layer(tmp_path, version=__version__))
    with pytest.raises(LayerError, match="of one kind"):
        gather([layer, layer], notes="", folder=tmp_path / "release")


CHANGELOG = "# Changelog\n\nWords.\n\n{}## 1.1.0 – 2026-01-01\n\n- New.\n\n## 1.0.0\n\n- Old.\n"


@pytest.mark.parametrize("kept", [".git/HEAD", "README.md", "lambda-dispatch-arm64.zip"])
def test_a_folder_with_anything_else_is_refused_and_kept(tmp_path: Path, kept: str) -> None:
    """As with `--into .`: what is in a checkout, or what a build has made."""
    layer = read_layer(write_layer(tmp_path, version=__version__))
    folder = tmp_path / "release"
    file = folder / kept
    file.parent.mkdir(parents=True)
    file.touch()
    first = kept.partition("/")[0]
    with pytest.raises(LayerError, match=f"holds {first}: name a folder for the release alone"):
        gather([layer], notes="", folder=folder)
    assert file.exists()


def test_a_release_is_not_gathered_from_itself(released: Path) -> None:
    """Its zips would be removed before they are read."""
    layers = [read_layer(path) for path in sorted(released.glob("*.zip"))]
    with pytest.raises(LayerError, match="name a folder for the release alone"):
        gather(layers, notes="", folder=released)
    assert all(layer.path.exists() for layer in layers)


def test_the_notes_are_those_of_the_version() -> None:
    """The text below its heading, to the next one."""
    assert release_notes(CHANGELOG.format(""), version="1.1.0") == "- New."
    assert release_notes(CHANGELOG.format(""), version="1.0.0") == "- Old."
    assert release_notes(CHANGELOG.format("## Unreleased\n\n"), version="1.1.0") == "- New."


def test_unreleased_changes_stop_a_release() -> None:
    """They would be in the zips and not in the notes; a draft shows them."""
    waiting = CHANGELOG.format("## Unreleased\n\n- Next.\n\n")
    with pytest.raises(LayerError, match="unreleased"):
        release_notes(waiting, version="1.1.0")
    with pytest.raises(LayerError, match="no section"):
        release_notes(CHANGELOG.format(""), version="2.0.0")
    assert release_notes(waiting, version="1.1.0", is_draft=True) == "- Next."


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a zip; what is no zip ends it with one line and status 1."""
    zip_, folder = write_layer(tmp_path, version=__version__), tmp_path / "release"
    assert main([str(zip_), "--draft", "--into", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"lambda-dispatch-{__version__}-x86_64.zip: ")
    assert main([str(tmp_path / "nothing.zip"), "--draft", "--into", str(folder)]) == 1
    assert capsys.readouterr().err.startswith("layer.release: ")


def test_a_real_layer_is_read(layer_tree: Any) -> None:
    """Version, runtime and packages of the layer that the tests build."""
    layer = read_layer(layer_tree.zip)
    assert layer.version == __version__
    assert layer.runtimes == (f"python3.{sys.version_info[1]}",)
    names = {each["name"] for each in sbom(layer, sha256="")["components"]}
    assert {"aiohttp", "botocore", "opentelemetry-sdk", "protobuf"} <= names
    assert names.isdisjoint({"boto3", "requests", "s3transfer"})
