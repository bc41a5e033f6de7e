"""A SIM's home network, under the names that the marketplace has for it."""
