"""Sends dead letters to an endpoint: a command for people, which the extension never imports."""
