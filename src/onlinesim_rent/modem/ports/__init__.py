"""Finds serial lines by name, looks for other programs that use them, and opens them exclusively."""
