"""Checks that a layer suits one machine and, where it is in an image, that image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layer.elf import Elf, parse_elf, read_elf
from layer.modules import NEEDED
from layer.target import ARCHITECTURES
from layer.verdict import Layer, Verdict, error, warning

_LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")
_TOOLS = ("bash", "curl", "wget", "nc", "busybox")
_GLIBC = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)")
_MACHINES = {architecture.elf: name for name, architecture in ARCHITECTURES.items()}


def check_fit(layer: Layer) -> Iterator[Verdict]:
    """Yield what does not go together."""
    binaries = _binaries(layer)
    machines = {elf.machine for elf in binaries.values()}
    if len(machines) > 1:
        yield error(f"files of several machines: {_names(machines)}")
    if layer.has_interpreter:
        yield from _check_modules(layer)
    if layer.image is None:
        return
    yield from _check_shell(layer)
    if len(machines) == 1:
        yield from _check_machine(layer, machines.pop())
    yield from _check_libc(layer, binaries)
    if not layer.has_interpreter:
        yield from _check_python(layer)


def _binaries(layer: Layer) -> dict[str, Elf]:
    ours = {n: f for n, f in layer.files.items() if n.startswith("lambda-dispatch/")}
    return {name: elf for name, file in ours.items() if (elf := parse_elf(file.read()))}


def _check_shell(layer: Layer) -> Iterator[Verdict]:
    assert layer.image
    if not layer.image.find("bin/sh"):
        yield error("the image has no /bin/sh: the launcher cannot run, and the function with it")
    places = ("bin", "usr/bin", "usr/local/bin")
    if not layer.image.find(*(f"{place}/{tool}" for place in places for tool in _TOOLS)):
        yield warning(f"the image has none of {', '.join(_TOOLS)}: no stand-in could register")


def _check_machine(layer: Layer, machine: int) -> Iterator[Verdict]:
    assert layer.image
    shells = [elf for path in layer.image.find("bin/sh") if (elf := read_elf(path))]
    if shells and shells[0].machine != machine:
        found, wanted = _names({machine}), _names({shells[0].machine})
        text = f"the layer is made for {found}, the image for {wanted}"
        if layer.has_interpreter:
            yield error(f"{text}: its interpreter cannot start")
        else:
            yield warning(f"{text}: its compiled modules are replaced by slow ones in Python")


def _check_libc(layer: Layer, binaries: dict[str, Elf]) -> Iterator[Verdict]:
    assert layer.image
    if not layer.image.find(*_LOADERS):
        musl = bool(layer.image.find("lib/ld-musl-*"))
        kind = "musl (Alpine)" if musl else "no C library"
        yield error(f"the image has {kind}; the layer is made for glibc: Alpine is not supported")
        return
    needed = max((elf.glibc for elf in binaries.values()), default=(0, 0))
    places = ("lib64/libc.so.6", "lib/*/libc.so.6", "usr/lib64/libc.so.6", "usr/lib/*/libc.so.6")
    for libc in layer.image.find(*places)[:1]:
        found = max((int(a), int(b)) for a, b in _GLIBC.findall(libc.read_bytes()))
        if found < needed:
            worst = max(binaries, key=lambda name: binaries[name].glibc)
            yield error(f"the image has glibc {_dotted(found)}; {worst} needs {_dotted(needed)}")


def _check_python(layer: Layer) -> Iterator[Verdict]:
    """Look for what the launcher would look for."""
    assert layer.image
    places = ("var/lang", "usr/local", "usr")
    programs = [
        program for place in places for program in layer.image.find(f"{place}/bin/python3.*")
    ]
    found = [m[0] for p in programs if (m := re.fullmatch(r"python(3\.\d+)", p.name))]
    versions = [v.removeprefix("python") for v in found if int(v.rpartition(".")[2]) >= 11]
    if not versions:
        have = ", ".join(found) or "no Python"
        yield error(
            f"the image has {have}; the layer needs Python 3.11 or newer, or take --standalone"
        )
    elif versions[0] not in layer.versions:
        had = ", ".join(layer.versions) or "none"
        yield warning(
            f"the image has Python {versions[0]}, the layer bytecode for {had}: slow starts"
        )


def _check_modules(layer: Layer) -> Iterator[Verdict]:
    """Look for modules in the interpreter that the layer brings."""
    names = [name for name in layer.files if name.startswith("lambda-dispatch/python/")]
    programs = [name for name in names if "/bin/python3" in name or "/libpython3" in name]
    built_in = b"".join(layer.files[name].read() for name in programs)
    for part, modules in NEEDED.items():
        for module in modules:
            pattern = re.compile(rf"/lib/python3\.\d+/(lib-dynload/)?{module}(/|\.)")
            # A linker may let one text be the end of another; a function's name is whole.
            texts = (b"\0%b\0" % module.encode(), b"\0PyInit_%b\0" % module.encode())
            if not any(map(pattern.search, names)) and not any(each in built_in for each in texts):
                yield error(f"the interpreter has no module {module}: {part} cannot run")


def _names(machines: set[int]) -> str:
    return ", ".join(sorted(_MACHINES.get(machine, f"machine {machine}") for machine in machines))


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
