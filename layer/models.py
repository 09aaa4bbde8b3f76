"""Cuts botocore's service models down to the operations that the extension calls.

Each client parses the whole model of its service and the endpoints of all services. Parameter
Store's model alone has some hundred and fifty operations; with three of them both clients are
built in a sixth of the time and take 12 MB less of the function's memory.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from layer.errors import LayerError

OPERATIONS = {
    "ssm": ("GetParameter", "GetParameters", "GetParametersByPath"),
    "secretsmanager": ("GetSecretValue", "DescribeSecret"),
    "sts": ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"),
}

Model = dict[str, Any]


def reduce_models(data: Path) -> None:
    """Rewrite the models and endpoints in botocore's data folder.

    Raises:
        LayerError: a service or an operation is not there, as after a change of botocore's format.
    """
    for service, operations in OPERATIONS.items():
        models = sorted((data / service).glob("*/service-2.json.gz"))
        if not models:
            raise LayerError(f"botocore has no model of {service} in service-2.json.gz")
        for path in models:
            model = json.loads(gzip.decompress(path.read_bytes()))
            # Uncompressed: the zip compresses it anyway, and each cold start saves a gunzip.
            _write(path.with_suffix(""), reduce_model(model, operations=operations))
            path.unlink()
        for path in (data / service).glob("*/paginators-1.json"):
            _write(path, _reduce_paginators(json.loads(path.read_bytes()), operations=operations))
        for path in (data / service).glob("*/waiters-2.json"):
            path.unlink()
    endpoints = data / "endpoints.json"
    _write(endpoints, reduce_endpoints(json.loads(endpoints.read_bytes()), services=OPERATIONS))


def reduce_model(model: Model, *, operations: Iterable[str]) -> Model:
    """Return the model with these operations, the shapes they reach, and no documentation."""
    missing = set(operations) - set(model["operations"])
    if missing:
        raise LayerError(f"botocore's model has no operation {', '.join(sorted(missing))}")
    kept = {name: model["operations"][name] for name in operations}
    reached = _reach(kept, model["shapes"])
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    reduced: Model = _without_documentation({**model, "operations": kept, "shapes": shapes})
    return reduced


def reduce_endpoints(endpoints: Model, *, services: Iterable[str]) -> Model:
    """Return the endpoints of these services alone."""
    partitions = [
        {
            **partition,
            "services": {
                s: partition["services"][s] for s in services if s in partition["services"]
            },
        }
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _reduce_paginators(paginators: Model, *, operations: Iterable[str]) -> Model:
    pages = paginators.get("pagination", {})
    return {**paginators, "pagination": {name: pages[name] for name in operations if name in pages}}


def _reach(start: Model, shapes: Model) -> set[str]:
    """Return the names of the shapes that can be reached from `start`."""
    reached: set[str] = set()
    waiting: list[Any] = [start]
    while waiting:
        for name in _named_shapes(waiting.pop()):
            if name in shapes and name not in reached:
                reached.add(name)
                waiting.append(shapes[name])
    return reached


def _named_shapes(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for value in node.values():
            yield from _named_shapes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named_shapes(value)


def _without_documentation(node: Any) -> Any:
    if isinstance(node, dict):
        # A member may be called "documentation"; the prose is the one that is text.
        return {
            key: _without_documentation(value)
            for key, value in node.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_documentation(value) for value in node]
    return node


def _write(path: Path, content: Model) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), "utf-8")
