"""The runner of mutants: what is changed, how it is put in place, and which tests are run."""

from __future__ import annotations

import _thread
import gc
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.changing import Functions, NotLoadedError
from tests.mutants.chosen import MOST_NEAR, changed_lines, choose, near_tests
from tests.mutants.covering import Coverage, Kept, Ran, Watch
from tests.mutants.forks import Task, run_tasks
from tests.mutants.mutations import mutants_of
from tests.mutants.report import EQUIVALENT, Fate, Report
from tests.mutants.session import NOT_RUN, run_fresh

ROOT = Path(__file__).parents[3]
SOURCE = '''"""A module."""

LIMIT = 3


def bounded(number: int, *, least: int = 0) -> int:
    """Bound a number."""
    if number > LIMIT and least:
        note(number)
    return min(number, LIMIT)


def note(number: int) -> None:
    """Take note."""


def outer(number: int) -> int:
    def inner() -> int:
        return number + 1

    return inner()
'''


def texts(source: str) -> list[str]:
    """Return what is changed in a module."""
    return [mutant.text for mutant, _ in mutants_of(source, path="a.py")]


def test_one_thing_is_changed_at_a_time() -> None:
    """Comparisons, operators, numbers, guards and calls; no annotation and no text."""
    assert set(texts(SOURCE)) == {
        "module: 3  →  4",
        "bounded: 0  →  1",
        "bounded: if number > LIMIT and least:  →  if False and (number > LIMIT and least):",
        "bounded: number > LIMIT and least  →  number > LIMIT",
        "bounded: number > LIMIT and least  →  least",
        "bounded: number > LIMIT  →  number >= LIMIT",
        "bounded: note(number)  →  pass",
        "bounded: min(number, LIMIT)  →  max(number, LIMIT)",
        "outer.inner: number + 1  →  number - 1",
        "outer.inner: 1  →  2",
    }


def test_imports_for_annotations_are_not_changed() -> None:
    """They do not run."""
    assert texts("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from a import b\n") == []


def test_two_that_read_the_same_are_told_apart() -> None:
    """By their order in the function, so that a list of them survives other changes."""
    assert sorted(texts("def f(a):\n    return a + 1, a + 1\n")) == [
        "f: 1  →  2",
        "f: 1  →  2 (2)",
        "f: a + 1  →  a - 1",
        "f: a + 1  →  a - 1 (2)",
    ]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The module in a file."""
    file = tmp_path / "extension/module.py"
    file.parent.mkdir()
    file.write_text(SOURCE)
    return file


def load(file: Path) -> dict[str, object]:
    """Run a module."""
    names: dict[str, object] = {}
    exec(compile(SOURCE, str(file), "exec", dont_inherit=True), names)
    return names


def code_with(file: Path, text: str) -> object:
    """Return the module's code with a change."""
    [found] = [make() for mutant, make in mutants_of(SOURCE, path=str(file)) if mutant.text == text]
    return found


@pytest.mark.parametrize(
    ("text", "call", "answer"),
    [
        ("bounded: min(number, LIMIT)  →  max(number, LIMIT)", ("bounded", 7), 7),
        ("outer.inner: number + 1  →  number - 1", ("outer", 7), 6),
    ],
)
def test_a_loaded_function_gets_the_code_of_a_mutant(
    module: Path, text: str, call: tuple[str, int], answer: int
) -> None:
    """Also one that another function makes; whoever has imported it has the changed one."""
    names = load(module)
    old = compile(SOURCE, str(module), "exec", dont_inherit=True)
    functions = Functions(module.parent)
    functions.change(old, code_with(module, text))  # type: ignore[arg-type]
    function = names[call[0]]
    assert callable(function)
    assert function(call[1]) == answer


@pytest.mark.parametrize("text", ["module: 3  →  4", "bounded: 0  →  1"])
def test_what_runs_at_import_is_not_changed_in_place(module: Path, text: str) -> None:
    """Constants and defaults are there already: the module must be imported with the change."""
    names = load(module)
    old = compile(SOURCE, str(module), "exec", dont_inherit=True)
    with pytest.raises(NotLoadedError):
        Functions(module.parent).change(old, code_with(module, text))  # type: ignore[arg-type]
    assert names["LIMIT"] == 3


def test_lines_that_run_are_noted(module: Path) -> None:
    """Those of the project alone, by their file."""
    names = load(module)
    bounded: Any = names["bounded"]
    watch = Watch(module.parents[1])
    watch.begin()
    bounded(1)
    lines = watch.end()
    assert lines == {"extension/module.py": sum(1 << line for line in (6, 8, 10))}
    watch.begin()
    assert watch.end() == {}


def test_a_thread_of_the_built_in_module_is_watched(module: Path) -> None:
    """Code that may import nothing else starts it, and `threading` does not know of it."""
    bounded: Any = load(module)["bounded"]
    has_ended = _thread.allocate_lock()
    has_ended.acquire()

    def run(number: int) -> None:
        bounded(number)
        has_ended.release()

    watch = Watch(module.parents[1])
    watch.begin()
    _thread.start_new_thread(run, (1,))
    has_ended.acquire()
    assert watch.end() == {"extension/module.py": sum(1 << line for line in (6, 8, 10))}


def test_a_thread_that_several_tests_share_is_watched_in_each(module: Path) -> None:
    """As that of a fixture of a whole module."""
    names = load(module)
    bounded: Any = names["bounded"]
    watch = Watch(module.parents[1])
    watch.begin()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(len, "").result()
        assert watch.end() == {}
        watch.begin()
        thread.submit(bounded, 1).result()
        assert watch.end()["extension/module.py"] >> 10 & 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_what_a_fork_runs_is_noted_too(module: Path) -> None:
    """It has the mutant, for that is put in place before."""
    names = load(module)
    bounded: Any = names["bounded"]
    watch = Watch(module.parents[1])
    watch.begin()
    child = os.fork()
    if not child:
        try:
            bounded(7, least=1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert watch.end()["extension/module.py"] >> 9 & 1


def test_tests_named_after_a_module_come_first() -> None:
    """Then the quickest; only those that run the line."""
    lines = {"extension/module.py": 1 << 8}
    ran = [
        Ran(test="tests/test_slow.py::test", takes_s=2, lines=lines),
        Ran(test="tests/test_quick.py::test", takes_s=1, lines=lines),
        Ran(test="tests/test_module.py::test", takes_s=3, lines=lines),
        Ran(test="tests/test_other.py::test", takes_s=0, lines={"extension/module.py": 1 << 9}),
    ]
    found = Coverage(ran).tests_of("extension/module.py", range(7, 9))
    assert [each.test.split("_")[1] for each in found] == ["module.py::test", "quick.py::test",
                                                          "slow.py::test"]  # fmt: skip


def test_for_what_runs_at_import_the_files_that_import_it_count() -> None:
    """A module of declarations runs nothing while a test does."""
    file = "extension/module.py"
    ran = [Ran(test=f"tests/test_{name}.py::test", takes_s=0) for name in "abc"]
    ran.append(Ran(test="tests/test_d.py::test", takes_s=1, lines={file: 1}))
    found = Coverage(ran).tests_of_file(file, near=["tests/test_c.py", "tests/test_d.py"])
    assert found == [ran[2], ran[3]]


def test_without_tests_no_mutant_is_noticed(module: Path) -> None:
    """One of what runs at import, where no test is about the module, counts as a survivor."""
    [mutant] = [
        each for each in choose(module.parents[1], ["extension"], seed="0")
        if each.mutant.function == "module"
    ]  # fmt: skip
    assert dict(run_tasks([("it", run_fresh(module.parents[1], mutant, []))], jobs=1)) == {
        "it": NOT_RUN
    }
    assert Fate.of(NOT_RUN) is Fate.NOT_RUN


def test_what_a_test_ran_is_known_until_either_changes(module: Path) -> None:
    """The file of tests, or a module whose lines it ran."""
    root = module.parents[1]
    tests = root / "test_it.py"
    tests.write_text("1")
    ran = [Ran(test="test_it.py::test", takes_s=1, lines={"extension/module.py": 1})]
    Kept(root, root / "kept").write("test_it.py", ran)
    assert Kept(root, root / "kept").read("test_it.py") == ran
    module.write_text("2")
    assert Kept(root, root / "kept").read("test_it.py") is None
    module.write_text(SOURCE)
    tests.write_text("2")
    assert Kept(root, root / "kept").read("test_it.py") is None


def test_a_seed_decides_the_order(module: Path) -> None:
    """All mutants come, and the same seed runs the same ones first."""
    root = module.parents[1]
    orders = [
        [each.mutant.text for each in choose(root, ["extension"], seed=seed)]
        for seed in ("1", "1", "2")
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_a_function_may_run_at_import_alone(tmp_path: Path) -> None:
    """No test runs it then: the module has to be imported with the change."""
    (tmp_path / "a.py").write_text(SOURCE + "\nNOTED = [note(LIMIT + 1)]\nOTHER = bounded\n")
    runs = {
        each.mutant.function: each.runs_at_import(tmp_path)
        for each in choose(tmp_path, ["a.py"], seed="1")
    }
    assert runs == {"bounded": False, "outer.inner": False, "module": False}
    (tmp_path / "a.py").write_text(SOURCE + "\nFOUND = [bounded(LIMIT)]\n")
    again = {
        each.mutant.function: each.runs_at_import(tmp_path)
        for each in choose(tmp_path, ["a.py"], seed="1")
    }
    assert again["bounded"]


def test_only_changed_lines_have_mutants(module: Path) -> None:
    """Those that differ from a commit; none where there is no such commit."""
    root = module.parents[1]

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    module.write_text(SOURCE.replace("number + 1", "number + 5"))
    lines = changed_lines(root, "HEAD")
    assert lines == {("extension/module.py", 19)}
    chosen = choose(root, ["extension"], seed="0", lines=lines)
    assert {each.mutant.text for each in chosen} == {
        "outer.inner: number + 5  →  number - 5",
        "outer.inner: 5  →  6",
    }
    assert changed_lines(root, "unknown") == set()


def test_tests_near_a_module_import_it_or_have_its_name(module: Path) -> None:
    """Others are not run for a change of a few lines."""
    root = module.parents[1]
    tests = {
        "test_module.py": "",
        "test_a.py": "from extension.module import bounded",
        "test_b.py": "from extension import module",
        "test_c.py": "from extension.modules import other",
    }
    (root / "tests").mkdir()
    for name, content in tests.items():
        (root / "tests" / name).write_text(content)
    near = near_tests(root, [("extension/module.py", 1)], suites=["tests"])
    assert {Path(each).name for each in near} == {"test_module.py", "test_a.py", "test_b.py"}


def test_each_changed_module_has_tests_near_it(module: Path) -> None:
    """However many tests import another one that was changed, too."""
    root = module.parents[1]
    (root / "tests").mkdir()
    for number in range(MOST_NEAR + 1):
        (root / "tests" / f"test_{number:02}.py").write_text("from extension.common import each")
    (root / "tests" / "test_z.py").write_text("from extension.module import bounded")
    lines = [("extension/common.py", 1), ("extension/module.py", 1)]
    near = near_tests(root, lines, suites=["tests"])
    assert len(near) == MOST_NEAR + 1
    assert near[-1] == "tests/test_z.py"


def test_a_path_that_is_none_is_named() -> None:
    """Before anything is run."""
    command = [sys.executable, "-m", "tests.mutants", "extension/redaction", "extension/nope"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith("extension/nope")
    assert "Traceback" not in run.stderr


def test_tasks_run_apart_and_within_bounds() -> None:
    """The outcome is the exit status; a task that takes too long is ended."""
    pid = os.getpid()

    def loop_for_ever() -> int:
        while True:
            pass

    gc.collect()
    tasks = [
        ("passes", Task(run=lambda: 0)),
        ("fails", Task(run=lambda: 1)),
        ("elsewhere", Task(run=lambda: 5 if os.getpid() != pid else 0)),
        ("raises", Task(run=lambda: int("x"))),
        ("loops", Task(run=loop_for_ever, cpu_s=0.1)),
    ]
    assert dict(run_tasks(tasks, jobs=2)) == {
        "passes": 0, "fails": 1, "elsewhere": 5, "raises": 70, "loops": None,
    }  # fmt: skip


def test_the_table_counts_what_changes_something(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Survivors are printed, and those that no test runs count as survivors.

    A mutant that ends the process of the tests, with whatever status, is noticed.
    """
    chosen = choose(module.parents[1], ["extension"], seed="0")
    report = Report(chosen)
    for each, outcome in zip(chosen, [1, 0, None, 29, 31], strict=False):
        report.add(each, Fate.of(outcome))
    report.print(seed="0")
    said = capsys.readouterr().out
    assert f"5 of {len(chosen)} mutants, with seed 0" in said
    assert "| extension | 5 | 60.0% | 1 | 1 | 0 |" in said
    assert f"survived | extension/module.py:{chosen[3].mutant.lines[-1]} | " in said


def test_every_equivalent_mutant_is_one() -> None:
    """One whose code has changed is not excused any more."""
    for file, listed in tomllib.loads(EQUIVALENT.read_text()).items():
        found = {mutant.text for mutant, _ in mutants_of((ROOT / file).read_text(), path=file)}
        assert set(listed) <= found


def test_the_command_explains_itself() -> None:
    """Folders, time and seed can be chosen."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(each in done.stdout for each in ("--minutes", "--seed", "--changed-since"))
