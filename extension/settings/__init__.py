"""Every environment variable: how one is read, and the table of all."""
