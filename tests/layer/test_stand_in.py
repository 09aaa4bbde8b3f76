"""Where the extension cannot run, the function lives all the same."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layer.order import ROOT
from simulator.local_lambda import LocalLambda
from simulator.sandbox.output import OutputLine
from simulator.settings import FunctionSettings
from tests.layer.extensions_api import REGISTER, ExtensionsApi, serving
from tests.layer.image import LAUNCHER, Image, make_image
from tests.sandbox import FUNCTIONS, GENEROUS

SHUTDOWN_ALONE = '{"events":["SHUTDOWN"]}'
TOOLS = {"bash": "", "curl": "", "busybox": "", "busybox nc": "busybox", "wget": ""}
"""Programs that can register, and what has to be copied for each but itself."""


@pytest.fixture
def api() -> Iterator[ExtensionsApi]:
    """An Extensions API."""
    with serving() as running:
        yield running


@contextmanager
def standing_in(
    image: Image, *, api: str, launcher: str = LAUNCHER, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the launcher in the image, and end it."""
    process = subprocess.Popen(
        image.command(launcher),
        env={"PATH": "/usr/bin:/bin", "AWS_LAMBDA_RUNTIME_API": api, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Return the status of a process that ends by itself, and the causes that it named."""
    out, _ = process.communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    assert {(line["extension"], line["level"], line["message"]) for line in lines} == {
        ("lambda-dispatch", "ERROR", "switched off")
    }
    return process.returncode, [line["cause"] for line in lines]


def with_tool(folder: Path, tool: str, *, shell: str = "dash") -> Image:
    """Return an image where one program alone can register."""
    name, _, applet = tool.partition(" ")
    image = make_image(folder, programs=(name,), shell=shell)
    if applet:  # this one works, and the other of busybox's two does not
        image.write("usr/bin/wget", "#!/bin/sh\nexit 1\n")
    return image


@pytest.mark.parametrize("shell", ["dash", "busybox"])
@pytest.mark.parametrize("tool", TOOLS)
def test_one_tool_is_enough(tool: str, shell: str, api: ExtensionsApi, tmp_path: Path) -> None:
    """The launcher alone, without the rest of the layer; it ends in order at SHUTDOWN."""
    image = with_tool(tmp_path / "image", tool, shell=shell)
    with standing_in(image, api=api.address) as process:
        api.shut_down()
        status, [cause] = ended(process)
    assert status == 0
    assert cause.startswith("no start.py in /opt/lambda-dispatch; the layer's")
    assert api.registrations == [("lambda-dispatch", SHUTDOWN_ALONE)]
    assert set(api.asked) == {"an-id-1"}


def test_bash_as_the_shell_itself_is_enough(api: ExtensionsApi, tmp_path: Path) -> None:
    """And nothing else."""
    image = make_image(tmp_path / "image", programs=(), shell="bash")
    with standing_in(image, api=api.address) as process:
        api.shut_down()
        assert ended(process)[0] == 0


def test_a_tool_that_does_not_work_is_passed_over(api: ExtensionsApi, tmp_path: Path) -> None:
    """As a curl whose library is missing."""
    image = with_tool(tmp_path / "image", "busybox")
    for broken in ("bash", "curl"):
        image.write(f"usr/bin/{broken}", "#!/bin/sh\nexit 127\n")
    with standing_in(image, api=api.address) as process:
        api.shut_down()
        assert ended(process)[0] == 0


def test_with_nothing_that_could_register(tmp_path: Path) -> None:
    """The function cannot be saved, but the log says why."""
    image = make_image(tmp_path / "image", programs=())
    process = subprocess.Popen(image.command(), env={}, stdout=subprocess.PIPE, text=True)
    status, [_, cause] = ended(process)
    assert status == 1
    assert cause == "none of bash, curl, wget, nc and busybox: nothing here can register"


HOSTILE = {
    "PATH": "$PATH:/var/task/bin",
    "BASH_ENV": "/exit",
    "ENV": "/exit",
    "SHELLOPTS": "nounset:errexit",
    "LD_LIBRARY_PATH": "/nowhere",
    "http_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "POSIXLY_CORRECT": "1",
}


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("tool", ["bash", "curl", "busybox", "wget"])
def test_settings_of_the_function_do_not_reach_it(
    tool: str, shell: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """Neither its PATH, nor what shells and tools read, nor its proxies."""
    image = with_tool(tmp_path / "image", tool, shell=shell)
    image.write("exit", "exit 3\n")
    with standing_in(image, api=api.address, **HOSTILE) as process:
        api.shut_down()
        assert ended(process)[0] == 0


@pytest.mark.parametrize("form", ["http://{}", "{}/", "{}/fn", "http://{}/a/fn/"])
@pytest.mark.parametrize("tool", ["bash", "curl", "busybox"])
def test_addresses_of_local_tools_are_understood(
    tool: str, form: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """A scheme before host and port, a path behind them."""
    image = with_tool(tmp_path / "image", tool)
    with standing_in(image, api=form.format(api.address)) as process:
        api.shut_down()
        assert ended(process)[0] == 0


@pytest.mark.parametrize("tool", ["bash", "curl"])
def test_ipv6_is_understood(tool: str, tmp_path: Path) -> None:
    """In brackets, as in a URL."""
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").read_text().strip():
        pytest.skip("no IPv6 here")
    image = with_tool(tmp_path / "image", tool)
    with serving(family=socket.AF_INET6) as api, standing_in(image, api=api.address) as process:
        api.shut_down()
        assert ended(process)[0] == 0


@pytest.mark.parametrize("name", ["10-lambda-dispatch", "lambda dispatch (1)"])
@pytest.mark.parametrize("tool", ["bash", "curl", "busybox"])
def test_it_registers_under_its_file_name(
    tool: str, name: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """Which the user may have changed."""
    image = with_tool(tmp_path / "image", tool)
    (image.root / LAUNCHER).rename(image.root / "opt/extensions" / name)
    with standing_in(image, api=api.address, launcher=f"opt/extensions/{name}") as process:
        api.shut_down()
        assert ended(process)[0] == 0
    assert api.registrations == [(name, SHUTDOWN_ALONE)]


def test_a_refused_registration_is_repeated(api: ExtensionsApi, tmp_path: Path) -> None:
    """Until it succeeds."""
    api.refusals = 3
    with standing_in(with_tool(tmp_path / "image", "bash"), api=api.address) as process:
        api.shut_down()
        assert ended(process)[0] == 0
    assert len(api.registrations) == 4


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ("bash", "Extension.TooManyExtensions"),
        ("curl", "Extension.TooManyExtensions"),
        ("busybox", "status 403"),
        ("busybox nc", "Extension.TooManyExtensions"),
    ],
)
def test_a_registration_is_not_repeated_for_ever(
    tool: str, reason: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """After ten refusals the reason of the last one is named, and that is the end."""
    api.refusals = 1000
    with standing_in(with_tool(tmp_path / "image", tool), api=api.address) as process:
        status, [_, cause] = ended(process)
    assert (status, len(api.registrations)) == (1, 10)
    assert cause == f"not registered with {api.address}: {reason}"


@pytest.mark.parametrize("tool", ["bash", "curl", "busybox", "wget"])
def test_answers_that_are_no_event_are_no_end(
    tool: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """An API that answers is there."""
    api.broken_events = 15
    with standing_in(with_tool(tmp_path / "image", tool), api=api.address) as process:
        api.shut_down()
        assert ended(process)[0] == 0
    assert len(api.asked) == 16


@pytest.mark.parametrize("tool", ["bash", "curl", "busybox", "wget"])
def test_it_ends_when_the_api_is_gone(tool: str, tmp_path: Path) -> None:
    """A local tool was stopped: ten refused connections, a second between two of them."""
    with serving() as api:
        api.vanishes = True
        process = subprocess.Popen(
            with_tool(tmp_path / "image", tool).command(),
            env={"AWS_LAMBDA_RUNTIME_API": api.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert api.waiting.wait(60)
    status, [_, cause] = ended(process)
    assert status == 1
    assert cause == f"no Extensions API at {api.address} any more"


def test_what_json_cannot_hold_is_left_out_of_the_line(api: ExtensionsApi, tmp_path: Path) -> None:
    """The cause may come from an exception's text."""
    image = with_tool(tmp_path / "image", "bash")
    image.write(
        "usr/bin/python3",
        "#!/bin/sh\n[ $3 != -c ] || exit 0\n"
        'exec /bin/sh "$4" --after "$5" "$(printf \'a "b"\\\\c\\n\\td *\')"\n',
    )
    image.write("opt/lambda-dispatch/start.py", "")
    with standing_in(image, api=api.address) as process:
        api.shut_down()
        status, [cause] = ended(process)
    assert status == 0
    assert " ".join(cause.split()).startswith(
        "a b c d *; the extension needs 3.11 or newer; looked in /opt/"
    )


def beside_a_function(folder: Path, image: Image) -> FunctionSettings:
    """Return a function whose extension runs in the image."""
    launcher = folder / "extensions/lambda-dispatch"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\nexec {' '.join(image.command())}\n")
    launcher.chmod(0o755)
    return FunctionSettings(code=FUNCTIONS, extensions=launcher.parent, **GENEROUS)


def causes(lines: list[OutputLine]) -> list[str]:
    """Return what the stand-in said."""
    texts = [line.text for line in lines if line.source == "extension"]
    return [json.loads(text)["cause"] for text in texts]


@pytest.mark.parametrize("tool", ["bash", "curl", "busybox"])
async def test_a_function_without_an_interpreter(tool: str, tmp_path: Path) -> None:
    """One line says so; invocations succeed, none waits for the stand-in, and it ends in order."""
    image = with_tool(tmp_path / "image", tool)
    image.write("opt/lambda-dispatch/start.py", "")
    lines: list[OutputLine] = []
    settings = beside_a_function(tmp_path, image)
    async with LocalLambda(settings, on_line=lines.append) as function:
        answers = [await function.invoke({}) for _ in range(3)]
    assert [answer.status for answer in answers] == ["success"] * 3
    [cause] = causes(lines)
    assert cause.startswith("no Python in this image; the extension needs 3.11 or newer; looked in")
    [stand_in] = [each for each in function.exits if each.kind == "extension"]
    assert (stand_in.returncode, stand_in.killed) == (0, False)


def half_a_layer(folder: Path, *, main: str | None) -> Path:
    """Write what would be /opt, with a package `extension` of this text, or without one."""
    (folder / "extensions").mkdir(parents=True)
    shutil.copy(ROOT / "layer/extensions/lambda-dispatch", folder / "extensions")
    (folder / "lambda-dispatch").mkdir()
    shutil.copy(ROOT / "layer/start.py", folder / "lambda-dispatch")
    if main is not None:
        package = folder / "lambda-dispatch/lib-1/extension"
        package.mkdir(parents=True)
        (package / "__main__.py").write_text(main)
        shutil.copy(ROOT / "layer/code_file.py", package.parent)
    return folder


@pytest.mark.parametrize(
    ("main", "why"),
    [
        ('raise SyntaxError("no \\"match\\"\\nhere")\n', "no 'match' here"),
        ("import a_module_that_is_missing", "No module named 'a_module_that_is_missing'"),
        (None, "no folder lib-* in "),
    ],
)
def test_an_interpreter_that_cannot_import_it(
    main: str | None, why: str, api: ExtensionsApi, tmp_path: Path
) -> None:
    """The line names Python and cause; the module that is missing, for one."""
    opt = half_a_layer(tmp_path / "opt", main=main)
    path = f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
    process = subprocess.Popen(
        [opt / "extensions/lambda-dispatch"],
        env={"PATH": path, "AWS_LAMBDA_RUNTIME_API": api.address},
        stdout=subprocess.PIPE,
        text=True,
    )
    api.shut_down()
    out, _ = process.communicate(timeout=60)
    line = json.loads(out.splitlines()[-1])
    assert (process.returncode, line["level"]) == (0, "ERROR")
    assert line["cause"].startswith(f"Python {sys.version_info[0]}.{sys.version_info[1]}: {why}")
    assert api.registrations == [("lambda-dispatch", SHUTDOWN_ALONE)]


def test_requests_go_where_lambda_expects_them() -> None:
    """The paths of this double are those of the extension itself."""
    assert REGISTER in (ROOT / "extension/platform/bootstrap.py").read_text()
