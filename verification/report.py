"""PURE: what the experiments found, as a page of Markdown to send to the project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verification.experiments import Experiment, Finding, Observed

Result = tuple[Experiment, Observed, Sequence[Finding]]


def report(results: Sequence[Result], *, about: str) -> str:
    """Return the page; `about` says what was tried, and where."""
    return "\n".join(_lines(results, about)) + "\n"


def _lines(results: Sequence[Result], about: str) -> Iterator[str]:
    yield f"# lambda-dispatch in AWS\n\n{about}\n"
    yield "| Experiment | Looked at | As expected | Found |\n| --- | --- | --- | --- |"
    for experiment, _, findings in results:
        for each in findings:
            verdict = "yes" if each.as_expected else "**no**"
            yield f"| {experiment.name} | {each.what} | {verdict} | {_cell(each.found)} |"
    for experiment, observed, _ in results:
        yield f"\n## {experiment.name}\n\n{experiment.question} Expected: {experiment.expected}.\n"
        yield "```text"
        yield from map(str, observed.own)
        yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:500]
