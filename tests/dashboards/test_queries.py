"""Prometheus itself answers every query, and follows every alert, on metrics that we have made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest
import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

from tests.dashboards.given import BAD, HOUR_S, STEP_S, as_cloudwatch_labels, good, hour
from tests.dashboards.metered import MeteredSandbox, Temporality, everything
from tests.dashboards.panels import ALERTS
from tests.dashboards.prometheus_engine import Answers, NotHereError, Span, evaluate, program
from tests.dashboards.test_files import prometheus_names, queries_of_cloudwatch
from tests.dashboards.write import FOLDER
from tests.doubles import NOON_NS

pytestmark = pytest.mark.timeout(1000)  # with the time that the build takes

PROMETHEUS = FOLDER / "prometheus.yml"
NOON_S = NOON_NS / 1e9
TEN_MINUTES = Span(NOON_S, NOON_S + 600, 60)
HOUR = Span(NOON_S, NOON_S + HOUR_S, STEP_S)

LIKE_CLOUDWATCH = """\
otlp: {translation_strategy: NoTranslation, convert_histograms_to_nhcb: true}
rule_files: [alarms.yml]
"""
"""Names as they are and native histograms: what is known of CloudWatch."""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The program."""
    try:
        program()
    except NotHereError as error:
        pytest.skip(str(error))


@pytest.fixture
def like_cloudwatch(tmp_path: Path) -> Path:
    """A configuration of Prometheus, with the alarms of the template as rules."""
    template = yaml.safe_load((FOLDER / "cloudwatch-alarms.yaml").read_text())
    rules = []
    for name, resource in template["Resources"].items():
        criteria = resource["Properties"]["EvaluationCriteria"]["PromQLCriteria"]
        pending = {"for": f"{criteria['PendingPeriod']}s"} if criteria["PendingPeriod"] else {}
        rules.append({"alert": name, "expr": criteria["Query"], **pending})
    groups = {"groups": [{"name": "alarms", "rules": rules}]}
    (tmp_path / "alarms.yml").write_text(yaml.safe_dump(groups))
    config = tmp_path / "prometheus.yml"
    config.write_text(LIKE_CLOUDWATCH)
    return config


def of_grafana(count: str) -> dict[str, str]:
    """Return the queries of the dashboard as Grafana sends them."""
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    values = {"$count": count, "$__interval": "2m", "$function": ".+"}
    asked = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for variable, value in values.items():
                query = query.replace(variable, value)
            asked[f"{panel['title']} {target['refId']}"] = query
    return asked


def unanswered(answers: Answers) -> list[str]:
    """Return the queries that told nothing; none may have been refused."""
    assert (answers.refused, answers.problems) == ([], [])
    return [name for name, series in answers.series.items() if not series]


def test_names_are_those_of_prometheus() -> None:
    """Its own translation of OTLP makes them; the other tests have them from ours."""
    answers = evaluate(everything(), config=PROMETHEUS, queries={}, over=TEN_MINUTES)
    assert {*answers.metrics} - {"target_info"} == {name for name, _ in prometheus_names()}


def test_every_panel_shows_deltas() -> None:
    """As the extension sends them by default."""
    queries = of_grafana("sum_over_time")
    assert not unanswered(
        evaluate(everything(), config=PROMETHEUS, queries=queries, over=TEN_MINUTES)
    )


def test_panels_show_sums_that_grow() -> None:
    """For back ends that take no deltas."""
    answers = evaluate(
        everything("cumulative"), config=PROMETHEUS, queries=of_grafana("increase"),
        over=TEN_MINUTES, is_delta=False,
    )  # fmt: skip
    assert unanswered(answers) == []


def test_every_widget_shows_deltas(like_cloudwatch: Path) -> None:
    """With the labels that CloudWatch makes of the resource."""
    requests = map(as_cloudwatch_labels, everything())
    answers = evaluate(
        requests, config=like_cloudwatch, queries=queries_of_cloudwatch(), over=TEN_MINUTES
    )
    silent = {each.name for each in ALERTS}
    assert {*unanswered(answers)} <= silent


def test_counts_are_those_of_all_sandboxes() -> None:
    """None is lost where two export in the same millisecond, nor between two bars."""
    query = "sum(sum_over_time(faas_invocations_total[2m]))"
    steps = Span(NOON_S + 120, NOON_S + HOUR_S, 120)
    answers = evaluate(
        hour("shop", good, sandboxes=3), config=PROMETHEUS, queries={"all": query}, over=steps
    )
    [series] = answers.series["all"]
    assert sum(value for _, value in series.points) == 3 * (60 * 10 - 6)


def test_what_happens_once_is_seen_in_deltas_alone() -> None:
    """A cold start is the first value of a sum that grows, which `increase` has nothing before."""
    query = "sum({}(faas_coldstarts_total[1h]))"
    found = {}
    ways: dict[Temporality, str] = {"delta": "sum_over_time", "cumulative": "increase"}
    for temporality, count in ways.items():
        sandbox = MeteredSandbox("shop", 1, temporality=temporality)
        requests: list[bytes] = []
        for minute in range(1, 11):
            sandbox.invoke(60 * minute, is_cold=minute == 1)
            requests += sandbox.export(60 * minute + 10)
        answers = evaluate(
            requests, config=PROMETHEUS, queries={"cold": query.format(count)}, over=TEN_MINUTES
        )
        [series] = answers.series["cold"]
        found[temporality] = series.points[-1][1]
    assert found == {"delta": 1, "cumulative": 0}


def firing(requests: Iterable[bytes], config: Path) -> Mapping[str, Sequence[str]]:
    """Return the alerts that fire in an hour, by function."""
    answers = evaluate(requests, config=config, queries={}, over=HOUR, rules=True)
    assert (answers.refused, answers.problems) == ([], [])
    assert sorted(answers.rules) == sorted(each.name for each in ALERTS)
    found: dict[str, set[str]] = {}
    for alert in answers.firing:
        labels = alert["Labels"]
        function = labels.get("job") or labels["@resource.service.name"]
        found.setdefault(function, set()).add(labels["alertname"])
    return {function: sorted(names) for function, names in found.items()}


BAD_HOURS = {
    f"{alert}-{number}": (alert, minute)
    for alert, minutes in BAD.items()
    for number, minute in enumerate(minutes)
}


@pytest.mark.parametrize("back_end", ["prometheus", "cloudwatch"])
def test_alerts_fire_when_they_have_to(
    back_end: Literal["prometheus", "cloudwatch"], like_cloudwatch: Path
) -> None:
    """Each on its bad data, no other there, and none where all is well."""
    hours = {"well": good} | {name: minute for name, (_, minute) in BAD_HOURS.items()}
    requests = [each for name, minute in hours.items() for each in hour(name, minute)]
    if back_end == "prometheus":
        fired = firing(requests, PROMETHEUS)
    else:
        fired = firing(map(as_cloudwatch_labels, requests), like_cloudwatch)
    assert fired == {name: [alert] for name, (alert, _) in BAD_HOURS.items()}


def test_an_alert_names_the_function() -> None:
    """In the sentence that people get."""
    [erring] = BAD["FunctionErrors"]
    answers = evaluate(hour("shop", erring), config=PROMETHEUS, queries={}, over=HOUR, rules=True)
    summaries = {each["Annotations"]["summary"] for each in answers.firing}
    assert summaries == {"shop: more than 5 % of the invocations failed or timed out"}
