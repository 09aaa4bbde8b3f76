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


def attributes(*, instance_id: str = "", **identity: object) -> dict[str, object]:
    """Return the attributes of a resource."""
    return dict(build_resource(replace(SHOP, **identity), instance_id=instance_id).attributes)


def test_what_the_user_sets_wins() -> None:
    """OTEL_SERVICE_NAME over OTEL_RESOURCE_ATTRIBUTES, and these over what we find out."""
    by_user = "service.name=b%20c,=x,cloud.region=,team= a ,broken"
    found = attributes(resource_attributes=by_user)
    assert (found["service.name"], found["team"]) == ("b c", "a")
    assert found["cloud.region"] == "eu-central-1"
    assert found.keys().isdisjoint(("broken", ""))
    assert attributes(resource_attributes=by_user, service_name="mine")["service.name"] == "mine"
    assert attributes()["service.name"] == "shop"


def test_what_is_unknown_is_left_out() -> None:
    """No attribute is empty; memory is bytes."""
    assert not {"faas.instance", "faas.max_memory", "aws.log.group.names"} & attributes().keys()
    found = attributes(memory_mb=128, log_group="/g", instance_id="stream")
    assert found["faas.max_memory"] == 128 * 1024 * 1024
    assert found["aws.log.group.names"] == ("/g",)
    assert found["aws.log.stream.names"] == ("stream",)
    assert found["faas.instance"] == "stream"


def test_log_groups_that_x_ray_looks_into() -> None:
    """They win over the function's own."""
    found = attributes(log_group="/g", correlated_log_groups="/g&/dispatch")
    assert found["aws.log.group.names"] == "/g&/dispatch"
