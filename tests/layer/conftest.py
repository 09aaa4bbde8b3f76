"""What the tests of the layer share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.runtimes.functions import WITH_BUILDS_S
from tests.layer.built import layer_tree, standalone_tree

__all__ = ["layer_tree", "standalone_tree"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every test here take what a build takes, its own or that of another test."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(WITH_BUILDS_S))
