"""What deploys the layer is well formed: the Terraform module, and the CDK constructs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from extension.settings.config import read_config
from tests.build_cache import built
from tests.docs.pages import ROOT, blocks

INFRASTRUCTURE = ROOT / "infrastructure"
MODULE = INFRASTRUCTURE / "terraform"
EXAMPLE = MODULE / "example/main.tf"
PAGE = ROOT / "docs/infrastructure.md"
BUILD_S = 600
ENFORCED_ALREADY = "W3005"
"""cfn-lint's number of what the CDK writes for each function."""
ALLOWED = (
    "secretsmanager:GetSecretValue",
    "xray:PutTraceSegments",
    "cloudwatch:PutMetricData",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
pytestmark = pytest.mark.timeout(900)  # with the time that the downloads take


def run(*command: str | Path, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        list(map(str, command)), cwd=folder, env={**os.environ, **settings}, capture_output=True,
        text=True, timeout=BUILD_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def needs(*programs: str) -> None:
    """Skip where one is missing."""
    if missing := [each for each in programs if shutil.which(each) is None]:
        pytest.skip(f"{missing[0]} is not installed")


def test_the_terraform_module_is_formatted() -> None:
    """Terraform parses it and would not change its form."""
    needs("terraform")
    done = run("terraform", "fmt", "-check", "-diff", "-recursive", folder=MODULE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_terraform_module_is_valid(tmp_path: Path) -> None:
    """Terraform finds every resource and argument, where it can fetch the provider."""
    needs("terraform")
    copy = shutil.copytree(MODULE, tmp_path / "module", ignore=shutil.ignore_patterns("example"))
    done = run("terraform", "init", "-backend=false", "-input=false", folder=copy)
    if done.returncode:
        pytest.skip("the provider for AWS cannot be fetched")
    done = run("terraform", "validate", "-json", folder=copy)
    assert json.loads(done.stdout)["diagnostics"] == []


ARN = 'layer_arn = "arn:aws:lambda:eu-central-1:111122223333:layer:lambda-dispatch:1"'
GROUP = "arn:aws:logs:eu-central-1:111122223333:log-group:/shop"
TO_CLOUDWATCH = f'{ARN}\n cloudwatch = true\n signals = ["traces", "logs"]'
PROVIDER = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "a"
  secret_key                  = "b"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
"""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (ARN, ""),
        (f'{TO_CLOUDWATCH}\n log_group_arn = "{GROUP}"', ""),
        ("", "Set layer_arn, or layer_zip to a zip of ./build_layer.sh."),
        (TO_CLOUDWATCH, "With cloudwatch, the signal logs needs log_group_arn"),
        (f'{TO_CLOUDWATCH}\n log_group_arn = "{GROUP}:*"', "Leave out :* at the end."),
    ],
)
def test_the_terraform_module_says_what_is_missing(
    arguments: str, complaint: str, tmp_path: Path
) -> None:
    """When it plans, and not in AWS, where log records would be refused."""
    needs("terraform")
    shutil.copytree(MODULE, tmp_path / "module", ignore=shutil.ignore_patterns("example"))
    module = f'module "dispatch" {{\n source = "./module"\n {arguments}\n}}\n'
    (tmp_path / "main.tf").write_text(PROVIDER + module)
    if run("terraform", "init", "-input=false", folder=tmp_path).returncode:
        pytest.skip("the provider for AWS cannot be fetched")
    done = run("terraform", "plan", "-input=false", "-no-color", folder=tmp_path)
    assert (done.returncode == 0) is (not complaint), done.stderr
    assert complaint in " ".join(done.stderr.replace("│", " ").split())


def declared(kind: str) -> set[str]:
    """Return the names of the module's variables or outputs."""
    text = "\n".join(path.read_text() for path in MODULE.glob("*.tf"))
    return set(re.findall(rf'^{kind} "(\w+)"', text, re.M))


def test_the_terraform_module_uses_what_it_declares() -> None:
    """Each variable, local and resource that is named exists, and none is unused."""
    text = "\n".join(path.read_text() for path in MODULE.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == declared("variable")
    assigned = set(re.findall(r"^  (\w+) += ", text.split("locals {")[1].split("\n}\n")[0], re.M))
    assert set(re.findall(r"\blocal\.(\w+)", text)) <= assigned
    for kind, name in re.findall(r"\b(aws_\w+)\.(\w+)", text):
        assert re.search(rf'^(?:resource|data) "{kind}" "{name}"', text, re.M)
    for kind, name in re.findall(r"\bdata\.(aws_\w+)\.(\w+)", text):
        assert f'data "{kind}" "{name}"' in text


@pytest.mark.parametrize("where", ["page", "example"])
def test_the_module_is_called_as_it_is(where: str) -> None:
    """The page and the example set variables of the module, and read its outputs."""
    page = "\n".join(each.code for each in blocks(PAGE) if each.language == "hcl")
    text = page if where == "page" else EXAMPLE.read_text()
    [arguments] = re.findall(r'^module "dispatch" \{\n(.*?)^\}', text, re.M | re.S)
    assert set(re.findall(r"^  (\w+) +=", arguments, re.M)) - {"source"} <= declared("variable")
    assert set(re.findall(r"module\.dispatch\.(\w+)", text)) <= declared("output")


def test_the_terraform_example_names_what_it_declares() -> None:
    """Each resource that is read is there, and so are the files, but for what a build makes."""
    text = EXAMPLE.read_text()
    for kind, name in re.findall(r"(?<!data\.)\b((?:aws|random)_\w+)\.(\w+)\.", text):
        assert re.search(rf'^(?:resource|data) "{kind}" "{name}"', text, re.M), name
    for path in re.findall(r"\$\{path\.module\}/(\.\./[^\"]+)", text):
        assert "/dist/" in path or (EXAMPLE.parent / path).exists()


def test_the_application_holds_what_a_release_builds() -> None:
    """Four layers, by the names that `make release` gives them."""
    template = (INFRASTRUCTURE / "sar/template.yaml").read_text()
    zips = re.findall(r"ContentUri: \.\./\.\./dist/built/(\S+)", template)
    assert sorted(zips) == sorted(
        f"lambda-dispatch{kind}-{architecture}.zip"
        for kind in ("", "-standalone")
        for architecture in ("x86_64", "arm64")
    )
    target = (ROOT / "Makefile").read_text().partition("\nrelease:")[2].partition("\n\n")[0]
    assert "--output dist/built" in target
    for layer in ('""', '"--arch arm64"', '"--standalone"', '"--standalone --arch arm64"'):
        assert layer in target


def test_variables_in_yaml_are_accepted() -> None:
    """What a template of the page sets is a good setting."""
    texts = [each.code for each in blocks(PAGE) if each.language == "yaml"]
    settings = re.findall(r"^ *(DISPATCH_\w+): (?!!)(\S+)", "\n".join(texts), re.M)
    assert settings
    for name, value in settings:
        assert read_config({name: value})[1] == (), name


def test_the_serverless_lines_are_whole() -> None:
    """The layer and its permissions stand where the Serverless Framework looks."""
    [service] = [yaml.safe_load(each.code) for each in blocks(PAGE)
                 if each.section == "Serverless Framework"]  # fmt: skip
    assert service["layers"]["dispatch"]["package"]["artifact"].startswith("dist/")
    function = service["functions"]["checkout"]
    assert function["layers"] == [{"Ref": "DispatchLambdaLayer"}]
    assert service["provider"]["iam"]["role"]["statements"]


def typescript() -> Path:
    """Return the folder in which the example in TypeScript was synthesised."""
    needs("node", "npm")
    source = INFRASTRUCTURE / "cdk/typescript"

    def install(folder: Path) -> None:
        shutil.copyfile(source / "package.json", folder / "package.json")
        done = run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", folder=folder)
        if done.returncode:
            pytest.skip(f"the CDK cannot be fetched: {done.stderr[-200:]}")

    folder = built(f"cdk-typescript-{digest(source / 'package.json')}", install)
    for path in (*source.glob("*.ts"), source / "tsconfig.json"):
        shutil.copyfile(path, folder / path.name)
    done = run(folder / "node_modules/.bin/tsc", "-p", ".", folder=folder)
    assert done.returncode == 0, done.stdout
    done = run("node", "out/example.js", folder=folder, CDK_OUTDIR=str(folder / "cdk.out"))
    assert done.returncode == 0, done.stderr
    return folder


def python() -> Path:
    """Return the folder in which the example in Python was synthesised."""
    needs("node")
    source = INFRASTRUCTURE / "cdk/python"

    def install(folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        requirements = source / "requirements.txt"
        done = run(*pip, "--target", folder / "packages", "-r", requirements, folder=folder)
        if done.returncode:
            pytest.skip(f"the CDK cannot be fetched: {done.stderr[-200:]}")

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder = built(f"cdk-python-{version}-{digest(source / 'requirements.txt')}", install)
    settings = {"PYTHONPATH": f"{folder / 'packages'}:{source}", "PYTHONDONTWRITEBYTECODE": "1",
                "CDK_OUTDIR": str(folder / "cdk.out")}  # fmt: skip
    done = run(sys.executable, source / "example.py", folder=folder, **settings)
    assert done.returncode == 0, done.stderr[-1000:]
    return folder


def digest(path: Path) -> str:
    """Return a name that changes with what is to be installed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def template_in(folder: Path) -> Mapping[str, Any]:
    """Return what was synthesised there."""
    read: Mapping[str, Any] = json.loads((folder / "cdk.out/Shop.template.json").read_text())
    return read


def test_the_constructs_make_what_a_function_needs() -> None:
    """The one in TypeScript and the one in Python synthesise the same template."""
    folder = typescript()
    template = template_in(folder)
    [function] = [each["Properties"] for each in template["Resources"].values()
                  if each["Type"] == "AWS::Lambda::Function"]  # fmt: skip
    assert len(function["Layers"]) == 1
    variables = function["Environment"]["Variables"]
    assert variables["DISPATCH_SIGNALS"] == "traces,logs,metrics"
    assert set(variables) == {"DISPATCH_POST_URI", "DISPATCH_SIGNALS", "DISPATCH_LOG_GROUP"}
    policies = json.dumps([each for each in template["Resources"].values()
                           if each["Type"] == "AWS::IAM::Policy"])  # fmt: skip
    assert [action for action in ALLOWED if action not in policies] == []
    linter = Path(sys.prefix) / "bin/cfn-lint"
    if linter.exists():
        path = folder / "cdk.out/Shop.template.json"
        done = run(linter, "--ignore-checks", ENFORCED_ALREADY, "--", path, folder=ROOT)
        assert (done.returncode, done.stdout) == (0, "")
    assert template_in(python()) == template
