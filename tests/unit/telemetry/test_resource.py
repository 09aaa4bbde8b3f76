"""Who sends, as a resource."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from extension.process.frozen import replace
from extension.telemetry.otlp.resource import build_resource, function_arn
from extension.telemetry.resource_identity import ResourceIdentity

SHOP = ResourceIdentity(
    function_name="shop",
    function_version="$LATEST",
    account_id="123456789012",
    region="eu-central-1",
)
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:shop"


def partitions() -> list[tuple[str, str]]:
    """Return each region that botocore knows, with its partition."""
    path = Path(botocore.__file__).parent / "data" / "partitions.json"
    known = json.loads(path.read_text())["partitions"]
    return [(region, each["id"]) for each in known for region in each["regions"]]


@pytest.mark.parametrize(("version", "arn"), [("$LATEST", ARN), ("7", f"{ARN}:7"), ("", ARN)])
def test_the_functions_arn_is_known_from_the_start(version: str, arn: str) -> None:
    """It is on every signal, with the version that runs here and no alias."""
    resource = build_resource(replace(SHOP, function_version=version))
    assert resource.attributes["cloud.resource_id"] == arn


@pytest.mark.parametrize(("region", "partition"), partitions())
def test_its_partition_is_that_of_the_region(region: str, partition: str) -> None:
    """As botocore has them, pseudo regions for global services aside."""
    if not region.endswith("-global"):
        assert function_arn(replace(SHOP, region=region)).startswith(f"arn:{partition}:lambda:")


@pytest.mark.parametrize("unknown", ["function_name", "account_id", "region"])
def test_an_arn_with_a_gap_is_none(unknown: str) -> None:
    """Local emulators tell no account."""
    assert "cloud.resource_id" not in build_resource(replace(SHOP, **{unknown: ""})).attributes
