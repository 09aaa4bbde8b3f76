"""What the tests of the layer share."""

from __future__ import annotations

from tests.layer.built import layer_tree, standalone_tree

__all__ = ["layer_tree", "standalone_tree"]
