"""Many machines that send the downlinks of one job: the examples, with real processes and a real PostgreSQL server."""
