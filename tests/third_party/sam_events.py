"""The sample events of AWS's SAM command line, from its wheel, with the values that it suggests."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

from tests.fidelity.download import sam_wheel

FOLDER = "samcli/lib/generated_sample_events"
TAG = re.compile(r"\{\{\{?\s*([\w.-]+)\s*\}?\}\}")


def sam_events() -> Iterator[tuple[str, Any]]:
    """Yield the name of each event, as `sam local generate-event` takes it, and the event."""
    with ZipFile(sam_wheel().path) as wheel:
        mapping = json.loads(wheel.read(f"{FOLDER}/event-mapping.json"))
        for service, events in mapping.items():
            for name, event in events.items():
                path = f"{FOLDER}/events/{service}/{event['filename']}.json"
                template = wheel.read(path).decode()
                yield f"{service} {name}", json.loads(_filled(template, event["tags"]))


def _filled(template: str, tags: Mapping[str, Any]) -> str:
    """Return a template with its tags replaced; they are written with `-` or `_`."""
    known = {name.replace("-", "_"): tag for name, tag in tags.items()}
    for name, tag in known.items():
        if tag.get("type") == "dict":  # an object in place of the text
            template = template.replace(f'"{{{{{{{name}}}}}}}"', tag["default"])
    return TAG.sub(lambda found: _value(known.get(found[1].replace("-", "_"), {})), template)


def _value(tag: Mapping[str, Any]) -> str:
    text = str(tag.get("default", ""))
    match tag.get("encoding"):
        case "base64":
            return base64.b64encode(text.encode()).decode()
        case "url":
            return quote(text, safe="")
    return text
