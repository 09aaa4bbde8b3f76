"""PURE: what is asked of AWS: settings, events, and what the answers and log lines should say.

An experiment that does not go as expected has not failed: its findings are what is worth reporting.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

CLOUDWATCH: Mapping[str, str] = MappingProxyType(
    {"DISPATCH_POST_URI": "https://xray.REGION.SUFFIX", "DISPATCH_SIGNALS": "traces,logs,metrics",
     "DISPATCH_LOG_GROUP": "GROUP", "DISPATCH_FLUSH": "end"}
)  # fmt: skip
"""REGION, SUFFIX, GROUP and SECRET are replaced when an experiment runs."""
LAST = "telemetry"
"""The message of the last line of a sandbox."""

LAMBDAS_PORT = ":9001"
"""Of the Runtime API itself."""

FILLER = 2_000_000
"""Characters of a large answer."""

REPORT = re.compile(r"^REPORT RequestId: .*?Duration: ([\d.]+) ms(?:.*Init Duration: ([\d.]+) ms)?")


LOSSES = ("dropped.", "faults.", "unsent", "failed_exports")


class Answer(NamedTuple):
    """What an invocation came to."""

    error: str
    """Empty, or what Lambda calls the error: Unhandled."""
    payload: Any


class Observed(NamedTuple):
    """What one experiment brought: the answers, in order, and the lines of the function's log."""

    answers: Sequence[Answer]
    lines: Sequence[str]

    @property
    def own(self) -> list[dict[str, Any]]:
        """The lines of the extension."""
        return [line for line in map(_parse, self.lines) if line]

    @property
    def ends(self) -> int:
        """How many sandboxes have written their last line."""
        return sum(line["message"] == LAST for line in self.own)

    @property
    def last(self) -> dict[str, Any]:
        """Those of the last line of each sandbox, added up."""
        total: dict[str, Any] = {}
        for line in self.own:
            if line["message"] == LAST:
                for name, value in line.items():
                    if isinstance(value, int):
                        total[name] = total.get(name, 0) + value
        return total

    @property
    def complaints(self) -> list[str]:
        """Warnings and errors: message, cause and what the other side said."""
        fields = ("message", "cause", "code", "said")
        return [" · ".join(str(line[name]) for name in fields if line.get(name))
                for line in self.own if line["level"] in ("WARN", "ERROR")]  # fmt: skip


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    as_expected: bool
    found: str


class Experiment(NamedTuple):
    """What is tried, and why."""

    name: str
    question: str
    expected: str
    events: tuple[Mapping[str, Any], ...]
    look: Callable[[Observed], Iterator[Finding]]
    variables: Mapping[str, str] = CLOUDWATCH
    denied: tuple[str, ...] = ()
    """Actions that the role lacks."""
    pause_s: int = 0
    """Between the events, in AWS."""
    cold_starts: int = 1
    has_layer: bool = True


def _parse(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    ours = isinstance(found, dict) and found.get("extension") == "lambda-dispatch"
    return found if ours and {"message", "level"} <= found.keys() else {}


def _exports(observed: Observed) -> Iterator[Finding]:
    last = observed.last
    for signal in ("traces", "logs", "metrics"):
        count = last.get(f"{signal}_accepted", 0)
        yield Finding(f"{signal} accepted by AWS", count > 0, str(count))
    lost = {name: count for name, count in last.items() if count and name.startswith(LOSSES)}
    yield Finding("nothing lost", not lost, json.dumps(lost))
    yield _quiet(observed)


def _quiet(observed: Observed) -> Finding:
    complaints = observed.complaints
    return Finding("no warning", not complaints, "; ".join(complaints) or "none")


def _secret(observed: Observed) -> Iterator[Finding]:
    caches = [each.payload.get("caches") for each in observed.answers
              if isinstance(each.payload, dict)]  # fmt: skip
    yield Finding("first a miss, then hits", caches == [["MISS", "HIT"], ["HIT", "HIT"]],
                  json.dumps(caches))  # fmt: skip
    leaks = observed.last.get("secret_leaks", 0)
    yield Finding("the printed secret was removed", leaks > 0, f"{leaks} records held it")
    yield from _exports(observed)


def _failures(observed: Observed) -> Iterator[Finding]:
    errors = [each.error for each in observed.answers]
    yield Finding("Lambda calls each an error", all(errors), json.dumps(errors))
    count = observed.last.get("invocations", 0)
    yield Finding("every invocation is known", count == len(errors), f"{count} of {len(errors)}")
    yield from _exports(observed)


def _refused(observed: Observed) -> Iterator[Finding]:
    failed = [each for each in observed.complaints if each.startswith("export failed")]
    named = [each for each in failed if "xray:PutTraceSegments" in each]
    yield Finding("the line names the missing action", bool(named), "; ".join(failed) or "none")


def _durations(observed: Observed) -> Iterator[Finding]:
    reports = [found for line in observed.lines if (found := REPORT.match(line))]
    inits = [float(found[2]) for found in reports if found[2]]
    if inits:
        median = statistics.median(inits)
        summary = f"median {median:.0f} ms of {', '.join(f'{each:.0f}' for each in inits)}"
    else:
        summary = "no REPORT line has an Init Duration"
    yield Finding("init durations", bool(inits), summary)
    yield _quiet(observed)


def _thaw(observed: Observed) -> Iterator[Finding]:
    yield Finding("every invocation succeeded", not any(each.error for each in observed.answers),
                  json.dumps([each.error for each in observed.answers]))  # fmt: skip
    yield from _exports(observed)


def _tap(observed: Observed) -> Iterator[Finding]:
    bodies = [each.payload if isinstance(each.payload, dict) else {} for each in observed.answers]
    ways = {str(body.get("runtime_api")) for body in bodies}
    direct = {way for way in ways if way.endswith(LAMBDAS_PORT) or way == "None"}
    yield Finding("the runtime goes through the pump", not direct, ", ".join(sorted(ways)))
    sizes = [len(str(body.get("filler", ""))) for body in bodies]
    yield Finding("answers arrive whole", sizes == [0, FILLER, FILLER], str(sizes))
    yield from _exports(observed)


EXPERIMENTS = (
    Experiment(
        "baseline", "How long is a cold start without the layer?",
        "a number, for comparison", ({},), _durations, variables={}, cold_starts=5,
        has_layer=False,
    ),
    Experiment(
        "cold-start", "What does the layer add to a cold start, with telemetry and cache?",
        "at most 80 ms more than the baseline", ({},), _durations, cold_starts=5,
    ),
    Experiment(
        "export", "Do X-Ray, CloudWatch Logs and CloudWatch take what is sent?",
        "every signal is accepted, nothing is lost, no warning",
        ({"print": "hello"}, {"print": "again"}), _exports,
    ),
    Experiment(
        "secret", "Is a secret served, cached, and kept out of the telemetry?",
        "MISS, then HIT; the printed secret is counted as removed",
        ({"secret": "SECRET", "times": 2}, {"secret": "SECRET", "times": 2}), _secret,
    ),
    Experiment(
        "failures", "Do an exception, an exit, a timeout and a lack of memory arrive?",
        "each invocation is known, and its span exported",
        ({"raise": "no stock"}, {"exit": 3}, {"sleep": 20}, {"megabytes": 400}), _failures,
    ),
    Experiment(
        "refusal", "What does X-Ray say without the permission?",
        "403, and a line that names xray:PutTraceSegments", ({},), _refused,
        denied=("xray:PutTraceSegments",),
    ),
    Experiment(
        "delta", "Does CloudWatch take delta sums?", "accepted; report it if not",
        ({"print": "hello"},), _exports,
        variables={**CLOUDWATCH, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"},
    ),
    Experiment(
        "thaw", "Does an export work after being frozen for minutes?",
        "nothing is lost and nothing refused", ({"print": "hello"}, {"print": "again"}), _thaw,
        variables={**CLOUDWATCH, "DISPATCH_FLUSH": "periodic"}, pause_s=360,
    ),
    Experiment(
        "tap", "Does the runtime work with the tap, also after being frozen for minutes?",
        "every answer arrives whole, through another port than 9001",
        ({"print": "hello"}, {"filler": FILLER}, {"filler": FILLER}), _tap,
        variables={**CLOUDWATCH, "AWS_LAMBDA_EXEC_WRAPPER": "/opt/lambda-dispatch-tap"},
        pause_s=180,
    ),
)  # fmt: skip
