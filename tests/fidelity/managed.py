"""Scenarios of Managed Instances, where the emulator has a Telemetry API."""

from __future__ import annotations

from tests.fidelity.scenario import SERVE_ONE, Scenario
from tests.scripted.steps import (
    INVOKE_AND_SHUTDOWN,
    RUNTIME,
    SHUTDOWN_ONLY,
    STAY,
    STRANGER,
    Step,
    call,
    next_event,
    next_invocation,
    register,
    respond,
    respond_error,
    subscribe,
    wanted,
)

# The emulator turns an invocation away when no worker waits for one.
_ANSWER_WITH_ANOTHER_WORKER_WAITING: list[Step] = [
    next_invocation("second next") | {"background": True},
    {"sleep": 1.0},
    respond(),
    {"wait_for": "second next"},
]
_REFUSED = {
    "subscribe with no JSON": "nonsense",
    "subscribe with an empty object": {},
    "subscribe with an old schema": wanted(schemaVersion="2022-07-01"),
    "subscribe to nothing": wanted(types=[]),
    "subscribe to an unknown type": wanted(types=["platform", "foo"]),
    "subscribe without destination": wanted(destination=None),
    "subscribe to another host": wanted(
        destination={"protocol": "HTTP", "URI": "http://localhost:{port}"}
    ),
    "subscribe with an unknown protocol": wanted(destination={"protocol": "UDP", "port": 1}),
    "subscribe to TCP port 0": wanted(destination={"protocol": "TCP", "port": 0}),
    "subscribe to a TCP port without a listener": wanted(
        destination={"protocol": "TCP", "port": 1}
    ),
    "subscribe with maxItems 999": wanted(buffering={"maxItems": 999}),
    "subscribe with maxItems 10001": wanted(buffering={"maxItems": 10001}),
    "subscribe with maxBytes 262143": wanted(buffering={"maxBytes": 262143}),
    "subscribe with maxBytes 1048577": wanted(buffering={"maxBytes": 1048577}),
    "subscribe with timeoutMs 24": wanted(buffering={"timeoutMs": 24}),
    "subscribe with timeoutMs 30001": wanted(buffering={"timeoutMs": 30001}),
    "subscribe with buffering a string": wanted(buffering={"timeoutMs": "25"}),
}

MANAGED = [
    Scenario(
        name="registering on Managed Instances",
        is_managed=True,
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN, label="register for INVOKE"),
                register("inner", SHUTDOWN_ONLY, label="register internal with events"),
                register("client", SHUTDOWN_ONLY, label="register for SHUTDOWN"),
                register("client", SHUTDOWN_ONLY, label="register twice"),
                next_event("next: SHUTDOWN"),
                {"exit": 0},
            ]
        },
        runtime=SERVE_ONE,
        awaits="response",
    ),
    Scenario(
        name="subscribing",
        is_managed=True,
        extensions={
            "client": [
                register("client", SHUTDOWN_ONLY),
                {"serve": "HTTP"},
                subscribe("subscribe without identifier", wanted(), headers={}),
                subscribe("subscribe as a stranger", wanted(), headers=STRANGER),
                *[subscribe(label, body) for label, body in _REFUSED.items()],
                subscribe("subscribe", wanted()),
                subscribe("subscribe twice", wanted()),
                next_event("pending next", background=True),
                {"wait_for": "runtime next"},
                subscribe("subscribe after the init", wanted()),
                {"sleep": 60},
            ]
        },
        runtime=[
            {"wait_for": "subscribe twice"},
            next_invocation(),
            {"wait_for": "subscribe after the init"},
            respond(),
            next_invocation("idle"),
        ],
        awaits="response",
        reports=1,
    ),
    Scenario(
        name="subscribing late",
        is_managed=True,
        extensions={
            "client": [
                register("client", SHUTDOWN_ONLY),
                {"serve": "HTTP"},
                next_event("pending next", background=True),
                {"sleep": 1.0},  # asked for by then; no answer would tell
                subscribe("subscribe after next, before the runtime's", wanted()),
                {"sleep": 60},
            ]
        },
        runtime=[
            {"wait_for": "subscribe after next, before the runtime's"},
            next_invocation(),
            respond(),
            next_invocation("idle"),
        ],
        awaits="response",
        reports=1,
    ),
    Scenario(
        name="events over HTTP",
        is_managed=True,
        extensions={
            "client": [
                {"print": "before the subscription"},
                register("client", SHUTDOWN_ONLY),
                {"serve": "HTTP"},
                subscribe("subscribe", wanted()),
                {"print": "after the subscription"},
                next_event("next: SHUTDOWN"),
                {"exit": 0},
            ]
        },
        runtime=[
            {"wait_for": "subscribe"},
            {"print": "init of the runtime"},
            {"wait_for_event": "init of the runtime"},  # the emulator reads lines at its leisure
            next_invocation(),
            {"print": "first invocation"},
            {"wait_for_event": "first invocation"},
            *_ANSWER_WITH_ANOTHER_WORKER_WAITING,
            respond_error(
                body={"errorMessage": "no", "errorType": "Custom"},
                **{"Lambda-Runtime-Function-Error-Type": "Function.Custom"},
            ),
            next_invocation("idle"),
        ],
        payloads=("1", "2"),
        awaits="error",
        reports=2,
    ),
    Scenario(
        name="events over TCP",
        is_managed=True,
        extensions={
            "client": [
                register("client", SHUTDOWN_ONLY),
                {"serve": "TCP"},
                subscribe(
                    "subscribe over TCP",
                    wanted(
                        types=["platform", "function"],
                        destination={"protocol": "TCP", "port": "{port}"},
                    ),
                ),
                next_event("next: SHUTDOWN"),
                {"exit": 0},
            ]
        },
        runtime=[
            {"wait_for": "subscribe over TCP"},
            next_invocation(),
            {"print": "a line"},
            {"wait_for_event": "a line"},
            respond(),
            next_invocation("idle"),
        ],
        awaits="response",
        reports=1,
    ),
    Scenario(
        name="answers of the runtime on Managed Instances",
        is_managed=True,
        extensions={"client": [register("client", SHUTDOWN_ONLY), *STAY]},
        runtime=[
            call("restore next", "GET", f"{RUNTIME}/restore/next"),
            next_invocation(),
            call("answer to an unknown id", "POST", f"{RUNTIME}/invocation/other/response"),
            *_ANSWER_WITH_ANOTHER_WORKER_WAITING,
            respond_error(body={"a": 1}),
            call("init error afterwards", "POST", f"{RUNTIME}/init/error", body={}),
            call("init error again", "POST", f"{RUNTIME}/init/error", body={}),
            next_invocation("idle"),
        ],
        payloads=('{"n":1}', "2"),
        awaits="init error again",
    ),
    Scenario(
        name="exit of an extension on Managed Instances",
        is_managed=True,
        extensions={
            "client": [
                register("client", SHUTDOWN_ONLY),
                next_event("pending next", background=True),
                {"wait_for": "runtime next"},
                {"exit": 0},
            ]
        },
        runtime=[next_invocation(), {"sleep": 60}],
    ),
]
