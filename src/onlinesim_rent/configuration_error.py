"""The error that everything raises which reads the partner's configuration."""


class ConfigurationError(ValueError):
    """The settings or the names file are wrong.

    The text names everything that is wrong at once, with an example of what is right. It never holds a key.
    """
