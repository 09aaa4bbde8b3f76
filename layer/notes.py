"""The notes of a release, which are the changelog's section of its version."""

from __future__ import annotations

import re

from layer.errors import LayerError

_SECTION = re.compile(r"^## +(.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)


def release_notes(changelog: str, *, version: str, is_draft: bool = False) -> str:
    """Return the text below the heading of `version`; a draft takes what is not released yet.

    Raises:
        LayerError: there is no such section, it is empty, or changes wait for a version.
    """
    found: list[tuple[str, str]] = _SECTION.findall(changelog)
    sections = {title.split()[0]: text.strip() for title, text in found}
    waiting = sections.get("Unreleased", "")
    if is_draft:
        return waiting or sections.get(version, "")
    if waiting:
        raise LayerError(f"CHANGELOG.md has unreleased changes: move them below `## {version}`")
    if not sections.get(version):
        raise LayerError(f"CHANGELOG.md has no section `## {version}`")
    return sections[version]
