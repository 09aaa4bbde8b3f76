"""The table in docs/configuration.md, from `extension.settings.config`; run this to write it."""

from __future__ import annotations

import re
from pathlib import Path

from extension.settings.config import USER_SECTIONS
from extension.settings.variable import Variable, variables

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"
BLOCK = re.compile(r"<!-- configuration -->\n(.*)<!-- /configuration -->", re.DOTALL)


def table() -> str:
    """Return the table as it should stand in the document."""
    sections = [
        f"**{(section.__doc__ or '').rstrip('.')}**\n\n"
        "| Variable | Default | Allowed | Meaning |\n| --- | --- | --- | --- |\n"
        + "".join(row(each) for each in variables(section))
        for section in USER_SECTIONS
    ]
    return "\n".join(sections)


def row(of: Variable) -> str:
    """Return one variable's row."""
    default = str(of.default).lower() if isinstance(of.default, bool) else of.default
    if isinstance(default, tuple):
        default = ",".join(default)
    shown = "" if default == "" else f"`{default}`"
    allowed = f"{of.kind.allowed}, {of.unit}" if of.unit else of.kind.allowed
    meaning = of.meaning.replace("|", "\\|")
    return f"| `{of.name}` | {shown} | {allowed} | {meaning} |\n"


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    begin, end = BLOCK.search(text).span(1)  # type: ignore[union-attr]
    DOCUMENT.write_text(text[:begin] + table() + text[end:])
