"""The launcher proves an interpreter before it becomes it, and drops the function's settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from layer.order import ROOT

FAKE = """#!/bin/sh
[ "$3" != -c ] || exit 0
echo "$0 $*"
env
"""
"""An interpreter that starts, and says how it was called."""

LISTS_ALL = "#!/bin/sh\necho 'libc.so.6 => /lib/libc.so.6'\n"
LISTS_TOO_OLD = "#!/bin/sh\necho \"/lib/libc.so.6: version 'GLIBC_2.99' not found\" >&2\nexit 1\n"
SHELLS = ("dash", "bash", "busybox")

HOSTILE = {
    "LD_LIBRARY_PATH": "/var/task/lib",
    "LD_AUDIT": "",
    "LD_PRELOAD": "",
    "OPENSSL_CONF": "/var/task/fips.cnf",
    "OPENSSL_MODULES": "/var/task/modules",
    "SSLKEYLOGFILE": "/tmp/keys",
    "PYTHONPATH": "/var/task",
    "GLIBC_TUNABLES": "",
    "BASH_ENV": "/var/task/exit.sh",
    "ENV": "/var/task/exit.sh",
    "SHELLOPTS": "nounset:errexit",
    "AWS_PROFILE": "prod",
    "AWS_DEFAULTS_MODE": "mobile",
    "DATABASE_URL": "postgres://of.the.function",
    "name": "n",
    "line": "l",
    "home": "/nowhere",
    "cause": "none",
    "IFS": "/",
    "UID": "5",
    "TEXT": "one\nexport AWS_REGION=mars\nexport b c\nexport 1=2\ndeclare -x TZ=moon",
}
KEPT = {
    "AWS_REGION": "eu-central-1",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "DISPATCH_POST_HEADERS": "x=a b\n'\"$(false)\\",
    "OTEL_SERVICE_NAME": "shop",
    "SSM_PARAMETER_STORE_TTL": "5",
    "no_proxy": "localhost",
    "SSL_CERT_FILE": "/etc/own.pem",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


def program(path: Path, text: str = FAKE) -> Path:
    """Write an interpreter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """A folder like /opt, with launcher and start.py alone."""
    if Path("/var/lang/bin/python3").exists():
        pytest.skip("this machine has the interpreter of a Lambda runtime")
    root = tmp_path / "opt with a space"
    (root / "extensions").mkdir(parents=True)
    shutil.copy(ROOT / "layer/extensions/lambda-dispatch", root / "extensions")
    (root / "lambda-dispatch").mkdir()
    (root / "lambda-dispatch/start.py").touch()
    return root


def own_interpreter(opt: Path, *, loader: str = LISTS_ALL, text: str = FAKE) -> Path:
    """Give the layer an interpreter, and the image a loader that says this of it."""
    home = opt / "lambda-dispatch/python"
    (home / "lib/python3.13/encodings").mkdir(parents=True)
    (home / "loader").write_text(f"{program(opt.parent / 'lib64/ld.so', loader)}\n")
    return program(home / "bin/python3", text)


def launch(opt: Path, *shell: str, file: str = "lambda-dispatch", **environment: str) -> list[str]:
    """Return the lines that come out: ours, and those of the chosen interpreter."""
    done = subprocess.run(
        [*shell, opt / "extensions" / file],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def shell_command(name: str) -> list[str]:
    """Return what runs a script in this shell."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return [found, "sh"] if name == "busybox" else [found]


def started(opt: Path, interpreter: Path) -> str:
    """Return how an interpreter is called that was chosen."""
    launcher = opt / "extensions/lambda-dispatch"
    return f"{interpreter} -I -S {opt}/lambda-dispatch/start.py {launcher} {interpreter}"


def test_the_interpreter_of_the_layer_comes_first(opt: Path, tmp_path: Path) -> None:
    """A layer with an interpreter never depends on the image."""
    own = own_interpreter(opt)
    program(tmp_path / "bin/python3")
    assert launch(opt, PATH=f"{tmp_path}/bin")[0] == started(opt, own)


def test_without_one_the_path_decides(opt: Path, tmp_path: Path) -> None:
    """python3 on PATH, as in an image of the user's own."""
    found = program(tmp_path / "bin/python3")
    assert launch(opt, PATH=f"{tmp_path}/bin")[0] == started(opt, found)


@pytest.mark.parametrize(
    "loader", [LISTS_TOO_OLD, "#!/nowhere/sh\n"], ids=["older C library", "no such loader"]
)
def test_an_interpreter_of_the_layer_that_cannot_start_is_passed_over(
    loader: str, opt: Path, tmp_path: Path
) -> None:
    """As on Alpine, on another machine, or with an older glibc than it was made for."""
    own = own_interpreter(opt, loader=loader, text="#!/bin/sh\nexit 1\n")
    found = program(tmp_path / "bin/python3")
    [line, called, *_] = launch(opt, PATH=f"{tmp_path}/bin")
    assert called == started(opt, found)
    assert json.loads(line)["cause"].startswith(
        f"{own} lacks its library, {opt.parent}/lib64/ld.so"
    )


def test_an_interpreter_without_its_standard_library_is_passed_over(
    opt: Path, tmp_path: Path
) -> None:
    """Half of the layer was copied."""
    own_interpreter(opt)
    shutil.rmtree(opt / "lambda-dispatch/python/lib")
    found = program(tmp_path / "bin/python3")
    [line, called, *_] = launch(opt, PATH=f"{tmp_path}/bin")
    assert called == started(opt, found)
    assert "lacks its library" in json.loads(line)["cause"]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_exec_that_fails_is_survived(shell: str, opt: Path, tmp_path: Path) -> None:
    """Whatever the proof said: the next candidate is taken."""
    own = own_interpreter(opt, text="#!/nowhere/python\n")
    found = program(tmp_path / "bin/python3")
    [line, called, *_] = launch(opt, *shell_command(shell), PATH=f"{tmp_path}/bin")
    assert called == started(opt, found)
    assert json.loads(line) == {
        "extension": "lambda-dispatch",
        "level": "WARN",
        "message": "started by another Python",
        "cause": f"{own} cannot be executed; now {found}",
    }


OTHER_MACHINE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\x00" + bytes(64)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"#!/bin/sh\nexit 127\n", "does not start"),
        (b"#!/nowhere/python\n", "does not start"),
        (OTHER_MACHINE, "does not start"),
        (b"#!/bin/sh\nexit 11\n", "is older than 3.11"),
    ],
    ids=["shim", "missing interpreter line", "other machine", "old"],
)
def test_an_interpreter_on_the_path_has_to_prove_itself(
    broken: bytes, why: str, opt: Path, tmp_path: Path
) -> None:
    """The next one is taken, and a line says what was wrong with the first."""
    first = program(tmp_path / "shims/python3")
    first.write_bytes(broken)
    found = program(tmp_path / "bin/python3.12")
    [line, called, *_] = launch(opt, PATH=f"{tmp_path}/shims:{tmp_path}/bin")
    assert called == started(opt, found)
    assert json.loads(line)["cause"] == f"{first} {why}; now {found}"


def test_an_old_python_hides_no_newer_one(opt: Path, tmp_path: Path) -> None:
    """A real one, as in an image on an old base with a newer Python of its own."""
    trees = sorted(Path.home().glob(".pyenv/versions/3.[6-9].*/bin"))
    if not trees:
        pytest.skip("no Python older than 3.11 is installed")
    found = program(tmp_path / "bin/python3")
    [line, called, *_] = launch(opt, PATH=f"{trees[0]}:{tmp_path}/bin")
    assert called == started(opt, found)
    assert json.loads(line)["cause"].startswith(f"{trees[0]}/python3 is older than 3.11; ")


def test_the_usual_folders_are_looked_through_whatever_the_path(opt: Path) -> None:
    """A template that has left PATH as `$PATH:…` hides nothing."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("this machine has no /usr/bin/python3")
    (opt / "lambda-dispatch/start.py").write_text("import sys; print(sys.argv[2])")
    assert launch(opt, PATH="$PATH:/nowhere")[-1].startswith("/usr/")
    assert launch(opt, PATH="")[-1].startswith("/usr/")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_environment_is_an_allow_list(shell: str, opt: Path, tmp_path: Path) -> None:
    """What the extension reads gets through unchanged, and nothing else that the function set."""
    program(tmp_path / "bin/python3", FAKE.replace("env\n", "tr '\\0' '\\n' </proc/self/environ\n"))
    lines = launch(opt, *shell_command(shell), PATH=f"{tmp_path}/bin", **HOSTILE, **KEPT)
    found = {line.partition("=")[0] for line in lines[1:]} - {"PWD", "OLDPWD", "SHLVL", "_"}
    allowed = {*KEPT, "PATH", "LD_LIBRARY_PATH", "DISPATCH_EXTENSION_NAME"}
    if shell == "bash":
        allowed.add("SHELLOPTS")  # which bash does not let go, and Python does not read
    names = {name for name in found if re.fullmatch(r"\w+", name)}
    assert names == allowed
    text = "\n".join(lines)
    for name, value in KEPT.items():
        assert f"{name}={value}" in text
    assert f"LD_LIBRARY_PATH={tmp_path}/lib" in lines


def test_every_variable_that_the_extension_reads_is_allowed(opt: Path, tmp_path: Path) -> None:
    """All names in its sources that look like one, and those that aiohttp and botocore share."""
    program(tmp_path / "bin/python3")
    sources = "".join(path.read_text() for path in (ROOT / "extension").rglob("*.py"))
    prefixes = "AWS|DISPATCH|OTEL|PARAMETERS|SECRETS|SSM|SSL"
    names = set(re.findall(rf'"((?:{prefixes})_[A-Z][A-Z0-9_]+[A-Z0-9])"', sources))
    names |= {"HTTPS_PROXY", "https_proxy", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert len(names) > 40
    environment = {**dict.fromkeys(names, "set"), "PATH": f"{tmp_path}/bin"}
    got = {line.partition("=")[0] for line in launch(opt, **environment)}
    assert names <= got


@pytest.mark.parametrize("name", ["10-lambda-dispatch", "lambda dispatch (1)"])
def test_it_hands_its_own_file_name_on(name: str, opt: Path, tmp_path: Path) -> None:
    """Lambda recognises an extension by it; what the function says of it does not count."""
    program(tmp_path / "bin/python3")
    (opt / "extensions/lambda-dispatch").rename(opt / "extensions" / name)
    lines = launch(opt, file=name, PATH=f"{tmp_path}/bin", DISPATCH_EXTENSION_NAME="other")
    assert f"DISPATCH_EXTENSION_NAME={name}" in lines


def test_a_link_to_it_is_followed(opt: Path, tmp_path: Path) -> None:
    """The rest of the layer is found beside the file, the name is that of the link."""
    found = program(tmp_path / "bin/python3")
    link = tmp_path / "elsewhere/extensions/linked"
    link.parent.mkdir(parents=True)
    link.symlink_to(opt / "extensions/lambda-dispatch")
    lines = launch(link.parent.parent, file="linked", PATH=f"{tmp_path}/bin")
    assert lines[0] == f"{found} -I -S {opt}/lambda-dispatch/start.py {link} {found}"
    assert "DISPATCH_EXTENSION_NAME=linked" in lines


@pytest.mark.parametrize("shell", SHELLS)
def test_any_shell_understands_it(shell: str) -> None:
    """Every line of it, and of the build's script."""
    for script in ("layer/extensions/lambda-dispatch", "build_layer.sh"):
        subprocess.run([*shell_command(shell), "-n", ROOT / script], check=True)
        assert os.access(ROOT / script, os.X_OK)
