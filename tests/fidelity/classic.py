"""Scenarios of the classic life cycle: on demand, one invocation at a time."""

from __future__ import annotations

from tests.fidelity.scenario import SERVE_ONE, Scenario
from tests.scripted.steps import (
    ERROR_TYPE,
    EXTENSION,
    IDENTIFIER,
    INVOKE_AND_SHUTDOWN,
    OWN,
    RUNTIME,
    SHUTDOWN_ONLY,
    STAY,
    STRANGER,
    Step,
    call,
    fail,
    next_event,
    next_invocation,
    register,
    respond,
    respond_error,
    subscribe,
    wanted,
)

FEATURE = "Lambda-Extension-Accept-Feature"
MODE = "Lambda-Runtime-Function-Response-Mode"

TO_START_S = 8
"""Of a function that runs into its timeout: its processes start in it, on a busy machine, too."""


def _internal(number: int) -> list[Step]:
    return [
        register(f"inner{number}", {}, label=f"register internal {number}"),
        next_event(f"internal next {number}", background=True),
    ]


CLASSIC = [
    Scenario(
        name="life of an extension",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("first next: INVOKE"),
                next_event("second next: INVOKE"),
                next_event("third next: SHUTDOWN"),
                {"exit": 0},
            ]
        },
        runtime=[
            next_invocation(),
            respond(),
            next_invocation("second"),
            respond("second response"),
            next_invocation("idle"),
        ],
        payloads=('{"n":1}', '{"n":2}'),
    ),
    Scenario(
        name="registering",
        extensions={
            "client": [
                register("", INVOKE_AND_SHUTDOWN, label="register without a name"),
                register("client", "", label="register with an empty body"),
                register("client", "nonsense", label="register with a body that is not JSON"),
                register("client", "{", label="register with half a JSON object"),
                register("client", [], label="register with a JSON list"),
                register("client", {"events": "INVOKE"}, label="register with events no list"),
                register(
                    "client", {"configurationKeys": ["a"]}, label="register with configurationKeys"
                ),
                register("client", {"events": ["FOO"]}, label="register for an unknown event"),
                register("other", SHUTDOWN_ONLY, label="register internal for SHUTDOWN"),
                register(
                    "client",
                    INVOKE_AND_SHUTDOWN,
                    label="register with the account feature",
                    **{FEATURE: "x, accountId"},
                ),
                register("client", INVOKE_AND_SHUTDOWN, label="register twice"),
                *STAY,
            ],
            "quiet": [
                register("quiet", {}),
                next_event("quiet next", background=True),
                {"sleep": 60},
            ],
        },
        runtime=[
            register("inner", {}, label="register internal"),
            next_event("internal next", background=True),
            register("inner", {"events": []}, label="register internal twice"),
            *[step for number in range(4, 11) for step in _internal(number)],
            register("surplus", {}, label="register an 11th extension"),
            *SERVE_ONE,
        ],
    ),
    Scenario(
        name="identifiers",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                call("next without identifier", "GET", f"{EXTENSION}/event/next"),
                call(
                    "next with no UUID",
                    "GET",
                    f"{EXTENSION}/event/next",
                    headers={IDENTIFIER: "me"},
                ),
                call("next of a stranger", "GET", f"{EXTENSION}/event/next", headers=STRANGER),
                fail("init", "init error without identifier", {}),
                fail("init", "init error without type", OWN),
                fail("init", "init error of a stranger", STRANGER | {ERROR_TYPE: "Extension.X"}),
                fail("exit", "exit error without type", OWN),
                fail("exit", "exit error of a stranger", STRANGER | {ERROR_TYPE: "Extension.X"}),
                next_event("first next"),
                fail("init", "init error after next", OWN | {ERROR_TYPE: "Extension.X"}),
                *STAY,
            ]
        },
        runtime=SERVE_ONE,
    ),
    Scenario(
        name="init error of an extension",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                fail("init", "init error", OWN | {ERROR_TYPE: "Extension.Why"}),
                fail("init", "init error again", OWN | {ERROR_TYPE: "Extension.Why"}),
                next_event("next after init error"),
                fail("exit", "exit error after init error", OWN | {ERROR_TYPE: "Extension.X"}),
                {"exit": 1},
            ]
        },
        runtime=[next_invocation()],
    ),
    Scenario(
        name="exit error of an extension",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("next before exit error"),
                {"wait_for": "runtime next"},
                fail("exit", "exit error", OWN | {ERROR_TYPE: "Extension.Why"}),
                fail("exit", "exit error again", OWN | {ERROR_TYPE: "Extension.Why"}),
                next_event("next after exit error"),
                {"exit": 1},
            ]
        },
        runtime=[next_invocation(), {"wait_for": "next after exit error"}, {"sleep": 5}],
    ),
    Scenario(
        name="two calls of next at once",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("pending next", background=True),
                {"sleep": 1.0},
                next_event("next while one is pending"),
                {"wait_for": "pending next"},
                *STAY,
            ]
        },
        runtime=[{"wait_for": "next while one is pending"}, *SERVE_ONE],
    ),
    Scenario(
        name="paths and verbs",
        extensions={
            "client": [
                call("unknown path", "GET", "/nowhere"),
                call("register by GET", "GET", f"{EXTENSION}/register"),
                call("register with a slash at the end", "POST", f"{EXTENSION}/register/"),
                call("next by HEAD", "HEAD", f"{EXTENSION}/event/next", headers=OWN),
                call("ping", "GET", "/2018-06-01/ping"),
                call("Logs API", "PUT", "/2020-08-15/logs", body={}),
                call("credentials without SnapStart", "GET", "/2021-04-23/credentials"),
                register("client", SHUTDOWN_ONLY),
                *STAY,
            ]
        },
        runtime=SERVE_ONE,
    ),
    Scenario(
        name="telemetry",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                {"serve": "HTTP"},
                subscribe("subscribe on demand", wanted()),
                {"until": "SHUTDOWN"},
                {"sleep": 0.3},  # for the last batch
                {"exit": 0},
            ]
        },
        runtime=SERVE_ONE,
    ),
    Scenario(
        name="answers of the runtime",
        extensions={
            "client": [
                register("client", SHUTDOWN_ONLY),
                next_event("client waits", background=True),
                {"wait_for": "runtime next"},
                register("late", {}, label="register after the runtime's first next"),
                {"sleep": 60},
            ]
        },
        runtime=[
            call("restore next on demand", "GET", f"{RUNTIME}/restore/next"),
            next_invocation(),
            call("answer to an unknown id", "POST", f"{RUNTIME}/invocation/other/response"),
            call("init error while running", "POST", f"{RUNTIME}/init/error", body={}),
            next_invocation("next without an answer: the same again"),
            {"wait_for": "register after the runtime's first next"},
            respond(),
            respond("second answer"),
            call("error after the answer", "POST", f"{RUNTIME}/invocation/{{request}}/error"),
            next_invocation("next with payload"),
            respond_error(body={"errorMessage": "no", "errorType": "Custom"}),
            next_invocation("next before a large answer"),
            respond("answer beyond 6 MB", size=6 * 1024 * 1024 + 101),
            next_invocation("next before a streamed answer"),
            respond("streamed answer", headers={MODE: "streaming"}),
            next_invocation("next before an answer in chunks"),
            respond("answer in chunks", in_chunks=True),
            next_invocation("next before a streamed answer in chunks"),
            respond("streamed answer in chunks", in_chunks=True, headers={MODE: "streaming"}),
            next_invocation("next before an odd mode"),
            respond("answer in an odd mode", headers={MODE: "odd"}),
            {"exit": 0},
        ],
        payloads=('{"n":1}', '"<&>"', "3", "4", "5", "6", "7"),
    ),
    Scenario(
        name="init error of the runtime",
        extensions={"client": [register("client", INVOKE_AND_SHUTDOWN), *STAY]},
        runtime=[
            call(
                "runtime init error",
                "POST",
                f"{RUNTIME}/init/error",
                body={"errorMessage": "no", "errorType": "Custom"},
            ),
            call("runtime init error again", "POST", f"{RUNTIME}/init/error", body={}),
            next_invocation("runtime next after init error"),
            {"exit": 1},
        ],
    ),
    Scenario(
        name="exit of the runtime",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("INVOKE before the exit"),
                *STAY,
            ]
        },
        runtime=[next_invocation(), {"exit": 7}],
    ),
    Scenario(
        name="silent exit of the runtime",
        extensions={"client": [register("client", INVOKE_AND_SHUTDOWN), *STAY]},
        runtime=[next_invocation(), {"exit": 0}],
    ),
    Scenario(
        name="exit of an extension",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("INVOKE before the exit"),
                {"wait_for": "runtime next"},
                {"exit": 0},
            ]
        },
        runtime=[next_invocation(), {"sleep": 60}],
    ),
    Scenario(
        name="exit of an extension before it registers",
        extensions={"client": [{"exit": 4}]},
        runtime=[next_invocation()],
    ),
    Scenario(
        name="timeout of the function",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("INVOKE"),
                next_event("SHUTDOWN"),
            ]
        },
        runtime=[next_invocation(), {"sleep": 60}],
        timeout_s=TO_START_S,
    ),
    Scenario(
        name="timeout while an extension works",
        extensions={
            "client": [
                register("client", INVOKE_AND_SHUTDOWN),
                next_event("INVOKE"),
                {"wait_for": "runtime next after the answer"},
                {"sleep": TO_START_S + 0.5},
                next_event("SHUTDOWN after the time was up"),
            ]
        },
        runtime=[next_invocation(), respond(), next_invocation("runtime next after the answer")],
        timeout_s=TO_START_S,
    ),
]
