"""Keeps secret values out of everything that leaves; knows neither of the two jobs."""
