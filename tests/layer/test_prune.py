"""Pruning takes what is named, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

from layer.licences import gather_licences
from layer.prune import prune_packages

KEPT = (
    "aiohttp/client.py",
    "aiohttp/_http_parser.cpython-312-x86_64-linux-gnu.so",
    "botocore/cacert.pem",
    "botocore/data/endpoints.json",
    "botocore/data/ssm/2014-11-06/service-2.json.gz",
    "google/protobuf/message.py",
    "google/rpc/status_pb2.py",
    "opentelemetry/exporter/otlp/proto/common/__init__.py",
    "opentelemetry/semconv/_incubating/__init__.py",
    "opentelemetry/semconv/_incubating/attributes/__init__.py",
    "opentelemetry/semconv/_incubating/attributes/otel_attributes.py",
    "opentelemetry/semconv/attributes/exception_attributes.py",
)
TAKEN = (
    "aiohttp/_http_parser.pyx",
    "aiohttp/py.typed",
    "aiohttp/test_utils.py",
    "aiohttp/__pycache__/client.cpython-312.pyc",
    "aiohttp-3.0.dist-info/METADATA",
    "bin/normalizer",
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "botocore/data/ssm/2014-11-06/examples-1.json",
    "opentelemetry/exporter/otlp/proto/http/__init__.py",
    "opentelemetry/semconv/_incubating/attributes/db_attributes.py",
    "opentelemetry/semconv/_incubating/attributes/os_attributes.py",
    "requests/api.py",
    "some/tests/test_it.py",
)


def test_named_files_go_and_their_neighbours_stay(tmp_path: Path) -> None:
    """The tree afterwards is what is kept, without empty folders."""
    for name in (*KEPT, *TAKEN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune_packages(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(KEPT)
    assert all(any(path.iterdir()) for path in tmp_path.rglob("*") if path.is_dir())


def test_licences_are_gathered_before(tmp_path: Path) -> None:
    """Each package's texts once, by name, however many versions have it."""
    for folder in ("3.11", "3.12"):
        for package, text in (("zeta-1", "Z"), ("alpha-2", "A")):
            place = tmp_path / folder / f"{package}.dist-info" / "licenses"
            place.mkdir(parents=True)
            (place / "LICENSE.txt").write_text(text)
    gathered = gather_licences([tmp_path / "3.11", tmp_path / "3.12"])
    assert gathered == "==== alpha-2 ====\n\nA\n==== zeta-1 ====\n\nZ\n"
