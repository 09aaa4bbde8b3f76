"""Telemetry as a subscribed extension gets it, over real listeners."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from simulator.local_lambda import LocalLambda
from simulator.settings import Faults
from tests.scripted.stage import Stage
from tests.scripted.steps import (
    INVOKE_AND_SHUTDOWN,
    SHUTDOWN_ONLY,
    STAY,
    Step,
    next_event,
    next_invocation,
    register,
    respond,
    subscribe,
    wanted,
)
from tests.simulator.running import body_of, records_of, settings_for, types_of
from tests.waiting import until

LOGS = """
import logging, sys

def handler(event, context):
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger().warning("two\\nlines")
    return "x" * 10
"""
PATIENT = {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 30_000}


def listening(*, last: str = "platform.report", **changes: Any) -> list[Step]:
    """Return the steps of an extension that listens over HTTP until it has got the last event."""
    return [
        register("one", INVOKE_AND_SHUTDOWN),
        {"serve": "HTTP"},
        subscribe("subscribe", wanted(**changes)),
        {"until": "SHUTDOWN"},
        {"wait_for_event": last},
        {"exit": 0},
    ]


async def run(stage: Stage, **changes: Any) -> LocalLambda:
    """Invoke once, end the sandbox, and return what is left."""
    async with LocalLambda(settings_for(stage, **changes)) as function:
        await function.invoke()
    return function


async def test_a_subscriber_gets_everything_in_order(tmp_path: Path) -> None:
    """Also what happened before it subscribed, and the report at the end."""
    runtime = [{"wait_for": "subscribe"}, next_invocation(), respond(), next_invocation("idle")]
    one = listening(types=["platform"])
    stage = Stage.build(tmp_path, extensions={"one": one}, runtime=runtime)
    function = await run(stage)

    assert stage.seen("subscribe")["body"] == '"OK"'
    got = [event["type"].removeprefix("platform.") for event in stage.events()]
    assert (
        got
        == types_of(function)
        == [
            "initStart",
            "telemetrySubscription",
            "initRuntimeDone",
            "extension",
            "initReport",
            "start",
            "runtimeDone",
            "report",
        ]
    )


async def test_batches_come_as_lambda_sends_them(tmp_path: Path) -> None:
    """A POST to the subscribed path, a JSON array, and an id that fits the body."""
    stage = Stage.build(tmp_path, extensions={"one": listening()})
    await run(stage)

    batch = stage.seen("telemetry")
    digest = base64.b64encode(hashlib.sha256(batch["body"].encode()).digest()).decode()
    assert batch["path"] == "/path"
    assert batch["headers"]["Content-Type"] == "application/json"
    assert batch["headers"]["Sequence-Id"] == digest
    assert batch["headers"]["Host"].startswith("sandbox.localdomain:")
    assert all(set(event) == {"time", "type", "record"} for event in json.loads(batch["body"]))


async def test_records_of_an_invocation_carry_what_lambda_reports(tmp_path: Path) -> None:
    """Memory is in bytes, the instance is the log stream, spans cover the time, ids agree."""
    stage = Stage.build(tmp_path, extensions={"one": listening()}, source=LOGS)
    function = await run(stage, memory_mb=256)

    [init], [start] = records_of(function, "initStart"), records_of(function, "start")
    [done], [report] = records_of(function, "runtimeDone"), records_of(function, "report")
    assert init["instanceMaxMemory"] == 256 * 1024 * 1024
    assert "/[$LATEST]" in init["instanceId"]
    assert start["tracing"] == done["tracing"] == report["tracing"]
    assert done["metrics"]["producedBytes"] == len(json.dumps("x" * 10))
    names = [span["name"] for span in done["spans"]]
    assert names == ["responseLatency", "responseDuration", "runtimeOverhead"]
    total = sum(span["durationMs"] for span in done["spans"])
    assert total == pytest.approx(done["metrics"]["durationMs"], abs=0.01)
    metrics = report["metrics"]
    assert metrics["billedDurationMs"] >= metrics["durationMs"] + metrics["initDurationMs"]
    assert metrics["memorySizeMB"] == 256


async def test_lines_come_as_they_were_printed(tmp_path: Path) -> None:
    """Printed lines keep their end; a logged record of two lines stays one record."""
    stage = Stage.build(
        tmp_path, extensions={"one": listening(types=["function"], last="lines")}, source=LOGS
    )
    await run(stage)

    records = [event["record"] for event in stage.events("function")]
    assert {"printed\n", "to stderr\n"} < set(records)
    [logged] = [record for record in records if "two" in record]
    assert logged.endswith("\ttwo\nlines\n")


@pytest.mark.parametrize(
    ("version", "kind"), [("2022-07-01", str), ("2022-12-13", dict), ("2025-01-29", dict)]
)
async def test_json_logs_are_objects_since_the_second_schema(
    tmp_path: Path, version: str, kind: type
) -> None:
    """With JSON logs the first schema version still gets strings, later ones objects."""
    one = listening(types=["function"], last="lines", schemaVersion=version)
    stage = Stage.build(tmp_path, extensions={"one": one}, source=LOGS)
    await run(stage, log_format="JSON")

    records = [event["record"] for event in stage.events("function")]
    assert {type(record) for record in records} == {kind}
    logged = [json.loads(record) if kind is str and "{" in record else record for record in records]
    assert "two\nlines" in [record["message"] for record in logged if isinstance(record, dict)]


async def test_a_plain_line_becomes_an_object_with_json_logs(tmp_path: Path) -> None:
    """A print is wrapped with time, level and the id of the running invocation."""
    stage = Stage.build(
        tmp_path, extensions={"one": listening(types=["function"], last="lines")}, source=LOGS
    )
    function = await run(stage, log_format="JSON")

    request_id = records_of(function, "start")[0]["requestId"]
    [record] = [
        event["record"]
        for event in stage.events("function")
        if event["record"]["message"] == "printed"
    ]
    assert set(record) == {"timestamp", "level", "message", "requestId"}
    assert record["requestId"] == request_id


async def test_tcp_gets_one_object_a_line(tmp_path: Path) -> None:
    """Over TCP there is no array: every event is a line of its own."""
    one = [
        register("one", INVOKE_AND_SHUTDOWN),
        {"serve": "TCP"},
        subscribe("subscribe", wanted(destination={"protocol": "TCP", "port": "{port}"})),
        {"until": "SHUTDOWN"},
        {"wait_for_event": "platform.report"},
        {"exit": 0},
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    await run(stage)

    assert stage.events()[0]["type"] == "platform.initStart"
    assert stage.events("platform.report")


async def test_a_flush_at_shutdown_brings_what_was_still_buffered(tmp_path: Path) -> None:
    """With half a minute of buffering everything comes when the sandbox ends."""
    stage = Stage.build(tmp_path, extensions={"one": listening(buffering=PATIENT)})
    await run(stage)

    batches = [seen for seen in stage.observations() if seen["label"] == "telemetry"]
    assert len(batches) == 1
    assert stage.events("platform.report")


async def test_a_second_destination_is_a_second_subscriber(tmp_path: Path) -> None:
    """The same extension may listen on two ports; the same port again replaces the first."""
    one = [
        register("one", INVOKE_AND_SHUTDOWN),
        {"serve": "HTTP"},
        subscribe("first", wanted(types=["function"])),
        subscribe("first again", wanted(types=["platform"])),
        {"serve": "HTTP"},
        subscribe("second", wanted(types=["platform"])),
        {"until": "SHUTDOWN"},
        {"wait_for_event": "platform.report", "times": 2},
        {"exit": 0},
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    function = await run(stage)

    assert [record["types"] for record in records_of(function, "telemetrySubscription")] == [
        ["function"],
        ["platform"],
        ["platform"],
    ]
    assert len(stage.events("platform.report")) == 2


async def test_after_the_init_nobody_can_subscribe(tmp_path: Path) -> None:
    """A late subscription is refused; so is one without a listener that TCP could reach."""
    one = [
        register("one", INVOKE_AND_SHUTDOWN),
        {"serve": "HTTP"},
        subscribe("no listener", wanted(destination={"protocol": "TCP", "port": 1})),
        next_event("invoked"),
        subscribe("late", wanted()),
        *STAY,
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    async with LocalLambda(settings_for(stage)) as function:
        await function.invoke()

    assert (stage.seen("no listener")["status"], stage.seen("late")["status"]) == (400, 403)
    assert body_of(stage.seen("no listener"))["errorType"] == "ValidationError"
    assert body_of(stage.seen("late")) == {
        "errorMessage": "Telemetry API subscription is closed",
        "errorType": "Telemetry.SubscriptionClosed",
    }


async def test_without_a_listener_events_are_dropped_and_told(tmp_path: Path) -> None:
    """When there is no answer, the platform gives up and emits logsDropped."""
    one = [
        register("one", SHUTDOWN_ONLY),
        subscribe(
            "subscribe",
            wanted(destination={"protocol": "HTTP", "URI": "http://sandbox.localdomain:1"}),
        ),
        *STAY,
    ]
    stage = Stage.build(tmp_path, extensions={"one": one})
    settings = settings_for(stage, delivery_attempts=1, freeze=False)
    async with LocalLambda(settings) as function:
        await function.start()
        await until(lambda: records_of(function, "logsDropped"))

    dropped = records_of(function, "logsDropped")[0]
    assert dropped["droppedRecords"] > 0
    assert dropped["droppedBytes"] > 0
    assert "could not post events" in dropped["reason"]


async def test_events_can_be_duplicated_and_left_out(tmp_path: Path) -> None:
    """Faults change what subscribers get, not what happened."""
    faults = Faults(duplicate=frozenset({"platform.start"}), missing=frozenset({"platform.report"}))
    one = listening(types=["platform"], last="platform.runtimeDone")
    stage = Stage.build(tmp_path, extensions={"one": one})
    function = await run(stage, faults=faults)

    assert len(stage.events("platform.start")) == 2
    assert stage.events("platform.report") == []
    assert [types_of(function).count(name) for name in ("start", "report")] == [1, 1]


async def test_events_can_be_late_by_an_invocation(tmp_path: Path) -> None:
    """A late event comes after the next invocation's own, with its own time."""
    faults = Faults(late=frozenset({"platform.runtimeDone"}))
    one = listening(types=["platform"], last="platform.runtimeDone")
    stage = Stage.build(tmp_path, extensions={"one": one})
    async with LocalLambda(settings_for(stage, faults=faults)) as function:
        first = await function.invoke()
        await function.invoke()

    late = [event["record"]["requestId"] for event in stage.events("platform.runtimeDone")]
    assert late == [first.request_id]
    names = [event["type"] for event in stage.events()]
    assert names.index("platform.runtimeDone") > names.index("platform.report")


async def test_the_platforms_clock_can_jump(tmp_path: Path) -> None:
    """Each thaw sets the platform's clock ahead, as after a long freeze."""
    stage = Stage.build(tmp_path)
    settings = settings_for(stage, faults=Faults(clock_jump_s=3600))
    async with LocalLambda(settings) as function:
        await function.invoke()
        await function.invoke()

    first, second = [event for event in function.events if event.type == "platform.start"]
    assert 3600 <= (second.time_ns - first.time_ns) / 1e9 < 3700


async def test_records_can_have_the_shape_of_2022(tmp_path: Path) -> None:
    """The old shape knows no spans, no phase, no instance, and no status of a report."""
    stage = Stage.build(tmp_path)
    async with LocalLambda(settings_for(stage, event_shape="2022")) as function:
        await function.invoke()

    assert records_of(function, "initStart") == [{"initializationType": "on-demand"}]
    assert set(records_of(function, "start")[0]) == {"requestId", "version", "tracing"}
    assert "spans" not in records_of(function, "runtimeDone")[0]
    assert set(records_of(function, "report")[0]) == {"requestId", "metrics", "tracing"}
