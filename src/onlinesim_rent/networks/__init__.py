"""A SIM's home network, under the names that the marketplace has for it."""

ANY_OPERATOR = "any"
"""The marketplace's name for the sum of a country's operators. No network may have this name."""
