"""Several hosts, one answer: each host publishes what its ports showed, and a front counts all of it."""
