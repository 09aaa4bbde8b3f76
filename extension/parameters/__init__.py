"""Job 2, in the order a request flows: a localhost cache for parameters and secrets."""
