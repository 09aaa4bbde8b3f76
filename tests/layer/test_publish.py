"""`python -m layer.publish` publishes to each Region, once, with permissions, and says where."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from layer.publish import main
from tests.layer.zips import write_layer

REGIONS = ("eu-central-1", "us-east-1")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An AWS on loopback."""
    started = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def account(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account in it that has no layers."""
    urllib.request.urlopen(f"{server}/moto-api/reset", data=b"").close()
    for name, value in (
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)


def arns(output: str) -> list[str]:
    """Return the ARNs in the table."""
    return re.findall(r"`(arn:[^`]+)`", output)


def test_each_layer_is_in_each_region(
    account: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a row for each, and Lambda has what the zip is for."""
    zips = [write_layer(tmp_path), write_layer(tmp_path, architecture="arm64", interpreter="3.13")]
    assert main([*map(str, zips), "--regions", ",".join(REGIONS)]) == 0
    printed = capsys.readouterr().out
    assert [each.rpartition(":")[0] for each in arns(printed)] == [
        f"arn:aws:lambda:{region}:123456789012:layer:{name}"
        for region in REGIONS
        for name in ("lambda-dispatch", "lambda-dispatch-standalone-arm64")
    ]
    client = boto3.client("lambda", region_name="us-east-1")
    # Bytecode for a Python that Lambda does not have is no reason for a refusal.
    python = client.get_layer_version(LayerName="lambda-dispatch", VersionNumber=1)
    assert python["CompatibleRuntimes"] == ["python3.12", "python3.13"]
    assert python["CompatibleArchitectures"] == ["x86_64"]
    assert python["LicenseInfo"] == "Apache-2.0"
    assert "9.8.7" in python["Description"]
    alone = client.get_layer_version(LayerName="lambda-dispatch-standalone-arm64", VersionNumber=1)
    assert alone.get("CompatibleRuntimes", []) == []


def test_the_same_bytes_are_published_once(
    account: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A publication that is repeated prints the same ARN; another zip is another version."""
    zip_ = write_layer(tmp_path)
    for _ in range(2):
        assert main([str(zip_), "--regions", "eu-central-1", "--public"]) == 0
    first, second = arns(capsys.readouterr().out)
    assert first == second
    main([str(write_layer(tmp_path, version="9.9.0")), "--regions", "eu-central-1"])
    [third] = arns(capsys.readouterr().out)
    assert (first[-2:], third[-2:]) == (":1", ":2")


@pytest.mark.parametrize(
    ("option", "who"),
    [
        (["--public"], "*"),
        (["--account", "111122223333"], "111122223333"),
        (["--organization", "o-abcdefghij"], "o-abcdefghij"),
    ],
)
def test_others_may_use_it(account: None, tmp_path: Path, option: list[str], who: str) -> None:
    """Everyone, one account, or an organization."""
    assert main([str(write_layer(tmp_path)), "--regions", "eu-central-1", *option]) == 0
    client = boto3.client("lambda", region_name="eu-central-1")
    found = client.get_layer_version_policy(LayerName="lambda-dispatch", VersionNumber=1)
    [allowed] = json.loads(found["Policy"])["Statement"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "lambda:GetLayerVersion")
    assert who in json.dumps(allowed)


def test_no_one_else_may_use_it(account: None, tmp_path: Path) -> None:
    """Without an option there is no permission."""
    assert main([str(write_layer(tmp_path)), "--regions", "eu-central-1"]) == 0
    client = boto3.client("lambda", region_name="eu-central-1")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_layer_version_policy(LayerName="lambda-dispatch", VersionNumber=1)


def test_a_refusal_does_not_stop_the_others(
    account: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, the table has what was published, and the exit status is 1."""
    zip_ = write_layer(tmp_path)
    assert main([str(zip_), "--regions", "nowhere-1!,eu-central-1"]) == 1
    printed = capsys.readouterr()
    assert "nowhere-1" in printed.err
    assert len(arns(printed.out)) == 1


def test_without_a_published_layer_there_is_no_table(
    account: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the line that says why."""
    assert main([str(write_layer(tmp_path)), "--regions", "nowhere-1!"]) == 1
    assert capsys.readouterr().out == ""


def test_a_zip_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that writes it: a pattern that matches nothing comes here as it is."""
    assert main([str(tmp_path / "*.zip"), "--regions", "eu-central-1"]) == 1
    assert "*.zip: ./build_layer.sh writes the zips" in capsys.readouterr().err


def test_what_is_no_layer_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is sent then."""
    stranger = tmp_path / "other-x86_64.zip"
    stranger.write_bytes(b"PK\x05\x06" + bytes(18))
    assert main([str(stranger), "--regions", "eu-central-1"]) == 1
    assert "is no layer of this project" in capsys.readouterr().err
