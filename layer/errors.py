"""What can keep a layer from being built."""

from __future__ import annotations


class LayerError(Exception):
    """The layer cannot be built; the message is the one line that the user reads."""
