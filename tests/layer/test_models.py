"""The AWS models keep what the extension calls, whole."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import botocore.loaders
import pytest

from extension.aws import client_builder, clients
from layer.errors import LayerError
from layer.models import OPERATIONS, reduce_endpoints, reduce_model

MODEL = {
    "metadata": {"protocol": "json"},
    "documentation": "prose",
    "operations": {
        "Get": {
            "input": {"shape": "In"},
            "output": {"shape": "Out"},
            "errors": [{"shape": "Gone"}],
        },
        "Put": {"input": {"shape": "Other"}},
    },
    "shapes": {
        "In": {"type": "structure", "members": {"Name": {"shape": "Text", "documentation": "it"}}},
        "Out": {"type": "structure", "members": {"documentation": {"shape": "Out"}}},
        "Gone": {"type": "structure", "members": {}, "exception": True},
        "Text": {"type": "string"},
        "Other": {"type": "structure", "members": {"Blob": {"shape": "Blob"}}},
        "Blob": {"type": "blob"},
    },
}


def test_an_operation_keeps_the_shapes_it_reaches() -> None:
    """Input, output and errors stay, through members and loops; the rest and the prose go."""
    reduced = reduce_model(MODEL, operations=["Get"])
    assert list(reduced["operations"]) == ["Get"]
    assert list(reduced["shapes"]) == ["In", "Out", "Gone", "Text"]
    assert reduced["shapes"]["In"]["members"] == {"Name": {"shape": "Text"}}
    assert reduced["shapes"]["Out"]["members"] == {"documentation": {"shape": "Out"}}
    assert "documentation" not in reduced


def test_an_operation_that_is_not_there_is_named() -> None:
    """A typing error or a change at AWS does not go unnoticed."""
    with pytest.raises(LayerError, match="no operation Fetch"):
        reduce_model(MODEL, operations=["Fetch", "Get"])


def test_endpoints_keep_every_partition() -> None:
    """China and GovCloud stay; other services go, and one that a partition lacks is no error."""
    endpoints = {
        "partitions": [
            {"partition": "aws", "services": {"ssm": {"a": 1}, "s3": {"b": 2}}},
            {"partition": "aws-cn", "services": {"s3": {"b": 2}}},
        ]
    }
    reduced = reduce_endpoints(endpoints, services=["ssm"])
    assert [part["services"] for part in reduced["partitions"]] == [{"ssm": {"a": 1}}, {}]
    assert [part["partition"] for part in reduced["partitions"]] == ["aws", "aws-cn"]


def test_every_operation_of_the_extension_is_kept() -> None:
    """What `source` can call is in the models that ship."""
    kept = {operation for operations in OPERATIONS.values() for operation in operations}
    assert {*clients._METHODS, "AssumeRole"} <= kept
    assert set(client_builder.SERVICES.values()) <= set(OPERATIONS)


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_kept_operation_is_as_botocore_has_it(service: str, tmp_path: Path) -> None:
    """Reading the reduced model gives the same input, output and errors as the whole one."""
    whole = botocore.loaders.Loader().load_service_model(service, "service-2")
    reduced = reduce_model(json.loads(json.dumps(whole)), operations=OPERATIONS[service])
    before, after = botocore.model.ServiceModel(whole), botocore.model.ServiceModel(reduced)
    for name in OPERATIONS[service]:
        one, two = before.operation_model(name), after.operation_model(name)
        assert members(one.input_shape) == members(two.input_shape)
        assert members(one.output_shape) == members(two.output_shape)
        assert [e.name for e in one.error_shapes] == [e.name for e in two.error_shapes]


def members(shape: botocore.model.Shape | None, depth: int = 6) -> object:
    """Return names and types of a shape, down to a depth."""
    if shape is None or depth == 0:
        return None
    inner = {**getattr(shape, "members", {})}
    if shape.type_name == "list":
        inner["member"] = shape.member
    return shape.name, shape.type_name, {k: members(v, depth - 1) for k, v in inner.items()}
