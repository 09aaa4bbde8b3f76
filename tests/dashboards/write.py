"""The files in docs/dashboards, from `panels`; run this to write them.

Each file stands in `FILES` by its name, as a function that returns its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from extension.telemetry.otlp.instruments import INSTRUMENTS
from tests.dashboards.panels import ALERTS, ROWS, WINDOW, Alert, Line, Panel
from tests.dashboards.queries import CloudWatch, Prometheus

FOLDER = Path(__file__).parents[2] / "docs" / "dashboards"
UNITS = {name: each.unit for name, each in INSTRUMENTS.items()}

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ON_DASHBOARD = Prometheus(UNITS, sum_by="$count", window="$__interval", selector='job=~"$function"')
IN_ALERTS = Prometheus(UNITS, sum_by="sum_over_time", window=WINDOW)
IN_WIDGETS = CloudWatch(window="5m")
IN_ALARMS = CloudWatch(window=WINDOW)

PANEL_WIDTH, PANEL_HEIGHT, GRID_WIDTH = 6, 8, 24
WIDGET_WIDTH, WIDGET_HEIGHT = 6, 6
SCHEMA_VERSION = 39
"""Of Grafana 11; later ones read it."""
REGION = "eu-central-1"

ABOUT = "# Written by `python -m tests.dashboards.write`; docs/dashboards.md says how to use it.\n"


def grafana() -> str:
    """Return the dashboard that Grafana imports."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {
                "type": "row",
                "id": len(panels) + 1,
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": GRID_WIDTH, "x": 0, "y": top},
                "panels": [],
            }
        )
        top += 1
        for number, panel in enumerate(row):
            line, column = divmod(number, GRID_WIDTH // PANEL_WIDTH)
            place = {
                "h": PANEL_HEIGHT,
                "w": PANEL_WIDTH,
                "x": column * PANEL_WIDTH,
                "y": top + line * PANEL_HEIGHT,
            }
            panels.append(_panel(panel, number=len(panels) + 1, place=place))
        top += PANEL_HEIGHT * -(-len(row) * PANEL_WIDTH // GRID_WIDTH)
    dashboard = {
        "title": "lambda-dispatch",
        "uid": "lambda-dispatch",
        "description": "Functions, telemetry and cache, from the metrics of lambda-dispatch.",
        "tags": ["aws-lambda", "opentelemetry"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "refresh": "1m",
        "templating": {"list": _variables()},
        "panels": panels,
    }
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource"}
    function = {
        "name": "function",
        "label": "Function",
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": f"label_values({ON_DASHBOARD.name('faas.invoke_duration')}_count, job)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    counting = {
        "name": "count",
        "label": "Metrics are",
        "type": "custom",
        "query": "delta : sum_over_time, cumulative : increase",
        "current": {"text": "delta", "value": "sum_over_time"},
        "options": [
            {"text": "delta", "value": "sum_over_time", "selected": True},
            {"text": "cumulative", "value": "increase", "selected": False},
        ],
    }
    return [{**source, "query": "prometheus"}, function, counting]


def _panel(panel: Panel, *, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "id": number,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": DATA_SOURCE,
        "interval": "1m",
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": "ABCDEFG"[each],
                "datasource": DATA_SOURCE,
                "expr": line.query(ON_DASHBOARD),
                "legendFormat": legend(line),
                "range": True,
            }
            for each, line in enumerate(panel.lines)
        ],
    }


def legend(line: Line) -> str:
    """Return what Grafana shows beside a series."""
    label = f"{{{{{ON_DASHBOARD.label(line.label)}}}}}" if line.label else ""
    return " ".join(filter(None, ("{{job}}", line.legend, label)))


def alerts() -> str:
    """Return the rules of Prometheus."""
    rules = [
        {
            "alert": each.name,
            "expr": each.condition(IN_ALERTS),
            **({"for": f"{each.minutes}m"} if each.minutes else {}),
            "labels": {"severity": each.severity},
            "annotations": {
                "summary": f"{{{{ $labels.job }}}}: {each.summary}",
                "description": f"Remedy: {each.remedy}.",
            },
        }
        for each in ALERTS
    ]
    return ABOUT + _yaml({"groups": [{"name": "lambda-dispatch", "rules": rules}]})


def cloudwatch() -> str:
    """Return the body of a dashboard in CloudWatch."""
    widgets: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        widgets.append(
            {
                "type": "text",
                **_place(0, top, GRID_WIDTH, 1),
                "properties": {"markdown": f"## {title}"},
            }
        )
        top += 1
        for number, panel in enumerate(row):
            line, column = divmod(number, GRID_WIDTH // WIDGET_WIDTH)
            place = _place(
                column * WIDGET_WIDTH, top + line * WIDGET_HEIGHT, WIDGET_WIDTH, WIDGET_HEIGHT
            )
            widgets.append({"type": "chart", **place, "properties": _chart(panel)})
        top += WIDGET_HEIGHT * -(-len(row) * WIDGET_WIDTH // GRID_WIDTH)
    return json.dumps({"start": "-PT3H", "widgets": widgets}, indent=2, ensure_ascii=False) + "\n"


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


def _chart(panel: Panel) -> dict[str, Any]:
    queries = [
        {
            "id": f"q{number}",
            "type": "cloudwatch-metrics",
            "language": "PromQL",
            "query": line.query(IN_WIDGETS),
            "step": 300,
            **({"label": line.legend} if line.legend else {}),
        }
        for number, line in enumerate(panel.lines, start=1)
    ]
    return {
        "title": panel.title,
        "view": "timeSeries",
        "region": REGION,
        "data": {"queries": queries},
    }


def alarms() -> str:
    """Return a template of CloudFormation with the same alerts."""
    topic = {
        "Type": "String",
        "Default": "",
        "Description": "ARN of an SNS topic that is notified of every alarm; empty for none.",
    }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Alarms on the metrics that lambda-dispatch sends to CloudWatch.",
        "Parameters": {"Topic": topic},
        "Conditions": {"HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Topic"}, ""]}]}},
        "Resources": {each.name: _alarm(each) for each in ALERTS},
    }
    return ABOUT + _yaml(template)


def _alarm(alert: Alert) -> dict[str, Any]:
    actions = {"Fn::If": ["HasTopic", [{"Ref": "Topic"}], {"Ref": "AWS::NoValue"}]}
    criteria = {
        "Query": alert.condition(IN_ALARMS),
        "PendingPeriod": 60 * alert.minutes,
        "RecoveryPeriod": 300,
    }
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{alert.summary}. Remedy: {alert.remedy}.",
            "EvaluationCriteria": {"PromQLCriteria": criteria},
            "EvaluationInterval": 60,
            "AlarmActions": actions,
        },
    }


def _yaml(document: object) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
    return text


FILES: dict[str, Callable[[], str]] = {
    "grafana.json": grafana,
    "alerts.yml": alerts,
    "cloudwatch.json": cloudwatch,
    "cloudwatch-alarms.yaml": alarms,
}

if __name__ == "__main__":
    for name, text in FILES.items():
        (FOLDER / name).write_text(text())
