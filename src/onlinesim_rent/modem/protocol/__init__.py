"""Turns a module's bytes into its verdict. No IO: the caller passes in the bytes and the time."""
