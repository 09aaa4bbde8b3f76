"""The wrapper starts the command line unchanged, through the pump if there is one that lives."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.pump.marker import Marker, start_time
from tests.launchers import TAP_WRAPPER
from tests.layer.built import LayerTree
from tests.layer.wrapping import FOUND, WRONG, program, wrong_program
from tests.running_pump import marker_of

ECHO = ("printf", "<%s>")
ARGUMENTS = ("a b", "", '"', "'", "$HOME", "*", "\\", "\n", "-n", "é")
ECHOED = "".join(f"<{each}>" for each in ARGUMENTS)
SHOW_API = ("/bin/sh", "-c", 'printf %s "$AWS_LAMBDA_RUNTIME_API"')

pytestmark = pytest.mark.parametrize("shell", FOUND)


@pytest.fixture
def api() -> Iterator[int]:
    """The port of a Runtime API, which nothing here asks; its marker is removed afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield port
        marker_of(port).unlink(missing_ok=True)


def wrapped(
    shell: str, *command: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a command line behind the wrapper; return what it did, and the wrapper's messages."""
    done = subprocess.run(
        [*shell.split(), str(TAP_WRAPPER), *command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("{")]
    return done, [json.loads(line)["message"] for line in lines]


def of(port: int) -> dict[str, str]:
    """Return the environment that names a Runtime API."""
    return {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}


def test_the_command_line_is_the_same(shell: str) -> None:
    """Each argument, whatever is in it."""
    done, _ = wrapped(shell, *ECHO, *ARGUMENTS)
    assert done.stdout == ECHOED


def test_the_process_is_the_same(shell: str) -> None:
    """The runtime gets the signals, and its exit status is that of the process."""
    done, _ = wrapped(shell, "/bin/sh", "-c", "kill -TERM $$")
    assert done.returncode == -15
    done, _ = wrapped(shell, "/bin/sh", "-c", "exit 3")
    assert done.returncode == 3


def test_the_rest_of_the_environment_is_the_same(shell: str) -> None:
    """Nothing is added that other wrappers would not add."""
    given = {"A": "a b", "B": "x\ny", "_HANDLER": "h.h", "DISPATCH_TAP": "true"}
    done, _ = wrapped(shell, "env", "-0", **given)
    seen = dict(each.split("=", 1) for each in done.stdout.split("\0") if each)
    added = seen.keys() - given.keys() - {"PATH"}
    assert seen.items() >= given.items()
    assert added <= {"PWD", "OLDPWD", "SHLVL", "_"}


def test_with_a_pump_the_runtime_is_led_there(shell: str, api: int) -> None:
    """The process that the marker names is alive, and the same."""
    Marker(f"127.0.0.1:{api}").write("127.0.0.1:4711", pid=os.getpid())
    done, messages = wrapped(shell, *SHOW_API, **of(api))
    assert (done.stdout, messages) == ("127.0.0.1:4711", [])


def ended() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1:4711 {ended} 1",
        "127.0.0.1:4711 {own} 1",
        "127.0.0.1:4711 {own}",
        "127.0.0.1:4711",
        "example.com:80 {own} {started}",
        "127.0.0.1:$(id) {own} {started}",
        "",
    ],
)
def test_a_marker_of_something_else_is_not_followed(shell: str, api: int, line: str) -> None:
    """The pump has ended, its number belongs to another process, or the file is not ours."""
    own = os.getpid()
    text = line.format(ended=ended(), own=own, started=start_time(own))
    marker_of(api).write_text(f"{text}\n")
    done, messages = wrapped(shell, *SHOW_API, **of(api))
    assert (done.stdout, messages) == (f"127.0.0.1:{api}", ["not tapped"])


def test_a_dead_pump_that_nobody_has_waited_for(shell: str, api: int) -> None:
    """A zombie has number and start time still."""
    with subprocess.Popen(["sleep", "60"]) as process:
        Marker(f"127.0.0.1:{api}").write("127.0.0.1:4711", pid=process.pid)
        os.kill(process.pid, 9)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        done, messages = wrapped(shell, *SHOW_API, **of(api))
    assert (done.stdout, messages) == (f"127.0.0.1:{api}", ["not tapped"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_marker_of_another_user_is_not_followed(shell: str, api: int) -> None:
    """Everybody may write to /tmp."""
    Marker(f"127.0.0.1:{api}").write("127.0.0.1:4711", pid=os.getpid())
    os.chown(marker_of(api), 12345, 12345)
    done, messages = wrapped(shell, *SHOW_API, **of(api))
    assert (done.stdout, messages) == (f"127.0.0.1:{api}", ["not tapped"])


def test_a_link_is_not_followed(shell: str, api: int, tmp_path: Path) -> None:
    """Whatever it leads to."""
    (tmp_path / "marker").write_text(f"127.0.0.1:1 {os.getpid()} {start_time(os.getpid())}\n")
    marker_of(api).symlink_to(tmp_path / "marker")
    done, messages = wrapped(shell, *SHOW_API, **of(api))
    assert (done.stdout, messages) == (f"127.0.0.1:{api}", ["not tapped"])


@pytest.mark.parametrize("address", ["", "../../etc/passwd", "host:1/path", "a b:1"])
def test_an_address_that_names_no_marker(shell: str, address: str) -> None:
    """The runtime starts as it would without the wrapper."""
    done, messages = wrapped(shell, *SHOW_API, AWS_LAMBDA_RUNTIME_API=address)
    assert (done.stdout, messages) == (address, ["not tapped"])


@pytest.mark.parametrize("switch", ["DISPATCH_TAP", "DISPATCH_ENABLED"])
@pytest.mark.parametrize("value", ["false", "FALSE", "0", "off", "no"])
def test_switched_off_it_says_nothing(shell: str, api: int, switch: str, value: str) -> None:
    """Not even when there is a pump."""
    Marker(f"127.0.0.1:{api}").write("127.0.0.1:4711", pid=os.getpid())
    done, messages = wrapped(shell, *SHOW_API, **of(api), **{switch: value})
    assert (done.stdout, messages) == (f"127.0.0.1:{api}", [])


def test_the_next_wrapper_gets_the_command_line(shell: str, tmp_path: Path) -> None:
    """By its path or by its name in PATH; its variable is gone, so no two start each other."""
    text = '#!/bin/sh\nprintf "next %s " "${DISPATCH_TAP_NEXT-unset}"\nexec "$@"\n'
    following = program(tmp_path / "the next", text)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for named in (following, "the next"):
        done, messages = wrapped(shell, *ECHO, *ARGUMENTS, DISPATCH_TAP_NEXT=named, PATH=path)
        assert (done.stdout, messages) == (f"next unset {ECHOED}", ["not tapped"])
    done, _ = wrapped(shell, *ECHO, *ARGUMENTS, DISPATCH_TAP_NEXT=str(TAP_WRAPPER))
    assert done.stdout == ECHOED


@pytest.mark.parametrize("kind", [*WRONG, "unfound"])
def test_a_wrong_next_wrapper_does_not_end_the_function(
    shell: str, tmp_path: Path, kind: str
) -> None:
    """The command line is started without it, with one line."""
    unfound = "lambda-dispatch-unfound"
    path = unfound if kind == "unfound" else wrong_program(tmp_path / kind, kind)
    done, messages = wrapped(shell, *ECHO, *ARGUMENTS, DISPATCH_TAP_NEXT=path)
    assert done.stdout == ECHOED
    assert messages == ["not tapped", "next wrapper not started"]


def test_a_command_that_is_not_there(shell: str) -> None:
    """The exit status is that of a shell."""
    done, _ = wrapped(shell, "/none")
    assert done.returncode in (126, 127)


def test_options_in_shellopts_do_not_change_it(shell: str) -> None:
    """The shell bash takes them from the function's environment."""
    done, _ = wrapped(shell, *ECHO, *ARGUMENTS, SHELLOPTS="errexit:nounset:noglob:allexport")
    assert done.stdout == ECHOED


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_without_standard_streams(shell: str, tmp_path: Path, closed: str) -> None:
    """The runtime starts, though nobody hears that it is not tapped."""
    command = f"exec {shell} {TAP_WRAPPER} touch started {closed}"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, timeout=60, check=True)
    assert (tmp_path / "started").exists()


def test_standard_error_that_nobody_reads(shell: str) -> None:
    """The line is lost, and the runtime starts."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*shell.split(), str(TAP_WRAPPER), "echo", "started"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writing, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"started\n")


def test_a_long_command_line(shell: str) -> None:
    """Megabytes of arguments, with all that a shell could take for its own."""
    given = ["x" * 100_000, *("\n'\"*$(id)`id`;&" for _ in range(1000))] * 4
    show = "import sys; sys.stdout.write('|'.join(sys.argv[1:]))"
    done, _ = wrapped(shell, sys.executable, "-c", show, *given)
    assert done.stdout == "|".join(given)


@pytest.mark.parametrize(
    "environment",
    [
        {"PATH": ""},
        {"IFS": "0123456789", "ENV": "/none", "BASH_ENV": "/none", "POSIXLY_CORRECT": "1"},
        {"LC_ALL": "xx_YY.bad", "BASHOPTS": "failglob:nullglob:extglob:nocasematch:xpg_echo"},
        {"BASH_VERSION": "none", "lambda_dispatch_cause": "a", "lambda_dispatch_pid": "1"},
    ],
)
def test_an_odd_environment(shell: str, api: int, environment: dict[str, str]) -> None:
    """The pump is found in each, and so is the command."""
    Marker(f"127.0.0.1:{api}").write("127.0.0.1:4711", pid=os.getpid())
    name, *options = shell.split()
    done, messages = wrapped(
        " ".join([shutil.which(name) or name, *options]), *SHOW_API, **of(api), **environment
    )
    assert (done.stdout, messages) == ("127.0.0.1:4711", [])


def test_names_that_only_bash_passes_on(shell: str) -> None:
    """So the documentation says to put bash before the wrapper, where an image has such names."""
    done, _ = wrapped(shell, "env", **{"spring.profiles.active": "tea", "a-b": "c"})
    passed = {"spring.profiles.active=tea", "a-b=c"} & {*done.stdout.splitlines()}
    assert len(passed) == (2 if shell.startswith("bash") else 0)


def test_it_is_in_the_layer(shell: str, layer_tree: LayerTree) -> None:
    """Lambda unpacks it as a program, and it is the same."""
    built = layer_tree.root / "lambda-dispatch-tap"
    assert built.stat().st_mode & 0o555 == 0o555
    assert built.read_bytes() == TAP_WRAPPER.read_bytes(), (shell, sys.platform)
