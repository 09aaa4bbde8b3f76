"""The list of what a zip is made of, as a CycloneDX 1.6 document.

It holds what is in the zip, not what was asked for: a package of which nothing is left after
pruning is not in it. The same zip gives the same bytes.
Source: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from layer.contents_of_zip import HOME, FinishedLayer

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # that of URLs, by RFC 9562
_SPDX = {
    **{name: name for name in ("Apache-2.0", "MIT", "PSF-2.0")},
    "Apache 2.0": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # of python-dateutil
}
"""SPDX expressions by what packages write into `License`, which takes any text."""
_LIBRARY = re.compile(rf"{HOME}/python/lib/(lib[\w+-]+?)(?:-[\d.]+)?\.so(?:\.([\d.]+))?")


def sbom(layer: FinishedLayer, *, sha256: str) -> dict[str, Any]:
    """Return the document for a zip with this SHA-256, in hex."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, sha256)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": HOME,
                "name": layer.name,
                "version": layer.version,
                "purl": f"pkg:generic/{layer.name}@{layer.version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": sha256}],
            }
        },
        "components": [*_packages(layer), *_interpreter(layer)],
    }


def _packages(layer: FinishedLayer) -> Iterator[dict[str, Any]]:
    inside = {name.split("/", 2)[2] for name in layer.files if name.startswith(f"{HOME}/lib-")}
    for name, version in layer.packages:
        files, licence = _installed(name, version)
        if files and not files & inside:
            continue
        purl = f"pkg:pypi/{name.replace('_', '-').lower()}@{version}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name.replace("_", "-"),
            "version": version,
            "purl": purl,
            **({"licenses": [licence]} if licence else {}),
        }


def _installed(name: str, version: str) -> tuple[set[str], dict[str, Any]]:
    """Return files and licence of a package, as far as the same one is installed here."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return set(), {}
    if found.version != version:
        return set(), {}
    files = {str(path) for path in found.files or () if path.suffix in (".py", ".so", ".pem")}
    expression, text = (_field(found, name) for name in ("License-Expression", "License"))
    name = text.partition("\n")[0]
    if expression := expression or _SPDX.get(name, ""):
        return files, {"expression": expression}
    return files, {"license": {"name": name}} if name else {}


def _field(of: metadata.Distribution, name: str) -> str:
    return str(of.metadata[name]).strip() if name in of.metadata else ""


def _interpreter(layer: FinishedLayer) -> Iterator[dict[str, Any]]:
    if not layer.interpreter:
        return
    yield {
        "type": "platform",
        "bom-ref": "cpython",
        "name": "CPython",
        "version": layer.interpreter,
        "licenses": [{"license": {"id": "Python-2.0.1"}}],
    }
    for name in layer.linked:
        yield {"type": "library", "bom-ref": f"cpython:{name}", "name": name}
    for file in layer.files:
        if library := _LIBRARY.fullmatch(file):
            yield {
                "type": "library",
                "bom-ref": file,
                "name": library[1],
                **({"version": library[2]} if library[2] else {}),
            }
