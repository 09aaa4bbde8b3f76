"""AWS for both jobs: credentials, clients, calls in worker threads, and what its errors mean."""
