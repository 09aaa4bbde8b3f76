"""What the built layer imports, and when: each import is paid by every cold start."""

from __future__ import annotations

import sys

import pytest

from tests.layer.built import LayerTree
from tests.layer.loaded_modules import UNSET, listed, running

MODES = tuple(UNSET)


@pytest.mark.parametrize("mode", MODES)
def test_no_start_loads_a_module_that_is_not_listed(mode: str, layer_tree: LayerTree) -> None:
    """One that is meant to be loaded is added by `python -m tests.layer.loaded_modules`."""
    with running(layer_tree, mode) as run:
        loaded = run.modules()
    if sys.version_info[:2] != (3, 11):
        loaded = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert sorted(loaded - listed()[mode]) == []


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_imported_during_an_invocation(mode: str, layer_tree: LayerTree) -> None:
    """What the first export and the first GET need is there: the function has the CPU by then."""
    with running(layer_tree, mode) as run:
        before = run.modules()
        run.invoke(mode)
        assert sorted(run.modules() - before) == []
