"""`python -m layer.check` finds in a finished layer what would go wrong on Lambda."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from layer import publish, release
from layer.check import check, main
from layer.contents import read_contents
from layer.manifest import write_manifest
from layer.order import ROOT
from layer.target import ARCHITECTURES
from tests.layer.built import LayerTree

LIBRARY = "lambda-dispatch/lib-1"
OWN = "lambda-dispatch/python"
ARM = ARCHITECTURES["arm64"].elf

Damage = Callable[[Path], None]
"""Does to a layer or an image what somebody did."""


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """A small layer for Python 3.13."""
    return make_layer(tmp_path / "layer")


def make_layer(folder: Path) -> Path:
    """Write what a build makes, but for most of its files."""
    files = {
        "lambda-dispatch/start.py": "",
        f"{LIBRARY}/botocore/docs/method.py": "",
        f"{LIBRARY}/extension/app.py": "",
        f"{LIBRARY}/code.cpython-313.bin": "",
    }
    for name, text in files.items():
        write(folder / name, text.encode())
    launcher = folder / "extensions/lambda-dispatch"
    write(launcher, (ROOT / "layer/extensions/lambda-dispatch").read_bytes(), mode=0o755)
    write_manifest(folder)
    return folder


def write(file: Path, content: bytes = b"", *, mode: int = 0o644) -> None:
    """Write a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)


def elf(machine: int, *, glibc: str = "") -> bytes:
    """Return a program that does nothing but be made for a machine and a glibc."""
    header = struct.pack(
        "<16xHHIQQQIHHHHHH", *(2, machine, 1, 0, 64, 0, 0, 64, 56, 2 if glibc else 0, 0, 0, 0)
    )
    strings = b"\0GLIBC_" + glibc.encode() + b"\0"
    at = 64 + 2 * 56
    dynamic = struct.pack("<qQqQ", 5, at + 32, 10, len(strings))
    load = struct.pack("<IIQQQQQQ", 1, 0, 0, 0, 0, at + 32 + len(strings), 0, 0)
    pointer = struct.pack("<IIQQQQQQ", 2, 0, at, at, 0, len(dynamic), 0, 0)
    content = header + (load + pointer + dynamic + strings if glibc else b"")
    return b"\x7fELF\x02\x01" + content[6:]


def texts(path: Path) -> list[str]:
    """Return what is found, with its level."""
    return [f"{each.level}: {each.text}" for each in check(read_contents(path))]


def test_what_the_build_makes_is_in_order(
    layer_tree: LayerTree, standalone_tree: LayerTree
) -> None:
    """Zips and folders, with an interpreter and without."""
    for tree in (layer_tree, standalone_tree):
        assert texts(tree.zip) == []
        assert texts(tree.root) == []


def nested(opt: Path) -> None:
    """Zip the folder instead of what is in it."""
    shutil.move(opt, opt.parent / "moved")
    shutil.move(opt.parent / "moved", opt / "opt")


def not_executable(opt: Path) -> None:
    """Lose the rights in a checkout."""
    (opt / "extensions/lambda-dispatch").chmod(0o644)


def windows(opt: Path) -> None:
    """Get other line ends from an editor."""
    launcher = opt / "extensions/lambda-dispatch"
    launcher.write_bytes(launcher.read_bytes().replace(b"\n", b"\r\n"))


def only_extensions(opt: Path) -> None:
    """Copy half of /opt."""
    shutil.rmtree(opt / "lambda-dispatch")


def no_extensions(opt: Path) -> None:
    """Copy the other half."""
    shutil.rmtree(opt / "extensions")


def slimmed(opt: Path) -> None:
    """Remove folders as Dockerfiles do."""
    shutil.rmtree(opt / LIBRARY / "botocore/docs")


def no_library(opt: Path) -> None:
    """Ignore folders called lib*."""
    shutil.rmtree(opt / LIBRARY)


def patched(opt: Path) -> None:
    """Change a source, and not its bytecode."""
    (opt / LIBRARY / "extension/app.py").write_text("print()")


def two_releases(opt: Path) -> None:
    """Unpack another layer over it."""
    shutil.copytree(opt / LIBRARY, opt / "lambda-dispatch/lib-2")


def no_bytecode(opt: Path) -> None:
    """Delete what looks like a cache."""
    (opt / LIBRARY / "code.cpython-313.bin").unlink()


def two_machines(opt: Path) -> None:
    """Mix architectures."""
    for name, architecture in ARCHITECTURES.items():
        write(opt / LIBRARY / f"{name}.so", elf(architecture.elf))


def poor_interpreter(opt: Path) -> None:
    """Bring an interpreter that lacks a module."""
    write(opt / OWN / "bin/python3", b"\0_ssl\0array\0", mode=0o755)


FAULTS: dict[Damage, str] = {
    nested: "error: nested: extensions/ and lambda-dispatch/ are in opt/; Lambda unpacks it",
    not_executable: "error: extensions/lambda-dispatch may not be run by everybody: chmod 755",
    windows: "error: extensions/lambda-dispatch has line ends of Windows",
    only_extensions: "error: lambda-dispatch/start.py is missing: copy all of /opt",
    no_extensions: "error: no launcher: extensions/ must hold lambda-dispatch",
    slimmed: f"error: 1 file is missing: {LIBRARY}/botocore/docs",
    no_library: "error: one release has one folder lambda-dispatch/lib-*; here: none",
    patched: f"error: {LIBRARY}/extension/app.py was changed, without effect: delete",
    two_releases: "warning: one release has one folder lambda-dispatch/lib-*; here: lambda",
    no_bytecode: "warning: bytecode of 1 file is missing",
    two_machines: "error: files of several machines: arm64, x86_64",
    poor_interpreter: "error: the interpreter has no module _csv: parameters cannot run",
}


@pytest.mark.parametrize("damage", FAULTS, ids=lambda damage: damage.__name__)
def test_a_fault_is_named(damage: Damage, opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 1 where something would not work, and 0 where it would only be slow."""
    damage(opt)
    wanted = FAULTS[damage]
    assert any(text.startswith(wanted) for text in texts(opt)), texts(opt)
    assert main([str(opt)]) == (1 if wanted.startswith("error") else 0)
    assert wanted in capsys.readouterr().out


def test_a_patched_source_without_bytecode_is_honoured(opt: Path) -> None:
    """And only slow."""
    patched(opt)
    no_bytecode(opt)
    assert [text.partition(":")[0] for text in texts(opt)] == ["warning"]


def test_a_renamed_launcher_is_no_fault(opt: Path) -> None:
    """It registers under its own name."""
    (opt / "extensions/lambda-dispatch").rename(opt / "extensions/10 mine")
    assert texts(opt) == []


def test_a_zip_made_on_windows_is_named(opt: Path, tmp_path: Path) -> None:
    """It holds no rights at all."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in opt.rglob("*"):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(opt).as_posix())
                entry.create_system = 0
                archive.writestr(entry, file.read_bytes())
    [text] = texts(tmp_path / "a.zip")
    assert text.startswith("error: the zip holds no rights")


def make_image(folder: Path) -> Path:
    """Write the file system of an image like Lambda's for Python 3.13, with the layer in it."""
    x86 = ARCHITECTURES["x86_64"].elf
    make_layer(folder / "opt")
    write(folder / "usr/bin/bash", elf(x86))
    (folder / "bin").symlink_to("/usr/bin")  # absolute: of the image, not of this machine
    (folder / "usr/bin/sh").symlink_to("/bin/bash")
    write(folder / "lib64/ld-linux-x86-64.so.2")
    write(folder / "lib64/libc.so.6", b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_PRIVATE\0")
    write(folder / "var/lang/bin/python3.13")
    return folder


def alpine(root: Path) -> None:
    """Have another C library."""
    shutil.rmtree(root / "lib64")
    write(root / "lib/ld-musl-x86_64.so.1")


def old_glibc(root: Path) -> None:
    """Need a newer glibc."""
    write(root / "opt" / LIBRARY / "fast.so", elf(62, glibc="2.99"))


def no_python(root: Path) -> None:
    """Have none."""
    shutil.rmtree(root / "var")


def old_python(root: Path) -> None:
    """Have one that is too old."""
    (root / "var/lang/bin/python3.13").rename(root / "var/lang/bin/python3.9")


def other_python(root: Path) -> None:
    """Have one that the layer was not built for."""
    (root / "var/lang/bin/python3.13").rename(root / "var/lang/bin/python3.12")


def other_machine(root: Path) -> None:
    """Have an ordinary layer for another machine."""
    write(root / "opt" / LIBRARY / "fast.so", elf(ARM))


def foreign_interpreter(root: Path) -> None:
    """Have an interpreter for another machine."""
    write(root / "opt" / OWN / "bin/python3", elf(ARM), mode=0o755)


def no_shell(root: Path) -> None:
    """Have neither shell nor tools."""
    shutil.rmtree(root / "usr")


def unpacked_at_the_top(root: Path) -> None:
    """Unpack the layer beside /opt."""
    shutil.move(root / "opt", root / "opt-1")
    shutil.move(root / "opt-1", root / "opt/opt")


IMAGE_FAULTS: dict[Damage, str] = {
    alpine: "error: the image has musl (Alpine); the layer is made for glibc: Alpine is not supp",
    old_glibc: f"error: the image has glibc 2.34; {LIBRARY}/fast.so needs 2.99",
    no_python: "error: the image has no Python; the layer needs Python 3.11 or newer, or take",
    old_python: "error: the image has python3.9; the layer needs Python 3.11 or newer",
    other_python: "warning: the image has Python 3.12, the layer bytecode for 3.13: slow starts",
    other_machine: "warning: the layer is made for arm64, the image for x86_64: its compiled",
    foreign_interpreter: "error: the layer is made for arm64, the image for x86_64: its interpr",
    no_shell: "error: the image has no /bin/sh: the launcher cannot run",
}


def test_an_image_like_lambdas_is_in_order(tmp_path: Path) -> None:
    """Links in it lead to its own files."""
    assert texts(make_image(tmp_path / "image")) == []


@pytest.mark.parametrize("damage", IMAGE_FAULTS, ids=lambda damage: damage.__name__)
def test_what_does_not_suit_an_image_is_named(damage: Damage, tmp_path: Path) -> None:
    """By the root of its file system."""
    root = make_image(tmp_path / "image")
    damage(root)
    wanted = IMAGE_FAULTS[damage]
    assert any(text.startswith(wanted) for text in texts(root)), texts(root)


def test_a_circle_of_links_is_no_file(tmp_path: Path) -> None:
    """It neither hangs nor fails."""
    root = make_image(tmp_path / "image")
    (root / "usr/bin/sh").unlink()
    (root / "usr/bin/sh").symlink_to("sh")
    assert any("no /bin/sh" in text for text in texts(root))


def test_what_cannot_be_read_has_a_status_of_its_own(tmp_path: Path) -> None:
    """As a program: no zip, no folder, and a folder that holds nothing of ours."""
    (tmp_path / "text").write_text("no zip")
    (tmp_path / "empty").mkdir()
    statuses = [
        subprocess.run(
            [sys.executable, "-m", "layer.check", tmp_path / name],
            cwd=ROOT,
            capture_output=True,
            check=False,
        ).returncode
        for name in ("text", "absent", "empty")
    ]
    assert statuses == [2, 2, 1]


@pytest.mark.parametrize("command", [main, publish.main, release.main])
def test_an_empty_name_is_refused(
    command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a variable that is not set; it would mean the current folder."""
    with pytest.raises(SystemExit, match="2"):
        command([""])
    assert "the name is empty" in capsys.readouterr().err


def test_one_error_is_no_plural(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line counts them."""
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.endswith(f"{tmp_path}: 1 error, 0 warnings\n")
