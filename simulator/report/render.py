"""The picture of a run: spans, log records and GETs → one self-contained HTML page.

The rule of this module: values in, text out. The page needs no network and runs no script; the
template engine escapes every text.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from simulator.report.page import Run, build_page

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Run", "render_report"]

_FOLDER = Path(__file__).resolve().parent
# What a terminal would obey cannot be seen in a browser.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n"}


def render_report(run: Run) -> str:
    """Return the page as HTML."""
    templates = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    html = templates.get_template("page.html").render(page=build_page(run))
    return _renamed(html, folders=run.folders)


def _visible(value: object) -> object:
    return value.translate(_CONTROLS) if type(value) is str else value


def _renamed(html: str, *, folders: Mapping[str, str]) -> str:
    # The longest first: a folder may be in another.
    for folder in sorted(folders, key=len, reverse=True):
        end_of_name = r"(?![\w.-])"
        html = re.sub(re.escape(escape(folder)) + end_of_name, escape(folders[folder]), html)
    return html
