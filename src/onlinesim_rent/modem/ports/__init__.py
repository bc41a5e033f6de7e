"""Serial lines: found by name, and opened for this service alone."""
