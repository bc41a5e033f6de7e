"""Which numbers can be rented now: taking a census, counting, and remembering it for seconds."""
