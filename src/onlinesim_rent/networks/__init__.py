"""A SIM's home network, under the names that the marketplace has for it."""

ANY_OPERATOR = "any"
"""The marketplace's name for the sum over a country's operators, so no network may have it."""
