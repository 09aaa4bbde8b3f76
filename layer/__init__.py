"""Builds and checks the Lambda layer; of it only the launcher and start.py are shipped."""
