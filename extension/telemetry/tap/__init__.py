"""Reads the Runtime API's traffic: what caused an invocation, and what the function answered."""
