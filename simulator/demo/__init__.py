"""`make demo`: the example function in a local Lambda with this extension, and what came of it."""
