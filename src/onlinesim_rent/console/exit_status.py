"""The exit statuses for scripts. Click has two more: 1 for an error, and 2 for a wrong command line."""

NOTHING_AVAILABLE = 3
INTERRUPTED = 130
"""As a shell reports a program that Ctrl-C (SIGINT) has ended: 128 and the signal's number."""
