"""HTTP on localhost, for every door of the process."""
