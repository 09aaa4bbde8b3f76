"""The built layer at work, as Lambda unpacks it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from layer.build import _copy_text, build
from layer.errors import LayerError
from layer.smoke import smoke_test
from tests.layer.built import INTERPRETER, VERSION, LayerTree, order, run_python
from tests.layer.stage import PARAMETER, read_only_opt, staged
from tests.posted_requests import as_json, points, records, spans
from tests.sandbox import FUNCTIONS, free_port
from tests.waiting import until

OWN = {"aiohttp": "3.13.5", "boto3": "1.40.0"}
"""Versions that the function brings; the layer's are newer."""

HEAVY = (
    "import sys; sys.path.append(sys.argv[1]); import code_file; code_file.install(sys.argv[1]); "
    "import extension.app, extension.parameters.parameters, extension.aws.clients, "
    "extension.telemetry.listener, extension.telemetry.otlp.exporter, "
    "extension.telemetry.otlp.spans, extension.telemetry.otlp.logs\n"
    "for name, each in sorted(sys.modules.items()):\n"
    "    if (getattr(each, '__file__', None) or '').startswith(sys.argv[1]):\n"
    "        print(type(each.__spec__.loader).__name__, name)\n"
)
"""Imports what a sandbox with both jobs imports, and prints what loaded each of our modules."""

MEBI = 1_000_000


def test_two_builds_give_the_same_bytes(layer_tree: LayerTree, tmp_path: Path) -> None:
    """Elsewhere, later, and with other seeds for the order of sets."""
    again = build(order(tmp_path / "out"), say=lambda _: None)
    assert again.read_bytes() == layer_tree.zip.read_bytes()


def test_it_lies_where_it_is_in_nobodys_way(layer_tree: LayerTree) -> None:
    """The launcher and one folder of our own; above all nothing on the function's import path."""
    with zipfile.ZipFile(layer_tree.zip) as archive:
        names = archive.namelist()
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert {name.split("/")[0] for name in names} == {
        "extensions",
        "lambda-dispatch",
        "lambda-dispatch-env",
        "lambda-dispatch-tap",
    }
    assert [name for name in names if name.startswith("extensions/")] == [
        "extensions/lambda-dispatch"
    ]
    assert modes["extensions/lambda-dispatch"] & 0o111 == 0o111
    assert all(mode & 0o444 == 0o444 for mode in modes.values())


def test_line_ends_of_windows_are_not_shipped(tmp_path: Path) -> None:
    """A checkout that has them is built as any other."""
    (tmp_path / "launcher").write_bytes(b"#!/bin/sh\r\necho\r\n")
    _copy_text(tmp_path / "launcher", tmp_path / "opt/extensions/launcher")
    assert (tmp_path / "opt/extensions/launcher").read_bytes() == b"#!/bin/sh\necho\n"


def test_two_releases_in_one_tree_run_one_of_them(layer_tree: LayerTree, tmp_path: Path) -> None:
    """The library of each has a name of its own, and a line says which one runs."""
    tree = tmp_path / "opt"
    shutil.copytree(layer_tree.root, tree)
    home = tree / "lambda-dispatch"
    shutil.copytree(layer_tree.library, home / "lib-of-another-release")
    broken = home / "lib-of-another-release/extension"
    [code] = (home / "lib-of-another-release").glob("code.*.bin")
    code.unlink()
    (broken / "__main__.py").write_text("raise SystemExit(9)")
    smoke_test(tree, interpreter=INTERPRETER / "python3")
    (home / "build").write_text("of-another-release")
    with pytest.raises(LayerError, match=r"two releases attached.*lib-of-another-release runs"):
        smoke_test(tree, interpreter=INTERPRETER / "python3")


def test_it_is_small(layer_tree: LayerTree) -> None:
    """At most 8 MB for one Python version: pip and zip alone make 26 of the same packages."""
    assert layer_tree.zip.stat().st_size < 8 * MEBI


def test_it_carries_the_licences_of_what_it_carries(layer_tree: LayerTree) -> None:
    """Ours, and that of every package."""
    texts = (layer_tree.root / "lambda-dispatch/LICENSES.txt").read_text()
    packages = {name.partition("-")[0] for name in re.findall(r"^==== (\S+) ====$", texts, re.M)}
    assert {
        "aiohttp",
        "boto3",
        "botocore",
        "cachetools",
        "protobuf",
        "opentelemetry_sdk",
    } <= packages
    assert texts.lstrip().startswith("Apache License")


def test_no_module_is_compiled_at_the_start(layer_tree: LayerTree) -> None:
    """Every one of ours comes from the file of code objects, or is a compiled module."""
    done = run_python(HEAVY, layer_tree.library)
    loaders = Counter(line.split()[0] for line in done.stdout.splitlines())
    assert loaders.pop("CodeLoader") > 300
    assert loaders.pop("ExtensionFileLoader") >= 5
    assert loaders == {"SourceFileLoader": 1}  # the finder itself
    assert "SourceFileLoader code_file" in done.stdout


def test_bytecode_is_taken_without_a_look_at_sources(layer_tree: LayerTree) -> None:
    """One file for all modules; the finder's own flags say: by hash, and do not look (PEP 552)."""
    [finder] = layer_tree.library.rglob("*.pyc")
    assert finder.name.startswith("code_file.")
    assert finder.read_bytes()[4:8] == b"\1\0\0\0"
    assert [file.suffix for file in layer_tree.library.glob("code.*")] == [".bin"]


ASSUMES = """
import sys; sys.path.insert(0, sys.argv[1])
from extension.aws.call import Call, Place, Service
from extension.aws.clients import AwsClients
from extension.aws.credentials import SandboxCredentials
own = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
clients = AwsClients(
    own, credentials=SandboxCredentials(own), deadline_s=dict.fromkeys(Service, 5.0), connections=1
)
assert "extension.aws.roles" not in sys.modules
with clients._client(Place(Service.SSM, "eu-west-1", "arn:aws:iam::222222222222:role/r")) as client:
    print(client.host)
with clients._sts.use("eu-central-1") as client:
    print(client.host, client.botocore.assume_role.__name__)
"""
"""Builds what a call in another region as another role needs."""


def test_another_role_can_be_assumed(layer_tree: LayerTree) -> None:
    """The model of STS is in the layer, cut down to some twenty kilobytes."""
    done = run_python(ASSUMES, layer_tree.library)
    assert done.stdout.split() == [
        "ssm.eu-west-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
        "assume_role",
    ]
    data = layer_tree.library / "botocore" / "data" / "sts"
    assert 0 < sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) < 20_000


def test_protocol_buffers_are_encoded_in_c(layer_tree: LayerTree) -> None:
    """The pruned tree has kept upb, and it is what is used."""
    program = (
        "import sys; sys.path.append(sys.argv[1]); import code_file; "
        "code_file.install(sys.argv[1]); "
        "from google.protobuf.internal import api_implementation; print(api_implementation.Type())"
    )
    done = run_python(program, layer_tree.library)
    assert done.stdout == "upb\n"


@pytest.mark.parametrize("lost", ["botocore/data/secretsmanager", "extension/settings"])
def test_a_tree_that_lacks_something_is_not_shipped(
    lost: str, layer_tree: LayerTree, tmp_path: Path
) -> None:
    """The trial at the end of the build finds out, and says what the extension said."""
    tree = tmp_path / "opt"
    shutil.copytree(layer_tree.root, tree)
    library = tree / layer_tree.library.relative_to(layer_tree.root)
    [code] = library.glob("code.*.bin")
    code.unlink()
    shutil.rmtree(library / lost)
    with pytest.raises(LayerError, match=r"the finished layer fails: .*; it said: "):
        smoke_test(tree, interpreter=INTERPRETER / "python3")


async def test_it_runs_read_only_without_rights_or_home(
    layer_tree: LayerTree, tmp_path: Path
) -> None:
    """With the runtime's interpreter, whose libpython only our LD_LIBRARY_PATH finds."""
    extensions = read_only_opt(layer_tree, tmp_path)
    environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/nowhere"}
    async with staged(extensions, environment=environment, code=FUNCTIONS) as stage:
        answer = await stage.function.invoke({"get": [PARAMETER]})
        process = stage.extension
        mounts = (process / "mountinfo").read_text()
        variables = (process / "environ").read_bytes().split(b"\0")
        program, user = stage.interpreter, process.stat().st_uid
        await until(lambda: stage.intake.spans)
    [[status, _, body]] = json.loads(answer.payload)
    assert (status, json.loads(body)["Parameter"]["Value"]) == (200, "hello")
    assert re.search(r" /opt ro,", mounts)
    assert user == (65534 if os.geteuid() == 0 else os.geteuid())
    assert program.startswith("/var/lang/bin/python3")
    assert b"LD_LIBRARY_PATH=/var/lang/lib" in variables
    assert not any(variable.startswith(b"HOME=") for variable in variables)
    assert stage.clean


async def test_an_sdk_posts_to_it(layer_tree: LayerTree, tmp_path: Path) -> None:
    """Read-only, in both encodings: the layer has all that the receiver needs."""
    extensions = read_only_opt(layer_tree, tmp_path)
    environment = {
        "PATH": "/usr/bin:/bin",
        "DISPATCH_OTLP_PORT": str(free_port()),
        "DISPATCH_SIGNALS": "traces,logs,metrics",
    }
    encoded = base64.b64encode(points("a.sum").SerializeToString()).decode()
    posts = [
        {"signal": "traces", "body": as_json(spans("price")).decode()},
        {"signal": "logs", "body": as_json(records("a record")).decode()},
        {"signal": "metrics", "body": encoded, "content_type": "application/x-protobuf"},
    ]
    async with staged(extensions, environment=environment, code=FUNCTIONS) as stage:
        answer = await stage.function.invoke({"post": posts})
        await until(lambda: any(metric.name == "a.sum" for metric in stage.intake.metrics))
        await until(lambda: any(span.name == "price" for span in stage.intake.spans))
        await until(lambda: any(record.body == "a record" for record in stage.intake.logs))
    assert json.loads(answer.payload) == [200, 200, 200]
    assert stage.clean


def install_own(code: Path) -> None:
    """Install the function's own libraries; skips without a package index."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    pins = [f"{name}=={version}" for name, version in OWN.items()]
    only = ["--no-deps", "--only-binary", ":all:", "--retries", "0", "--target", str(code)]
    if subprocess.run([*pip, *only, *pins], check=False).returncode != 0:
        pytest.skip("the package index cannot be reached")


async def test_a_function_keeps_its_own_libraries(layer_tree: LayerTree, tmp_path: Path) -> None:
    """Both import aiohttp and boto3 in their versions, though PYTHONPATH names the function's."""
    code = tmp_path / "task"
    install_own(code)
    shutil.copy(Path(__file__).parent / "functions/libraries.py", code)
    hostile = {"PYTHONPATH": str(code), "PYTHONHOME": "", "PYTHONSTARTUP": "/nowhere"}
    environment = {**layer_tree.environment, **hostile}
    async with staged(
        layer_tree.extensions, environment=environment, code=code, handler="libraries.handler"
    ) as stage:
        answer = await stage.function.invoke({"path": PARAMETER})
        mapped = (stage.extension / "maps").read_text()
        await until(lambda: stage.intake.spans)
    assert json.loads(answer.payload) == {**OWN, "value": "hello"}
    assert f"{layer_tree.library}/aiohttp/" in mapped
    assert str(code) not in mapped
    assert stage.clean


def test_another_version_of_python_still_runs_it(layer_tree: LayerTree, tmp_path: Path) -> None:
    """A runtime that is newer than the layer: sources and pure Python, slower but alive."""
    tree = tmp_path / "opt"
    shutil.copytree(layer_tree.root, tree)
    tag = f"cpython-{VERSION.replace('.', '')}"
    for file in [*tree.rglob(f"*.{tag}.*"), *tree.rglob(f"*.{tag}-*.so")]:
        file.rename(file.with_name(file.name.replace(tag, "cpython-399")))
    smoke_test(tree, interpreter=INTERPRETER / "python3")
