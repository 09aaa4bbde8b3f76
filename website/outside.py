"""A hook of mkdocs: pages from outside of docs/, links that leave docs/, names in tables.

Sources keep links that work in a checkout and on a forge. In the site a link to a source of a page
leads to the page; a link to any other file of the repository becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "readme.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "layer/README.md": "layer.md",
    "simulator/README.md": "simulator.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""The pages of the site by their sources outside of docs/."""

_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)")
_CELL = re.compile(r"<t[dh]\b.*?</t[dh]>", re.S)
_CODE = re.compile(r"(?<=<code>)[^<]+")
_BREAK = re.compile(r"(?<=[_.,])(?=\w)|(?<=\w)(?=/)")
_FENCE = re.compile(r"^(```.*?^```)$", re.M | re.S)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages whose sources lie elsewhere."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # not in the environment of the tests

    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page's text with links that hold in the site."""
    sources = {page_: source for source, page_ in PAGES.items()}
    name = page.file.src_uri
    return with_links_of_the_site(markdown, source=sources.get(name, f"docs/{name}"))


def on_post_page(output: str, **_: Any) -> str:
    """Return the page with names in tables that break between their words, not within one."""
    return _CELL.sub(lambda cell: _CODE.sub(_breakable, cell[0]), output)


def _breakable(code: re.Match[str]) -> str:
    return _BREAK.sub("<wbr>", code[0])


def with_links_of_the_site(markdown: str, *, source: str) -> str:
    """Return the text of `source`, a path in the repository, with links for its page."""
    parts = _FENCE.split(markdown)
    for index in range(0, len(parts), 2):  # the odd ones are blocks of code
        parts[index] = _LINK.sub(lambda found: _link(found, source=source), parts[index])
    return "".join(parts)


def _link(found: re.Match[str], *, source: str) -> str:
    mark, text, target = found.groups()
    if re.match(r"[a-z]+:|#", target):
        return found[0]
    path, hash_, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    page = _page(path)
    if not page:
        return text
    here = posixpath.dirname(_page(source))
    return f"{mark}[{text}]({posixpath.relpath(page, here or '.')}{hash_}{anchor})"


def _page(path: str) -> str:
    """Return what a file of the repository is in the site; empty if it is nothing there."""
    return PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
