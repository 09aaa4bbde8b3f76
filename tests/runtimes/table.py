"""The table of the documentation: which failures of which runtime are seen.

Write it with `python -m tests.runtimes.table`.
"""

from __future__ import annotations

from pathlib import Path

from tests.runtimes.cases import CASES, Case

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"

INTRODUCTION = """\
# Which failures are seen

Lambda calls an invocation a success when the runtime caught the exception. The reason of the
failure is then only in a line that the runtime writes to the log, so it is read from there.

- **seen**: the runtime writes a mark that no logger writes, or the platform and the runtime both
  report it.
- **if last**: the function could have written the same line itself. It counts if the function
  writes nothing after it, as the runtime reports just before it answers. So a function that logs
  such an error as its very last line and then succeeds is shown as failed; log it with a text
  before it (`console.error("retrying", error)`), or write one more line. The opposite choice
  would show each failure of these runtimes as a success.
- **shown as failed**: nothing failed, but the last line looks like a failure.
- **platform only**: the platform says that it failed, and nothing says of what.
- **not seen**: neither reports it. The span has no error.
- **no failure**: nothing failed, and nothing is shown as failed.

When a function fails during initialization, the platform reports the failure and a line from the
runtime gives the reason. The spans of the initialization, of its repetition and of the invocation
all carry the error.

On Managed Instances the platform reports the result of each handler, and no line overrules it. A
line of the runtime gives the type if it names its request (Go's does not) and comes with the report
or before it. An exception outside of the handler, an exit, a timeout and running out of memory are
reported by the platform everywhere. `error.type` is the exception's type where the runtime reports
it, `timeout`, `Runtime.OutOfMemory`, or what the platform says.

Three things can hide a report: a function that replaces the runtime's log (`console.error`, Go's
`log.SetOutput`), a runtime client that is older or newer than those whose forms are known, and in
Go and Rust a message of more than 256 KB, which the platform cuts in two.

"""

WORDS = {
    "seen": "seen",
    "last line": "if last",
    "misread": "shown as failed",
    "platform": "platform only",
    "not seen": "not seen",
    "no failure": "no failure",
}


def row(case: Case) -> str:
    """Return the line of a case."""
    kind = f"`{case.error_type}`" if case.error_type else ""
    return f"| {case.runtime} | {case.log_format} | {case.what} | {WORDS[case.seen]} | {kind} |"


def page() -> str:
    """Return the whole page."""
    head = "| Runtime | Log format | What happens | Is it seen? | `error.type` |\n"
    lines = "\n".join(row(case) for case in CASES)
    return f"{INTRODUCTION}{head}| --- | --- | --- | --- | --- |\n{lines}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
