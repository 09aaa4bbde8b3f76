"""The build, from the pinned wheels to the zip: the steps in their order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from extension import __version__
from layer.archive import tree_bytes, write_zip
from layer.authorities import hash_authorities
from layer.bytecode import Kind, compile_with, record_start
from layer.compiled import load_compiled
from layer.deferred import DEFERRED
from layer.errors import LayerError
from layer.fetched import fetch_interpreter, fetch_with_go
from layer.interpreters import find_interpreter
from layer.licences import gather_licences
from layer.manifest import digest_of, write_manifest
from layer.naive import measure_naive
from layer.order import ROOT, Order
from layer.packages import install_all, merge_pruned
from layer.portability import check_portability
from layer.smoke import smoke_test
from layer.standalone import copy_interpreter, version_of
from layer.target import cache_tag, this_machine

_OPT = "/opt/lambda-dispatch"
"""Where Lambda unpacks all but the launcher. Nothing of ours may be under /opt/python: Lambda
puts that folder on the function's import path."""

_INTERPRETER_LICENCES = ROOT / "layer/interpreter-licences.txt"
"""Of what python-build-standalone links into its interpreters, and CPython holds of others."""

_OF_THE_LIBRARY = ("code_file.py", "kept_code.py", "kept_patterns.py", "standard_files.py")
"""Modules of this package by which the library imports itself."""

Say = Callable[[str], None]


def build(order: Order, *, say: Say) -> Path:
    """Build the layer and return the zip; `say` gets the lines of the report.

    Raises:
        LayerError: it cannot be built; then there is no zip, or the one of an earlier build.
    """
    _prepare(order.output)
    with tempfile.TemporaryDirectory(prefix="lambda-dispatch-") as name:
        return _Build(order, Path(name), say).run()


class _Build:
    """One build in one temporary folder; an interpreter is None where nothing here compiles."""

    def __init__(self, order: Order, work: Path, say: Say) -> None:
        self._order = order
        self._work = work
        self._say = say
        self._tree = work / "opt"
        self._home = self._tree / "lambda-dispatch"
        self._library = self._home / "lib"
        self._interpreters: dict[str, Path | None] = {}
        self._fetched = work / "fetched"
        self._machine = this_machine()
        self._is_native = self._machine == order.architecture

    def run(self) -> Path:
        """Take the steps."""
        self._home.mkdir(parents=True)
        if self._order.standalone:
            self._add_interpreter()
        else:
            self._choose_versions()
        versions = ", ".join(self._interpreters)
        self._say(f"lambda-dispatch for {self._order.architecture.name}, Python {versions}")
        self._add_packages()
        self._add_own_files()
        self._name_library()
        self._compile()
        self._try_out()
        return self._finish()

    def _add_interpreter(self) -> None:
        order, copy = self._order, self._home / "python"
        tree = order.interpreter or fetch_interpreter(order.architecture, folder=self._fetched)
        version = version_of(tree)
        copy_interpreter(tree, folder=copy)
        self._check(copy)
        own = copy / "bin/python3"
        self._interpreters[version] = own if self._is_native else self._find(version)

    def _choose_versions(self) -> None:
        for version in self._order.versions:
            found = self._find(version)
            if found or self._order.ships_source:
                self._interpreters[version] = found
            if found is None:
                fate = "ships as source" if self._order.ships_source else "is skipped"
                self._say(f"Python {version} {fate}: no interpreter here compiles for it")
        if not self._interpreters:
            raise LayerError("no version is left; --source ships them without their bytecode")

    def _find(self, version: str) -> Path | None:
        """Return an interpreter that compiles for a version: one of this machine, or fetched."""
        if (found := find_interpreter(version)) or self._machine is None:
            return found
        try:
            tree = fetch_with_go(version, self._machine, folder=self._fetched)
        except LayerError:
            return None
        return tree / f"bin/python{version}"

    def _add_packages(self) -> None:
        folders = install_all(self._order, versions=self._interpreters, work=self._work)
        if self._order.compares:
            version, naive = folders[0].name, measure_naive(folders[0])
            self._say(f"pip and zip alone, Python {version} only: {naive}")
        own = [ROOT / "LICENSE"]
        if self._order.standalone:
            own += [*self._home.glob("python/lib/python*/LICENSE.txt"), _INTERPRETER_LICENCES]
        texts = [*(file.read_text("utf-8") for file in own), gather_licences(folders)]
        (self._home / "LICENSES.txt").write_text("\n".join(texts), "utf-8")
        merge_pruned(folders, library=self._library)
        bundle = self._library / "botocore/cacert.pem"
        hash_authorities(bundle, folder=self._library / "authorities")
        self._check(self._library)

    def _add_own_files(self) -> None:
        own = [path.relative_to(ROOT) for path in (ROOT / "extension").rglob("*.py")]
        for path in own:
            _copy_text(ROOT / path, self._library / path)
        for name in _OF_THE_LIBRARY:
            _copy_text(ROOT / "layer" / name, self._library / name)
        for name in ("start.py", "environment.py"):
            _copy_text(ROOT / "layer" / name, self._home / name)
        launcher = self._tree / "extensions/lambda-dispatch"
        _copy_text(ROOT / "layer/extensions/lambda-dispatch", launcher)
        wrappers = [self._tree / f"lambda-dispatch-{name}" for name in ("env", "tap")]
        for wrapper in wrappers:
            _copy_text(ROOT / "layer" / wrapper.name, wrapper)
        for program in (launcher, *wrappers, *self._home.glob("python/bin/*")):
            program.chmod(0o755)

        if self._order.defers:
            lines = (f"{name}: {', '.join(rows)}\n" for name, rows in DEFERRED.items())
            (self._home / "deferred-imports.txt").write_text("".join(lines), "utf-8")

    def _name_library(self) -> None:
        """Give the library a name of its own: two builds unpacked into one tree never mix."""
        build = digest_of(self._tree)[:12]
        (self._home / "build").write_text(f"{build}\n", "utf-8")
        (self._home / "version").write_text(f"{__version__}\n", "utf-8")
        self._library = self._library.rename(self._home / f"lib-{build}")

    def _check(self, folder: Path) -> None:
        """Refuse what the image could not load, as soon as it is there."""
        if self._order.local:
            return
        versions = tuple(self._interpreters)
        major, minor = check_portability(
            folder,
            architecture=self._order.architecture,
            glibc_of=lambda file: self._order.glibc_for(file, versions=versions),
        )
        self._say(f"{folder.name} needs glibc {major}.{minor} or newer")

    def _compile(self) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._compile_for, filter(None, self._interpreters.values())))

    def _compile_for(self, interpreter: Path) -> None:
        name, standard = self._library.name, self._home / "python/lib"
        kind: Kind = "library" if self._order.defers else "library-as-it-is"
        compile_with(interpreter, folder=self._library, home=f"{_OPT}/{name}", kind=kind)
        record_start(interpreter, library=self._library)
        if standard.exists():
            compile_with(interpreter, folder=standard, home=f"{_OPT}/python/lib", kind="standard")

    def _try_out(self) -> None:
        """Run it; for the other architecture without the compiled modules, if at all."""
        for version, interpreter in self._interpreters.items():
            if interpreter is None or (self._order.standalone and not self._is_native):
                self._say(f"not tried out with Python {version}: it does not run here")
                continue
            if self._is_native:
                load_compiled(self._library, interpreter=interpreter, tag=cache_tag(version))
            smoke_test(self._tree, interpreter=interpreter)
            kind = "" if self._is_native else ", without the compiled modules"
            self._say(f"tried out with Python {version}{kind}")

    def _finish(self) -> Path:
        write_manifest(self._tree)
        destination = self._order.destination
        digest = write_zip(self._tree, destination=destination)
        checksum = destination.with_suffix(".zip.sha256")
        checksum.write_text(f"{digest}  {destination.name}\n", "utf-8")
        zipped, unzipped = destination.stat().st_size / 1e6, tree_bytes(self._tree) / 1e6
        self._say(f"this layer: {zipped:.1f} MB zipped, {unzipped:.1f} MB unzipped")
        self._say(f"{destination}\nsha256 {digest}")
        return destination


def _copy_text(source: Path, copy: Path) -> None:
    """Copy with the line ends that a kernel understands, whatever the checkout has."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(source.read_bytes().replace(b"\r\n", b"\n"))


def _prepare(output: Path) -> None:
    """Find out before the work whether its result can be kept."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise LayerError(f"{output} cannot be written: {error.strerror}") from error
