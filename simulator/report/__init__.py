"""The picture of a run: one HTML page."""
