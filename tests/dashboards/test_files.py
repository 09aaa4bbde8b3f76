"""The files in docs/dashboards speak of metrics that exist, and each product can read its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint
from botocore.validate import validate_parameters
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from extension.telemetry.otlp.instruments import INSTRUMENTS
from tests.build_cache import built
from tests.dashboards.given import BAD
from tests.dashboards.metered import everything
from tests.dashboards.panels import ALERTS
from tests.dashboards.write import FILES, FOLDER
from tests.launchers import ROOT

OF_HISTOGRAMS = ("_bucket", "_count", "_sum")
OF_PROMETHEUS = {"job", "le", "faas_instance"}
"""Labels that are no attributes of a point."""
OF_CLOUDWATCH = {"@resource.service.name"}

SELECTOR = re.compile(
    r'(?P<bare>\w+)(?:\{(?P<matchers>[^}]*)\})?\[|\{"(?P<quoted>[\w.]+)"(?P<more>[^}]*)\}\['
)
MATCHER = re.compile(r'("?)([\w.@]+)\1\s*=~?"')
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
SHOWN = re.compile(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}")


class Declared(NamedTuple):
    """A metric as it leaves the extension."""

    kind: str
    unit: str
    attributes: frozenset[str]


@cache
def declared() -> Mapping[str, Declared]:
    """Return each metric by its name, from requests that the extension has encoded."""
    found: dict[str, Declared] = {}
    for request in everything():
        for of_resource in ExportMetricsServiceRequest.FromString(request).resource_metrics:
            for metric in of_resource.scope_metrics[0].metrics:
                kind = metric.WhichOneof("data") or ""
                keys = {
                    attribute.key
                    for point in getattr(metric, kind).data_points
                    for attribute in point.attributes
                }
                found[metric.name] = Declared(kind, metric.unit, frozenset(keys))
    return found


def test_every_metric_is_made_here() -> None:
    """What the other tests compare with is complete."""
    assert declared().keys() == INSTRUMENTS.keys()
    assert {name: each.unit for name, each in declared().items()} == {
        name: each.unit for name, each in INSTRUMENTS.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_files_are_written_from_the_table(name: str) -> None:
    """`python -m tests.dashboards.write` writes them again."""
    assert (FOLDER / name).read_text() == FILES[name]()


def prometheus_names() -> Iterator[tuple[str, str]]:
    """Yield each name that Prometheus gives a metric, and the metric."""
    for name, each in declared().items():
        unit = {"s": "_seconds", "By": "_bytes"}.get(each.unit, "")
        plain = name.replace(".", "_")
        whole = plain if plain.endswith(unit) else plain + unit
        endings = OF_HISTOGRAMS if each.kind == "histogram" else ("_total",)
        for ending in endings:
            yield whole + ending, name


def grafana() -> Any:
    """Return the dashboard."""
    return json.loads((FOLDER / "grafana.json").read_text())


def queries_of_prometheus() -> dict[str, str]:
    """Return all that Prometheus is asked, with the labels that are shown beside it."""
    panels = [each for each in grafana()["panels"] if each["type"] != "row"]
    asked = {
        f"{panel['title']} {target['refId']}": f"{target['expr']} {target['legendFormat']}"
        for panel in panels
        for target in panel["targets"]
    }
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    return asked | {each["alert"]: f"{each['expr']} {each['annotations']}" for each in rules}


def queries_of_cloudwatch() -> dict[str, str]:
    """Return all that CloudWatch is asked."""
    body = json.loads((FOLDER / "cloudwatch.json").read_text())
    charts = [each["properties"] for each in body["widgets"] if each["type"] == "chart"]
    asked = {
        f"{chart['title']} {query['id']}": query["query"]
        for chart in charts
        for query in chart["data"]["queries"]
    }
    template = yaml.safe_load((FOLDER / "cloudwatch-alarms.yaml").read_text())
    alarms = {name: each["Properties"] for name, each in template["Resources"].items()}
    return asked | {
        name: each["EvaluationCriteria"]["PromQLCriteria"]["Query"] for name, each in alarms.items()
    }


def names_and_labels(query: str) -> tuple[set[str], set[str]]:
    """Return the metrics that a query reads, and all labels that it speaks of."""
    names, labels = set(), set(SHOWN.findall(query))
    for found in SELECTOR.finditer(query):
        names.add(found["bare"] or found["quoted"])
        labels |= {label for _, label in MATCHER.findall(found["matchers"] or found["more"] or "")}
    for group in GROUPED.findall(query):
        labels |= {label.strip().strip('"') for label in group.split(",")}
    return names, labels


def test_metrics_and_labels_of_prometheus_exist() -> None:
    """Each name is a metric's, and each label is one of that metric's attributes."""
    known = dict(prometheus_names())
    for title, query in queries_of_prometheus().items():
        names, labels = names_and_labels(query)
        assert names, title
        assert names <= known.keys(), title
        attributes = {key for name in names for key in declared()[known[name]].attributes}
        assert labels <= OF_PROMETHEUS | {key.replace(".", "_") for key in attributes}, title


def test_metrics_and_labels_of_cloudwatch_exist() -> None:
    """There they have the names that they leave with."""
    for title, query in queries_of_cloudwatch().items():
        names, labels = names_and_labels(query)
        assert names, title
        assert names <= declared().keys(), title
        attributes = {key for name in names for key in declared()[name].attributes}
        assert labels <= OF_CLOUDWATCH | attributes, title


def test_every_metric_is_shown() -> None:
    """On both dashboards."""
    known = dict(prometheus_names())
    shown = {
        name for query in queries_of_prometheus().values() for name in names_and_labels(query)[0]
    }
    assert {known[name] for name in shown} == INSTRUMENTS.keys()
    of_cloudwatch = [names_and_labels(query)[0] for query in queries_of_cloudwatch().values()]
    assert set().union(*of_cloudwatch) == INSTRUMENTS.keys()


def test_every_alert_has_bad_data() -> None:
    """test_queries.py sees each of them fire."""
    assert BAD.keys() == {each.name for each in ALERTS}


def test_a_data_source_is_chosen() -> None:
    """No panel names one of its own."""
    dashboard = grafana()
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    sources = re.findall(r'"uid": "(\$[^"]*)"', json.dumps(dashboard))
    assert set(sources) == {"${datasource}"}
    used = set(re.findall(r"\$(\w+)", " ".join(queries_of_prometheus().values())))
    assert used - {"labels", "__interval"} <= variables.keys()


def test_grafana_panels_do_not_overlap() -> None:
    """Each has an id and a place of its own."""
    panels = grafana()["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    keys = ("x", "y", "w", "h")
    _are_apart([tuple(each["gridPos"][key] for key in keys) for each in panels])


def test_widgets_do_not_overlap() -> None:
    """And each of them has what a widget needs."""
    widgets = json.loads((FOLDER / "cloudwatch.json").read_text())["widgets"]
    _are_apart([tuple(each[key] for key in ("x", "y", "width", "height")) for each in widgets])
    for each in widgets:
        needed = {"chart": {"data", "region"}, "text": {"markdown"}}[each["type"]]
        assert needed <= each["properties"].keys()


def _are_apart(places: list[tuple[int, ...]]) -> None:
    fields = [
        (column, line)
        for x, y, width, height in places
        for column in range(x, x + width)
        for line in range(y, y + height)
    ]
    assert len(set(fields)) == len(fields)
    assert max(column for column, _ in fields) < 24


def test_grafana_reads_the_dashboard() -> None:
    """Grafana's own classes read it, and write it down again without a difference."""
    try:
        packages = built("grafana-foundation-sdk", _install)
    except subprocess.CalledProcessError:
        pytest.skip("grafana-foundation-sdk cannot be installed here")
    program = (
        "import json, sys\n"
        "from grafana_foundation_sdk.cog.encoder import JSONEncoder\n"
        "from grafana_foundation_sdk.cog.plugins import register_default_plugins\n"
        "from grafana_foundation_sdk.models.dashboard import Dashboard\n"
        "register_default_plugins()\n"
        "print(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=(FOLDER / "grafana.json").read_text(),
        env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert _missing(grafana(), json.loads(done.stdout)) == []


def _install(folder: Any) -> None:
    command = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", "--target", folder]
    subprocess.run(
        [sys.executable, "-m", *command, "-r", ROOT / "requirements" / "grafana.txt"],
        capture_output=True,
        check=True,
    )


def _missing(given: Any, written: Any, path: str = "") -> list[str]:
    """Return where something that was given is not written."""
    if isinstance(given, dict) and isinstance(written, dict):
        return [
            each
            for key, value in given.items()
            for each in _missing(value, written.get(key), f"{path}/{key}")
        ]
    if isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        pairs = enumerate(zip(given, written, strict=True))
        return [each for number, pair in pairs for each in _missing(*pair, f"{path}/{number}")]
    return [] if given == written else [path]


def test_cloudformation_reads_the_alarms() -> None:
    """cfn-lint finds nothing in the template."""
    linter = Path(sys.prefix) / "bin/cfn-lint"
    if not linter.exists():
        pytest.skip("cfn-lint is not installed")
    command = [linter, FOLDER / "cloudwatch-alarms.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_cloudwatch_reads_the_alarms() -> None:
    """By the model of PutMetricAlarm, with its limits of texts and numbers."""
    model = botocore.session.get_session().get_service_model("cloudwatch")
    shape = model.operation_model("PutMetricAlarm").input_shape
    template = yaml.safe_load((FOLDER / "cloudwatch-alarms.yaml").read_text())
    for name, resource in template["Resources"].items():
        properties = {**resource["Properties"], "AlarmName": name, "AlarmActions": []}
        validate_parameters(properties, shape)
        query = properties["EvaluationCriteria"]["PromQLCriteria"]["Query"]
        assert len(query) <= 10_000


def test_alerts_ask_the_same_of_both() -> None:
    """Prometheus and CloudWatch have the same alerts, with the same limits."""
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    of_cloudwatch = queries_of_cloudwatch()
    for rule in rules:
        limits = r"[<>]=? [\d.]+"
        assert re.findall(limits, rule["expr"]) == re.findall(limits, of_cloudwatch[rule["alert"]])


def test_no_alert_is_named_twice() -> None:
    """Names are what people silence."""
    names = sorted(each.name for each in ALERTS)
    assert all(one != other for one, other in pairwise(names))
