"""The Extensions API: how the process starts, registers, and requests events."""
