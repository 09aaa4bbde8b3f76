"""Measures the extension: every figure beside a reference measured in the same run."""
