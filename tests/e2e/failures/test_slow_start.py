"""The start is slow, or repeated inside an invocation: /next does not wait for what opens."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from simulator.intake import Intake
from tests.e2e.failures.expectations import SECRET_PATH
from tests.extensions_api import NEXT, REGISTER, SUBSCRIBE, ExtensionsApi, started
from tests.fake_aws import FakeAws
from tests.launchers import ROOT, sabotaged
from tests.sandbox import FAREWELL
from tests.waiting import until

AT_ONCE = [REGISTER, SUBSCRIBE, NEXT]
NOWHERE = {"DISPATCH_POST_URI": "http://127.0.0.1:1"}
NO_BUDGET = "replace('extension.platform.bootstrap:BUDGET_S', 600.0)"
LITTLE_BUDGET = "replace('extension.platform.bootstrap:BUDGET_S', 0.0)"
HANGS = "hang_import('aiohttp')"
LONG_WAIT = "replace('extension.parameters.parameters:OPEN_WAIT_S', 600.0)"
START = {"time": "2026-01-01T12:00:00.000Z", "type": "platform.start", "record": {"requestId": "r"}}
DONE = {
    "time": "2026-01-01T12:00:00.100Z",
    "type": "platform.runtimeDone",
    "record": {"requestId": "r", "status": "success"},
}


@pytest.fixture(autouse=True)
def own_marks(tmp_path: Path) -> str:
    """A call of `tests.sabotage`: the folder for marks is the test's own."""
    marks = tmp_path / "marks"
    marks.mkdir()
    return f"replace('extension.platform.start_mark:FOLDER', {str(marks)!r})"


async def leave_a_mark(folder: Path, api: ExtensionsApi, own_marks: str) -> None:
    """Start once and end as after a timeout, as far as the API is concerned."""
    async with started(sabotaged(own_marks), folder, NOWHERE, api=address(api)) as first:
        await until(lambda: NEXT in api.asked)
        api.shut_down("timeout")
        assert await first.end() == 0
    api.asked.clear()


def address(api: ExtensionsApi) -> str:
    """Return the address as the environment has it."""
    return f"127.0.0.1:{api.port}"


async def test_opening_uses_up_its_budget(tmp_path: Path, own_marks: str) -> None:
    """A first start asks for /next when the budget is used up, whatever is not open yet."""
    launch = sabotaged(own_marks, LITTLE_BUDGET, HANGS)
    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, NOWHERE, api=address(api)),
    ):
        await until(lambda: api.asked == AT_ONCE)


async def test_a_repeated_start_does_not_wait_for_what_opens(
    tmp_path: Path, own_marks: str
) -> None:
    """It has no budget at all: /next is asked for before anything heavy is imported."""
    async with ExtensionsApi().running() as api:
        await leave_a_mark(tmp_path, api, own_marks)
        launch = sabotaged(own_marks, NO_BUDGET, "hang_import('extension.app')")
        async with started(launch, tmp_path, NOWHERE, api=address(api)):
            await until(lambda: api.asked == AT_ONCE)


@pytest.mark.parametrize("module", ["extension.app", "aiohttp"])
async def test_an_invocation_is_let_go_whatever_is_still_imported(
    tmp_path: Path, own_marks: str, module: str
) -> None:
    """Each lends half of its time, with an event loop or without; a line says what is lost."""
    async with ExtensionsApi().running() as api:
        await leave_a_mark(tmp_path, api, own_marks)
        launch = sabotaged(own_marks, NO_BUDGET, f"hang_import({module!r})")
        async with started(launch, tmp_path, NOWHERE, api=address(api)) as extension:
            await until(lambda: api.asked == AT_ONCE)
            api.invoke(timeout_s=0.1)
            await until(lambda: api.asked == [*AT_ONCE, NEXT])
            api.invoke(timeout_s=0.1)
            await until(lambda: api.asked == [*AT_ONCE, NEXT, NEXT])
            api.shut_down()
            assert await extension.end() == 0
    assert extension.messages == ["the sandbox ended before telemetry was open"]


@pytest.mark.parametrize(
    ("reason", "stays"), [("spindown", False), ("timeout", True), ("failure", True)]
)
async def test_the_mark_goes_with_its_sandbox(
    tmp_path: Path, own_marks: str, reason: str, stays: bool
) -> None:
    """After a spindown the next start is a first one, which has init to open in."""
    async with (
        ExtensionsApi().running() as api,
        started(sabotaged(own_marks), tmp_path, NOWHERE, api=address(api)) as extension,
    ):
        await until(lambda: NEXT in api.asked)
        assert len(list((tmp_path / "marks").iterdir())) == 1
        api.shut_down(reason)
        assert await extension.end() == 0
    assert bool(list((tmp_path / "marks").iterdir())) is stays


async def test_deliveries_are_kept_until_telemetry_is_open(
    tmp_path: Path, own_marks: str, intake: Intake
) -> None:
    """A repeated start takes what comes first, and exports it when it is open."""
    async with ExtensionsApi().running() as api:
        await leave_a_mark(tmp_path, api, own_marks)
        environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "end"}
        async with started(
            sabotaged("be_patient()", own_marks), tmp_path, environment, api=address(api)
        ) as extension:
            await until(lambda: NEXT in api.asked)
            assert await api.deliver(START) == 200
            api.invoke(timeout_s=60.0)
            assert await api.deliver(DONE) == 200
            await until(lambda: intake.spans)
            await until(lambda: api.asked.count(NEXT) == 2)
            api.shut_down()
            assert await extension.end() == 0
    assert [span.attributes["faas.invocation_id"] for span in intake.spans] == ["r"]
    assert extension.messages == [FAREWELL]


async def test_the_sandbox_ends_before_telemetry_is_open(tmp_path: Path, own_marks: str) -> None:
    """SHUTDOWN is obeyed, and a line says what is lost."""
    launch = sabotaged(own_marks, LITTLE_BUDGET, HANGS)
    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, NOWHERE, api=address(api)) as extension,
    ):
        await until(lambda: api.asked == AT_ONCE)
        assert await api.deliver(START) == 200
        api.shut_down("failure")
        assert await extension.end() == 0
    [line] = extension.lines
    assert line["message"] == "the sandbox ended before telemetry was open"
    assert line["deliveries_lost"] == 1


async def test_a_get_is_answered_while_telemetry_does_not_open(
    tmp_path: Path, own_marks: str, aws: FakeAws
) -> None:
    """The cache does not wait for the other job."""
    launch = sabotaged(own_marks, LITTLE_BUDGET, LONG_WAIT, HANGS)
    environment = {**aws.environment, **NOWHERE, "AWS_SESSION_TOKEN": "token"}
    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, environment, api=address(api)) as extension,
    ):
        await until(lambda: api.asked == AT_ONCE)
        assert (await extension.get(SECRET_PATH))[0] == 200


async def test_a_get_is_refused_before_the_function_times_out(
    tmp_path: Path, own_marks: str
) -> None:
    """The clients for AWS do not open: the function learns of it while it can still say so."""
    launch = sabotaged(own_marks, LITTLE_BUDGET, "hang_import('botocore')")
    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, {}, api=address(api)) as extension,
    ):
        await until(lambda: NEXT in api.asked)
        assert (await extension.get("/ping"))[0] == 200
        api.invoke(timeout_s=2.0)
        await until(lambda: api.asked.count(NEXT) == 2)
        assert await extension.get(SECRET_PATH) == (400, "ServiceUnavailable")
        api.shut_down()
        assert await extension.end() == 0


async def test_a_get_before_the_invocation_is_announced(tmp_path: Path, own_marks: str) -> None:
    """In a repeated start the function's own init asks: the first start knows the timeout."""
    async with ExtensionsApi().running() as api:
        async with started(sabotaged(own_marks), tmp_path, {}, api=address(api)) as first:
            await until(lambda: NEXT in api.asked)  # the timeout is what is left when it is seen
            api.invoke(timeout_s=5.0)
            await until(lambda: api.asked.count(NEXT) == 2)
            api.shut_down("timeout")
            assert await first.end() == 0
        api.asked.clear()
        unlimited = [
            f"replace('extension.{limit}', 3600.0)"
            for limit in ("opening:INIT_S", "opening:LONGEST_INIT_S",
                          "parameters.parameters:OPEN_WAIT_S")
        ]  # fmt: skip
        launch = sabotaged(own_marks, *unlimited, "hang_import('botocore')")
        async with started(launch, tmp_path, {}, api=address(api)) as second:
            await until(lambda: NEXT in api.asked)
            assert await second.get(SECRET_PATH) == (400, "ServiceUnavailable")


async def test_switched_off_it_imports_nothing(tmp_path: Path) -> None:
    """It costs what the stand-in costs, for the switch is looked at before anything else."""
    launch = sabotaged("forbid_import('asyncio')", "forbid_import('json')")
    async with ExtensionsApi().running() as api:
        off = {"DISPATCH_ENABLED": "false"}
        async with started(launch, tmp_path, off, api=address(api)) as extension:
            api.shut_down()
            assert await extension.end() == 0
    assert extension.output == []


async def test_bytecode_is_missing(tmp_path: Path) -> None:
    """It is one line: every start of a layer that was built for another Python is that slow."""

    def launch(folder: Path) -> Path:
        folder.mkdir()
        # Libraries have theirs: to compile them all takes a minute on a busy machine.
        shutil.copytree(
            ROOT / "extension", folder / "extension", ignore=shutil.ignore_patterns("__pycache__")
        )
        program = f"import sys; sys.path[:0] = [{str(folder)!r}]"
        main = "from extension.__main__ import main; main()"
        launcher = folder / "lambda-dispatch"
        command = shlex.join([sys.executable, "-I", "-B", "-c", f"{program}; {main}"])
        launcher.write_text(f"#!/bin/sh\nexec {command}\n")
        launcher.chmod(0o755)
        return launcher

    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, {}, api=address(api)) as extension,
    ):
        await until(lambda: extension.output)
        api.shut_down()
        assert await extension.end() == 0
    assert extension.messages == ["no bytecode: starts take ten times as long"]
    assert NEXT in api.asked


async def test_sigterm_is_the_end_of_the_sandbox(
    tmp_path: Path, intake: Intake, own_marks: str
) -> None:
    """Local tools send it: what waits is exported, and the last line written."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    launch = sabotaged(own_marks, "be_patient()")
    async with (
        ExtensionsApi().running() as api,
        started(launch, tmp_path, environment, api=address(api)) as extension,
    ):
        await until(lambda: NEXT in api.asked)
        await api.deliver(START, DONE)
        extension.process.terminate()
        assert await extension.end() == 0
    assert extension.messages == [FAREWELL]
    assert [span.attributes["faas.invocation_id"] for span in intake.spans] == ["r"]


async def test_the_api_is_gone(tmp_path: Path, intake: Intake, own_marks: str) -> None:
    """The emulator was stopped: last export, last line, and the port is free for the next one."""
    environment = {"DISPATCH_POST_URI": intake.url, "DISPATCH_FLUSH": "periodic"}
    launch = sabotaged(own_marks, "be_patient()", "replace('extension.lifecycle:GONE_S', 0.2)")
    api = ExtensionsApi()
    async with api.running():
        process = started(launch, tmp_path, environment, api=address(api))
        extension = await process.__aenter__()
        await until(lambda: NEXT in api.asked)
        await api.deliver(START, DONE)
    try:
        assert await extension.end() == 1
    finally:
        await process.__aexit__(None, None, None)
    assert extension.messages[-2:] == ["the sandbox is gone", FAREWELL]
    assert len(intake.spans) == 1


async def test_the_answer_to_registering_is_late(tmp_path: Path, own_marks: str) -> None:
    """It is waited for: the API refuses to register the same extension a second time."""

    async def until_it_is_missed(api: ExtensionsApi) -> None:
        await until(lambda: extension.output or api.asked.count(REGISTER) > 1)

    launch = sabotaged(
        own_marks,
        "replace('extension.platform.bootstrap:REGISTER_TIMEOUT_S', 0.5)",
        "replace('extension.app:REGISTER_PAUSE_S', 0.05)",
        "replace('extension.lifecycle:GONE_S', 0.2)",
    )
    async with (
        ExtensionsApi(before_registered=until_it_is_missed).running() as api,
        started(launch, tmp_path, {}, api=address(api)) as extension,
    ):
        await until(lambda: NEXT in api.asked or extension.has_ended)
        api.shut_down()
        assert await extension.end() == 0
    assert extension.lines[0]["cause"] == "registration failed: timed out"
    assert NEXT in api.asked


async def test_registering_is_refused_for_good(tmp_path: Path, own_marks: str) -> None:
    """GETs are answered meanwhile; then it ends, for nothing would change."""
    launch = sabotaged(
        own_marks,
        "replace('extension.app:REGISTER_PAUSE_S', 0.2)",
        "replace('extension.lifecycle:GONE_S', 2.0)",
    )
    async with (
        ExtensionsApi(refused=frozenset({REGISTER})).running() as api,
        started(launch, tmp_path, {}, api=address(api)) as extension,
    ):
        await until(lambda: REGISTER in api.asked)
        assert (await extension.get("/ping"))[0] == 200
        assert await extension.end() == 1
    assert extension.lines[-1]["cause"] == "registration is refused permanently"


@pytest.mark.parametrize(
    ("host", "form"),
    [
        ("127.0.0.1", "127.0.0.1:{}/fn"),
        ("127.0.0.1", "http://127.0.0.1:{}/fn/"),
        ("::1", "[::1]:{}/fn"),
    ],
)
async def test_the_api_is_where_local_tools_have_it(
    tmp_path: Path, own_marks: str, host: str, form: str
) -> None:
    """Behind a path, with a scheme, over IPv6: all calls find it."""
    async with ExtensionsApi(host=host, prefix="/fn").running() as api:
        launch = sabotaged(own_marks)
        async with started(launch, tmp_path, NOWHERE, api=form.format(api.port)) as extension:
            api.invoke(timeout_s=60.0)
            await until(lambda: api.asked == [*AT_ONCE, NEXT])
            api.shut_down()
            assert await extension.end() == 0


async def test_the_launcher_was_renamed(tmp_path: Path, own_marks: str) -> None:
    """It registers under the name of its file, which the launcher hands on."""
    named = {"DISPATCH_EXTENSION_NAME": "10 lambda-dispatch (1)"}
    async with (
        ExtensionsApi().running() as api,
        started(sabotaged(own_marks), tmp_path, named, api=address(api)),
    ):
        await until(lambda: NEXT in api.asked)
    assert api.names == ["10 lambda-dispatch (1)"]


@pytest.mark.parametrize(
    ("environment", "levels"), [({}, ["INFO"]), ({"SECRETS_MANAGER_TTL": "9"}, ["ERROR"])]
)
async def test_the_port_of_a_cache_that_nobody_configured_is_taken(
    tmp_path: Path, own_marks: str, environment: dict[str, str], levels: list[str]
) -> None:
    """AWS's extension is there, and this one is for telemetry: that is no error."""
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    launch = sabotaged(
        own_marks, f"replace('extension.platform.bootstrap:DEFAULT_CACHE_PORT', {port})"
    )
    unset = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": ""}
    async with taken, ExtensionsApi().running() as api:
        variables = {**NOWHERE, **unset, **environment}
        async with started(launch, tmp_path, variables, api=address(api)) as extension:
            api.shut_down()
            assert await extension.end() == 0
    complaints = [line for line in extension.lines if "cache" in str(line.get("cause"))]
    assert [line["level"] for line in complaints] == levels
