"""PURE  What the platform says: JSON to one frozen value per event and per line."""
