"""The sandbox: real processes, and what the platform knows of them."""
