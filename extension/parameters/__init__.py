"""A localhost cache for parameters and secrets, in the order a request flows."""
