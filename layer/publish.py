"""`python -m layer.publish ZIP … --regions R,…`: publishes layers, and prints their ARNs.

A layer whose latest version in a Region already has the same bytes is left as it is, so that a
publication that was interrupted can be repeated.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from layer.commands import named
from layer.contents_of_zip import FinishedLayer, read_layer
from layer.errors import LayerError

STATEMENT = "use"
"""The id of the permission."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish everywhere, and print the table; returns 1 if anything was refused."""
    options = _parser().parse_args(arguments)
    rows, failures = [], 0
    try:
        layers = [read_layer(path) for path in options.zips]
    except LayerError as error:
        print(f"layer.publish: {error}", file=sys.stderr)
        return 1
    for region in _regions(options.regions):
        for layer in layers:
            try:
                arn = publish(layer, region=region, permission=_permission(options))
                rows.append((region, layer.name, layer.architecture, arn))
            except (BotoCoreError, ClientError) as error:
                failures += 1
                print(f"layer.publish: {layer.name} in {region}: {error}", file=sys.stderr)
    if rows:
        print("\n".join(table(rows)))
    return 1 if failures else 0


def publish(
    layer: FinishedLayer, *, region: str, permission: dict[str, str], name: str = ""
) -> str:
    """Return the ARN of a version with the bytes of the zip, which `permission` lets others use.

    The layer has the name that its zip stands for, unless it is to have another `name`.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: AWS was not reached, or
            refused.
    """
    client = boto3.client("lambda", region_name=region)
    content, name = layer.path.read_bytes(), name or layer.name
    found = _latest(client, name)
    if found.get("Content", {}).get("CodeSha256") != _code_sha256(content):
        runtimes = known_runtimes(client, layer)
        found = client.publish_layer_version(
            LayerName=name,
            Description=f"lambda-dispatch {layer.version}: OpenTelemetry, parameters and secrets",
            Content={"ZipFile": content},
            CompatibleArchitectures=[layer.architecture],
            LicenseInfo="Apache-2.0",
            **({"CompatibleRuntimes": runtimes} if runtimes else {}),
        )
    if permission:
        _allow(client, name, found["Version"], permission)
    return str(found["LayerVersionArn"])


def known_runtimes(client: Any, layer: FinishedLayer) -> list[str]:
    """Return the runtimes that Lambda has: a layer may be for a Python that is still to come."""
    named = client.meta.service_model.shape_for("Runtime").enum
    return [runtime for runtime in layer.runtimes if runtime in named]


def table(rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield "| Region | Layer | Architecture | ARN |"
    yield "| --- | --- | --- | --- |"
    for row in rows:
        yield f"| {row[0]} | {row[1]} | {row[2]} | `{row[3]}` |"


def _latest(client: Any, name: str) -> dict[str, Any]:
    """Return the latest version, or nothing if there is none."""
    versions = client.list_layer_versions(LayerName=name, MaxItems=1)["LayerVersions"]
    if not versions:
        return {}
    number = versions[0]["Version"]
    latest: dict[str, Any] = client.get_layer_version(LayerName=name, VersionNumber=number)
    return latest


def _allow(client: Any, name: str, version: int, permission: dict[str, str]) -> None:
    with suppress(client.exceptions.ResourceConflictException):  # it is there already
        client.add_layer_version_permission(
            LayerName=name,
            VersionNumber=version,
            StatementId=STATEMENT,
            Action="lambda:GetLayerVersion",
            **permission,
        )


def _code_sha256(content: bytes) -> str:
    """Return the hash as Lambda writes it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def _regions(text: str) -> list[str]:
    if text == "all":
        regions: list[str] = boto3.session.Session().get_available_regions("lambda")
        return regions
    return [region.strip() for region in text.split(",") if region.strip()]


def _permission(options: argparse.Namespace) -> dict[str, str]:
    if options.public:
        return {"Principal": "*"}
    if options.organization:
        return {"Principal": "*", "OrganizationId": options.organization}
    return {"Principal": options.account} if options.account else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m layer.publish", description="Publish layers, and print their ARNs."
    )
    parser.add_argument("zips", nargs="+", type=named, metavar="ZIP", help="what a build has made")
    parser.add_argument("--regions", required=True, help="separated by commas, or `all`")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--public", action="store_true", help="every AWS account may use them")
    who.add_argument("--organization", metavar="ID", help="the accounts of this organization may")
    who.add_argument("--account", metavar="ID", help="this account may")
    return parser


if __name__ == "__main__":
    sys.exit(main())
