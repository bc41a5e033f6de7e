"""The exit statuses of the commands, for scripts. Click itself ends with 2 if the command line is wrong."""

ERROR = 1
NOTHING_AVAILABLE = 3
INTERRUPTED = 130
"""As a shell reports a program that Ctrl-C (SIGINT) has ended: 128 and the signal's number."""
