"""The error for a wrong configuration."""


class ConfigurationError(ValueError):
    """The settings or the names file are wrong.

    The text names every wrong value at once, and gives an example of a right one. It never holds a key.
    """
