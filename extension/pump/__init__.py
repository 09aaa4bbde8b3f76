"""Carries the Runtime API's traffic, and copies the ends of its messages: a process of its own."""
