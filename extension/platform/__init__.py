"""The Extensions API: how the process starts, registers and asks for events."""
