"""HTTP/1.1 on localhost, for each server of the process; messages also for its clients."""
