"""Builds and checks the Lambda layer on the developer's machine; only the launcher and start.py are shipped."""
