"""Which numbers can be rented now: taking a census, counting, and keeping it for a few seconds."""
