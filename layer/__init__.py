"""Builds the Lambda layer; runs on the developer's machine, and only start.py is shipped."""
